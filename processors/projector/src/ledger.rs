//! The trial ledger: what an experiment tried, by its place in the order of its mandate.

use std::collections::BTreeMap;

use gauntlet_domain::experiment::LedgerEntered;
use gauntlet_views::schema::TRIAL_LEDGER;
use gauntlet_views::{Upsert, Value};
use serde_json::Value as Json;

use crate::{ONCE, json};

pub(crate) fn entered(event: &LedgerEntered) -> Upsert {
    let moments = &event.sharpe;
    let sharpe: BTreeMap<&str, Json> = BTreeMap::from([
        ("count", moments.count.into()),
        ("mean", moments.mean.into()),
        ("variance", moments.variance.into()),
        ("skewness", moments.skewness.into()),
        ("kurtosis", moments.kurtosis.into()),
    ]);
    Upsert::new(&TRIAL_LEDGER, vec![event.mandate.as_str().into(), event.place.into()], ONCE)
        .with("experiment_id", event.experiment_id.to_string())
        .with("ended", event.ended.word())
        .with("requested", event.requested)
        .with("completed", event.completed)
        .with("pruned", event.pruned)
        .with("failed", event.failed)
        .with("finalists", json(&event.finalists))
        .with("sharpe", json(&sharpe))
        .with("looks", event.looks)
        .with("instrument", event.data.instrument.as_str())
        .with("data_from", Value::Timestamp(event.data.from.0))
        .with("data_to", Value::Timestamp(event.data.to.0))
        .with("holdout_from", event.holdout_from.map(|time| Value::Timestamp(time.0)))
        .with("holdout_to", event.holdout_to.map(|time| Value::Timestamp(time.0)))
        .with("family", json(&event.family))
        .with("representatives", json(&event.representatives))
        .with("series", event.series.map(|hash| format!("artifacts/{hash}")))
}
