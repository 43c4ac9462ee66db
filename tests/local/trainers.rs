//! Trainers outside, as far as no cluster is needed: the page that describes the protocol, and what an embedded log says.

use gauntlet_domain::experiment::{
    DeniedOrders, EquityCurveChunk, EvaluationFailed, EvaluationFailure, Metrics, Parameters, Phase,
    TrialFailed, TrialFailure, WalkForwardCompleted, WalkForwardFailed, walk_forward_run,
};
use gauntlet_domain::ids::derive;
use gauntlet_domain::{Event, EventId, ExperimentId, ModelId, TrialId};
use gauntlet_tests::{Dir, gauntlet, repository};

fn page() -> String {
    std::fs::read_to_string(repository().join("tests/clients/TRAINERS.md")).unwrap()
}

/// The experiment of the page's examples.
fn example() -> ExperimentId {
    "2dd816c7-b709-5379-a2e9-69958a25368b".parse().unwrap()
}

#[test]
fn the_ids_on_the_protocols_page_are_those_of_the_code() {
    let (page, experiment_id) = (page(), example());
    let parts: [&[u8]; 2] = [experiment_id.0.as_bytes(), &7_i64.to_be_bytes()];
    let (trial_id, model_id) = (TrialId::derive(&parts), ModelId::derive(&parts));
    let completed = EventId::derive(&[b"TrialCompleted", trial_id.0.as_bytes()]);
    let evaluated = EventId::derive(&[b"EvaluationCompleted", model_id.0.as_bytes()]);
    let detail = String::new();
    let failed = TrialFailed {
        experiment_id,
        trial: 7,
        trial_id,
        parameters: Parameters::new(),
        reason: TrialFailure::Panicked,
        detail: detail.clone(),
    };
    let request = Event::from(failed).answers().unwrap();
    let rows = [
        format!("`trial`, 16 bytes of the experiment, the number in 8 bytes big-endian | `{trial_id}`"),
        format!("`model`, the same | `{model_id}`"),
        format!("`event`, `TrainingRequested`, the trial | `{request}`"),
        format!("`event`, `TrialCompleted`, the trial | `{completed}`"),
        format!("`event`, `EvaluationCompleted`, the model | `{evaluated}`"),
    ];
    for row in rows {
        assert!(page.contains(&row), "the page lacks: {row}");
    }
    // The name that is hashed, byte by byte.
    let name = page.lines().find_map(|line| line.strip_prefix("`00000005")?.strip_suffix("`."));
    let name = format!("00000005{}", name.unwrap());
    let bytes: Vec<u8> =
        (0..name.len() / 2).map(|i| u8::from_str_radix(&name[2 * i..2 * i + 2], 16).unwrap()).collect();
    let expected = [
        &5_u32.to_be_bytes()[..],
        b"event",
        &14_u32.to_be_bytes(),
        b"TrialCompleted",
        &16_u32.to_be_bytes(),
        trial_id.0.as_bytes(),
    ]
    .concat();
    assert_eq!(bytes, expected);
    assert_eq!(completed.0, derive("event", &[b"TrialCompleted", trial_id.0.as_bytes()]));
    let reason = EvaluationFailure::Panicked;
    let failed = EvaluationFailed { experiment_id, model_id, trial: 7, reason, detail };
    let request = EventId::derive(&[b"EvaluationRequested", model_id.0.as_bytes()]);
    assert_eq!(Event::from(failed).answers(), Some(request));
}

#[test]
fn the_ids_of_a_walk_forward_on_the_protocols_page_are_those_of_the_code() {
    let (page, experiment_id) = (page(), example());
    let (reason, detail) = (EvaluationFailure::Panicked, String::new());
    let request = Event::from(WalkForwardFailed { experiment_id, reason, detail }).answers().unwrap();
    let completed = WalkForwardCompleted {
        experiment_id,
        metrics: Metrics::new(),
        folds: vec![],
        summary: Metrics::new(),
        inference: Metrics::new(),
        denied: DeniedOrders::new(),
    };
    let (times, values, model_id) = (vec![], vec![], walk_forward_run(experiment_id));
    let phase = Phase::WalkForward;
    let chunk = EquityCurveChunk { experiment_id, model_id, phase, chunk: 0, times, values };
    let (completed, chunk) = (Event::from(completed), Event::from(chunk));
    assert_eq!(completed.answers(), Some(request));
    assert_eq!(chunk.answers(), Some(request));
    assert_eq!(chunk.key(), format!("{experiment_id}:walk_forward"));
    let (completed, chunk) = (completed.id(), chunk.id());
    for row in [
        format!("`event`, `WalkForwardRequested`, the experiment | `{request}`"),
        format!("`event`, `WalkForwardCompleted`, the experiment | `{completed}`"),
        format!("`event`, `EquityCurveChunk`, the experiment, `walk_forward`, 0 in 8 bytes | `{chunk}`"),
    ] {
        assert!(page.contains(&row), "the page lacks: {row}");
    }
}

const OUTSIDE: &str = "\
name: outside
data: { instrument: XAUUSD, venue: OANDA, bars: \"time:1h\", from: 2010-01-01, to: 2014-05-01 }
model: { strategy: \"external:sklearn\", parameters: { depth: { int: [1, 9] } } }
validation: { scheme: SCHEME }
";

#[test]
fn an_embedded_log_refuses_a_trainer_outside_before_anything_is_written() {
    let dir = Dir::new();
    // For that reason alone, in each scheme.
    for scheme in ["walk-forward", "fixed"] {
        let document = dir.write("outside.yaml", OUTSIDE.replace("SCHEME", scheme));
        let submit = ["submit", document.to_str().unwrap(), "--wait"];
        let words = [
            "outside.yaml: model.strategy",
            "(sklearn)",
            "this log is embedded",
            "set kafka.bootstrap_servers",
        ];
        gauntlet(submit).on(&dir).refused(2, &words);
    }
    let digest = gauntlet(["digest"]).on(&dir).ok();
    let topics = digest["topics"].as_object().unwrap();
    assert!(topics.len() >= 15, "{topics:?}");
    assert!(topics.values().all(|topic| topic["events"] == 0), "{topics:?}");
    let bad = dir.write("bad.yaml", OUTSIDE.replace("SCHEME", "fixed").replace(":sklearn", ":Sk.learn"));
    let words = ["'Sk.learn' cannot be a trainer", "lower-case letters"];
    gauntlet(["submit", bad.to_str().unwrap()]).on(&dir).refused(2, &words);
}
