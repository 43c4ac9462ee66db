//! Answers that take a row of another table. Events carry what they are about and not what their experiment says
//! already, and a projection sees one event at a time; the reader puts the two together.

use crate::port::{Row, ViewError, ViewStore};
use crate::schema::{EXPERIMENTS, MODELS, RUNS};
use crate::value::Value;

/// The runs of an experiment, each with the snapshot that it read: the experiment's tuning data, or its hold-out.
pub fn runs(store: &dyn ViewStore, experiment_id: &str) -> Result<Vec<Row>, ViewError> {
    let mut runs = store.partition(&RUNS, &[experiment_id.into()], None)?;
    let Some(experiment) = store.row(&EXPERIMENTS, &[experiment_id.into()])? else { return Ok(runs) };
    runs.iter_mut().for_each(|run| fill_snapshot(run, &experiment));
    Ok(runs)
}

/// One run with the snapshot that it read.
pub fn run(store: &dyn ViewStore, mut run: Row) -> Result<Row, ViewError> {
    if let Some(experiment_id) = run.get("experiment_id").cloned()
        && let Some(experiment) = store.row(&EXPERIMENTS, &[experiment_id])?
    {
        fill_snapshot(&mut run, &experiment);
    }
    Ok(run)
}

fn fill_snapshot(run: &mut Row, experiment: &Row) {
    let phase = run.get("phase").and_then(Value::as_text);
    let column = if phase == Some("holdout") { "holdout_snapshot" } else { "tuning_snapshot" };
    fill(run, "snapshot_id", experiment, column);
}

/// A model with the configuration that it was trained by: its experiment's.
pub fn model(store: &dyn ViewStore, model_id: &str) -> Result<Option<Row>, ViewError> {
    let Some(mut model) = store.row(&MODELS, &[model_id.into()])? else { return Ok(None) };
    if let Some(experiment_id) = model.get("experiment_id").and_then(Value::as_text).map(Value::from)
        && let Some(experiment) = store.row(&EXPERIMENTS, &[experiment_id])?
    {
        fill(&mut model, "training_config_id", &experiment, "config_id");
    }
    Ok(Some(model))
}

/// Copies a value into a column that holds none.
fn fill(row: &mut Row, column: &str, from: &Row, other: &str) {
    if let Some(place) = row.table.column(column)
        && row.cells[place].is_null()
        && let Some(value) = from.get(other)
    {
        row.cells[place] = value.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::run as run_of;
    use super::*;
    use crate::{EmbeddedStore, Upsert};

    #[test]
    fn a_run_has_its_snapshot_and_a_model_its_configuration() {
        let store = EmbeddedStore::memory().unwrap();
        let run =
            |id: &str, phase: &str| Upsert::new(&RUNS, vec!["e".into(), id.into()], 1).with("phase", phase);
        let experiment = Upsert::new(&EXPERIMENTS, vec!["e".into()], 1)
            .with("config_id", "c")
            .with("tuning_snapshot", "t")
            .with("holdout_snapshot", "h");
        let model_row = Upsert::new(&MODELS, vec!["m".into()], 1).with("experiment_id", "e");
        let rows = [
            run("1", "tuning"),
            run("m:holdout", "holdout"),
            run("m:walk_forward", "walk_forward"),
            model_row,
        ];
        store.write(&rows, &[]).unwrap();
        // The experiment's row may come later: until then there is nothing to fill in.
        assert_eq!(runs(&store, "e").unwrap()[0].get("snapshot_id"), Some(&Value::Null));
        assert_eq!(model(&store, "m").unwrap().unwrap().get("training_config_id"), Some(&Value::Null));
        store.write(&[experiment], &[]).unwrap();
        let snapshots: Vec<_> =
            runs(&store, "e").unwrap().iter().map(|run| run.get("snapshot_id").cloned().unwrap()).collect();
        assert_eq!(snapshots, ["t".into(), "h".into(), "t".into()]);
        let alone = runs(&store, "e").unwrap().into_iter().map(|row| {
            let bare = store.row(&RUNS, &row.key).unwrap().unwrap();
            assert_eq!(run_of(&store, bare).unwrap(), row);
        });
        assert_eq!(alone.count(), 3);
        assert_eq!(model(&store, "m").unwrap().unwrap().get("training_config_id"), Some(&"c".into()));
        assert_eq!(model(&store, "nobody").unwrap(), None);
    }
}
