//! What is undefined, refused or cut.

use gauntlet_search::Space;
use gauntlet_sensitivity::morris::{CANDIDATES, MorrisDesign};
use gauntlet_sensitivity::pawn::{self, PawnDesign};
use gauntlet_sensitivity::slices::SliceDesign;
use gauntlet_sensitivity::sobol::{MOST_AXES, SobolDesign};
use gauntlet_sensitivity::{Cube, Point, SensitivityError, Undefined};
use serde_json::json;

use crate::functions::{ishigami, space, unit_space, values};

fn number(point: &Point, name: &str) -> f64 {
    serde_json::to_value(&point.params).unwrap()[name].as_f64().unwrap()
}

#[test]
fn a_score_that_does_not_vary_has_no_indices() {
    let space = unit_space(3);
    let cube = Cube::whole(&space).unwrap();
    let (sobol, morris, pawn) = (
        SobolDesign::new(&space, None, 16, 1).unwrap(),
        MorrisDesign::new(&cube, 5, CANDIDATES, 4, 1).unwrap(),
        PawnDesign::new(&cube, 40, 1).unwrap(),
    );
    // Not a zero that a gate would take for robust; values that differ in the last bit do not vary either.
    for flat in [[0.0, 0.0], [0.1 + 0.2, 0.3]] {
        let of = |points: &[Point]| (0..points.len()).map(|i| Some(flat[i % 2])).collect::<Vec<_>>();
        assert_eq!(sobol.report(&of(sobol.points())), Err(Undefined::ZeroVariance));
        assert_eq!(morris.report(&of(morris.points())), Err(Undefined::ZeroVariance));
        assert_eq!(pawn.report(&of(pawn.points())), Err(Undefined::ZeroVariance));
    }
    // Rows A and B are flat, a mixed row is not: V is still zero.
    let mut values = vec![Some(1.0); sobol.points().len()];
    values[1] = Some(2.0);
    assert_eq!(sobol.report(&values), Err(Undefined::ZeroVariance));
}

#[test]
fn a_value_that_is_not_finite_drops_its_whole_row() {
    let space = unit_space(3);
    let design = SobolDesign::new(&space, None, 64, 2).unwrap();
    let whole = values(design.points(), ishigami);
    let mut some = whole.clone();
    // Three rows of 64 are 4.7 %.
    for (place, value) in [(7, None), (5 * 20 + 4, Some(f64::NAN)), (5 * 63, Some(f64::INFINITY))] {
        some[place] = value;
    }
    let report = design.report(&some).unwrap();
    assert_eq!(report.dropped, 3);
    // Whatever else those rows say does not count.
    let mut other = some.clone();
    [5, 6, 8, 9].iter().for_each(|place| other[*place] = Some(1e6));
    assert_eq!(design.report(&other).unwrap(), report);
    assert_ne!(design.report(&whole).unwrap().indices, report.indices);
    some[5 * 40] = None;
    assert_eq!(design.report(&some), Err(Undefined::NonFinite));
    assert_eq!(design.report(&whole[1..]), Err(Undefined::Infeasible));

    let cube = Cube::whole(&space).unwrap();
    let design = MorrisDesign::new(&cube, 20, CANDIDATES, 4, 2).unwrap();
    let mut some = values(design.points(), ishigami);
    some[9] = None;
    assert_eq!(design.report(&some).unwrap().dropped, 1);
    some[40] = None;
    assert_eq!(design.report(&some), Err(Undefined::NonFinite));
}

/// Variances of scores near the largest number overflow: that is no index of 0 or NaN.
#[test]
fn scores_that_overflow_have_no_indices() {
    let space = unit_space(2);
    let cube = Cube::whole(&space).unwrap();
    let huge = |points: &[Point]| {
        points.iter().map(|p| Some(1e307 * p.unit[0] * (1.0 + p.unit[1]))).collect::<Vec<_>>()
    };
    let sobol = SobolDesign::new(&space, None, 16, 1).unwrap();
    assert_eq!(sobol.report(&huge(sobol.points())), Err(Undefined::NonFinite));
    let morris = MorrisDesign::new(&cube, 5, CANDIDATES, 4, 1).unwrap();
    assert_eq!(morris.report(&huge(morris.points())).unwrap().indices[0], Err(Undefined::NonFinite));
    let pawn = PawnDesign::new(&cube, 100, 1).unwrap();
    assert!(pawn.report(&huge(pawn.points())).unwrap().indices[0].unwrap().max > 0.5);
}

