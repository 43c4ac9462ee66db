//! What the table says of an indicator, and one that is ready to be computed: an indicator with its inputs and arguments.
//!
//! Whoever computes indicators asks for a [`Column`] and need not know which indicator it is of.

use std::cmp::Ordering;

use super::Series;

/// What an indicator reads of a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Input {
    /// First price.
    Open,
    /// Highest price.
    High,
    /// Lowest price.
    Low,
    /// Last price.
    Close,
    /// Sum of trade sizes.
    Volume,
}

/// A number that an indicator takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Whether only whole numbers make sense.
    pub whole: bool,
    /// Value when none is given.
    pub default: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// What it does, in one line.
    pub about: &'static str,
}

impl Parameter {
    /// A whole number of bars, from 1 to 10,000.
    pub const fn bars(name: &'static str, default: u32, about: &'static str) -> Parameter {
        Parameter { name, whole: true, default: default as f64, min: 1.0, max: 10_000.0, about }
    }

    /// A number.
    pub const fn number(
        name: &'static str,
        default: f64,
        min: f64,
        max: f64,
        about: &'static str,
    ) -> Parameter {
        Parameter { name, whole: false, default, min, max, about }
    }

    /// `value` within the bounds; the default in the place of what is no number.
    fn bounded(&self, value: f64) -> f64 {
        let value = if self.whole { value.trunc() } else { value };
        if value.is_nan() { self.default } else { value.clamp(self.min, self.max) }
    }
}

/// A row of the table. The full definition is at the head of the file of the same name.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// Canonical name, in snake case.
    pub name: &'static str,
    /// One line for a table.
    pub summary: &'static str,
    /// What it reads unless told otherwise, in order.
    pub inputs: &'static [Input],
    /// The numbers that it takes, in order.
    pub parameters: &'static [Parameter],
    /// Its columns, in order.
    pub outputs: &'static [&'static str],
    /// Warm-up: the first row at which all columns are defined.
    pub first: fn(Arguments<'_>) -> usize,
    /// Batch form: whole inputs of equal length in, a series an output.
    pub columns: fn(&[&[f64]], Arguments<'_>) -> Vec<Series>,
    /// Incremental form, before its first bar.
    pub stream: fn(Arguments<'_>) -> Box<dyn Stream>,
}

/// The arguments of an indicator, one a parameter, within their bounds.
#[derive(Debug, Clone, Copy)]
pub struct Arguments<'a>(&'a [f64]);

impl Arguments<'_> {
    /// The argument at a place, as a number of bars.
    pub fn bars(&self, place: usize) -> usize {
        self.0[place] as usize
    }

    /// The argument at a place.
    pub fn number(&self, place: usize) -> f64 {
        self.0[place]
    }
}

/// An indicator that is fed bar by bar.
pub trait Stream: Send {
    /// Takes the inputs of the next bar. Once it is defined it writes its columns and answers true, from then on at
    /// every bar.
    fn update(&mut self, inputs: &[f64], outputs: &mut [f64]) -> bool;
}

/// A [`Stream`] of an incremental form and how it takes a bar.
pub(super) fn stream<S: Send + 'static, const OUTPUTS: usize>(
    state: S,
    update: fn(&mut S, &[f64]) -> Option<[f64; OUTPUTS]>,
) -> Box<dyn Stream> {
    Box::new(Updated { state, update })
}

struct Updated<S, const OUTPUTS: usize> {
    state: S,
    update: fn(&mut S, &[f64]) -> Option<[f64; OUTPUTS]>,
}

impl<S: Send, const OUTPUTS: usize> Stream for Updated<S, OUTPUTS> {
    fn update(&mut self, inputs: &[f64], outputs: &mut [f64]) -> bool {
        let values = (self.update)(&mut self.state, inputs);
        if let Some(values) = values {
            outputs.copy_from_slice(&values);
        }
        values.is_some()
    }
}

/// An indicator with its inputs and arguments. Two that are equal have the same columns.
#[derive(Debug, Clone)]
pub struct Indicator {
    definition: &'static Definition,
    inputs: Vec<Input>,
    /// One a parameter, within their bounds.
    arguments: Vec<f64>,
}

