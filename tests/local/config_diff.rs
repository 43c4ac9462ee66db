//! `config diff` and `show --document` from outside: what two things ran with, against what was changed, and against what other
//! commands say of them.

use gauntlet_tests::golden::MINI;
use gauntlet_tests::{Dir, Json, Run, Up, demo, gauntlet, mini};
use serde_json::json;

fn diff(dir: &Dir, a: &str, b: &str) -> Run {
    gauntlet(["config", "diff", a, b]).on(dir).run()
}

/// The paths that differ, with both values; the exit code says whether there are any.
fn differences(dir: &Dir, a: &str, b: &str) -> Vec<(String, Json, Json)> {
    let run = diff(dir, a, b);
    let answer = run.json();
    let found: Vec<_> = answer["differences"].as_array().unwrap().iter().map(key).collect();
    assert_eq!(answer["equal"], found.is_empty(), "{run}");
    assert_eq!(run.code, Some(i32::from(!found.is_empty())), "{run}");
    assert!(found.is_sorted_by_key(|(key, ..)| key.clone()), "{run}");
    found
}

fn key(of: &Json) -> (String, Json, Json) {
    (of["key"].as_str().unwrap().to_owned(), of["a"].clone(), of["b"].clone())
}

fn changed(key: &str, a: impl Into<Json>, b: impl Into<Json>) -> (String, Json, Json) {
    (key.to_owned(), a.into(), b.into())
}

fn rows(dir: &Dir, what: &str, filter: &str) -> Vec<Json> {
    gauntlet(["ls", what, "--filter", filter]).on(dir).ok().as_array().unwrap().clone()
}

fn id_of(dir: &Dir, name: &str) -> String {
    let found = rows(dir, "experiments", &format!("name == '{name}'"));
    found[0]["experiment_id"].as_str().unwrap().to_owned()
}

fn document(text: &str, dir: &Dir, name: &str) -> String {
    dir.write(name, text).to_str().unwrap().to_owned()
}

#[test]
fn two_experiments_differ_in_what_was_changed_and_in_nothing_else() {
    let dir = Dir::copy_of(mini());
    let text = MINI.replace("name: mini", "name: second").replace("seed: 3", "seed: 4");
    let file = document(&text.replace("trials: 12", "trials: 5"), &dir, "second.yaml");
    gauntlet(["submit", &file, "--wait"]).on(&dir).ok();
    let (first, second) = (id_of(&dir, "mini"), id_of(&dir, "second"));
    let expected =
        [changed("name", "mini", "second"), changed("tuning.seed", 3, 4), changed("tuning.trials", 12, 5)];
    assert_eq!(differences(&dir, &first[..13], "second"), expected);
    assert_eq!(differences(&dir, "mini", &file), expected);
    let answer = diff(&dir, "mini", &second).json();
    let side =
        |side: &str| [&answer[side]["kind"], &answer[side]["id"], &answer[side]["name"]].map(Json::clone);
    assert_eq!(side("a"), [json!("experiment"), json!(first), json!("mini")]);
    assert_eq!(side("b"), [json!("experiment"), json!(second), json!("second")]);
    assert!(answer.get("keys").is_none());
    // Walk-forwards ran with the documents of their experiments; models and trials add what is theirs.
    let walk = |id: &str| format!("{id}:walk_forward");
    assert_eq!(differences(&dir, &walk(&first), &walk(&second)), expected);
    let model = |id: &str| gauntlet(["show", id]).on(&dir).ok()["leaderboard"][0]["model_id"].clone();
    let [one, other] = [&first, &second].map(|id| model(id).as_str().unwrap().to_owned());
    let mut of_models = differences(&dir, &one, &other);
    of_models.retain(|(key, ..)| !key.starts_with("parameters."));
    assert_eq!(of_models, expected);

    let node = dir.node();
    let node = node.to_str().unwrap();
    let text = gauntlet(["config", "diff", "mini", "second", "--dir", node]).run();
    let lines: Vec<&str> = text.stdout.lines().collect();
    assert_eq!(lines[0], format!("a: experiment mini ({first})"));
    assert_eq!(
        lines[2..],
        ["key\ta\tb", "name\t\"mini\"\t\"second\"", "tuning.seed\t3\t4", "tuning.trials\t12\t5"],
        "{text}"
    );
    let replayed = gauntlet(["verify"]).on(&dir).ok();
    assert_eq!(replayed["ok"], true, "a comparison changes nothing: {replayed}");
}

