//! Experiment documents: YAML as a quant writes it to `gauntlet_domain::spec::ExperimentSpec`, with
//! errors that name file, line and key.
//!
//! Names that other crates own (strategies, samplers, metrics) are text here and are judged when the experiment is
//! submitted.

use gauntlet_domain::Timestamp;
use gauntlet_domain::gates::{self, Policy};
use gauntlet_domain::spec::{ExperimentSpec, PolicySpec, TuningSpec, ValidationSpec};
use gauntlet_search::{Choice, PrunerKind, SamplerKind};
use serde_json::Value as Json;

use crate::check::check;
use crate::error::ConfigError;
use crate::load::{put, typed};
use crate::schema::experiment_schema;
use crate::tree::{Node, Origin, Value};

/// An experiment as it was read, and where each of its keys is written.
#[derive(Debug, Clone, PartialEq)]
pub struct ExperimentDocument {
    /// The experiment.
    pub spec: ExperimentSpec,
    tree: Node,
}

impl ExperimentDocument {
    /// Reads a document. `name` is what errors call it, usually its path. `overrides` are pairs of key path and value,
    /// set before anything is checked, later ones over earlier ones: `("tuning.trials", "50")`.
    pub fn read(
        text: &str,
        name: &str,
        overrides: &[(String, String)],
    ) -> Result<ExperimentDocument, ConfigError> {
        let schema = experiment_schema();
        let mut tree = tree(text, name)?;
        for (path, value) in overrides {
            put(&mut tree, &schema, path, value, Origin::Override { text: format!("{path}={value}") })?;
        }
        ExperimentDocument::of(tree)
    }

    /// Reads a document whose `data` may also name a `path`, which an experiment on the log does not have.
    pub fn read_with_path(
        text: &str,
        name: &str,
    ) -> Result<(ExperimentDocument, Option<String>), ConfigError> {
        let mut tree = tree(text, name)?;
        let path = tree.take(&["data", "path"]).map(|path| match path.value {
            Value::Scalar(Json::String(text)) => Ok(text),
            value => Err(ConfigError::WrongValue {
                key: "data.path".to_owned(),
                found: value.found(),
                origin: path.origin,
                expected: "the path of a file of bars or ticks".to_owned(),
            }),
        });
        let path = path.transpose()?;
        Ok((ExperimentDocument::of(tree)?, path))
    }

    /// Reads a document whose `data.to` may be `latest`: `newest` is then asked how far the data of its instrument go.
    ///
    /// # Errors
    /// What is wrong with the document, and what `newest` says.
    pub fn read_to_latest<E: From<ConfigError>>(
        text: &str,
        name: &str,
        overrides: &[(String, String)],
        newest: impl FnOnce(&ExperimentSpec) -> Result<Timestamp, E>,
    ) -> Result<ExperimentDocument, E> {
        let to = |value: String| [overrides, &[("data.to".to_owned(), value)]].concat();
        if !says_latest(text, name, overrides)? {
            return Ok(ExperimentDocument::read(text, name, overrides)?);
        }
        // What is asked for does not depend on it.
        let open = ExperimentDocument::read(text, name, &to(Timestamp(i64::MAX).to_string()))?;
        let newest = newest(&open.spec)?;
        Ok(ExperimentDocument::read(text, name, &to(newest.to_string()))?)
    }

    fn of(mut tree: Node) -> Result<ExperimentDocument, ConfigError> {
        check(&mut tree, &experiment_schema())?;
        let mut spec: ExperimentSpec = typed(&tree)?;
        resolve(&mut spec.tuning);
        spec.validation.scheme_version.get_or_insert(ValidationSpec::SCHEME_VERSION);
        spec.sensitivity.get_or_insert_default();
        if spec.policy.as_ref().is_none_or(|policy| policy.name() == gates::DEFAULT_POLICY) {
            spec.policy = Some(PolicySpec::Resolved(Policy::default_policy()));
        }
        Ok(ExperimentDocument { spec, tree })
    }

    /// Where a key such as `tuning.trials` is written; where it is not, the section in which it would be.
    pub fn place(&self, key: &str) -> &Origin {
        let mut node = &self.tree;
        for key in key.split('.') {
            match node.entry(key) {
                Some(entry) => node = entry,
                None => break,
            }
        }
        &node.origin
    }
}

