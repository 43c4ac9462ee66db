//! Everything that can be wrong. The input is wrong in every case, so retrying never helps.

use thiserror::Error;

/// What was wrong, where, what to do.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SearchError {
    /// The space is not a mapping of names to domains.
    #[error(
        "parameters: expected a mapping of names to domains, found {found}: write `name: {{ int: [1, 10] }}`"
    )]
    NotAMapping {
        /// What was there instead.
        found: &'static str,
    },
    /// A parameter has an empty name.
    #[error("parameters: a parameter has an empty name: give it one")]
    EmptyName,
    /// The same name twice.
    #[error("parameters.{parameter}: the name appears twice: rename or remove one")]
    DuplicateName {
        /// The name.
        parameter: String,
    },
    /// A key that a domain does not have.
    #[error("parameters.{parameter}: unknown key `{key}`{}", did_you_mean(.nearest, .known))]
    UnknownKey {
        /// The parameter.
        parameter: String,
        /// The key that nobody knows.
        key: String,
        /// A known key that looks like it.
        nearest: Option<String>,
        /// All known keys.
        known: String,
    },
    /// A domain, or one of its keys, has a shape that cannot be read.
    #[error("parameters.{parameter}: {problem}: {remedy}")]
    Shape {
        /// The parameter.
        parameter: String,
        /// What was found.
        problem: String,
        /// What to write instead.
        remedy: &'static str,
    },
    /// The bounds are upside down.
    #[error("parameters.{parameter}: lower bound {low} is above upper bound {high}: swap them")]
    BoundsSwapped {
        /// The parameter.
        parameter: String,
        /// The first bound.
        low: String,
        /// The second bound.
        high: String,
    },
    /// A number that is not finite, or a range too wide to compute with.
    #[error(
        "parameters.{parameter}: the bounds {low} and {high} are not finite or too far apart: narrow them"
    )]
    BoundsTooWide {
        /// The parameter.
        parameter: String,
        /// The lower bound.
        low: String,
        /// The upper bound.
        high: String,
    },
    /// A logarithmic scale that reaches zero or below.
    #[error(
        "parameters.{parameter}: a log scale needs positive bounds, the lower one is {low}: raise it or remove `log`"
    )]
    LogNotPositive {
        /// The parameter.
        parameter: String,
        /// The lower bound.
        low: String,
    },
    /// Both a step and a logarithmic scale.
    #[error("parameters.{parameter}: `step` and `log` exclude each other: keep one")]
    StepWithLog {
        /// The parameter.
        parameter: String,
    },
    /// A step that is zero, negative, or so small that its multiples cannot be told apart.
    #[error(
        "parameters.{parameter}: step {step} does not divide the range into distinct values: use a larger one"
    )]
    BadStep {
        /// The parameter.
        parameter: String,
        /// The step.
        step: String,
    },
    /// A grid of no points.
    #[error("parameters.{parameter}: `points` is 0: use at least 1")]
    NoPoints {
        /// The parameter.
        parameter: String,
    },
    /// A categorical domain without choices.
    #[error("parameters.{parameter}: `categorical` has no choices: list at least one")]
    NoChoices {
        /// The parameter.
        parameter: String,
    },
    /// The same choice twice, which would count it double.
    #[error("parameters.{parameter}: the choice `{choice}` appears twice: remove one")]
    DuplicateChoice {
        /// The parameter.
        parameter: String,
        /// The choice.
        choice: String,
    },
    /// A parameter carries a condition that cannot be parsed.
    #[error("parameters.{parameter}: {fault}")]
    InParameter {
        /// The parameter that carries the condition.
        parameter: String,
        /// A [`SearchError::ConditionSyntax`].
        fault: Box<SearchError>,
    },
    /// A condition that cannot be parsed.
    #[error("condition `{source_text}`, column {column}: {problem}")]
    ConditionSyntax {
        /// The condition as written.
        source_text: String,
        /// Where, counted in characters from 1.
        column: usize,
        /// What was wrong and what to write.
        problem: String,
    },
    /// A condition that compares or computes what has no meaning.
    #[error("parameters.{parameter}: condition `{source_text}`: {problem}")]
    ConditionType {
        /// The parameter that carries the condition.
        parameter: String,
        /// The condition as written.
        source_text: String,
        /// What was wrong and what to write.
        problem: String,
    },
    /// A condition names a parameter that the space does not have.
    #[error(
        "parameters.{parameter}: condition `{source_text}` names the unknown parameter `{name}`{}",
        did_you_mean(.nearest, .known)
    )]
    UnknownParameter {
        /// The parameter that carries the condition.
        parameter: String,
        /// The condition as written.
        source_text: String,
        /// The name that nobody knows.
        name: String,
        /// A known name that looks like it.
        nearest: Option<String>,
        /// All known names.
        known: String,
    },
    /// No proposal satisfies the conditions.
    #[error(
        "parameters: no point that the {sampler} sampler can reach satisfies the conditions: loosen a `when` or widen a bound"
    )]
    Unsatisfiable {
        /// The sampler that looked.
        sampler: &'static str,
    },
    /// A grid that cannot be searched under its conditions in reasonable time.
    #[error(
        "parameters: a grid of {points} points is too large to search under conditions, at most {limit}: use larger steps, fewer `points`, or another sampler"
    )]
    GridTooLarge {
        /// Points before the conditions; `more than 2^128` when they cannot be counted.
        points: String,
        /// The largest that is searched.
        limit: u128,
    },
    /// More parameters than the Sobol table has dimensions.
    #[error(
        "parameters: {dimensions} parameters vary and the sobol sampler has {limit} dimensions: fix some, or use random or tpe"
    )]
    TooManyDimensions {
        /// Parameters that vary.
        dimensions: usize,
        /// The table's dimensions.
        limit: usize,
    },
}

fn did_you_mean(nearest: &Option<String>, known: &str) -> String {
    match nearest {
        Some(name) => format!(": did you mean `{name}`? (known: {known})"),
        None => format!(": use one of {known}"),
    }
}
