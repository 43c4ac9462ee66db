//! A model with what speaks for and against it, policies, waivers.

use gauntlet_domain::gates::Bound;
use gauntlet_operations::model_report::ModelReport;
use gauntlet_operations::policy::{GateCard, Policies, RegisteredPolicy};
use gauntlet_operations::rows::{GateVerdict, ViewRow};
use gauntlet_operations::waive::WaiveAnswer;
use gauntlet_views::Value;
use serde_json::Value as Json;

use super::browse::{cell, noise_line, row, time};
use crate::table::{number, table};

/// A model: its row, who tried it on what, the matrix of verdicts, waivers, sensitivity, risk.
pub fn model(report: &ModelReport) -> String {
    let mut parts = vec![row(&report.row)];
    parts.extend(report.experiment.as_ref().map(|of| experiment(of, &report.snapshots)));
    parts.extend(report.noise.as_ref().map(|noise| noise_line(noise).trim_end().to_owned()));
    parts.push(decision(report));
    if !report.verdicts.is_empty() {
        parts.push(verdicts(&report.verdicts, report.decision.as_ref()));
    }
    if !report.waivers.is_empty() {
        parts.push(waivers(&report.waivers));
    }
    parts.extend(sensitivity(&report.sensitivity));
    parts.extend(report.risk.as_ref().map(risk));
    parts.join("\n\n")
}

fn experiment(of: &ViewRow, snapshots: &[ViewRow]) -> String {
    let by = of.text("submitted_by").filter(|name| !name.is_empty()).unwrap_or("nobody who said so");
    let mut text = format!(
        "experiment {} ({}), place {} of mandate {}, submitted by {by}",
        cell(of, "name"),
        cell(of, "experiment_id"),
        cell(of, "place"),
        cell(of, "mandate"),
    );
    for (what, snapshot) in ["tuned on", "held out"].into_iter().zip(snapshots) {
        text.push_str(&format!(
            "\n{what} {} bars {} of {}, {} to {}, hash {}",
            cell(snapshot, "rows"),
            cell(snapshot, "bars"),
            cell(snapshot, "instrument"),
            cell(snapshot, "range_from"),
            cell(snapshot, "range_to"),
            cell(snapshot, "hash"),
        ));
    }
    text
}

fn decision(report: &ModelReport) -> String {
    let Some(decision) = &report.decision else {
        return "not decided about yet: its experiment, or an earlier one of its mandate, is under way"
            .to_owned();
    };
    let mut text = format!(
        "{} under policy {} (decision {}, version {})",
        cell(decision, "decision").to_uppercase(),
        cell(decision, "policy"),
        cell(decision, "attempt"),
        cell(decision, "version_hash"),
    );
    if let Some(replaced) = decision.text("replaces") {
        text.push_str(&format!("; it replaces {replaced}"));
    }
    let failed: Vec<String> =
        decision.text("failed").and_then(|failed| serde_json::from_str(failed).ok()).unwrap_or_default();
    if !failed.is_empty() {
        text.push_str(&format!("; not passed: {}", failed.join(", ")));
    }
    text
}

/// Gate, statistic, threshold, margin, and what stands beside the statistic.
fn verdicts(verdicts: &[GateVerdict], decision: Option<&ViewRow>) -> String {
    let failed: Option<Vec<String>> =
        decision.and_then(|of| of.text("failed")).and_then(|failed| serde_json::from_str(failed).ok());
    let line = |verdict: &GateVerdict| {
        let of = ViewRow(verdict.0.clone());
        let value = |name: &str| match verdict.0.get(name) {
            Some(Value::Double(value)) => Some(*value),
            _ => None,
        };
        let (statistic, threshold) = (value("statistic"), value("threshold"));
        let sign = match of.text("comparison") {
            Some("at_most") => "<=",
            Some("more_than") => ">",
            _ => ">=",
        };
        let margin = statistic.zip(threshold).map(|(statistic, threshold)| {
            if sign == "<=" { threshold - statistic } else { statistic - threshold }
        });
        let (gate, outcome) = (of.text("gate").unwrap_or_default(), of.text("outcome").unwrap_or_default());
        let is_against = !matches!(outcome, "passed" | "waived");
        // What the evaluator says is reported, also where the policy does not ask for it.
        let is_judged = failed.as_ref().is_none_or(|failed| failed.iter().any(|name| name == gate));
        let note = if is_against && !is_judged { " (not judged)" } else { "" };
        vec![
            gate.to_owned(),
            format!("{outcome}{note}"),
            number(statistic),
            threshold
                .map_or_else(|| "-".to_owned(), |threshold| format!("{sign} {}", number(Some(threshold)))),
            number(margin),
            evidence(&of),
        ]
    };
    table(&["gate", "verdict", "statistic", "threshold", "margin", "evidence"], verdicts.iter().map(line))
}

/// The numbers beside a statistic, or why there is none.
fn evidence(verdict: &ViewRow) -> String {
    let evidence: Json =
        verdict.text("evidence").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let mut parts = Vec::new();
    if let Some(waiver) = verdict.text("waiver") {
        let waiver: Json = serde_json::from_str(waiver).unwrap_or_default();
        parts.push(format!("waived by {}", waiver["author"].as_str().unwrap_or("-")));
    }
    parts.extend(evidence["remark"].as_str().map(str::to_owned));
    for (name, value) in evidence["numbers"].as_object().into_iter().flatten() {
        parts.push(format!("{name} {}", number(value.as_f64())));
    }
    parts.join(", ")
}

