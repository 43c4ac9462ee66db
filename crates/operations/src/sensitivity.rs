//! `sensitivity`: how far a score depends on each parameter, asked and told a JSON line at a time; no log, no server.
//!
//! The protocol is that of `ask_tell`. Up to 64 points are outstanding: point `k` is asked once the points
//! `0 ..= k - 64` are told. A pruned or failed point has no value. After the last answer comes one line, by method:
//! - `sobol`: `{"result": {PARAMETER: {"first", "total", "first_interval", "total_interval"}}, "converged"}`
//! - `morris`: `{"result": {PARAMETER: {"mu", "mu_star", "mu_star_interval", "sigma"}}, "converged"}`
//! - `pawn`: `{"result": {PARAMETER: {"median", "max"}}, "converged", "threshold": {"median", "max"}}`, where a parameter without
//!   influence stays below the threshold.
//!
//! An interval is `[low, high]`. What is undefined is `null`, with the reason under `undefined` of its parameter. Where a
//! condition cut the space, `box` has the lowest and highest quantile of each parameter between which the Sobol indices hold.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use gauntlet_domain::names::{UnknownName, find};
use gauntlet_search::Outcome;
use gauntlet_sensitivity::morris::{LEVELS, MorrisDesign, MorrisIndex};
use gauntlet_sensitivity::pawn::{PawnDesign, PawnIndex};
use gauntlet_sensitivity::sobol::{SobolDesign, SobolIndex};
use gauntlet_sensitivity::{Cube, Interval, Point, SensitivityError, Undefined};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ask_tell::{self, Asked, Dialogue, Told};
use crate::refusal::Refusal;

/// Points that may be outstanding: enough for many workers, and few enough to fit the buffers of two pipes.
const OUTSTANDING: u64 = 64;

/// How sensitivity is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Shares of the variance: N · (d + 2) points, N a power of two.
    Sobol,
    /// Elementary effects: N · (d + 1) points.
    Morris,
    /// Distances of distributions: N points.
    Pawn,
}

/// By name.
const METHODS: [(&str, Method); 3] =
    [("sobol", Method::Sobol), ("morris", Method::Morris), ("pawn", Method::Pawn)];

impl FromStr for Method {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        find("method", name, &METHODS, |(name, _)| name).map(|(_, method)| *method)
    }
}

/// What to analyse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SensitivityRequest {
    /// A document of the shape that an experiment's `parameters` have.
    pub space: PathBuf,
    /// Which method.
    pub method: Method,
    /// Rows of `sobol`, trajectories of `morris`, points of `pawn`.
    pub samples: u32,
    /// Seed of everything random.
    pub seed: u64,
}

/// A design of one of the methods.
enum Design {
    Sobol(SobolDesign),
    Morris(MorrisDesign),
    Pawn(PawnDesign),
}

/// A design over its two streams.
struct DesignDialogue<'a, W> {
    points: &'a [Point],
    output: W,
    asked: usize,
    /// By point; of those that were told, perhaps without a value.
    values: Vec<Option<Option<f64>>>,
    /// All points before this one were told.
    told: usize,
}

/// Asks for the value of every point and writes the result. Refuses an input that ends before.
pub fn sensitivity(
    request: &SensitivityRequest,
    input: impl BufRead,
    output: impl Write,
) -> Result<(), Refusal> {
    let design = Design::new(request)?;
    let points = design.points();
    let mut dialogue = DesignDialogue { points, output, asked: 0, values: vec![None; points.len()], told: 0 };
    if !ask_tell::converse(&mut dialogue, input)? {
        let (told, all) = (dialogue.values.iter().flatten().count(), points.len());
        return Err(Refusal::BadInput(format!("stdin ended after {told} of {all} values: tell every point")));
    }
    let values: Vec<Option<f64>> = dialogue.values.iter().map(|value| value.flatten()).collect();
    ask_tell::write(&mut dialogue.output, &design.result(&values))
}

