//! What a mandate has tried, counted again from the lists of trials.

use gauntlet_quant::inference::{SharpeEstimate, expected_maximum, psr};
use gauntlet_tests::golden::MINI;
use gauntlet_tests::{Dir, Json, gauntlet, mini};

/// The annual Sharpe ratios of the completed trials of an experiment's search over all tuning bars.
fn sharpes(dir: &Dir, experiment: &str, budget: i64) -> Vec<f64> {
    let filter = format!("experiment_id == '{experiment}'");
    let trials = gauntlet(["ls", "trials", "--filter", &filter, "--limit", "1000"]).on(dir).ok();
    let all = trials.as_array().unwrap().iter();
    let last = all.filter(|trial| trial["trial"].as_i64().unwrap() < budget && trial["state"] == "completed");
    last.filter_map(|trial| trial["metrics"]["sharpe"].as_f64()).collect()
}

fn variance(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64
}

fn near(found: &Json, wanted: f64) {
    let found = found.as_f64().unwrap();
    assert!((found / wanted - 1.0).abs() < 1e-12, "{found}, not {wanted}");
}

#[test]
fn a_ledger_is_what_its_experiments_tried() {
    let dir = Dir::copy_of(mini());
    let document =
        MINI.replace("seed: 3", "seed: 4").replace("trials: 12", "trials: 5").replace("mini", "second");
    let file = dir.write("second.yaml", document);
    gauntlet(["submit", file.to_str().unwrap(), "--wait"]).on(&dir).ok();
    // Under another mandate the same bars would not be counted: it is refused, and has tried nothing.
    let document =
        MINI.replace("seed: 3", "seed: 5").replace("name: mini", "name: other\nmandate: elsewhere");
    let file = dir.write("other.yaml", document);
    let refused = gauntlet(["submit", file.to_str().unwrap(), "--wait"]).on(&dir).run();
    assert_eq!((refused.code, &refused.json()["status"]), (Some(1), &"failed".into()), "{refused}");

    let ledger = gauntlet(["ledger", "XAUUSD", "--trials", "30"]).on(&dir).ok();
    let entries = ledger["entries"].as_array().unwrap();
    let told: Vec<_> =
        entries.iter().map(|entry| (&entry["place"], &entry["name"], &entry["requested"])).collect();
    assert_eq!(
        told,
        [(&Json::from(1), &Json::from("mini"), &Json::from(12)), (&2.into(), &"second".into(), &5.into())]
    );
    let mut all = Vec::new();
    for (entry, budget) in entries.iter().zip([12, 5]) {
        let own = sharpes(&dir, entry["experiment_id"].as_str().unwrap(), budget);
        assert_eq!(entry["sharpe"]["count"], own.len());
        near(&entry["sharpe"]["variance"], variance(&own));
        all.extend(own);
    }
    let [next] = ledger["next"].as_array().unwrap().as_slice() else { panic!("{ledger}") };
    let noise = &next["noise"];
    assert_eq!((&noise["trials"], &noise["experiments"]), (&(12 + 5 + 30).into(), &2.into()));
    assert_eq!((&noise["looks"], &noise["holdout_looks"]), (&(4 * 12 + 4 * 5).into(), &4.into()));
    assert_eq!(noise["elsewhere"], serde_json::json!({ "experiments": 0, "trials": 0 }));
    let ceiling = variance(&all).sqrt() * expected_maximum(47.0).unwrap();
    near(&noise["ceiling"], ceiling);
    // A candidate that shows what is needed passes, by a hair.
    let observations = next["observations"].as_u64().unwrap() as usize;
    let year = next["periods_per_year"].as_f64().unwrap().sqrt();
    let sharpe = next["needed"].as_f64().unwrap() / year;
    let candidate = SharpeEstimate { observations, sharpe, skewness: 0.0, kurtosis: 3.0 };
    assert!((psr(&candidate, ceiling / year).unwrap() - 0.95).abs() < 1e-9);
    // Two finalists each.
    let checked = &gauntlet(["verify"]).on(&dir).ok()["checked"];
    assert_eq!((&checked["ledger_entries"], &checked["decisions"]), (&2.into(), &4.into()), "{checked}");
}

#[test]
fn a_mandate_that_nobody_tried_is_answered_with_those_that_were() {
    let dir = Dir::copy_of(mini());
    gauntlet(["ledger", "XAGUSD"]).on(&dir).refused(2, &["XAGUSD", "only of XAUUSD"]);
    gauntlet(["ledger", "XAUUSD", "--trials=-1"]).on(&dir).refused(2, &["--trials"]);
    // An experiment has its place however it ended. It can be cancelled before any processor has taken it in.
    let file = dir.write("one.yaml", MINI.replace("seed: 3", "seed: 6"));
    let submit = ["submit", file.to_str().unwrap()];
    let id = gauntlet(submit).on(&dir).ok()["experiment_id"].as_str().unwrap().to_owned();
    assert_eq!(gauntlet(["cancel", &id]).on(&dir).ok()["cancel"], "requested");
    gauntlet(["cancel", &id.replace(|c: char| c.is_ascii_digit(), "0")])
        .on(&dir)
        .refused(2, &["no experiment"]);
    let ended = gauntlet(submit.iter().chain(&["--wait"])).on(&dir).run();
    assert_eq!(ended.json()["status"], "cancelled", "{ended}");
    let ledger = gauntlet(["ledger", "XAUUSD"]).on(&dir).ok();
    let entries = ledger["entries"].as_array().unwrap();
    assert_eq!((entries.len(), &entries[1]["ended"]), (2, &"cancelled".into()), "{ledger}");
    // What was asked for had begun, and counts.
    let requested = entries[1]["requested"].as_u64().unwrap();
    assert_eq!(ledger["next"][0]["noise"]["trials"], 12 + requested + 100);
    // Results that came after the end are on the log and not in the entry.
    let checked = &gauntlet(["verify"]).on(&dir).ok()["checked"];
    assert_eq!((&checked["ledger_entries"], &checked["decisions"]), (&2.into(), &2.into()), "{checked}");
}
