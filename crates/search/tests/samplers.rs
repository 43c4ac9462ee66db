//! What every sampler promises, for spaces and histories drawn at random.

use std::collections::BTreeMap;

use crate::common::{by_text, choice, grid, proposed, random};
use gauntlet_search::rng::Stream;
use gauntlet_search::{
    Ask, Direction, Domain, Observation, Outcome, Parameter, ParameterValue, Parameters, SAMPLERS, Search,
    Sobol, Space, observable_trials,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestRunner};
use serde_json::{Value as Json, json};

// Spaces.

fn domain() -> impl Strategy<Value = Json> {
    prop_oneof![
        (-50_i64..50, 0_i64..40, 1_i64..5)
            .prop_map(|(low, width, step)| json!({ "int": [low, low + width], "step": step })),
        (1_i64..5, 0_i64..300).prop_map(|(low, width)| json!({ "int": [low, low + width], "log": true })),
        (-5.0..5.0, 0.0..9.0, 1_u32..6)
            .prop_map(|(low, width, points)| json!({ "float": [low, low + width], "points": points })),
        (-5.0..5.0, 0.0..9.0, 0.1..3.0)
            .prop_map(|(low, width, step)| json!({ "float": [low, low + width], "step": step })),
        (1e-4..5.0, 1.0..50.0, 1_u32..6).prop_map(
            |(low, ratio, points)| json!({ "float": [low, low * ratio], "log": true, "points": points })
        ),
        (1_usize..5)
            .prop_map(|n| json!({ "categorical": (0..n).map(|i| format!("c{i}")).collect::<Vec<_>>() })),
        Just(json!({ "categorical": [1, 2.5, -3] })),
        Just(json!(7)),
    ]
}

/// One to four parameters `p0 …`, and perhaps a condition: two numbers compared, or a text with a choice.
fn space() -> impl Strategy<Value = Space> {
    let condition = (0_usize..4, 0_usize..4, prop::sample::select(vec![">", "<=", "!="]));
    (prop::collection::vec(domain(), 1..=4), prop::option::weighted(0.8, condition)).prop_map(
        |(domains, condition)| {
            let document: BTreeMap<String, Json> =
                domains.iter().enumerate().map(|(i, d)| (format!("p{i}"), d.clone())).collect();
            let plain = Space::from_json(&json!(document)).unwrap();
            let Some((a, b, op)) = condition else { return plain };
            let (a, b) = (format!("p{}", a % domains.len()), format!("p{}", b % domains.len()));
            let with = |condition: String| {
                let mut document = document.clone();
                document.get_mut(&a)?.as_object_mut()?.insert("when".into(), json!(condition));
                Space::from_json(&json!(document)).ok()
            };
            // Text compared with numbers is refused: the first that is accepted.
            with(format!("2 * {a} {op} {b} + 1 or {b} == 0"))
                .or_else(|| with(format!("{a} != 'c1'")))
                .unwrap_or(plain)
        },
    )
}

/// Whether at least one uniform point in a hundred satisfies the conditions, or so: then no sampler may give
/// up.
fn easily_satisfied(space: &Space) -> bool {
    let point = |k: u64| -> Parameters {
        let unit = |name: &str| Stream::new(k).named(name).unit();
        space.parameters().iter().map(|p| (p.name.clone(), p.domain.at(unit(&p.name)))).collect()
    };
    (0..300).filter(|k| space.satisfies(&point(*k))).count() >= 3
}

#[test]
fn the_spaces_of_these_properties_have_conditions_that_bite() {
    let mut runner = TestRunner::deterministic();
    let spaces: Vec<Space> = (0..200).map(|_| space().new_tree(&mut runner).unwrap().current()).collect();
    let bites = |space: &&Space| {
        let refused = |k| grid(&without_conditions(space), k).is_some_and(|p| !space.satisfies(&p));
        easily_satisfied(space) && (0..50).any(refused)
    };
    let (conditioned, biting) =
        (spaces.iter().filter(|s| s.has_conditions()).count(), spaces.iter().filter(bites).count());
    assert!(conditioned > 80 && biting > 40, "{conditioned} {biting}");
}