#[test]
fn a_thing_is_equal_to_itself_and_all_keys_are_there() {
    let dir = Dir::copy_of(mini());
    let id = id_of(&dir, "mini");
    assert_eq!(differences(&dir, "mini", &id), []);
    assert_eq!(differences(&dir, &format!("{id}:walk_forward"), &id), []);
    let config = rows(&dir, "configs", "config_id != ''")[0]["config_id"].as_str().unwrap().to_owned();
    assert_eq!(differences(&dir, &config, &id), []);
    let all = gauntlet(["config", "diff", "mini", "mini", "--all"]).on(&dir).ok();
    let keys: Vec<_> = all["keys"].as_array().unwrap().iter().map(key).collect();
    for (key, value) in [
        ("account.capital", json!(100_000.0)),
        ("data.from", json!("2010-01-01T00:00:00Z")),
        ("model.parameters.fast.int", json!([5, 60])),
        ("policy.gates.pbo.max", json!(0.5)),
        ("tuning.objective", json!("sharpe")),
    ] {
        assert!(keys.contains(&changed(key, value.clone(), value)), "{key}: {all}");
    }
    assert_eq!(all["differences"], json!([]));
    let node = dir.node();
    let text = gauntlet(["config", "diff", "mini", "mini", "--dir", node.to_str().unwrap()]).run();
    assert_eq!(text.code, Some(0));
    assert!(text.stdout.ends_with("equal: no key differs\n"), "{text}");
}

/// What a model and a trial add, against what the lists and `show MODEL` say.
#[test]
fn trials_and_models_add_what_is_their_own() {
    let dir = Dir::copy_of(mini());
    let trials = rows(&dir, "trials", "state == 'completed' and trial < 12");
    let [one, other] = [&trials[0], &trials[1]];
    let name = |trial: &Json| trial["trial_id"].as_str().unwrap().to_owned();
    let mut expected = Vec::new();
    for (parameter, value) in one["hyperparameters"].as_object().unwrap() {
        let there = &other["hyperparameters"][parameter];
        if value != there {
            expected.push(changed(&format!("parameters.{parameter}"), value.clone(), there.clone()));
        }
    }
    assert!(!expected.is_empty(), "{one} {other}");
    assert_eq!(differences(&dir, &name(one), &name(other)), expected);

    let id = id_of(&dir, "mini");
    let board = gauntlet(["show", &id]).on(&dir).ok()["leaderboard"].clone();
    let model = board[0]["model_id"].as_str().unwrap();
    let shown = gauntlet(["show", model]).on(&dir).ok();
    let expected = shown["parameters"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (format!("parameters.{name}"), value.clone()));
    let snapshots = [("holdout", 1), ("tuning", 0)]
        .map(|(what, place)| (format!("snapshots.{what}"), shown["snapshots"][place]["hash"].clone()));
    let of_model: Vec<_> = differences(&dir, model, "mini");
    let (logic, others): (Vec<_>, Vec<_>) =
        of_model.into_iter().partition(|(key, ..)| key.starts_with("logic."));
    let expected: Vec<_> = expected.chain(snapshots).map(|(key, value)| (key, value, Json::Null)).collect();
    assert_eq!(others, expected);
    assert!(others.iter().all(|(_, value, _)| !value.is_null()));
    let versions: Vec<&str> = logic.iter().map(|(key, ..)| key.as_str()).collect();
    assert_eq!(versions, ["logic.evaluator", "logic.trainer"]);
    assert!(logic.iter().all(|(_, version, _)| version.as_str().is_some_and(|text| !text.is_empty())));
    // A phase of a model is the same as the model.
    assert_eq!(differences(&dir, model, &format!("{model}:holdout")), []);
    let snapshot = shown["snapshots"][0]["snapshot_id"].as_str().unwrap();
    gauntlet(["config", "diff", snapshot, &id]).on(&dir).refused(2, &[snapshot, "is a snapshot of data"]);
}

