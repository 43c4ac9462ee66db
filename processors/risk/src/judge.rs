//! Statistics of the gates from what is known of a finalist, and the verdicts.

use gauntlet_domain::experiment::{EvaluationCompleted, Metrics, Phase};
use gauntlet_domain::gates::{Gate, Stage};
use gauntlet_domain::robustness::{Reasons, RiskMeasured, SensitivityReported};
use gauntlet_domain::verdict::{self, Evidence, Verdict};
use gauntlet_domain::{ContentHash, ModelId};

/// Everything that is known of a finalist; a part that failed or was not asked for is none.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Known<'a> {
    pub(crate) evaluation: Option<&'a EvaluationCompleted>,
    pub(crate) sensitivity: Option<&'a SensitivityReported>,
    pub(crate) risk: Option<&'a RiskMeasured>,
}

/// Figures of a finalist by name, and why some have no value.
pub(crate) fn figures(known: Known<'_>) -> (Metrics, Reasons) {
    let (mut figures, mut undefined) = (Metrics::new(), Reasons::new());
    if let Some(report) = known.sensitivity {
        figures.extend(report.figures.clone());
        undefined.extend(report.undefined.clone());
        figures.insert("sensitivity_evaluations".to_owned(), Some(report.evaluations as f64));
    }
    if let Some(measured) = known.risk {
        figures.extend(measured.figures.clone());
        undefined.extend(measured.undefined.clone());
    }
    if let Some(evaluation) = known.evaluation {
        for (phase, metrics) in [("tuning", &evaluation.tuning), ("holdout", &evaluation.holdout)] {
            for name in ["sharpe", "total_return", "max_drawdown", "trade_count"] {
                let value = metrics.get(name).copied().flatten();
                figures.entry(format!("{phase}.{name}")).or_insert(value);
            }
        }
        for (name, value) in &evaluation.inference {
            figures.insert(format!("inference.{name}"), *value);
        }
    }
    for (name, value) in of_gates(&figures) {
        if value.is_none() {
            undefined.entry(name.to_owned()).or_insert_with(|| missing(name, known));
        }
        figures.insert(name.to_owned(), value);
    }
    (figures, undefined)
}

/// The statistics that gates put together from several figures.
fn of_gates(figures: &Metrics) -> Vec<(&'static str, Option<f64>)> {
    let value = |name: &str| figures.get(name).copied().flatten();
    // The larger of both stretches; undefined where one is.
    let larger = |name: &str| Some(value(&format!("tuning.{name}"))?.max(value(&format!("holdout.{name}"))?));
    let has_excess = figures.contains_key("inference.excess_psr");
    let psr = value(if has_excess { "inference.excess_psr" } else { "inference.psr" });
    let mut put = vec![("probabilistic_sharpe", psr)];
    for name in ["max_drawdown", "var_historical", "expected_shortfall", "evar", "cdar"] {
        put.push((name, larger(name)));
    }
    put
}

/// Why there is no figure of that name.
fn missing(name: &str, known: Known<'_>) -> String {
    if known.evaluation.is_none() {
        return "the finalist could not be evaluated".to_owned();
    }
    for part in ["tuning", "holdout"] {
        let of_part = format!("{part}.{name}");
        if let Some(why) = known.risk.and_then(|measured| measured.undefined.get(&of_part)) {
            return why.clone();
        }
    }
    if known.risk.is_none() {
        "no risk figures were asked for".to_owned()
    } else {
        "it has no value".to_owned()
    }
}

/// The verdict of a gate that needs no ledger; `None` for one that does.
pub(crate) fn judge(
    gate: &Gate,
    known: Known<'_>,
    (figures, undefined): (&Metrics, &Reasons),
    (model, data): (ModelId, Option<ContentHash>),
) -> Option<Verdict> {
    let definition = gate.definition()?;
    match definition.stage {
        Stage::Ledger => None,
        Stage::Evaluation => Some(match known.evaluation {
            Some(evaluation) => evaluation.verdict.clone(),
            None => Verdict::undefined(&gate.name, unevaluated(&gate.name, model)),
        }),
        Stage::Risk => {
            let statistic = figures.get(&gate.name).copied().flatten();
            let reason = undefined.get(&gate.name).cloned();
            let evidence = Evidence {
                metric: gate.name.clone(),
                model_id: Some(model),
                data,
                phase: Some(Phase::Tuning),
                numbers: numbers(&gate.name, figures),
                remark: None,
            };
            let mut verdict =
                verdict::judge(&gate.name, statistic, definition.comparison, gate.threshold(), evidence);
            if statistic.is_none() {
                let why = reason.unwrap_or_else(|| unanalysed(known));
                verdict.evidence.remark = Some(format!("undefined: {why}"));
            }
            Some(verdict)
        }
    }
}

fn unanalysed(known: Known<'_>) -> String {
    match known.sensitivity {
        None => "no sensitivity analysis was asked for (section sensitivity)".to_owned(),
        Some(report) if report.remarks.is_empty() => "the sensitivity analysis has no such figure".to_owned(),
        Some(report) => report.remarks.join("; "),
    }
}

/// Figures beside a statistic from which people see where it comes from.
fn numbers(gate: &str, figures: &Metrics) -> Metrics {
    let beside: &[&str] = match gate {
        "max_drawdown" => &["tuning.max_drawdown", "holdout.max_drawdown"],
        "plateau" => &["plateau_low", "plateau_high", "plateau_within_error", "neighbours_median"],
        "break_even_cost_multiple" => &["costs_x2_return", "costs_x4_return"],
        "var_historical" => &["tuning.var_historical", "holdout.var_historical", "holdout.kupiec_p"],
        "expected_shortfall" => &["tuning.expected_shortfall", "holdout.expected_shortfall"],
        "evar" => &["tuning.evar", "holdout.evar"],
        "cdar" => &["tuning.cdar", "holdout.cdar"],
        _ => &[],
    };
    beside.iter().filter_map(|name| Some(((*name).to_owned(), *figures.get(*name)?))).collect()
}

fn unevaluated(gate: &str, model: ModelId) -> Evidence {
    Evidence {
        metric: gate.to_owned(),
        model_id: Some(model),
        phase: Some(Phase::Holdout),
        remark: Some("undefined: the finalist could not be evaluated".to_owned()),
        ..Evidence::default()
    }
}
