//! Words of research records that come from a short list: the phases of a run, why something failed, how tuning ended.
//!
//! Each is an enum here and in the Avro schema. A later release may add a word. Where a record carries the word as text
//! too, a reader that does not know it keeps it as `Unknown` and passes it on as it is; as an Avro symbol
//! it becomes `UNKNOWN`, the default that Avro's resolution chooses.

use std::fmt;

use serde::de::{EnumAccess, Error, VariantAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The Avro symbol of every word that a schema does not have.
pub const UNKNOWN: &str = "UNKNOWN";

/// Declares an enum of words: a row a variant. The Avro symbol of a word is the word.
macro_rules! words {
    (
        $(#[$about:meta])*
        pub enum $name:ident { $($(#[$about_variant:meta])* $variant:ident = $word:literal,)+ }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$about_variant])* $variant,)+
            /// A word that this release does not know, as it was read.
            Unknown(String),
        }

        impl $name {
            /// Every word that this release knows, in the order of the Avro symbols after `UNKNOWN`.
            pub const KNOWN: &'static [$name] = &[$($name::$variant),+];

            /// The word, as people see it.
            pub fn word(&self) -> &str {
                match self {
                    $($name::$variant => $word,)+
                    $name::Unknown(word) => word,
                }
            }

            /// The word as an Avro symbol.
            pub fn symbol(&self) -> &'static str {
                match self {
                    $($name::$variant => $word,)+
                    $name::Unknown(_) => UNKNOWN,
                }
            }

            /// What a record says that has the word twice: as text since version 1, as a symbol since version 2. The
            /// symbol counts; where it says nothing, the text does.
            #[allow(dead_code, reason = "words of records of one version have no text beside the symbol")]
            pub(crate) fn of(text: &str, symbol: $name) -> $name {
                if symbol.symbol() == UNKNOWN { text.into() } else { symbol }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> $name {
                match word {
                    $($word => $name::$variant,)+
                    // No word at all; people see it in lower case, as all words.
                    "" | UNKNOWN => $name::Unknown("unknown".to_owned()),
                    other => $name::Unknown(other.to_owned()),
                }
            }
        }

        /// What a record of version 1 has in the place of the symbol: nothing.
        impl Default for $name {
            fn default() -> $name {
                UNKNOWN.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let place = $name::KNOWN.iter().position(|known| known == self).map_or(0, |known| known + 1);
                serializer.serialize_unit_variant(stringify!($name), place as u32, self.symbol())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                deserializer.deserialize_enum(stringify!($name), &[], Symbol).map(|symbol| symbol.as_str().into())
            }
        }
    };
}

words! {
    /// A stretch of data that a finalist is judged on.
    pub enum Phase {
        /// Bars that follow those on which was searched, fold after fold.
        WalkForward = "walk_forward",
        /// The data that tuning never saw.
        Holdout = "holdout",
        /// All tuning bars: what was searched on.
        Tuning = "tuning",
    }
}

words! {
    /// Why an experiment could not run.
    pub enum ExperimentFailure {
        /// Something is wrong with the document.
        InvalidDocument = "invalid_document",
        /// There is no bar in the period.
        NoData = "no_data",
        /// There are fewer bars than the folds need.
        TooFewBars = "too_few_bars",
        /// No trial has a defined objective.
        NoCompletedTrial = "no_completed_trial",
        /// No finalist could be evaluated.
        NoEvaluation = "no_evaluation",
        /// Its search was under way when the rules of the search changed.
        LogicChanged = "logic_changed",
    }
}

words! {
    /// Why a trial could not run.
    pub enum TrialFailure {
        /// No model can be made of its parameters.
        InvalidParameters = "invalid_parameters",
        /// Its data are gone, or are not what their name says.
        DataUnavailable = "data_unavailable",
        /// The model cannot be fitted or judged.
        TrainingFailed = "training_failed",
        /// Anything that nobody has thought of.
        Panicked = "panicked",
    }
}

words! {
    /// Why a finalist could not be evaluated.
    pub enum EvaluationFailure {
        /// Its data are gone, or are not what their name says.
        DataUnavailable = "data_unavailable",
        /// The model cannot be fitted or judged.
        TrainingFailed = "training_failed",
        /// Anything that nobody has thought of.
        Panicked = "panicked",
    }
}

words! {
    /// How tuning ended.
    pub enum TuningEnd {
        /// All trials of the budget have come back.
        BudgetSpent = "budget_spent",
        /// The space has nothing more to try.
        SpaceExhausted = "space_exhausted",
        /// A person stopped it.
        Cancelled = "cancelled",
        /// The document, which another version has accepted, cannot be read.
        InvalidDocument = "invalid_document",
        /// It was under way when the rules of the search changed.
        LogicChanged = "logic_changed",
        /// It never began: the experiment failed or was cancelled before its data were there.
        NotBegun = "not_begun",
    }
}

words! {
    /// How an experiment ended.
    pub enum ExperimentEnd {
        /// Every finalist is evaluated.
        Completed = "completed",
        /// Stopped by a person.
        Cancelled = "cancelled",
        /// Could not run.
        Failed = "failed",
    }
}

words! {
    /// What came of an experiment in the order of its mandate.
    pub enum Judgement {
        /// One of its finalists was selected.
        Selected = "selected",
        /// Every finalist was refused.
        Rejected = "rejected",
        /// Stopped by a person: there is nothing to select.
        Cancelled = "cancelled",
        /// It could not run: there is nothing to select.
        Failed = "failed",
    }
}

/// Reads the name of a variant without a body.
struct Symbol;

impl<'de> Visitor<'de> for Symbol {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a word")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<String, A::Error> {
        let (Name(symbol), body) = data.variant()?;
        body.unit_variant()?;
        Ok(symbol)
    }
}

/// The name alone: the Avro reader gives it as an identifier and as nothing else.
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a word")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Name, E> {
                Ok(Name(name.to_owned()))
            }
        }
        deserializer.deserialize_identifier(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_word_reads_back() {
        let mut read = 0;
        macro_rules! check {
            ($($name:ident)+) => {
                $(for known in $name::KNOWN {
                    assert_eq!($name::from(known.word()), *known);
                    assert_eq!(known.symbol(), known.word());
                    let json = serde_json::to_string(known).unwrap();
                    assert_eq!(json, format!("\"{known}\""));
                    assert_eq!(serde_json::from_str::<$name>(&json).unwrap(), *known);
                    read += 1;
                })+
            };
        }
        check!(Phase ExperimentFailure TrialFailure EvaluationFailure TuningEnd ExperimentEnd Judgement);
        assert_eq!(read, 29);
    }

    #[test]
    fn a_word_of_another_release_passes_on_as_text_and_not_as_a_symbol() {
        let paper = Phase::from("paper");
        assert_eq!((paper.word(), paper.symbol()), ("paper", UNKNOWN));
        assert_eq!(serde_json::to_string(&paper).unwrap(), "\"UNKNOWN\"");
        assert_eq!(serde_json::from_str::<Phase>("\"UNKNOWN\"").unwrap(), Phase::Unknown("unknown".into()));
    }

    #[test]
    fn the_symbol_counts_and_where_it_says_nothing_the_text_does() {
        assert_eq!(Phase::of("walk_forward", Phase::Holdout), Phase::Holdout);
        assert_eq!(Phase::of("holdout", Phase::default()), Phase::Holdout);
        assert_eq!(Phase::of("paper", Phase::default()), Phase::Unknown("paper".into()));
        assert_eq!(Phase::of("", Phase::default()).word(), "unknown");
    }
}