#[test]
fn a_document_is_compared_as_it_would_be_submitted() {
    let dir = Dir::copy_of(mini());
    let file = |text: &str| document(text, &dir, "own.yaml");
    assert_eq!(differences(&dir, &file(MINI), "mini"), []);
    let more = file(&MINI.replace("folds: 4", "folds: 5, purge: 2"));
    assert_eq!(
        differences(&dir, "mini", &more),
        [changed("validation.folds", 4, 5), changed("validation.purge", 0, 2)]
    );
    // The latest bar is the one that there is here.
    let latest = document(&MINI.replace("2014-05-01", "latest"), &dir, "latest.yaml");
    assert_eq!(
        differences(&dir, &latest, &file(&MINI.replace("2014-05-01", "2014-04-01"))),
        [changed("data.to", "2014-05-01T00:00:00Z", "2014-04-01T00:00:00Z")]
    );
    let wrong = file(&MINI.replace("trials:", "trails:"));
    let said = ["own.yaml:6", "did you mean 'tuning.trials'?"];
    gauntlet(["config", "diff", "mini", &wrong]).on(&dir).refused(2, &said);
    let unknown = file(&format!("{MINI}policy: lenint\n"));
    gauntlet(["config", "diff", &unknown, "mini"]).on(&dir).refused(2, &["no policy `lenint`"]);
    gauntlet(["config", "diff", "mini", "absent.yaml"]).on(&dir).refused(2, &["absent.yaml"]);
    // Two documents need no directory.
    let nowhere = Dir::new();
    let other = document(&MINI.replace("seed: 3", "seed: 4"), &nowhere, "other.yaml");
    assert_eq!(differences(&nowhere, &file(MINI), &other), [changed("tuning.seed", 3, 4)]);
    gauntlet(["config", "diff", &other, "mini"]).on(&nowhere).refused(2, &["there is nothing in"]);
    assert!(!nowhere.node().join("log.redb").exists());
}

#[test]
fn no_secret_of_the_node_is_looked_up_for_a_document() {
    let dir = Dir::copy_of(mini());
    let file = document(&format!("{MINI}description: \"${{env:SECRET}}\"\n"), &dir, "own.yaml");
    let run = gauntlet(["config", "diff", "mini", &file]).env("SECRET", "hunter2").on(&dir).run();
    assert_eq!(run.json()["differences"], json!([{ "key": "description", "a": "", "b": "${env:SECRET}" }]));
    assert!(!run.stdout.contains("hunter2") && !run.stderr.contains("hunter2"), "{run}");
}

#[test]
fn a_running_up_answers_for_the_directory_that_it_holds() {
    let dir = Dir::copy_of(mini());
    let up = Up::on(&dir);
    let file = document(&MINI.replace("seed: 3", "seed: 4"), &dir, "other.yaml");
    assert_eq!(differences(&dir, "mini", &file), [changed("tuning.seed", 3, 4)]);
    assert_eq!(gauntlet(["show", "mini", "--document"]).on(&dir).ok()["tuning"]["seed"], 3);
    gauntlet(["config", "diff", "mini", "nobody"]).on(&dir).refused(2, &["nothing has an id"]);
    up.stop();
}

/// A rule has no artifact; what was learned has one, under the hash that `show MODEL` names.
#[test]
fn a_learned_model_adds_its_artifact() {
    let dir = Dir::copy_of(&demo().node);
    let model = |name: &str| {
        let shown = gauntlet(["show", name]).on(&dir).ok();
        shown["leaderboard"][0]["model_id"].as_str().unwrap().to_owned()
    };
    let (trend, learned) = (model("gold-trend"), model("gold-ml"));
    let path = gauntlet(["show", &learned]).on(&dir).ok()["artifact_path"].clone();
    let hash = path.as_str().unwrap().strip_prefix("artifacts/").unwrap();
    let found = differences(&dir, &trend, &learned);
    assert!(found.contains(&changed("artifact", Json::Null, hash)), "{found:?}");
    for key in ["model.strategy", "parameters.fast", "policy.name"] {
        assert!(found.iter().any(|(of, ..)| of == key), "{key}: {found:?}");
    }
}

/// What is shown is the document whose hash the experiment has, and can be submitted again.
#[test]
fn an_experiment_a_run_and_a_model_show_the_document_that_they_ran_with() {
    let dir = Dir::copy_of(mini());
    let id = id_of(&dir, "mini");
    let shown = gauntlet(["show", &id]).on(&dir).ok();
    let model = shown["leaderboard"][0]["model_id"].as_str().unwrap().to_owned();
    let node = dir.node();
    let node = node.to_str().unwrap();
    let mut texts = Vec::new();
    for thing in
        ["mini".to_owned(), id.clone(), model.clone(), format!("{model}:holdout"), format!("{id}:walk")]
    {
        let text = gauntlet(["show", &thing, "--document", "--dir", node]).run();
        assert_eq!(text.code, Some(0), "{text}");
        texts.push(text.stdout);
        let document = gauntlet(["show", &thing, "--document"]).on(&dir).ok();
        assert_eq!((&document["tuning"]["seed"], &document["tuning"]["trials"]), (&3.into(), &12.into()));
        assert_eq!(document["tuning"]["objective"], "sharpe", "defaults are spelled out: {document}");
    }
    assert!(texts.windows(2).all(|pair| pair[0] == pair[1]), "{texts:?}");
    assert!(texts[0].contains("\ntuning:\n  direction: \"maximize\"\n"), "{}", texts[0]);
    let file = document(&texts[0], &dir, "again.yaml");
    let valid = gauntlet(["config", "validate", &file]).on(&dir).ok();
    assert_eq!((&valid["config_hash"], &valid["experiment_id"]), (&shown["config_id"], &json!(id)));
    assert_eq!(differences(&dir, &file, "mini"), []);
    gauntlet(["show", "nobody", "--document"])
        .on(&dir)
        .refused(2, &["nothing has an id that begins with 'nobody'"]);
    gauntlet(["show", &id, "--document", "--folds"]).on(&dir).refused(2, &["cannot be used with"]);
}