fn waivers(waivers: &[ViewRow]) -> String {
    let line = |of: &ViewRow| {
        let holds =
            if of.0.get("granted").and_then(Value::as_bool) == Some(true) { "granted" } else { "refused" };
        let why = of.text("detail").unwrap_or_else(|| of.text("reason").unwrap_or_default());
        vec![cell(of, "gate"), holds.to_owned(), cell(of, "author"), cell(of, "expires"), why.to_owned()]
    };
    table(&["waiver for", "answer", "author", "expires", "why"], waivers.iter().map(line))
}

fn figures(of: &ViewRow) -> serde_json::Map<String, Json> {
    let known = of.text("figures").and_then(|text| serde_json::from_str(text).ok());
    match known {
        Some(Json::Object(figures)) => figures,
        _ => serde_json::Map::new(),
    }
}

fn sensitivity(rows: &[ViewRow]) -> Option<String> {
    let whole = rows.iter().find(|row| row.text("part") == Some("whole"))?;
    let mut text =
        format!("sensitivity: {} runs; score {}", cell(whole, "evaluations"), cell(whole, "value"));
    let remarks: Vec<String> =
        whole.text("remarks").and_then(|remarks| serde_json::from_str(remarks).ok()).unwrap_or_default();
    for remark in remarks {
        text.push_str(&format!("\n  {remark}"));
    }
    let of =
        |part: &str| rows.iter().filter(|row| row.text("part") == Some(part)).cloned().collect::<Vec<_>>();
    let columns = ["sobol_first", "sobol_total", "morris_mu_star", "pawn_median", "slice_range"];
    text.push_str(&format!("\n{}", of_figures("parameter", &of("axis"), &columns)));
    let columns = ["value", "total_return", "max_drawdown", "trade_count"];
    text.push_str(&format!("\n\n{}", of_figures("stress", &of("stress"), &columns)));
    Some(text)
}

fn of_figures(what: &str, rows: &[ViewRow], columns: &[&str]) -> String {
    let header: Vec<&str> = [what].into_iter().chain(columns.iter().copied()).collect();
    let line = |of: &ViewRow| {
        let figures = figures(of);
        let name = of.text("name").unwrap_or_default();
        let without = of.0.get("without_effect").and_then(Value::as_bool) == Some(true);
        let name = if without { format!("{name} (without effect)") } else { name.to_owned() };
        let values = columns.iter().map(|column| number(figures.get(*column).and_then(Json::as_f64)));
        [name].into_iter().chain(values).collect()
    };
    table(&header, rows.iter().map(line))
}

fn risk(of: &ViewRow) -> String {
    let figures = figures(of);
    let names: std::collections::BTreeSet<&str> =
        figures.keys().filter_map(|name| name.split_once('.').map(|(_, name)| name)).collect();
    let line = |name: &&str| {
        let value = |part: &str| number(figures.get(&format!("{part}.{name}")).and_then(Json::as_f64));
        vec![(*name).to_owned(), value("tuning"), value("holdout")]
    };
    table(&["risk of a bar", "tuning", "hold-out"], names.iter().map(line))
}

/// Policies with their gates.
pub fn policies(answer: &Policies) -> String {
    match answer {
        Policies::One(one) => policy(one),
        Policies::All(all) => all.iter().map(policy).collect::<Vec<_>>().join("\n\n"),
    }
}

fn policy(of: &RegisteredPolicy) -> String {
    let mandate =
        if of.mandate.is_empty() { "every mandate".to_owned() } else { format!("mandate {}", of.mandate) };
    let by =
        if of.author.is_empty() { "built in".to_owned() } else { format!("registered by {}", of.author) };
    let line = |(gate, bound): (&String, &Bound)| {
        let bound = match bound {
            Bound::Off => "not judged".to_owned(),
            Bound::Min(_) if gate == "holdout" => "judged".to_owned(),
            Bound::Min(least) => format!("at least {least}"),
            Bound::Max(most) => format!("at most {most}"),
        };
        let loosened = if of.loosens.contains(gate) { "looser than default" } else { "" };
        vec![gate.clone(), bound, loosened.to_owned()]
    };
    format!(
        "policy {} of {mandate}, {by}\n{}",
        of.policy.name,
        table(&["gate", "passes", ""], of.policy.gates.iter().map(line))
    )
}

/// The gates that there are.
pub fn gates(cards: &[GateCard]) -> String {
    let line = |card: &GateCard| {
        let default = card.default.map_or_else(|| "-".to_owned(), |default| default.to_string());
        let waivable = if card.waivable { "yes" } else { "no" };
        vec![card.gate.to_owned(), card.passes.to_owned(), default, waivable.to_owned(), card.what.to_owned()]
    };
    table(&["gate", "passes", "default", "waivable", "what"], cards.iter().map(line))
}

/// What came of a waiver.
pub fn waived(answer: &WaiveAnswer) -> String {
    if !answer.accepted {
        return format!("refused: {}", answer.reason);
    }
    let now = answer.decision.as_deref().unwrap_or("not decided about");
    let mut text = format!("waived until {}; the model is {now}", time(answer.expires));
    if !answer.failed.is_empty() {
        text.push_str(&format!(", and does not pass {}", answer.failed.join(", ")));
    }
    text
}
