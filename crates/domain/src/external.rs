//! Strategies that a program outside answers for: `external:NAME` in a document and in every plan made of it.
//!
//! Whom a strategy is left to is decided in `addressee` and nowhere else. A request carries its answer; whoever takes
//! requests or answers compares names.

/// What such a strategy's name begins with.
pub const PREFIX: &str = "external:";

/// Letters of a name at most.
const LONGEST: usize = 32;

/// The trainer that a strategy is left to; `None` for what is built in.
pub fn trainer(strategy: &str) -> Option<&str> {
    strategy.strip_prefix(PREFIX)
}

/// Who answers a request of this strategy: `processor` itself, or `PROCESSOR.NAME`, the program outside.
pub fn addressee(processor: &str, strategy: &str) -> String {
    match trainer(strategy) {
        None => processor.to_owned(),
        Some(name) => format!("{processor}.{name}"),
    }
}

/// Why a trainer cannot be called that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{name}' cannot be a trainer: after {PREFIX} write 1 to {LONGEST} lower-case letters, digits or '-', a letter first"
)]
pub struct TrainerNameError {
    /// The name as given.
    pub name: String,
}

/// A trainer's name becomes part of a consumer group and of transactional ids.
pub fn check_name(name: &str) -> Result<(), TrainerNameError> {
    let is_first = name.starts_with(|c: char| c.is_ascii_lowercase());
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if is_first && name.len() <= LONGEST && name.bytes().all(fits) {
        Ok(())
    } else {
        Err(TrainerNameError { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addressee_follows_from_the_strategy() {
        assert_eq!(addressee("trainer", "ma-cross"), "trainer");
        assert_eq!(addressee("evaluator", "external:sklearn"), "evaluator.sklearn");
        assert_eq!(trainer("ml"), None);
    }

    #[test]
    fn a_name_is_short_plain_and_begins_with_a_letter() {
        for good in ["a", "sklearn", "torch-2", &"a".repeat(LONGEST)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "2nd", "-a", "Sklearn", "a.b", "a b", "a_b", "é", &"a".repeat(LONGEST + 1)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