fn without_conditions(space: &Space) -> Space {
    Space::new(space.parameters().iter().cloned().map(|p| Parameter { when: None, ..p }).collect()).unwrap()
}

/// A history of random proposals with every kind of outcome.
fn history(space: &Space, trials: u64, seed: u64) -> Vec<Observation> {
    let observe = |trial| {
        let mut stream = Stream::new(seed).named("outcome").at(trial);
        let value = stream.unit();
        let outcome = match stream.bits() % 8 {
            0 => Outcome::Failed,
            1 => Outcome::Pruned(Some(value)),
            2 => Outcome::Pruned(None),
            3 => Outcome::Completed(f64::NAN),
            _ => Outcome::Completed(value),
        };
        Some(Observation { trial, params: random(space, seed, trial)?, outcome })
    };
    (0..trials).filter_map(observe).collect()
}

/// Every sampler as it was stored without settings, and with today's defaults.
const ALL: [&str; 8] = [
    "grid",
    "random",
    "sobol",
    "tpe",
    "random(repeat=false)",
    "sobol(repeat=false)",
    "tpe(multivariate=true)",
    "tpe(multivariate=false)",
];

#[test]
fn every_sampler_takes_part_in_these_properties() {
    for kind in SAMPLERS {
        assert!(ALL.contains(&kind.name), "{}", kind.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_proposal_is_inside_its_bounds_and_satisfies_the_conditions(
        space in space(), seed: u64, trial in 0_u64..60, observed in 0_u64..60
    ) {
        let history = history(&space, observed, seed);
        let must_propose = easily_satisfied(&space);
        for name in ALL {
            match by_text(name, &space, seed, trial, &history) {
                Some(params) => prop_assert!(space.contains(&params), "{} {:?}", name, params),
                None => {
                    // These two end with the points of a discrete space.
                    let ends = name == "grid" || name == "sobol(repeat=false)" && space.points().is_some();
                    prop_assert!(ends || !must_propose, "{} found nothing", name);
                }
            }
        }
    }

    #[test]
    fn the_grid_visits_every_valid_point_exactly_once(space in space()) {
        prop_assume!(space.size().is_some_and(|size| size <= 3_000));
        let mut expected = vec![Parameters::new()];
        for p in space.parameters() {
            let with = |params: &Parameters, i| {
                let mut params = params.clone();
                params.insert(p.name.clone(), p.domain.grid_value(i));
                params
            };
            expected = expected.iter().flat_map(|e| (0..p.domain.grid_size()).map(move |i| with(e, i))).collect();
        }
        prop_assert_eq!(expected.len() as u128, space.size().unwrap());
        expected.retain(|params| space.satisfies(params));
        // Asking for the n-th valid point walks the grid, so only some are asked for, and the one after the last.
        let stride = expected.len() / 50 + 1;
        for (k, params) in expected.iter().enumerate().step_by(stride) {
            prop_assert_eq!(grid(&space, k as u64), Some(params.clone()));
        }
        prop_assert_eq!(grid(&space, expected.len() as u64), None);
        // Distinct, unless two points of a degenerate float coincide.
        if space.parameters().iter().all(|p| matches!(p.domain, Domain::Int { .. } | Domain::Categorical(_))) {
            for (i, params) in expected.iter().enumerate() {
                prop_assert!(!expected[..i].contains(params));
            }
        }
    }
}

#[test]
fn the_last_parameter_of_a_grid_varies_fastest() {
    let space =
        Space::from_json(&json!({ "b": { "int": [1, 2] }, "a": { "categorical": ["x", "y"] } })).unwrap();
    let point = |k| grid(&space, k).map(|p| format!("{}{}", p["a"], p["b"]));
    let points: Vec<String> = (0..5).map_while(point).collect();
    assert_eq!(points, ["x1", "x2", "y1", "y2"]);
}

#[test]
fn a_space_that_a_sampler_cannot_search_is_refused_before_the_search() {
    let build = |name: &str, document: Json| {
        let space = Space::from_json(&document).unwrap();
        choice(name).build(&space, Direction::Minimize).err().map(|e| e.to_string())
    };
    let never = json!({ "a": { "int": [1, 5] }, "b": { "int": [6, 9], "when": "a > b" } });
    for kind in SAMPLERS {
        let expected = format!(
            "parameters: no point that the {} sampler can reach satisfies the conditions: loosen a `when` or widen a bound",
            kind.name
        );
        assert_eq!(build(kind.name, never.clone()), Some(expected));
    }
    let huge = json!({ "a": { "int": [1, 100_000] }, "b": { "int": [1, 100_000], "when": "a > b" } });
    assert!(build("grid", huge).unwrap().contains("a grid of 10000000000 points is too large"));
    let wide: BTreeMap<String, Json> = (0..33).map(|i| (format!("p{i}"), json!({ "int": [1, 5] }))).collect();
    assert!(build("sobol", json!(wide)).unwrap().contains("33 parameters vary"));
    assert_eq!(build("random", json!(wide)), None);
}

#[test]
fn adding_a_parameter_does_not_change_what_random_proposes_for_the_others() {
    let one = Space::from_json(&json!({ "b": { "int": [1, 1000] } })).unwrap();
    let two = Space::from_json(&json!({ "a": { "int": [1, 9] }, "b": { "int": [1, 1000] } })).unwrap();
    for trial in 0..20 {
        let (x, y) = (random(&one, 7, trial).unwrap(), random(&two, 7, trial).unwrap());
        assert_eq!(x["b"], y["b"]);
    }
}

#[test]
fn sobol_covers_a_plane_more_evenly_than_random() {
    let space = Space::from_json(&json!({ "x": { "float": [0, 1] }, "y": { "float": [0, 1] } })).unwrap();
    let filled = |name: &str, seed| {
        let mut cells = [false; 256];
        for trial in 0..256 {
            let params = by_text(name, &space, seed, trial, &[]).unwrap();
            let cell = |name: &str| (params[name].as_number().unwrap() * 16.0) as usize;
            cells[cell("x") * 16 + cell("y")] = true;
        }
        cells.iter().filter(|filled| **filled).count()
    };
    for seed in 0..5 {
        assert_eq!(filled("sobol", seed), 256, "a (0, 8, 2)-net has one point in each of 16 × 16 cells");
        assert!(filled("random", seed) < 190);
    }
}

#[test]
fn log_domains_are_searched_evenly_in_the_logarithm() {
    let space = Space::from_json(&json!({ "n": { "int": [1, 1000], "log": true } })).unwrap();
    let below_32 = (0..2000).filter(|k| random(&space, 1, *k).unwrap()["n"].as_integer() < Some(32)).count();
    let expected = 2000.0 * (31.5_f64 / 0.5).ln() / (1000.5_f64 / 0.5).ln();
    assert!((below_32 as f64 - expected).abs() < 90.0, "{below_32} is not near {expected}");
}

// Fixed lag.

fn objective(params: &Parameters) -> Outcome {
    let (fast, slow) = (params["fast"].as_number().unwrap(), params["slow"].as_number().unwrap());
    let value = (fast - 21.0).powi(2) / 400.0 + (slow - 150.0).powi(2) / 20_000.0;
    match params["fast"].as_integer().unwrap() % 7 {
        0 => Outcome::Failed,
        1 => Outcome::Pruned(Some(value)),
        _ => Outcome::Completed(value),
    }
}

/// Runs a search in which the running trials finish in an order drawn from `order`, and records every
/// proposal.
fn search(sampler: &str, space: &Space, lag: u64, trials: u64, order: u64) -> Vec<Parameters> {
    let mut search = new(sampler, space, lag);
    let mut finish = Stream::new(order);
    let (mut proposals, mut running, mut finished) = (Vec::new(), Vec::new(), BTreeMap::new());
    while search.observations().len() < trials as usize {
        let next = proposals.len() as u64;
        let asked = if next < trials { search.ask() } else { Ask::Wait };
        if let Ask::Trial(params) = asked {
            running.push(Observation { trial: next, outcome: objective(&params), params: params.clone() });
            proposals.push(params);
            continue;
        }
        assert_eq!(asked, Ask::Wait);
        let done = running.swap_remove((finish.bits() % running.len() as u64) as usize);
        finished.insert(done.trial, done);
        while let Some(done) = finished.remove(&(search.observations().len() as u64)) {
            search.observe(done);
        }
    }
    proposals
}

fn new(sampler: &str, space: &Space, lag: u64) -> Search {
    Search::new(space.clone(), &choice(sampler), Direction::Minimize, 7, lag).unwrap()
}

fn plane() -> Space {
    Space::from_json(&json!({
        "fast": { "int": [5, 60] },
        "slow": { "int": [20, 400], "when": "slow > fast" },
        "stop_atr": { "float": [1.0, 8.0], "log": true },
        "kind": { "categorical": ["a", "b"] },
    }))
    .unwrap()
}

#[test]
fn the_trials_of_a_search_do_not_depend_on_the_order_in_which_workers_finish() {
    let space = plane();
    let mut compared = 0;
    for name in ["random()", "sobol()", "tpe", "tpe()", "tpe(constant_liar=false)"] {
        let by_lag = [1, 4, 16].map(|lag| {
            let first = search(name, &space, lag, 60, 0);
            for order in 1..8 {
                assert_eq!(first, search(name, &space, lag, 60, order), "{name} {lag}");
                compared += first.len();
            }
            first
        });
        let learns = name.starts_with("tpe");
        assert_eq!(by_lag[0] != by_lag[2], learns, "only a sampler that learns depends on the lag itself");
    }
    println!("compared {compared} proposals");
    assert_eq!(compared, 5 * 3 * 7 * 60);
}

#[test]
fn a_search_that_is_made_again_goes_on_as_if_it_had_not_stopped() {
    let space = plane();
    let mut compared = 0;
    for name in ALL.into_iter().chain(["tpe(kernels=40)"]) {
        for lag in [1, 5] {
            let whole = search(name, &space, lag, 90, 0);
            for stop in [0, 3, 12, 47, 80] {
                let mut again = new(name, &space, lag);
                for (trial, params) in whole[..stop].iter().enumerate() {
                    let outcome = objective(params);
                    again.observe(Observation { trial: trial as u64, params: params.clone(), outcome });
                    again.resume(params.clone());
                }
                for (trial, params) in whole.iter().enumerate().skip(stop) {
                    let asked = loop {
                        match again.ask() {
                            Ask::Wait => {
                                let trial = again.observations().len();
                                let (params, outcome) = (whole[trial].clone(), objective(&whole[trial]));
                                again.observe(Observation { trial: trial as u64, params, outcome });
                            }
                            other => break other,
                        }
                    };
                    assert_eq!(asked, Ask::Trial(params.clone()), "{name} {lag} {stop} {trial}");
                    compared += 1;
                }
            }
        }
    }
    println!("compared {compared} proposals");
    assert!(compared > 3_000);
}

#[test]
fn a_trial_sees_the_results_that_the_lag_allows() {
    assert_eq!([0, 1, 2, 3].map(|k| observable_trials(k, 1)), [0, 1, 2, 3]);
    assert_eq!([0, 3, 4, 5].map(|k| observable_trials(k, 4)), [0, 0, 1, 2]);
    assert_eq!(observable_trials(5, 0), 5);
}

#[test]
fn observations_of_another_space_do_not_disturb_tpe() {
    let space = Space::from_json(&json!({ "x": { "float": [0, 1] }, "n": { "int": [1, 9] } })).unwrap();
    let foreign = (0..40).map(|trial| Observation {
        trial,
        params: Parameters::from([
            ("x".into(), ParameterValue::Float(99.0)),
            ("n".into(), ParameterValue::Text("many".into())),
        ]),
        outcome: Outcome::Completed(trial as f64),
    });
    let history: Vec<Observation> = foreign.collect();
    for trial in 40..60 {
        for name in ["tpe", "tpe()"] {
            assert!(space.contains(&by_text(name, &space, 7, trial, &history).unwrap()));
        }
    }
}

#[test]
fn proposals_keep_their_bits_for_ever() {
    let space = Space::from_json(&json!({
        "fast": { "int": [5, 60] },
        "slow": { "int": [20, 400], "when": "slow > fast" },
        "stop_atr": { "float": [1.0, 8.0], "log": true },
    }))
    .unwrap();
    let history: Vec<Observation> = (0..30)
        .map(|trial| {
            let params = random(&space, 7, trial).unwrap();
            Observation { trial, outcome: objective(&params), params }
        })
        .collect();
    for expected in [
        r#"grid: {"fast":5,"slow":23,"stop_atr":1.0}"#,
        r#"random: {"fast":8,"slow":221,"stop_atr":1.988237256601942}"#,
        r#"sobol: {"fast":30,"slow":63,"stop_atr":1.257411038300876}"#,
        r#"tpe: {"fast":21,"slow":22,"stop_atr":7.96195780696067}"#,
        r#"tpe(multivariate=true): {"fast":52,"slow":239,"stop_atr":1.1336663976925627}"#,
    ] {
        let (name, _) = expected.split_once(": ").unwrap();
        let params = by_text(name, &space, 7, 30, &history).unwrap();
        assert_eq!(format!("{name}: {}", serde_json::to_string(&params).unwrap()), expected);
    }
}

// Points of a discrete space.

/// Runs a search to its end, one trial at a time, and says how often each point was tried.
fn points(sampler: &str, space: &Space, lag: u64) -> BTreeMap<u128, usize> {
    let mut search = new(sampler, space, lag);
    let mut tried = BTreeMap::new();
    let mut params = Vec::new();
    loop {
        match search.ask() {
            Ask::Trial(asked) => {
                *tried.entry(space.number_of(&asked).unwrap()).or_insert(0) += 1;
                params.push(asked);
            }
            Ask::Wait => {
                let trial = search.observations().len();
                let outcome = Outcome::Completed(space.number_of(&params[trial]).unwrap() as f64);
                search.observe(Observation { trial: trial as u64, params: params[trial].clone(), outcome });
            }
            Ask::Exhausted => return tried,
        }
    }
}

#[test]
fn every_point_of_a_discrete_space_is_tried_once_and_then_the_search_ends() {
    let free = json!({
        "entry": { "int": [10, 120], "step": 25 },
        "exit": { "int": [5, 6] },
        "width": { "float": [0.1, 0.35], "step": 0.1 },
        "kind": { "categorical": ["a", "b"] },
        "fixed": 3,
    });
    let mut bound = free.clone();
    bound["exit"]["when"] = json!("exit < 6 or kind == 'a'");
    for (document, expected) in [(free, 60), (bound, 45)] {
        let space = Space::from_json(&document).unwrap();
        assert_eq!(space.points(), Some(60));
        for name in ["grid", "random()", "sobol()", "tpe()", "tpe(multivariate=false)"] {
            for lag in [1, 8] {
                let tried = points(name, &space, lag);
                assert_eq!(tried.len(), expected, "{name}");
                assert!(tried.values().all(|times| *times == 1), "{name} {tried:?}");
            }
        }
    }
}

#[test]
fn the_few_points_that_conditions_allow_are_all_found() {
    let space = Space::from_json(&json!({
        "a": { "int": [1, 100] }, "b": { "int": [1, 100], "when": "a == b and a < 20" },
    }))
    .unwrap();
    assert_eq!(points("random()", &space, 1).len(), 19);
}

#[test]
fn a_stored_search_without_settings_may_repeat_itself() {
    let space = Space::from_json(&json!({ "kind": { "categorical": ["sma", "ema"] } })).unwrap();
    for name in ["random", "sobol", "tpe", "random(repeat=true)"] {
        let mut search = new(name, &space, 20);
        assert!((0..20).all(|_| matches!(search.ask(), Ask::Trial(_))), "{name}");
        assert_eq!(search.ask(), Ask::Wait);
    }
}

#[test]
fn a_continuous_parameter_makes_every_point_new() {
    let space =
        Space::from_json(&json!({ "x": { "float": [0, 1] }, "kind": { "categorical": [1] } })).unwrap();
    assert_eq!(space.points(), None);
    let mut search = new("sobol()", &space, 64);
    assert!((0..64).all(|_| matches!(search.ask(), Ask::Trial(_))));
    let point = proposed(Sobol::new(true), &space, 7, 63, &[]);
    assert_eq!(point, proposed(Sobol::new(false), &space, 7, 63, &[]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn points_of_a_discrete_space_have_numbers(space in space(), number: u64) {
        if let Some(points) = space.points() {
            let number = u128::from(number) % points;
            prop_assert_eq!(space.number_of(&space.point(number)), Some(number));
        }
    }
}
