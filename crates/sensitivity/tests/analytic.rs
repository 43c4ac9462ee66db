//! Functions whose indices are known: the estimates lie where the product's own intervals say.

use gauntlet_sensitivity::hypercube::hypercube;
use gauntlet_sensitivity::morris::{CANDIDATES, LEVELS, MorrisDesign};
use gauntlet_sensitivity::pawn::PawnDesign;
use gauntlet_sensitivity::slices::SliceDesign;
use gauntlet_sensitivity::sobol::{ROWS, SobolDesign};
use gauntlet_sensitivity::{Cube, Interval};

use crate::functions::{g_function, g_indices, ishigami, ishigami_indices, unit_space, values};

type Function = fn(&[f64]) -> f64;

fn holds(interval: Interval, value: f64) -> bool {
    interval.low <= value && value <= interval.high
}

#[test]
fn the_analytic_indices_are_the_printed_ones() {
    let printed = [(0.3139, 0.5576), (0.4424, 0.4424), (0.0, 0.2437)];
    for ((first, total), (s, t)) in ishigami_indices().into_iter().zip(printed) {
        assert!((first - s).abs() < 5e-5 && (total - t).abs() < 5e-5, "{first} {total}");
    }
    // Σ S_i < 1 < Σ S_Ti, as for every function with interactions.
    let sums = g_indices().iter().fold((0.0, 0.0), |sums, of| (sums.0 + of.0, sums.1 + of.1));
    assert!(sums.0 < 1.0 && sums.1 > 1.0);
}

/// Over 40 seeds, each interval holds its analytic value at least as often as 95 % intervals should: 33 of 40 is the 0.1 %
/// quantile of the binomial law.
#[test]
fn sobol_intervals_hold_the_analytic_values() {
    let cases: [(&str, Function, Vec<(f64, f64)>); 2] =
        [("ishigami", ishigami, ishigami_indices()), ("g", g_function, g_indices())];
    for (name, function, expected) in cases {
        let mut held = vec![[0; 2]; expected.len()];
        let mut errors = vec![0.0_f64; expected.len()];
        for seed in 0..40 {
            let design = SobolDesign::new(&unit_space(expected.len()), None, ROWS, seed).unwrap();
            let report = design.report(&values(design.points(), function)).unwrap();
            for (axis, &(first, total)) in expected.iter().enumerate() {
                let index = report.indices[axis].unwrap();
                held[axis][0] += u32::from(holds(index.first_interval.unwrap(), first));
                held[axis][1] += u32::from(holds(index.total_interval.unwrap(), total));
                errors[axis] = errors[axis].max((index.total - total).abs());
            }
        }
        eprintln!("{name}: held of 40 {held:?}, largest errors of totals {errors:?}");
        assert!(held.iter().flatten().all(|held| *held >= 33), "{name}: {held:?}");
        assert!(errors.iter().all(|error| *error < 0.1), "{name}: {errors:?}");
    }
}

#[test]
fn more_rows_converge() {
    let run = |rows: u32| {
        let design = SobolDesign::new(&unit_space(4), None, rows, 3).unwrap();
        design.report(&values(design.points(), g_function)).unwrap()
    };
    let (few, many) = (run(64), run(4096));
    assert!(!few.converged && many.converged);
    for (index, (first, total)) in many.indices.iter().zip(g_indices()) {
        let index = index.unwrap();
        assert!((index.first - first).abs() < 0.01 && (index.total - total).abs() < 0.01, "{index:?}");
    }
    // An estimate below zero stays below zero.
    let negative = (0..20).filter(|seed| {
        let design = SobolDesign::new(&unit_space(3), None, 64, *seed).unwrap();
        design.report(&values(design.points(), ishigami)).unwrap().indices[2].unwrap().first < 0.0
    });
    assert!(negative.count() > 0);
}

/// Mean and mean absolute effect of an axis over every base point of the grid: the limit of many random trajectories.
fn over_the_grid(function: Function, axes: usize, axis: usize) -> (f64, f64) {
    let mut effects = Vec::new();
    for number in 0..4_u32.pow(axes as u32) {
        let level = |axis: usize| number / 4_u32.pow(axis as u32) % 4;
        if level(axis) >= 2 {
            continue;
        }
        let base: Vec<f64> = (0..axes).map(|axis| f64::from(level(axis)) / 3.0).collect();
        let mut stepped = base.clone();
        stepped[axis] = f64::from(level(axis) + 2) / 3.0;
        effects.push((function(&stepped) - function(&base)) / (2.0 / 3.0));
    }
    let count = effects.len() as f64;
    (effects.iter().sum::<f64>() / count, effects.iter().map(|e| e.abs()).sum::<f64>() / count)
}