impl Design {
    fn new(request: &SensitivityRequest) -> Result<Self, Refusal> {
        let SensitivityRequest { space: path, method, samples, seed } = request;
        let (samples, seed) = (*samples, *seed);
        let space = ask_tell::space(path)?;
        let design = match method {
            Method::Sobol => SobolDesign::new(&space, None, samples, seed).map(Design::Sobol),
            Method::Morris => Cube::whole(&space)
                // As many candidates as trajectories: random ones, whose mean effects have no bias.
                .and_then(|cube| MorrisDesign::new(&cube, samples, samples, LEVELS, seed))
                .map(Design::Morris),
            Method::Pawn => {
                Cube::whole(&space).and_then(|cube| PawnDesign::new(&cube, samples, seed)).map(Design::Pawn)
            }
        };
        design.map_err(|error| refused(path, &error))
    }

    fn points(&self) -> &[Point] {
        match self {
            Design::Sobol(design) => design.points(),
            Design::Morris(design) => design.points(),
            Design::Pawn(design) => design.points(),
        }
    }

    fn cube(&self) -> &Cube {
        match self {
            Design::Sobol(design) => design.cube(),
            Design::Morris(design) => design.cube(),
            Design::Pawn(design) => design.cube(),
        }
    }

    /// The last line.
    fn result(&self, values: &[Option<f64>]) -> Value {
        let (keys, found) = match self {
            Design::Sobol(design) => {
                (&["first", "total", "first_interval", "total_interval"][..], sobol(design, values))
            }
            Design::Morris(design) => {
                (&["mu", "mu_star", "mu_star_interval", "sigma"][..], morris(design, values))
            }
            Design::Pawn(design) => (&["median", "max"][..], pawn(design, values)),
        };
        let cube = self.cube();
        let (rows, rest) = found
            .unwrap_or_else(|reason| (vec![Err(reason); cube.dimensions()], json!({ "converged": false })));
        let rows = cube.axes().zip(rows).map(|(axis, row)| {
            let row = row.unwrap_or_else(|reason| {
                let nulls = keys.iter().map(|key| ((*key).to_owned(), Value::Null));
                nulls.chain([("undefined".to_owned(), reason.to_string().into())]).collect()
            });
            (axis.name.clone(), row)
        });
        let mut result = rest;
        result["result"] = Value::Object(rows.collect());
        if cube.bounds().iter().any(|bounds| *bounds != [0.0, 1.0]) {
            let bounds =
                cube.axes().zip(cube.bounds()).map(|(axis, bounds)| (axis.name.clone(), json!(bounds)));
            result["box"] = Value::Object(bounds.collect());
        }
        result
    }
}

/// The object of each parameter, and what else the line has.
type Rows = (Vec<Result<Value, Undefined>>, Value);

fn interval(interval: Result<Interval, Undefined>) -> Value {
    interval.map_or(Value::Null, |of| json!([of.low, of.high]))
}

fn sobol(design: &SobolDesign, values: &[Option<f64>]) -> Result<Rows, Undefined> {
    let report = design.report(values)?;
    let row = |of: SobolIndex| {
        let mut row = json!({
            "first": of.first, "first_interval": interval(of.first_interval),
            "total": of.total, "total_interval": interval(of.total_interval),
        });
        if let Err(reason) = of.first_interval.and(of.total_interval) {
            row["undefined"] = reason.to_string().into();
        }
        row
    };
    let rows = report.indices.iter().map(|index| index.map(row)).collect();
    Ok((rows, json!({ "converged": report.converged })))
}

fn morris(design: &MorrisDesign, values: &[Option<f64>]) -> Result<Rows, Undefined> {
    let report = design.report(values)?;
    let row = |of: MorrisIndex| {
        let interval = interval(of.mu_star_interval);
        json!({ "mu": of.mu, "mu_star": of.mu_star, "mu_star_interval": interval, "sigma": of.sigma })
    };
    let rows = report.indices.iter().map(|index| index.map(row)).collect();
    Ok((rows, json!({ "converged": report.converged })))
}