/// Whether the data of a document go as far as there are any.
fn says_latest(text: &str, name: &str, overrides: &[(String, String)]) -> Result<bool, ConfigError> {
    let mut tree = tree(text, name)?;
    for (path, value) in overrides {
        let origin = Origin::Override { text: format!("{path}={value}") };
        put(&mut tree, &experiment_schema(), path, value, origin)?;
    }
    let to = tree.entry("data").and_then(|data| data.entry("to"));
    Ok(to.is_some_and(|to| to.value == Value::Scalar("latest".into())))
}

/// Reads a document, and forgets where its keys are written.
pub fn read_experiment(
    text: &str,
    name: &str,
    overrides: &[(String, String)],
) -> Result<ExperimentSpec, ConfigError> {
    ExperimentDocument::read(text, name, overrides).map(|document| document.spec)
}

fn tree(text: &str, name: &str) -> Result<Node, ConfigError> {
    let tree = Node::from_yaml(text, name)?;
    if tree.is_null() {
        return Err(ConfigError::Empty {
            file: name.to_owned(),
            fix: "write an experiment with at least name, data and model",
        });
    }
    Ok(tree)
}

/// Spells the settings of sampler and pruner out, like every other default: a stored name without settings means what
/// it meant before there were any. What cannot be read is judged with the other names.
fn resolve(tuning: &mut TuningSpec) {
    if let Ok(sampler) = Choice::<SamplerKind>::of_document(&tuning.sampler) {
        tuning.sampler = sampler.to_string();
    }
    if let Ok(pruner) = Choice::<PrunerKind>::of_document(&tuning.pruner) {
        tuning.pruner = pruner.to_string();
    }
}

#[cfg(test)]
mod tests {
    use gauntlet_domain::gates::Bound;

    use super::*;
    use gauntlet_domain::spec::{Direction, Share, SpreadSpec};
    use serde_json::json;

