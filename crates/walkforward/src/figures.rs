//! Figures by name, and why one has no value.

use std::collections::BTreeMap;

use gauntlet_domain::experiment::Metrics;
use gauntlet_quant::inference::Undefined;

/// Figures: each has a value or a reason.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Figures {
    /// By name; `None` is undefined.
    pub values: Metrics,
    /// Why a figure has no value.
    pub undefined: BTreeMap<String, String>,
}

impl Figures {
    /// Sets a figure. What is not finite is undefined.
    pub fn say(&mut self, name: &str, value: Result<f64, Undefined>) {
        match value {
            Ok(value) if value.is_finite() => {
                self.values.insert(name.to_owned(), Some(value));
            }
            Ok(_) => self.leave(name, &Undefined::NonFinite.to_string()),
            Err(why) => self.leave(name, &why.to_string()),
        }
    }

    /// Leaves a figure without a value.
    pub fn leave(&mut self, name: &str, reason: &str) {
        self.values.insert(name.to_owned(), None);
        self.undefined.insert(name.to_owned(), reason.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_has_a_value_or_a_reason() {
        let mut figures = Figures::default();
        figures.say("a", Ok(1.5));
        figures.say("b", Err(Undefined::ZeroVariance));
        figures.say("c", Ok(f64::NAN));
        assert_eq!(
            figures.values,
            Metrics::from([("a".into(), Some(1.5)), ("b".into(), None), ("c".into(), None)])
        );
        assert!(figures.undefined.keys().eq(["b", "c"]));
    }
}