/// As many trajectories as candidates: none is chosen, all are random.
#[test]
fn random_trajectories_average_to_every_base_point_of_the_grid() {
    for (function, axes) in [(ishigami as Function, 3), (g_function, 4)] {
        let cube = Cube::whole(&unit_space(axes)).unwrap();
        let design = MorrisDesign::new(&cube, 2_000, 0, LEVELS, 1).unwrap();
        let report = design.report(&values(design.points(), function)).unwrap();
        for axis in 0..axes {
            let (mu, mu_star) = over_the_grid(function, axes, axis);
            let index = report.indices[axis].unwrap();
            let error = 4.0 * index.sigma / 2_000_f64.sqrt() + 1e-9;
            assert!(
                (index.mu - mu).abs() < error && (index.mu_star - mu_star).abs() < error,
                "{index:?} {mu} {mu_star}"
            );
        }
    }
}

#[test]
fn intervals_of_random_trajectories_hold_the_average_over_the_grid() {
    let cube = Cube::whole(&unit_space(4)).unwrap();
    let mut held = [0; 4];
    for seed in 0..40 {
        let design = MorrisDesign::new(&cube, 50, 0, LEVELS, seed).unwrap();
        assert_eq!(design.points().len(), 50 * 5);
        let report = design.report(&values(design.points(), g_function)).unwrap();
        for (axis, held) in held.iter_mut().enumerate() {
            let interval = report.indices[axis].unwrap().mu_star_interval.unwrap();
            *held += u32::from(holds(interval, over_the_grid(g_function, 4, axis).1));
        }
    }
    eprintln!("held of 40: {held:?}");
    // Binomial, 95 % of 40: fewer than 33 has a probability of 0.1 %.
    assert!(held.iter().all(|held| *held >= 33), "{held:?}");
}

/// Chosen trajectories keep to the corners, where this function is steeper: the order of the axes stays, the size does not.
#[test]
fn twenty_chosen_trajectories_order_the_axes() {
    let cube = Cube::whole(&unit_space(4)).unwrap();
    let seeds: u64 = 20;
    let mut ratios = [0.0; 4];
    for seed in 0..seeds {
        let design = MorrisDesign::new(&cube, 20, CANDIDATES, LEVELS, seed).unwrap();
        let report = design.report(&values(design.points(), g_function)).unwrap();
        let stars: Vec<f64> = report.indices.iter().map(|index| index.unwrap().mu_star).collect();
        assert!(stars.is_sorted_by(|above, below| above > below), "{stars:?}");
        for (axis, ratio) in ratios.iter_mut().enumerate() {
            *ratio += stars[axis] / over_the_grid(g_function, 4, axis).1 / f64::from(seeds as u32);
        }
    }
    eprintln!("mu_star over its average on the grid: {ratios:?}");
    assert!(ratios.iter().all(|ratio| *ratio > 1.1 && *ratio < 2.0), "{ratios:?}");
}

#[test]
fn a_linear_function_has_its_slopes_and_no_deviation() {
    let slopes: Function = |u| 3.0 * u[0] - 2.0 * u[1] + 1.0;
    let cube = Cube::whole(&unit_space(3)).unwrap();
    let design = MorrisDesign::new(&cube, 10, CANDIDATES, LEVELS, 1).unwrap();
    let report = design.report(&values(design.points(), slopes)).unwrap();
    for (index, slope) in report.indices.iter().zip([3.0_f64, -2.0, 0.0]) {
        let index = index.unwrap();
        assert!((index.mu - slope).abs() < 1e-12 && (index.mu_star - slope.abs()).abs() < 1e-12);
        assert!(index.sigma < 1e-12 && report.converged);
    }
}

#[test]
fn pawn_tells_influence_from_none() {
    let with_idle: Function = |u| g_function(&u[..3]);
    let cube = Cube::whole(&unit_space(4)).unwrap();
    let mut over = [0; 4];
    for seed in 0..20 {
        let design = PawnDesign::new(&cube, 500, seed).unwrap();
        let report = design.report(&values(design.points(), with_idle)).unwrap();
        let medians: Vec<f64> = report.indices.iter().map(|index| index.unwrap().median).collect();
        assert!(medians[0] > medians[1] && medians[1] > medians[3]);
        for (over, median) in over.iter_mut().zip(&medians) {
            *over += u32::from(*median > report.threshold.median);
        }
    }
    eprintln!("above the threshold, of 20: {over:?}");
    // A dummy exceeds its 95 % quantile once in twenty.
    assert!(over[0] == 20 && over[1] == 20 && over[3] <= 5, "{over:?}");
}

