//! Samplers and pruners with their settings: `tpe`, `tpe(candidates=48)`.
//!
//! The text form is what an experiment document stores and what the one `FromStr` reads; `Display` writes every setting
//! out. A name **without** parentheses is what was stored before there were settings, so it means what it meant then
//! (`Setting::plain`). A document that people write goes through `Choice::of_document`, where a name alone means
//! today's defaults; its resolved form has the parentheses.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use gauntlet_domain::names::{UnknownName, find, nearest};
use thiserror::Error;

/// The value of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Count(u32),
}

/// A setting of a sampler or pruner.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// What selects it in a document.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// Its value when a document does not give one.
    pub default: Value,
    /// Its value for a name without parentheses in a stored document.
    pub plain: Value,
    /// The smallest number that it takes; a flag ignores it.
    pub least: u32,
}

impl Setting {
    /// A flag whose stored and new meaning may differ.
    pub(crate) const fn flag(name: &'static str, default: bool, plain: bool, summary: &'static str) -> Self {
        Self { name, summary, default: Value::Flag(default), plain: Value::Flag(plain), least: 0 }
    }

    /// A number that always had the same default.
    pub(crate) const fn count(name: &'static str, default: u32, least: u32, summary: &'static str) -> Self {
        Self { name, summary, default: Value::Count(default), plain: Value::Count(default), least }
    }

    fn read(&self, text: &str) -> Option<Value> {
        match self.default {
            Value::Flag(_) => text.parse().ok().map(Value::Flag),
            Value::Count(_) => text.parse().ok().filter(|n| *n >= self.least).map(Value::Count),
        }
    }
}

/// A table of things that documents choose by name.
pub trait Kind: Copy + 'static {
    /// What a row is called: `sampler`.
    const WHAT: &'static str;
    /// All of them.
    fn rows() -> &'static [Self];
    /// The name of this one.
    fn name(&self) -> &'static str;
    /// The settings of this one, in the order in which they are written.
    fn settings(&self) -> &'static [Setting];
}

/// A row of a table with a value for each of its settings.
#[derive(Clone)]
pub struct Choice<K> {
    /// The row.
    pub kind: K,
    /// In the order of the row's settings.
    values: Vec<Value>,
    /// Whether it was a name without parentheses; it is then written as one.
    is_plain: bool,
    of: PhantomData<K>,
}

/// Why a text is no choice.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingError {
    /// There is no row of that name.
    #[error(transparent)]
    Name(#[from] UnknownName),
    /// The parentheses are not those of a list of settings.
    #[error("`{text}` is not `{name}(setting=value, …)`: write it like that, or the name alone")]
    Shape {
        /// What was read.
        text: String,
        /// The name in it.
        name: String,
    },
    /// A setting that this one does not have.
    #[error("unknown setting `{setting}` of {what} {name}{}", hint(.nearest, .known))]
    Unknown {
        /// `sampler` or `pruner`.
        what: &'static str,
        /// Whose setting.
        name: &'static str,
        /// What was written.
        setting: String,
        /// A known setting that looks like it.
        nearest: Option<&'static str>,
        /// All known settings.
        known: Vec<&'static str>,
    },
    /// A setting given twice.
    #[error("setting `{setting}` of {what} {name} is given twice: keep one")]
    Twice {
        /// `sampler` or `pruner`.
        what: &'static str,
        /// Whose setting.
        name: &'static str,
        /// Which.
        setting: &'static str,
    },
    /// A value that the setting does not take.
    #[error("setting `{setting}` of {what} {name} is `{value}`: use {wanted}")]
    Value {
        /// `sampler` or `pruner`.
        what: &'static str,
        /// Whose setting.
        name: &'static str,
        /// Which.
        setting: &'static str,
        /// What was written.
        value: String,
        /// What it takes.
        wanted: String,
    },
}

fn hint(nearest: &Option<&'static str>, known: &[&'static str]) -> String {
    match (nearest, known.join(", ")) {
        (_, none) if none.is_empty() => ": it has no settings, write the name alone".into(),
        (Some(name), known) => format!(": did you mean `{name}`? (known: {known})"),
        (None, known) => format!(": use one of {known}"),
    }
}

impl<K: Kind> Choice<K> {
    /// A row with today's defaults.
    pub fn default_of(kind: K) -> Self {
        let values = kind.settings().iter().map(|setting| setting.default).collect();
        Self { kind, values, is_plain: kind.settings().is_empty(), of: PhantomData }
    }

    /// Reads what people write: a name alone means today's defaults.
    pub fn of_document(text: &str) -> Result<Self, SettingError> {
        let chosen: Self = text.parse()?;
        Ok(if chosen.is_plain { Self::default_of(chosen.kind) } else { chosen })
    }

    /// The number of that name; 0 when there is none, which a test of the tables rules out.
    pub(crate) fn count(&self, name: &str) -> u32 {
        match self.value(name) {
            Some(Value::Count(count)) => count,
            _ => 0,
        }
    }

