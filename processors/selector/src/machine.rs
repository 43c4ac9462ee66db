//! The machine: mandates by name.

use std::collections::BTreeMap;

use gauntlet_domain::topics::{
    PROMOTION_COMMANDS, RISK_VERDICTS, SELECTION_COMPARISONS, SELECTION_DECISIONS, SELECTION_REQUESTS,
    TRIAL_LEDGER,
};
use gauntlet_domain::{Event, Input};
use gauntlet_processor::machine::{Definition, Inputs, Machine, Output, StateError};
use serde::{Deserialize, Serialize};

use crate::mandate::Mandate;

/// The selector for the runtime.
pub const DEFINITION: Definition = Definition {
    name: "selector",
    version: "1",
    reads: &[&TRIAL_LEDGER, &RISK_VERDICTS, &PROMOTION_COMMANDS, &SELECTION_COMPARISONS],
    inputs: Inputs::CoPartitioned,
    writes: &[&SELECTION_REQUESTS, &SELECTION_DECISIONS],
    races_on: &[&SELECTION_DECISIONS],
    recalls: &[],
    create: || Box::new(Selector::default()),
};

/// Every mandate of a partition.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selector {
    mandates: BTreeMap<String, Mandate>,
}

impl Machine for Selector {
    fn step(&mut self, input: Input<'_>) -> Vec<Output> {
        match input.event {
            Event::LedgerEntered(entered) => {
                let mandate = self.mandates.entry(entered.mandate.clone()).or_default();
                mandate.entered(entered);
                mandate.judge_next(&entered.mandate)
            }
            Event::RiskVerdictIssued(issued) => {
                let mandate = self.mandates.entry(issued.mandate.clone()).or_default();
                mandate.issued(issued);
                mandate.judge_next(&issued.mandate)
            }
            Event::Waive(waive) => {
                let mandate = self.mandates.entry(waive.mandate.clone()).or_default();
                mandate.waive(waive, input.event.id())
            }
            Event::ChallengeMeasured(measured) => {
                let mandate = self.mandates.entry(measured.mandate.clone()).or_default();
                mandate.measured(measured)
            }
            _ => Vec::new(),
        }
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        Ok(serde_json::to_vec(self)?)
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        *self = serde_json::from_slice(bytes)?;
        Ok(())
    }
}