    const GOLD: &str = "\
name: gold
data:
  instrument: XAUUSD
  venue: OANDA
  bars: time:1h
  from: 2006-03-20
  to: 2014-05-01
model:
  strategy: ma-cross
  parameters:
    fast: { int: [5, 60] }
    slow: { int: [20, 400], when: \"slow > fast\" }
costs: { spread: quoted }
tuning: { trials: 400 }
validation: { holdout: 20% }
gates:
  pbo: { max: 0.3 }
paper:
";

    fn gold(overrides: &[(&str, &str)]) -> Result<ExperimentSpec, ConfigError> {
        with(GOLD, overrides)
    }

    fn with(text: &str, overrides: &[(&str, &str)]) -> Result<ExperimentSpec, ConfigError> {
        let overrides: Vec<_> =
            overrides.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        read_experiment(text, "gold.yaml", &overrides)
    }

    fn message(from: &str, to: &str) -> String {
        assert!(GOLD.contains(from), "{from} is not in the example");
        with(&GOLD.replacen(from, to, 1), &[]).unwrap_err().to_string()
    }

    #[test]
    fn a_document_becomes_an_experiment() {
        let spec = gold(&[]).unwrap();
        assert_eq!(spec.validation.holdout, Share(0.2));
        assert_eq!(spec.tuning.trials, 400);
        assert_eq!(spec.tuning.direction, Direction::Maximize);
        assert_eq!(spec.model.parameters["fast"], json!({ "int": [5, 60] }));
        assert_eq!(spec.gates.unwrap()["pbo"], Bound::Max(0.3));
        assert_eq!(spec.paper, None);
        assert_eq!(spec.data.from.0.to_string(), "2006-03-20T00:00:00Z");
    }

    #[test]
    fn the_latest_moment_is_asked_for_and_written_down() {
        let read = |text: &str, overrides: &[(String, String)]| {
            ExperimentDocument::read_to_latest::<ConfigError>(text, "gold.yaml", overrides, |spec| {
                assert_eq!(
                    (spec.data.instrument.as_str(), spec.data.bars.to_string().as_str()),
                    ("XAUUSD", "time:1h")
                );
                Ok("2014-04-30T21:00:00Z".parse().unwrap())
            })
            .map(|document| document.spec.data.to.0.to_string())
        };
        assert_eq!(read(GOLD, &[]).unwrap(), "2014-05-01T00:00:00Z");
        let latest = GOLD.replace("2014-05-01", "latest");
        assert_eq!(read(&latest, &[]).unwrap(), "2014-04-30T21:00:00Z");
        let overrides = [("data.to".to_owned(), "latest".to_owned())];
        assert_eq!(read(GOLD, &overrides).unwrap(), "2014-04-30T21:00:00Z");
        let wrong = read(&latest.replace("venue", "vanue"), &[]).unwrap_err().to_string();
        assert!(wrong.contains("vanue"), "{wrong}");
    }

    #[test]
    fn the_resolved_document_is_a_document() {
        let spec = gold(&[]).unwrap();
        let again = read_experiment(&spec.canonical_json(), "resolved.json", &[]).unwrap();
        assert_eq!(again.canonical_json(), spec.canonical_json());
    }

    #[test]
    fn samplers_and_pruners_are_resolved_to_their_settings() {
        let tuning = |sampler: &str| {
            let spec = gold(&[("tuning.sampler", sampler)]).unwrap();
            (spec.tuning.sampler, spec.tuning.pruner)
        };
        let tpe = "tpe(multivariate=true,startup_trials=10,candidates=24,constant_liar=true,kernels=256,repeat=false)";
        let median = "median(startup_trials=5,warmup_folds=1)";
        assert_eq!(gold(&[]).unwrap().tuning.sampler, tpe);
        assert_eq!(tuning("tpe"), (tpe.to_owned(), median.to_owned()));
        assert_eq!(tuning("{ tpe: { candidates: 48 } }").0, tpe.replace("=24", "=48"));
        assert_eq!(tuning("tpe(candidates=48)").0, tpe.replace("=24", "=48"));
        assert_eq!(tuning(&format!("{tpe:?}")).0, tpe);
        // Judged when it is submitted, with the other names.
        assert_eq!(tuning("{ tpe: { candidate: 48 } }").0, "tpe(candidate=48)");
        assert_eq!(
            gold(&[("tuning.sampler", "3")]).unwrap_err().to_string(),
            "'tuning.sampler' in override tuning.sampler=3 is 3: expected a name, or a name with settings such as { tpe: { candidates: 48 } }"
        );
    }

    #[test]
    fn every_key_has_a_place() {
        let overrides = [("tuning.trials".to_owned(), "7".to_owned())];
        let document = ExperimentDocument::read(GOLD, "gold.yaml", &overrides).unwrap();
        for (key, place) in [
            ("model.parameters.slow", "gold.yaml:12"),
            ("validation.holdout", "gold.yaml:15"),
            ("tuning.trials", "override tuning.trials=7"),
            ("tuning.sampler", "gold.yaml:14"),
            ("account.periods_per_year", "gold.yaml"),
        ] {
            assert_eq!(document.place(key).to_string(), place, "{key}");
        }
    }

    #[test]
    fn a_path_is_taken_out_and_the_rest_keeps_its_lines() {
        let text = GOLD.replace("  venue: OANDA\n", "  path: gold.csv\n  venue: OANDA\n");
        let (document, path) = ExperimentDocument::read_with_path(&text, "gold.yaml").unwrap();
        assert_eq!((document.spec, path.as_deref()), (gold(&[]).unwrap(), Some("gold.csv")));
        let refused = |from: &str, to: &str| {
            let text = text.replacen(from, to, 1);
            ExperimentDocument::read_with_path(&text, "gold.yaml").unwrap_err().to_string()
        };
        assert!(refused("trials:", "trails:").starts_with("unknown key 'tuning.trails' in gold.yaml:15"));
        assert_eq!(
            refused("gold.csv", "5"),
            "'data.path' in gold.yaml:4 is 5: expected the path of a file of bars or ticks"
        );
        let (_, path) = ExperimentDocument::read_with_path(GOLD, "gold.yaml").unwrap();
        assert_eq!(path, None);
    }

    #[test]
    fn overrides_are_set_before_typing() {
        let spec = gold(&[
            ("tuning.trials", "10"),
            ("tuning.trials", "50"),
            ("costs.spread", "1.5"),
            ("account.sizing.percent", "80"),
            ("name", "007"),
            ("model.parameters.fast", "{ int: [1, 2] }"),
            ("validation.holdout", "30%"),
        ])
        .unwrap();
        assert_eq!(spec.tuning.trials, 50);
        assert_eq!(spec.costs.spread, SpreadSpec::Bps(1.5));
        assert_eq!((spec.account.sizing.percent, spec.name.as_str()), (80.0, "007"));
        assert_eq!(spec.model.parameters["fast"], json!({ "int": [1, 2] }));
        assert_eq!(spec.validation.holdout, Share(0.3));
        assert_ne!(spec.experiment_id(), gold(&[]).unwrap().experiment_id());
    }

    #[test]
    fn an_override_that_does_not_fit_says_so() {
        let refused = |key: &str, value: &str| gold(&[(key, value)]).unwrap_err().to_string();
        assert_eq!(
            refused("tuning.trails", "50"),
            "unknown key 'tuning.trails' in override tuning.trails=50: did you mean 'tuning.trials'?"
        );
        assert_eq!(
            refused("tuning.trials", "many"),
            "'tuning.trials' in override tuning.trials=many is 'many': expected a whole number from 0 to 4294967295"
        );
        assert_eq!(
            refused("name.x", "1"),
            "'name.x' in override name.x=1 cannot be used: a key on its way is 'gold', not a section: set that key itself"
        );
        assert!(refused("tuning", "[1").starts_with("override tuning=[1: is not valid YAML: "));
    }

    #[test]
    fn an_unknown_key_names_the_nearest() {
        assert_eq!(
            message("tuning:", "tunning:"),
            "unknown key 'tunning' in gold.yaml:14: did you mean 'tuning'?"
        );
        assert_eq!(
            message("venue: OANDA", "venu: OANDA"),
            "unknown key 'data.venu' in gold.yaml:4: did you mean 'data.venue'?"
        );
        assert_eq!(
            message("name: gold", "name: gold\nbars: time:1h"),
            "unknown key 'bars' in gold.yaml:2: did you mean 'data.bars'?"
        );
    }

    #[test]
    fn a_wrong_type_says_what_was_expected() {
        assert_eq!(
            message("trials: 400", "trials: lots"),
            "'tuning.trials' in gold.yaml:14 is 'lots': expected a whole number from 0 to 4294967295"
        );
        assert_eq!(
            message("trials: 400", "direction: up"),
            "'tuning.direction' in gold.yaml:14 is 'up': expected one of maximize, minimize"
        );
        assert_eq!(
            message("tuning: { trials: 400 }", "tuning: tpe"),
            "'tuning' in gold.yaml:14 is 'tpe': expected a section with direction, objective, parallelism, pruner, \
             sampler, seed, trials"
        );
    }

    #[test]
    fn a_rate_that_is_none_is_told_both_forms() {
        assert_eq!(
            message("costs:", "account: { risk_free: high }\ncosts:"),
            "'account.risk_free' in gold.yaml:13 is 'high': expected an annual rate such as 0.03 for three percent, or \
             rates by the date since which they hold"
        );
    }

    #[test]
    fn bad_dates_bars_and_shares_say_what_to_write() {
        assert_eq!(
            message("2014-05-01", "2014-13-01"),
            "'data.to' in gold.yaml:7 cannot be used: '2014-13-01' is not a time: write a date (2014-05-01) or RFC \
             3339 (2014-05-01T12:30:00Z)"
        );
        assert_eq!(
            message("2014-05-01", "20140501"),
            "'data.to' in gold.yaml:7 is 20140501: expected a date such as 2014-05-01 or a time such as \
             2014-05-01T12:30:00Z"
        );
        assert_eq!(
            message("time:1h", "1h"),
            "'data.bars' in gold.yaml:5 cannot be used: '1h' is not a bar spec: write time:N with a unit s, m, h or d, \
             from time:1s to time:1d"
        );
        assert_eq!(
            message("20%", "120%"),
            "'validation.holdout' in gold.yaml:15 cannot be used: share 1.2 is not between 0 and 1: write 20% or 0.2"
        );
        assert_eq!(
            message("20%", "some"),
            "'validation.holdout' in gold.yaml:15 cannot be used: 'some' is not a share: write 20% or 0.2"
        );
        assert_eq!(
            message("20%", "1.2"),
            "'validation.holdout' in gold.yaml:15 is 1.2: expected a share such as 20% or 0.2"
        );
    }

    #[test]
    fn a_missing_key_says_what_it_is() {
        assert_eq!(
            message("  venue: OANDA\n", ""),
            "missing 'data.venue' in gold.yaml:2: add it: Venue, such as OANDA"
        );
        let section = GOLD.find("model:").unwrap()..GOLD.find("costs:").unwrap();
        assert_eq!(message(&GOLD[section], ""), "missing 'model' in gold.yaml: add it: What is tried");
    }

    #[test]
    fn what_is_no_document_says_so() {
        assert_eq!(
            with("# to do\n", &[]).unwrap_err().to_string(),
            "gold.yaml: is empty: write an experiment with at least name, data and model"
        );
        let error = message("time:1h", "[time:1h");
        assert!(error.starts_with("gold.yaml:6: is not valid YAML: "), "{error}");
        let error = message("name: gold", "name: gold\nname: silver");
        assert!(error.starts_with("gold.yaml:2: is not valid YAML: "), "{error}");
        let error = with("gold\n", &[]).unwrap_err().to_string();
        assert!(
            error.starts_with("'the document' in gold.yaml is 'gold': expected a section with"),
            "{error}"
        );
    }
}