#[test]
fn slices_measure_range_steepness_and_edges() {
    let space = unit_space(2);
    let cube = Cube::whole(&space).unwrap();
    let finalist = cube.at(vec![0.5, 0.9]).params;
    let design = SliceDesign::new(&cube, &finalist).unwrap();
    let thinned = SliceDesign::of(&cube, &finalist, 4).unwrap();
    let first: Vec<f64> = thinned.points()[..5].iter().map(|point| point.unit[0]).collect();
    let centre = cube.unit_of(&finalist).unwrap()[0];
    assert!(
        first.iter().zip([-0.15, -0.075, 0.0, 0.075, 0.15]).all(|(u, at)| (u - centre - at).abs() < 1e-12)
    );
    assert!(SliceDesign::of(&cube, &finalist, 2).is_err());
    // The second slice is cut at 1: 0.75, 0.78, … 0.99, 1.
    assert_eq!(design.points().len(), 11 + 10);
    let bowl: Function = |u| 1.0 - (u[0] - 0.5).powi(2) + 2.0 * u[1];
    let slices = design.report(&values(design.points(), bowl)).unwrap();
    let [first, second] = [slices[0].unwrap(), slices[1].unwrap()];
    assert!((first.range - 0.0225).abs() < 1e-12 && !first.is_best_at_edge);
    assert!((first.steepest.unwrap() - 0.27).abs() < 1e-12);
    assert!((second.range - 0.5).abs() < 1e-12 && second.is_best_at_edge);
    assert!((second.steepest.unwrap() - 2.0).abs() < 1e-12);
}

/// Whoever evaluates does so in any order, on any thread: the values go back in the order of the points.
#[test]
fn the_same_seed_gives_the_same_bits() {
    let space = unit_space(3);
    let cube = Cube::whole(&space).unwrap();
    let run = |seed: u64, backwards: bool| {
        let sobol = SobolDesign::new(&space, None, 64, seed).unwrap();
        let morris = MorrisDesign::new(&cube, 10, CANDIDATES, LEVELS, seed).unwrap();
        let pawn = PawnDesign::new(&cube, 100, seed).unwrap();
        let evaluate = |points: &[gauntlet_sensitivity::Point]| {
            let mut found: Vec<(usize, Option<f64>)> = Vec::new();
            let mut order: Vec<usize> = (0..points.len()).collect();
            if backwards {
                order.reverse();
            }
            order.into_iter().for_each(|place| found.push((place, Some(ishigami(&points[place].unit)))));
            found.sort_by_key(|(place, _)| *place);
            found.into_iter().map(|(_, value)| value).collect::<Vec<_>>()
        };
        let reports = (
            sobol.report(&evaluate(sobol.points())).unwrap(),
            morris.report(&evaluate(morris.points())).unwrap(),
            pawn.report(&evaluate(pawn.points())).unwrap(),
        );
        format!("{reports:?} {:?}", hypercube(&cube, 16, seed).unwrap())
    };
    assert_eq!(run(4, false), run(4, true));
    assert_ne!(run(4, false), run(5, false));
}

/// Recorded designs and their values must stay a pair: a change of these numbers is a change of what was evaluated.
#[test]
fn designs_keep_their_points() {
    let space = unit_space(2);
    let cube = Cube::whole(&space).unwrap();
    let sobol = SobolDesign::new(&space, None, 4, 42).unwrap();
    let morris = MorrisDesign::new(&cube, 2, CANDIDATES, LEVELS, 42).unwrap();
    let unit = |points: &[gauntlet_sensitivity::Point]| {
        points.iter().take(2).flat_map(|point| point.unit.clone()).collect::<Vec<f64>>()
    };
    let first = [unit(sobol.points()), unit(morris.points()), unit(&hypercube(&cube, 4, 42).unwrap())];
    let recorded = [
        [0.0783090180484578, 0.6414119311375543, 0.3421998779522255, 0.6414119311375543],
        [0.0, 1.0 / 3.0, 0.0, 1.0],
        [0.42225366158437794, 0.4534684350197925, 0.1687555333251621, 0.9623480451648837],
    ];
    assert_eq!(first, recorded);
}
