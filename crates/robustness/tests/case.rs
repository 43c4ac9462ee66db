//! A finalist to analyse, and what every analysis must be.

use gauntlet_backtest::Bars;
use gauntlet_domain::experiment::{Metrics, Parameters, TrialPlan};
use gauntlet_domain::robustness::{Reasons, SensitivityTerms};
use gauntlet_domain::spec::{SensitivityMethod, StressName};
use gauntlet_robustness::figures::{AXIS_FIGURES, FIGURES};
use gauntlet_robustness::{Analysis, analyse_on};
use gauntlet_walkforward::{Segments, Walk};

use crate::common::*;

pub const BARS: usize = 900;

/// Everything that an analysis is a function of.
pub struct Case {
    pub plan: TrialPlan,
    pub finalist: Parameters,
    pub terms: SensitivityTerms,
    pub bars: Bars,
}

/// A moving-average cross with a stop over swinging bars, everything asked for, in small.
pub fn cross() -> Case {
    Case {
        plan: plan("ma-cross", BARS, folds(BARS, 3, 0)),
        finalist: parameters(&[("fast", int(4)), ("slow", int(15)), ("stop_atr", float(4.0))]),
        terms: SensitivityTerms {
            methods: SensitivityMethod::ALL.iter().map(ToString::to_string).collect(),
            samples: 16,
            neighbours: 20,
            fits: 128,
            paths: 30,
            stresses: StressName::ALL.iter().map(ToString::to_string).collect(),
            space: r#"{"fast":{"int":[2,10]},"slow":{"int":[11,60]},"stop_atr":{"float":[1.0,8.0]}}"#.into(),
        },
        bars: swing(BARS),
    }
}

impl Case {
    /// The analysis, as every analysis must be.
    pub fn analyse(&self) -> Analysis {
        let analysis = self.on(2);
        assert_whole(&analysis);
        analysis
    }

    pub fn on(&self, threads: usize) -> Analysis {
        analyse_on(threads, &self.plan, &self.finalist, &self.terms, &self.bars).unwrap()
    }

    /// What the walk of a trial gives.
    pub fn walked(&self) -> Segments {
        walked(&self.plan, &self.finalist, &self.bars)
    }
}

pub fn walked(plan: &TrialPlan, parameters: &Parameters, bars: &Bars) -> Segments {
    let mut walk = Walk::new(plan, parameters, bars).unwrap();
    let mut segments = Segments::of(plan);
    while let Some((range, outcome)) = walk.next_fold().unwrap() {
        segments.push(bars, range, &outcome);
    }
    segments
}

/// Every figure of the tables and no other; a value or a reason, never both.
fn assert_whole(analysis: &Analysis) {
    let of = |figures: &Metrics, undefined: &Reasons, names: &[&str]| {
        let mut names = names.to_vec();
        names.sort_unstable();
        assert_eq!(figures.keys().map(String::as_str).collect::<Vec<_>>(), names);
        for (name, value) in figures {
            assert_eq!(value.is_none(), undefined.contains_key(name), "{name}: {value:?}");
            assert!(value.is_none_or(f64::is_finite), "{name}: {value:?}");
        }
        assert!(undefined.iter().all(|(name, reason)| figures.contains_key(name) && !reason.is_empty()));
    };
    of(&analysis.figures, &analysis.undefined, &FIGURES);
    assert!(!analysis.axes.is_empty());
    for axis in &analysis.axes {
        of(&axis.figures, &axis.undefined, &AXIS_FIGURES);
    }
    for stress in &analysis.stresses {
        assert_eq!(
            stress.figures.keys().map(String::as_str).collect::<Vec<_>>(),
            ["max_drawdown", "total_return", "trade_count", "value"]
        );
    }
}

/// A figure that has a value.
pub fn figure(analysis: &Analysis, name: &str) -> f64 {
    analysis.figures[name].unwrap_or_else(|| panic!("{name}: {}", analysis.undefined[name]))
}

/// The rows of the points: design, parameters and value as they are written.
pub fn rows(analysis: &Analysis) -> (Vec<String>, Vec<Vec<String>>) {
    let text = String::from_utf8(analysis.points.clone()).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let header = lines.next().unwrap();
    (header, lines.collect())
}
