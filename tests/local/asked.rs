//! Tools that ask over stdout and are told over stdin.

use std::f64::consts::PI;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use gauntlet_tests::process::forget_configuration;
use gauntlet_tests::{Dir, Json, binary};

/// Answers every question of `gauntlet sensitivity` with a function of its parameters; gives the last line.
fn told(args: &[&str], space: &str, f: impl Fn(&Json) -> f64) -> Json {
    let dir = Dir::new();
    let file = dir.write("space.yaml", space);
    let mut command = std::process::Command::new(binary());
    command.args(["sensitivity", "--space", file.to_str().unwrap(), "--seed", "1"]).args(args);
    forget_configuration(&mut command);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    let mut last = Json::Null;
    for line in output.lines() {
        let asked: Json = serde_json::from_str(&line.unwrap()).unwrap();
        let Some(number) = asked.get("ask") else {
            assert!(last.is_null(), "one line ends it: {asked}");
            last = asked;
            continue;
        };
        let told = serde_json::json!({ "tell": number, "value": f(&asked["params"]) });
        writeln!(input, "{told}").unwrap();
    }
    assert!(child.wait().unwrap().success(), "{args:?}");
    last
}

fn ishigami(params: &Json) -> f64 {
    let [x1, x2, x3] = ["x1", "x2", "x3"].map(|name| params[name].as_f64().unwrap());
    x1.sin() + 7.0 * x2.sin().powi(2) + 0.1 * x3.powi(4) * x1.sin()
}

fn space() -> String {
    ["x1", "x2", "x3"].map(|name| format!("{name}: {{ float: [{}, {PI}] }}\n", -PI)).concat()
}

fn assert_within(interval: &Json, value: f64) {
    let [low, high] = [0, 1].map(|end| interval[end].as_f64().unwrap());
    assert!(low <= value && value <= high, "{value} is not in {interval}");
}

#[test]
fn sensitivity_of_ishigami_is_the_analytic_one() {
    let sobol = told(&["--method", "sobol", "--samples", "512"], &space(), ishigami);
    // a = 7, b = 0.1; Ishigami and Homma (1990).
    let exact = [("x1", 0.3139, 0.5576), ("x2", 0.4424, 0.4424), ("x3", 0.0, 0.2437)];
    for (name, first, total) in exact {
        assert_within(&sobol["result"][name]["first_interval"], first);
        assert_within(&sobol["result"][name]["total_interval"], total);
    }
    let morris = told(&["--method", "morris", "--samples", "200"], &space(), ishigami);
    for (axis, name) in ["x1", "x2", "x3"].into_iter().enumerate() {
        assert_within(&morris["result"][name]["mu_star_interval"], mean_effect(axis));
    }
    let pawn = told(&["--method", "pawn", "--samples", "2000"], &space(), ishigami);
    let median = |name: &str| pawn["result"][name]["median"].as_f64().unwrap();
    let threshold = pawn["threshold"]["median"].as_f64().unwrap();
    assert!(["x1", "x2", "x3"].into_iter().all(|name| median(name) > threshold), "{pawn}");
}

/// The mean absolute effect of an axis over all points of the grid from which a step of two levels stays inside.
fn mean_effect(axis: usize) -> f64 {
    let at = |levels: [usize; 3]| {
        let [x1, x2, x3] = levels.map(|level| -PI + 2.0 * PI * level as f64 / 3.0);
        ishigami(&serde_json::json!({ "x1": x1, "x2": x2, "x3": x3 }))
    };
    let (mut sum, mut count) = (0.0, 0.0);
    for number in 0..64 {
        let levels = [number % 4, number / 4 % 4, number / 16];
        let mut stepped = levels;
        stepped[axis] += 2;
        if stepped[axis] < 4 {
            sum += ((at(stepped) - at(levels)) / (2.0 / 3.0)).abs();
            count += 1.0;
        }
    }
    sum / count
}