#[test]
fn a_condition_shrinks_the_box_of_sobol_round_its_centre() {
    let cut = space(json!({
        "fast": {"int": [5, 60]}, "slow": {"int": [20, 200], "when": "slow > fast"}, "fixed": true,
    }));
    let design = SobolDesign::new(&cut, None, 64, 1).unwrap();
    assert_eq!(design.cube().bounds(), [[0.25, 0.75]; 2]);
    assert!(design.points().iter().all(|point| number(point, "slow") > number(point, "fast")));
    // Round a centre near the line, the box must be small; on the wrong side of it, there is none.
    let near = SobolDesign::new(&cut, Some(&[0.6, 0.2]), 64, 1).unwrap();
    let [low, high] = near.cube().bounds()[0];
    assert!(
        high - low < 0.25 && near.points().iter().all(|point| number(point, "slow") > number(point, "fast"))
    );
    let wrong = SobolDesign::new(&cut, Some(&[0.9, 0.05]), 64, 1);
    assert!(matches!(wrong, Err(SensitivityError::Infeasible { .. })));
    // Axes that no condition names stay whole.
    let other = space(json!({
        "fast": {"int": [5, 60]}, "kind": {"categorical": ["a", "b", "c"]}, "slow": {"int": [20, 200], "when": "slow > fast"},
    }));
    let other = SobolDesign::new(&other, None, 64, 1).unwrap();
    assert_eq!(other.cube().bounds(), [[0.25, 0.75], [0.0, 1.0], [0.25, 0.75]]);
    let free = space(json!({"fast": {"int": [5, 60]}, "slow": {"int": [70, 200], "when": "slow > fast"}}));
    assert_eq!(SobolDesign::new(&free, None, 64, 1).unwrap().cube().bounds(), [[0.0, 1.0]; 2]);
}

#[test]
fn an_axis_of_which_the_box_holds_one_value_is_not_tested() {
    let cut = space(json!({
        "n": {"int": [0, 2]}, "x": {"float": [0, 1]}, "y": {"float": [0, 1], "when": "n == 1 and y > x - 0.3"},
    }));
    let design = SobolDesign::new(&cut, None, 16, 1).unwrap();
    assert_eq!(design.cube().bounds(), [[0.375, 0.625]; 3]);
    let values: Vec<Option<f64>> =
        design.points().iter().map(|p| Some(number(p, "x") + number(p, "y"))).collect();
    let report = design.report(&values).unwrap();
    // Of the integers 0, 1 and 2 it holds 1.
    assert_eq!(report.indices[0], Err(Undefined::NotTestable));
    assert!(report.indices[1].is_ok() && report.indices[2].is_ok());
    let small = Cube::around(&cut, &[0.5, 0.2, 0.8], 0.1).unwrap();
    let design = MorrisDesign::new(&small, 5, CANDIDATES, 4, 1).unwrap();
    let values: Vec<Option<f64>> =
        design.points().iter().map(|p| Some(number(p, "x") + number(p, "y"))).collect();
    let report = design.report(&values).unwrap();
    assert_eq!(report.indices[0], Err(Undefined::NotTestable));
    assert!((report.indices[1].unwrap().mu - 0.2).abs() < 1e-12);
}

#[test]
fn morris_draws_whole_trajectories_again() {
    let cut = space(json!({"a": {"int": [1, 40]}, "b": {"int": [1, 40], "when": "b > a"}}));
    let cube = Cube::whole(&cut).unwrap();
    let design = MorrisDesign::new(&cube, 10, CANDIDATES, 4, 1).unwrap();
    assert_eq!(design.points().len(), 30);
    assert!(design.points().iter().all(|point| cube.is_feasible(point)));
    let never = space(json!({"a": {"int": [1, 40]}, "b": {"int": [1, 40], "when": "b > a + 38"}}));
    let never = MorrisDesign::new(&Cube::whole(&never).unwrap(), 10, CANDIDATES, 4, 1);
    assert!(matches!(never, Err(SensitivityError::Infeasible { .. })));
}

/// Three values have three levels, one apart, and every step moves the parameter.
#[test]
fn an_axis_with_few_values_uses_them_as_levels() {
    let few = space(json!({
        "kind": {"categorical": ["a", "b"]}, "n": {"int": [1, 3]}, "wide": {"int": [0, 3000]}, "step": {"float": [0, 1], "step": 0.5},
    }));
    let cube = Cube::whole(&few).unwrap();
    let design = MorrisDesign::new(&cube, 30, CANDIDATES, 4, 1).unwrap();
    let names: Vec<&str> = cube.axes().map(|axis| axis.name.as_str()).collect();
    assert_eq!(names, ["kind", "n", "step", "wide"]);
    let values: Vec<Option<f64>> = design
        .points()
        .iter()
        .map(|p| Some(number(p, "n") + 4.0 * number(p, "step") + number(p, "wide") / 3000.0))
        .collect();
    let report = design.report(&values).unwrap();
    let of = |axis: usize| report.indices[axis].unwrap();
    // From 1 to 3 in three levels: an effect of 1 for half of the axis.
    assert!((of(1).mu - 2.0).abs() < 1e-12 && of(1).sigma < 1e-12);
    assert!((of(2).mu - 4.0).abs() < 1e-12 && (of(3).mu - 1.0).abs() < 1e-3);
    assert_eq!((of(0).mu, of(0).mu_star), (0.0, 0.0));
    for pair in design.points().chunks(5).flat_map(|trajectory| trajectory.windows(2)) {
        assert_ne!(pair[0].params, pair[1].params, "every step moves a parameter");
    }
}