#[test]
fn policies_are_compared_with_policies() {
    let dir = Dir::copy_of(mini());
    let set = |name: &str, mandate: &str, gates: &str| {
        let text = format!("name: {name}\nmandate: {mandate}\ngates: {gates}\n");
        let file = document(&text, &dir, "policy.yaml");
        gauntlet(["policy", "set", &file, "--as", "ann"]).on(&dir).ok();
    };
    set("lenient", "FG", "{ pbo: { max: 0.9 }, plateau: none, var_historical: { max: 0.1 } }");
    set("lenient", "XAUUSD", "{ pbo: { max: 0.8 } }");
    set("same", "FG", "{ pbo: { max: 0.7 } }");
    set("same", "XAUUSD", "{ pbo: { max: 0.7 } }");
    assert_eq!(
        differences(&dir, "default", "lenient@FG"),
        [
            changed("gates.pbo.max", 0.5, 0.9),
            changed("gates.plateau", json!({ "min": 0.6 }), "none"),
            changed("gates.var_historical.max", Json::Null, 0.1),
            changed("name", "default", "lenient"),
        ]
    );
    let answer = diff(&dir, "lenient@XAUUSD", "same").json();
    assert_eq!((&answer["a"]["kind"], &answer["a"]["mandate"]), (&json!("policy"), &json!("XAUUSD")));
    let hash = answer["a"]["hash"].as_str().unwrap();
    assert_eq!(differences(&dir, &hash[..16], "lenient@XAUUSD"), []);
    assert_eq!(differences(&dir, &format!("lenient@{}", &hash[..16]), hash), []);
    // One name, two policies: which one is asked for. Equal ones are one.
    let two = ["'lenient' stands for 2 policies", "NAME@MANDATE", "lenient@FG (hash", "lenient@XAUUSD (hash"];
    gauntlet(["config", "diff", "lenient", "default"]).on(&dir).refused(2, &two);
    assert_eq!(differences(&dir, "same@FG", "same"), []);
    set("mini", "FG", "{ pbo: { max: 0.6 } }");
    let both = ["'mini' is the name of an experiment and of a policy"];
    gauntlet(["config", "diff", "mini", "default"]).on(&dir).refused(2, &both);
    let id = id_of(&dir, "mini");
    let kinds = ["a policy and an experiment cannot be compared", "'default'", &id, "give two policies"];
    gauntlet(["config", "diff", "default", &id]).on(&dir).refused(2, &kinds);
    let file = document(MINI, &dir, "own.yaml");
    gauntlet(["config", "diff", &file, "same"]).on(&dir).refused(2, &["a document and a policy cannot be"]);
}

#[test]
fn what_is_not_there_and_what_stands_for_several_is_said() {
    let dir = Dir::copy_of(mini());
    let nothing = [
        "nothing has an id that begins with 'nobody', and no experiment has that name: see gauntlet ls experiments",
        "gauntlet policy ls",
        "ends in .yaml",
    ];
    gauntlet(["config", "diff", "mini", "nobody"]).on(&dir).refused(2, &nothing);
    gauntlet(["config", "diff", "nobody", "mini"]).on(&dir).refused(2, &nothing[..1]);
    gauntlet(["config", "diff", "mini", ""]).on(&dir).refused(2, &["give more digits"]);
    gauntlet(["config", "diff", "mini"]).on(&dir).refused(2, &["required"]);
    gauntlet(["config", "diff", "--all"]).on(&dir).refused(2, &["required"]);
    // The same text once more is another attempt under the same name only after a failure; another seed is another one.
    let file =
        document(&MINI.replace("seed: 3", "seed: 4").replace("trials: 12", "trials: 4"), &dir, "b.yaml");
    gauntlet(["submit", &file, "--wait"]).on(&dir).ok();
    let several = ["2 experiments have the name 'mini': give an id, of"];
    gauntlet(["config", "diff", "mini", &file]).on(&dir).refused(2, &several);
    // Without anything it is of the node, as before.
    let changes = gauntlet(["config", "diff"]).on(&dir).ok();
    assert!(changes.as_array().unwrap().iter().any(|change| change["key"] == "dir"), "{changes}");
}