impl Indicator {
    /// What it reads, in order.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// Names of its columns, in order.
    pub fn outputs(&self) -> &'static [&'static str] {
        self.definition.outputs
    }

    /// The same indicator of other inputs. Inputs that are not named stay as they are, one too many is ignored.
    pub fn over(mut self, inputs: &[Input]) -> Indicator {
        self.inputs.iter_mut().zip(inputs).for_each(|(input, other)| *input = *other);
        self
    }

    /// One of its columns.
    ///
    /// # Panics
    /// Where it has no column of that name.
    pub fn output(self, name: &str) -> Column {
        let output = self.outputs().iter().position(|known| *known == name);
        let output = output.expect("invariant: a column is asked for by a name in its indicator's table");
        Column { indicator: self, output }
    }

    /// The first row at which all columns are defined.
    pub fn first(&self) -> usize {
        (self.definition.first)(Arguments(&self.arguments))
    }

    /// All columns over whole inputs of equal length, as `input` gives them.
    pub fn columns<'a>(&self, input: impl Fn(Input) -> &'a [f64]) -> Vec<Series> {
        let inputs: Vec<&[f64]> = self.inputs.iter().map(|name| input(*name)).collect();
        (self.definition.columns)(&inputs, Arguments(&self.arguments))
    }

    /// Its incremental form, before its first bar.
    pub fn stream(&self) -> Box<dyn Stream> {
        (self.definition.stream)(Arguments(&self.arguments))
    }

    fn key(&self) -> (&'static str, &[Input]) {
        (self.definition.name, &self.inputs)
    }
}

impl Definition {
    /// The indicator with these arguments, in the order of the parameters: defaults where some are missing, what is out
    /// of bounds is brought to the nearest bound, one too many is ignored.
    pub fn of(&'static self, arguments: &[f64]) -> Indicator {
        let argument = |(place, parameter): (usize, &Parameter)| {
            parameter.bounded(arguments.get(place).copied().unwrap_or(parameter.default))
        };
        Indicator {
            definition: self,
            inputs: self.inputs.to_vec(),
            arguments: self.parameters.iter().enumerate().map(argument).collect(),
        }
    }

    /// The indicator with one argument that is a number of bars.
    pub fn of_bars(&'static self, bars: usize) -> Indicator {
        self.of(&[bars as f64])
    }
}

impl Ord for Indicator {
    fn cmp(&self, other: &Indicator) -> Ordering {
        let bits = |indicator: &Indicator| indicator.arguments.iter().map(|value| value.to_bits()).collect();
        let arguments = |indicator| -> Vec<u64> { bits(indicator) };
        self.key().cmp(&other.key()).then_with(|| arguments(self).cmp(&arguments(other)))
    }
}

impl PartialOrd for Indicator {
    fn partial_cmp(&self, other: &Indicator) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Indicator {
    fn eq(&self, other: &Indicator) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Indicator {}

/// One column of an indicator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The indicator.
    pub indicator: Indicator,
    /// Which of its outputs.
    pub output: usize,
}

impl From<Indicator> for Column {
    /// The first column: the only one of most indicators.
    fn from(indicator: Indicator) -> Column {
        Column { indicator, output: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::indicators::{bbands, macd, sma};

    #[test]
    fn arguments_are_brought_within_their_bounds_and_missing_ones_have_their_default() {
        assert_eq!(sma::DEFINITION.of(&[0.0]), sma::DEFINITION.of_bars(1));
        assert_eq!(sma::DEFINITION.of(&[7.9, 3.0]), sma::DEFINITION.of_bars(7));
        assert_eq!(sma::DEFINITION.of(&[f64::NAN]), sma::DEFINITION.of(&[]));
        assert_eq!(macd::DEFINITION.of(&[]), macd::DEFINITION.of(&[12.0, 26.0, 9.0]));
        assert_ne!(bbands::DEFINITION.of(&[20.0, 2.5]), bbands::DEFINITION.of(&[20.0]));
    }

    #[test]
    fn an_indicator_of_another_input_is_another() {
        let close = sma::DEFINITION.of_bars(3);
        let volume = close.clone().over(&[Input::Volume]);
        assert_eq!(volume.inputs(), [Input::Volume]);
        assert_ne!(close, volume);
        let first = |input: Input| -> &[f64] { if input == Input::Volume { &[6.0; 3] } else { &[1.0; 3] } };
        assert_eq!(volume.columns(first)[0].values, [6.0]);
    }

    #[test]
    fn a_column_is_found_by_its_name() {
        assert_eq!(macd::DEFINITION.of(&[]).output("histogram").output, 2);
        assert_eq!(Column::from(macd::DEFINITION.of(&[])), macd::DEFINITION.of(&[]).output("macd"));
    }
}
