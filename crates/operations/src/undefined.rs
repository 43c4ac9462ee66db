//! What has no value, and why: the form in which every tool over files says it.

use std::collections::BTreeMap;

use gauntlet_quant::inference::Undefined;

/// Names of what has no value, and why.
pub type Reasons = BTreeMap<&'static str, String>;

/// The value, or a note of why there is none.
pub(crate) fn noted<T>(reasons: &mut Reasons, name: &'static str, value: Result<T, Undefined>) -> Option<T> {
    value.map_err(|reason| reasons.insert(name, reason.to_string())).ok()
}
