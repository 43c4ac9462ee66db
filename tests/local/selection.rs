//! Selection from outside: what the gates say is what its own numbers give, who may waive, under which policy.

use gauntlet_tests::{Dir, Run, demo, gauntlet};
use serde_json::{Value as Json, json};

fn experiment(name: &str) -> &'static Json {
    let experiments = demo().report["experiments"].as_array().unwrap();
    experiments.iter().find(|experiment| experiment["name"] == name).unwrap()
}

fn shown(dir: &Dir, model: &Json) -> Json {
    gauntlet(["show", model.as_str().unwrap()]).on(dir).ok()
}

fn verdict<'a>(model: &'a Json, gate: &str) -> &'a Json {
    let verdicts = model["verdicts"].as_array().unwrap();
    verdicts.iter().find(|verdict| verdict["gate"] == gate).unwrap()
}

/// The trend by the default policy, the classifier by one that is called what it is.
#[test]
fn the_demo_goes_on_to_selection() {
    let (trend, classifier) = (experiment("gold-trend"), experiment("gold-ml"));
    assert_eq!((&trend["judgement"], &trend["policy"]), (&json!("rejected"), &json!("default")));
    assert_eq!(
        (&classifier["judgement"], &classifier["policy"]),
        (&json!("selected"), &json!("demonstration"))
    );
    let dir = Dir::copy_of(&demo().node);
    let best = shown(&dir, &trend["leaderboard"][0]["model_id"]);
    let failed = &best["decision"]["failed"];
    assert_eq!(failed, &json!(["deflated_sharpe", "plateau", "pbo"]));
    assert_eq!(best["decision"]["submitted_by"], "demo");
    // Every gate has its numbers, passed ones too.
    for gate in ["holdout", "max_drawdown", "break_even_cost_multiple", "ledger_incomplete"] {
        assert_eq!(verdict(&best, gate)["outcome"], "passed", "{best}");
    }
    assert_eq!(verdict(&best, "deflated_sharpe")["evidence"]["numbers"]["ledger.trials"], 100.0);
    let selected = shown(&dir, &classifier["selected"]);
    assert_eq!(
        (&selected["decision"]["decision"], &selected["decision"]["policy"]),
        (&json!("selected"), &json!("demonstration"))
    );
    // What the demonstration lets through is reported as it is.
    assert_eq!(verdict(&selected, "holdout")["outcome"], "refused");
    let node = dir.node();
    let id = classifier["selected"].as_str().unwrap();
    let text = gauntlet(["show", id, "--dir", node.to_str().unwrap()]).run();
    assert!(text.stdout.contains("SELECTED under policy demonstration"), "{text}");
    assert!(text.stdout.contains("refused (not judged)"), "{text}");
}

fn waive(dir: &Dir, model: &str, gate: &str, who: &str, expires: &str) -> Run {
    gauntlet(["waive", model, "--gate", gate, "--as", who, "--reason", "seen", "--expires", expires])
        .on(dir)
        .run()
}

#[test]
fn a_waiver_needs_another_person_and_is_read_back_with_its_reason() {
    let dir = Dir::copy_of(&demo().node);
    let model = experiment("gold-trend")["leaderboard"][0]["model_id"].as_str().unwrap();
    for (gate, who, expires, said) in [
        ("plateau", "Demo", "2030-01-01", "a waiver needs another person"),
        ("plateau", "ben", "2014-04-01", "choose a later expiry"),
        ("ledger_incomplete", "ben", "2030-01-01", "cannot be waived by anybody"),
        ("max_drawdown", "ben", "2030-01-01", "there is nothing to waive"),
    ] {
        let refused = waive(&dir, model, gate, who, expires);
        assert_eq!(refused.code, Some(1), "{refused}");
        let answer: Json = serde_json::from_str(&refused.stdout).unwrap();
        assert_eq!(answer["accepted"], false);
        assert!(answer["reason"].as_str().unwrap().contains(said), "{answer}");
    }
    let first = waive(&dir, model, "plateau", "ben", "2030-01-01");
    let answer: Json = serde_json::from_str(&first.stdout).unwrap();
    assert_eq!((first.code, &answer["failed"]), (Some(0), &json!(["deflated_sharpe", "pbo"])), "{first}");
    for gate in ["deflated_sharpe", "pbo"] {
        assert_eq!(waive(&dir, model, gate, "ben", "2030-01-01").code, Some(0));
    }
    // There is a champion by now, the classifier: they were compared, and the trend is not worth the switch or it is.
    let after = shown(&dir, &json!(model));
    let challenger = verdict(&after, "challenger");
    assert!(challenger["evidence"]["numbers"]["days"].as_f64().unwrap() > 200.0, "{challenger}");
    assert_eq!(verdict(&after, "plateau")["waiver"]["author"], "ben");
    assert_eq!(verdict(&after, "plateau")["outcome"], "waived");
    assert_eq!(after["waivers"].as_array().unwrap().len(), 7);
    let replayed = gauntlet(["replay", "--all"]).on(&dir).ok();
    assert_eq!(replayed["identical"], true, "{replayed}");
    assert_eq!(gauntlet(["verify"]).on(&dir).ok()["ok"], true);
}

#[test]
fn a_policy_never_changes_and_a_document_may_only_tighten() {
    let dir = Dir::new();
    let policy = |gates: &str| dir.write("p.yaml", format!("name: lenient\nmandate: FG\ngates: {gates}\n"));
    let set =
        |gates: &str| gauntlet(["policy", "set", policy(gates).to_str().unwrap(), "--as", "ann"]).on(&dir);
    assert_eq!(set("{ pbo: { max: 0.9 } }").ok()["loosens"], json!(["pbo"]));
    set("{ pbo: { max: 0.9 } }").ok();
    set("{ pbo: { max: 0.8 } }").refused(2, &["p.yaml", "lenient", "a policy never changes"]);
    set("{ pbu: { max: 0.8 } }").refused(2, &["did you mean `pbo`?"]);
    set("{ pbo: { min: 0.8 } }").refused(2, &["takes { max: NUMBER }"]);
    set("{ ledger_incomplete: none }").refused(2, &["cannot be changed"]);
    gauntlet(["policy", "show", "FG", "lenint"]).on(&dir).refused(2, &["did you mean lenient?"]);
    let listed = gauntlet(["policy", "ls"]).on(&dir).ok();
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
    assert!(gauntlet(["policy", "gates"]).on(&dir).ok().as_array().unwrap().len() > 15);
    for (document, said) in [
        ("gates: { pbo: { max: 0.6 } }", "is looser than policy `default`"),
        ("gates: { pbu: { max: 0.6 } }", "did you mean `pbo`?"),
        ("policy: lenint", "did you mean lenient?"),
        ("sensitivity: { samples: 500 }", "500 is not a power of two"),
        ("sensitivity: { stress: [costs_x3] }", "unknown stress `costs_x3`"),
        ("sensitivity: maybe", "write a section, or none"),
    ] {
        let text = format!(
            "name: x\ndata: {{ instrument: FG, venue: X, bars: \"time:1d\", from: 2015-01-01, to: 2019-01-01 }}\n\
             model: {{ strategy: ma-cross }}\n{document}\n"
        );
        let file = dir.write("x.yaml", text);
        gauntlet(["submit", file.to_str().unwrap()]).on(&dir).refused(2, &[said]);
    }
}