fn pawn(design: &PawnDesign, values: &[Option<f64>]) -> Result<Rows, Undefined> {
    let report = design.report(values)?;
    let row = |of: PawnIndex| json!({ "median": of.median, "max": of.max });
    let rows = report.indices.iter().map(|index| index.map(row)).collect();
    Ok((rows, json!({ "converged": report.converged, "threshold": row(report.threshold) })))
}

fn refused(path: &Path, error: &SensitivityError) -> Refusal {
    match error {
        SensitivityError::NotPowerOfTwo { .. } | SensitivityError::Samples { .. } => {
            Refusal::BadInput(format!("--samples: {error}"))
        }
        _ => Refusal::BadInput(format!("{}: {error}", path.display())),
    }
}

impl<W: Write> Dialogue for DesignDialogue<'_, W> {
    fn ask(&mut self) -> Result<bool, Refusal> {
        while self.values.get(self.told).is_some_and(Option::is_some) {
            self.told += 1;
        }
        while self.asked < self.points.len() && self.next() < self.told as u64 + OUTSTANDING {
            let params = &self.points[self.asked].params;
            let asked = Asked { ask: self.next(), params, thresholds: None };
            ask_tell::write(&mut self.output, &asked)?;
            self.asked += 1;
        }
        Ok(self.told == self.points.len())
    }

    fn is_outstanding(&self, trial: u64) -> bool {
        trial < self.next() && self.values[trial as usize].is_none()
    }

    fn next(&self) -> u64 {
        self.asked as u64
    }

    fn tell(&mut self, told: Told) {
        self.values[told.trial as usize] = Some(match told.outcome {
            Outcome::Completed(value) => Some(value),
            Outcome::Pruned(_) | Outcome::Failed => None,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: &str = r#"{"x": {"float": [0, 1]}, "y": {"float": [0, 2]}, "fixed": 3}"#;

    fn run(
        name: &str,
        space: &str,
        method: &str,
        samples: u32,
        input: &str,
    ) -> (Vec<Value>, Result<(), String>) {
        let path =
            std::env::temp_dir().join(format!("gauntlet-sensitivity-{name}-{}.yaml", std::process::id()));
        std::fs::write(&path, space).unwrap();
        let request =
            SensitivityRequest { space: path.clone(), method: method.parse().unwrap(), samples, seed: 7 };
        let mut output = Vec::new();
        let answer = sensitivity(&request, input.as_bytes(), &mut output);
        std::fs::remove_file(&path).unwrap();
        let text = String::from_utf8(output).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (lines, answer.map_err(|error| error.to_string()))
    }

    /// Every point told the value that `f` gives it: as many rounds as it takes, since later points are asked for later.
    fn told(name: &str, space: &str, method: &str, samples: u32, f: impl Fn(&Value) -> Value) -> Vec<Value> {
        let mut input = String::new();
        loop {
            let (lines, answer) = run(name, space, method, samples, &input);
            if answer.is_ok() {
                return lines;
            }
            assert!(answer.unwrap_err().starts_with("stdin ended after"));
            let answer = |line: &Value| json!({"tell": line["ask"], "value": f(&line["params"])}).to_string();
            // Backwards among those that may be outstanding.
            let rounds = lines.chunks(OUTSTANDING as usize);
            input = rounds.flat_map(|round| round.iter().rev().map(answer)).collect::<Vec<_>>().join("\n");
        }
    }

    fn linear(params: &Value) -> Value {
        json!(3.0 * params["x"].as_f64().unwrap() + params["y"].as_f64().unwrap())
    }

    #[test]
    fn each_method_ends_with_one_line_of_its_figures() {
        let lines = told("sobol", SPACE, "sobol", 64, linear);
        assert_eq!(lines.len(), 64 * 4 + 1);
        for (k, line) in lines[..256].iter().enumerate() {
            assert_eq!((&line["ask"], &line["params"]["fixed"]), (&json!(k), &json!(3)));
        }
        let result = &lines[256]["result"];
        // 3x has the variance 9/12, y has 4/12.
        for (name, share) in [("x", 9.0 / 13.0), ("y", 4.0 / 13.0)] {
            for key in ["first", "total"] {
                assert!((result[name][key].as_f64().unwrap() - share).abs() < 0.05, "{result}");
                let interval = result[name][format!("{key}_interval")].as_array().unwrap();
                assert!(interval[0].as_f64() < interval[1].as_f64());
            }
            assert_eq!(result[name].as_object().unwrap().len(), 4);
        }
        assert!(result.as_object().unwrap().len() == 2 && lines[256]["converged"].is_boolean());

        let lines = told("morris", SPACE, "morris", 10, linear);
        assert_eq!(lines.len(), 10 * 3 + 1);
        let of = |key: &str| lines[30]["result"]["x"][key].as_f64().unwrap();
        assert!((of("mu") - 3.0).abs() < 1e-12 && (of("mu_star") - 3.0).abs() < 1e-12 && of("sigma") < 1e-12);
        assert_eq!(lines[30]["converged"], true);

        let lines = told("pawn", SPACE, "pawn", 100, linear);
        assert_eq!(lines.len(), 100 + 1);
        let of = |name: &str, key: &str| lines[100]["result"][name][key].as_f64().unwrap();
        assert!(of("x", "median") > of("y", "median") && of("x", "max") > of("x", "median"));
        assert!(of("x", "median") > lines[100]["threshold"]["median"].as_f64().unwrap());
    }

    #[test]
    fn what_is_undefined_is_null_with_its_reason() {
        let lines = told("flat", SPACE, "sobol", 8, |_| json!(1.5));
        let x = &lines[32]["result"]["x"];
        assert_eq!((&x["first"], &x["undefined"]), (&Value::Null, &json!("the series does not vary")));
        assert_eq!(lines[32]["converged"], false);
        let lines = told("failed", SPACE, "morris", 4, |_| Value::Null);
        assert_eq!(lines[12]["result"]["y"]["undefined"], "an input is not a finite number");
    }

    #[test]
    fn a_condition_shrinks_the_box_and_is_said() {
        let space = r#"{"a": {"int": [1, 40]}, "b": {"int": [20, 99], "when": "b > a"}}"#;
        let difference = |p: &Value| json!(p["b"].as_f64().unwrap() - p["a"].as_f64().unwrap());
        let lines = told("box", space, "sobol", 8, difference);
        assert_eq!(lines[32]["box"], json!({"a": [0.25, 0.75], "b": [0.25, 0.75]}));
        assert!(lines[..32].iter().all(|line| difference(&line["params"]).as_f64().unwrap() > 0.0));
        let never = r#"{"a": {"int": [1, 40]}, "b": {"int": [1, 40], "when": "b > a"}}"#;
        let (_, answer) = run("never", never, "sobol", 8, "");
        assert!(answer.unwrap_err().contains("infeasible"));
        assert!(
            told("screened", never, "morris", 5, difference).last().unwrap()["result"]["a"]["mu"].is_number()
        );
    }

    #[test]
    fn what_cannot_be_taken_is_refused() {
        let (lines, answer) = run("short", SPACE, "sobol", 64, "{\"tell\": 1, \"value\": 2}\n");
        assert_eq!(lines.len(), OUTSTANDING as usize);
        assert_eq!(answer.unwrap_err(), "stdin ended after 1 of 256 values: tell every point");
        let said = |samples: u32, input: &str| run("refused", SPACE, "sobol", samples, input).1.unwrap_err();
        assert!(said(100, "").starts_with("--samples: 100 samples: the Sobol indices need a power of two"));
        assert!(said(64, "{\"tell\": 64, \"value\": 1}").starts_with("stdin:1: trial 64 was not asked"));
        let twice = "{\"tell\": 3, \"value\": 1}\n{\"tell\": 3, \"value\": 1}";
        assert!(said(64, twice).starts_with("stdin:2: trial 3 was told before"));
        let wrong = "mories".parse::<Method>().unwrap_err().to_string();
        assert!(wrong.starts_with("unknown method `mories`: did you mean `morris`?"), "{wrong}");
    }
}