    /// The flag of that name; `None` when the row has no such setting.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        match self.value(name) {
            Some(Value::Flag(flag)) => Some(flag),
            _ => None,
        }
    }

    fn value(&self, name: &str) -> Option<Value> {
        let settings = self.kind.settings().iter().zip(&self.values);
        settings.into_iter().find(|(setting, _)| setting.name == name).map(|(_, value)| *value)
    }

    fn with(kind: K, list: &str) -> Result<Self, SettingError> {
        let (what, name, settings) = (K::WHAT, kind.name(), kind.settings());
        let mut given: Vec<Option<Value>> = vec![None; settings.len()];
        for part in list.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (key, text) = part.split_once('=').unwrap_or((part, ""));
            let (key, text) = (key.trim(), text.trim());
            let Some(place) = settings.iter().position(|setting| setting.name == key) else {
                let known: Vec<&'static str> = settings.iter().map(|setting| setting.name).collect();
                let nearest = nearest(key, known.iter().copied());
                return Err(SettingError::Unknown { what, name, setting: key.into(), nearest, known });
            };
            let setting = &settings[place];
            if given[place].is_some() {
                return Err(SettingError::Twice { what, name, setting: setting.name });
            }
            given[place] = Some(setting.read(text).ok_or_else(|| SettingError::Value {
                what,
                name,
                setting: setting.name,
                value: text.into(),
                wanted: match setting.default {
                    Value::Flag(_) => "true or false".into(),
                    Value::Count(_) => format!("a whole number, at least {}", setting.least),
                },
            })?);
        }
        let values = settings.iter().zip(given).map(|(setting, given)| given.unwrap_or(setting.default));
        Ok(Self { values: values.collect(), ..Self::default_of(kind) })
    }
}

impl<K: Kind> FromStr for Choice<K> {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let row = |name: &str| find(K::WHAT, name, K::rows(), |row| row.name()).copied();
        match text.split_once('(') {
            None => {
                let kind = row(text)?;
                let values = kind.settings().iter().map(|setting| setting.plain).collect();
                Ok(Self { kind, values, is_plain: true, of: PhantomData })
            }
            Some((name, rest)) => {
                let kind = row(name.trim())?;
                match rest.trim_end().strip_suffix(')') {
                    Some(list) if !list.contains(['(', ')']) => Self::with(kind, list),
                    _ => Err(SettingError::Shape { text: text.into(), name: kind.name().into() }),
                }
            }
        }
    }
}

impl<K: Kind> fmt::Display for Choice<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        if self.is_plain {
            return Ok(());
        }
        for (place, (setting, value)) in self.kind.settings().iter().zip(&self.values).enumerate() {
            let before = if place == 0 { "(" } else { "," };
            match value {
                Value::Flag(flag) => write!(f, "{before}{}={flag}", setting.name)?,
                Value::Count(count) => write!(f, "{before}{}={count}", setting.name)?,
            }
        }
        f.write_str(")")
    }
}

impl<K: Kind> fmt::Debug for Choice<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Choice({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PrunerKind, SamplerKind};

    fn resolved(text: &str) -> String {
        Choice::<SamplerKind>::of_document(text).unwrap().to_string()
    }

    fn problem(text: &str) -> String {
        text.parse::<Choice<SamplerKind>>().unwrap_err().to_string()
    }

    const TPE: &str =
        "tpe(multivariate=true,startup_trials=10,candidates=24,constant_liar=true,kernels=256,repeat=false)";

    #[test]
    fn a_document_resolves_to_every_setting() {
        assert_eq!(resolved("tpe"), TPE);
        assert_eq!(resolved("tpe()"), TPE);
        assert_eq!(resolved("tpe( candidates = 48 )"), TPE.replace("24", "48"));
        assert_eq!(resolved("grid"), "grid");
        assert_eq!(resolved("random"), "random(repeat=false)");
        let pruner = Choice::<PrunerKind>::of_document("median").unwrap();
        assert_eq!(pruner.to_string(), "median(startup_trials=5,warmup_folds=1)");
    }

    #[test]
    fn the_resolved_form_reads_back_to_itself_and_a_stored_name_stays_one() {
        for row in crate::SAMPLERS {
            let chosen = Choice::default_of(*row);
            let text = chosen.to_string();
            assert_eq!(text.parse::<Choice<SamplerKind>>().unwrap().to_string(), text);
            assert_eq!(resolved(&text), text);
            assert_eq!(row.name.parse::<Choice<SamplerKind>>().unwrap().to_string(), row.name);
        }
    }

    #[test]
    fn a_stored_name_means_what_it_meant_before_there_were_settings() {
        let stored: Choice<SamplerKind> = "tpe".parse().unwrap();
        assert_eq!(stored.flag("multivariate"), Some(false));
        assert_eq!(stored.flag("constant_liar"), Some(false));
        assert_eq!(stored.flag("repeat"), Some(true));
        assert_eq!(stored.count("kernels"), u32::MAX);
    }

    #[test]
    fn what_is_wrong_is_answered_with_what_there_is() {
        let known = "multivariate, startup_trials, candidates, constant_liar, kernels, repeat";
        assert_eq!(
            problem("tpe(multivarate=true)"),
            format!(
                "unknown setting `multivarate` of sampler tpe: did you mean `multivariate`? (known: {known})"
            )
        );
        assert_eq!(
            problem("tpe(candidates=0)"),
            "setting `candidates` of sampler tpe is `0`: use a whole number, at least 1"
        );
        assert_eq!(
            problem("tpe(multivariate=yes)"),
            "setting `multivariate` of sampler tpe is `yes`: use true or false"
        );
        assert_eq!(
            problem("tpe(repeat=true,repeat=true)"),
            "setting `repeat` of sampler tpe is given twice: keep one"
        );
        assert_eq!(
            problem("grid(points=3)"),
            "unknown setting `points` of sampler grid: it has no settings, write the name alone"
        );
        assert!(problem("tpe(candidates=3").starts_with("`tpe(candidates=3` is not `tpe(setting=value, …)`"));
        assert_eq!(
            problem("tqe(candidates=3)"),
            "unknown sampler `tqe`: did you mean `tpe`? (known: grid, random, sobol, tpe)"
        );
    }
}