#[test]
fn a_wrong_number_of_samples_is_refused_with_what_would_do() {
    let space = unit_space(2);
    let cube = Cube::whole(&space).unwrap();
    for rows in [0, 2, 100, 1 << 17] {
        assert_eq!(
            SobolDesign::new(&space, None, rows, 1).unwrap_err(),
            SensitivityError::NotPowerOfTwo { samples: rows }
        );
    }
    assert!(matches!(
        MorrisDesign::new(&cube, 1, CANDIDATES, 4, 1),
        Err(SensitivityError::Samples { least: 2, .. })
    ));
    assert!(matches!(
        MorrisDesign::new(&cube, 5, CANDIDATES, 1, 1),
        Err(SensitivityError::Samples { least: 2, .. })
    ));
    assert!(matches!(PawnDesign::new(&cube, 19, 1), Err(SensitivityError::Samples { least: 20, .. })));
    let wide = unit_space(MOST_AXES + 1);
    let expected = SensitivityError::TooManyAxes { axes: MOST_AXES + 1, limit: MOST_AXES };
    assert_eq!(SobolDesign::new(&wide, None, 4, 1).unwrap_err(), expected);
    assert!(SobolDesign::new(&unit_space(MOST_AXES), None, 4, 1).is_ok());
    let centre = SobolDesign::new(&cut_square(), Some(&[0.5]), 4, 1);
    assert_eq!(centre.unwrap_err(), SensitivityError::BadBox);
}

fn cut_square() -> Space {
    space(json!({"x": {"float": [0, 1]}, "y": {"float": [0, 1], "when": "y > x"}}))
}

#[test]
fn pawn_takes_the_points_of_another_design() {
    let cube = Cube::whole(&unit_space(3)).unwrap();
    let design = MorrisDesign::new(&cube, 50, CANDIDATES, 4, 1).unwrap();
    let mut some = values(design.points(), ishigami);
    let report = pawn::report(design.points(), &some, 1).unwrap();
    assert!(report.indices.iter().all(|index| index.unwrap().max > 0.0));
    some[3] = None;
    assert_eq!(pawn::report(design.points(), &some, 1).unwrap().dropped, 1);
    let few = pawn::report(&design.points()[..19], &some[10..29], 1);
    assert_eq!(few, Err(Undefined::TooFewObservations { have: 19, need: 20 }));
    let same: Vec<Point> =
        design.points().iter().map(|p| Point { unit: vec![0.5], params: p.params.clone() }).collect();
    let report = pawn::report(&same, &values(design.points(), ishigami), 1).unwrap();
    assert_eq!(report.indices[0], Err(Undefined::NotTestable));
}

#[test]
fn slices_of_integers_reach_two_values_to_both_sides_and_leave_out_what_conditions_forbid() {
    let few = space(json!({
        "kind": {"categorical": ["a", "b", "c"]}, "lots": {"int": [1, 1000], "log": true}, "n": {"int": [1, 8], "when": "n != 5"},
    }));
    let cube = Cube::whole(&few).unwrap();
    let finalist = serde_json::from_value(json!({"kind": "b", "lots": 2, "n": 4})).unwrap();
    let design = SliceDesign::new(&cube, &finalist).unwrap();
    let along = |name: &str| {
        let shown = |point: &Point| serde_json::to_value(&point.params).unwrap()[name].clone();
        design.points().iter().map(shown).collect::<Vec<_>>()
    };
    assert_eq!(along("kind")[..3], [json!("a"), json!("b"), json!("c")]);
    let n: Vec<_> = along("n");
    assert_eq!(n[n.len() - 4..], [json!(2), json!(3), json!(4), json!(6)]);
    let lots: Vec<i64> = along("lots")[3..n.len() - 4].iter().map(|x| x.as_i64().unwrap()).collect();
    assert!(lots.starts_with(&[1, 2, 3, 4]) && lots.is_sorted(), "{lots:?}");
    let values: Vec<Option<f64>> = design.points().iter().map(|point| Some(number(point, "n"))).collect();
    let report = design.report(&values).unwrap();
    assert_eq!(report[0].unwrap().range, 0.0);
    assert!(report[0].unwrap().steepest.is_none() && report[2].unwrap().is_best_at_edge);
    // The two neighbours of the gap are two values apart.
    assert!((report[2].unwrap().steepest.unwrap() - 8.0).abs() < 1e-12);
    let mut some = values.clone();
    some[0] = None;
    assert_eq!(design.report(&some).unwrap()[0], Err(Undefined::NonFinite));
    let forbidden = serde_json::from_value(json!({"kind": "b", "lots": 2, "n": 5})).unwrap();
    assert_eq!(SliceDesign::new(&cube, &forbidden), Err(SensitivityError::BadBox));
}
