//! A search space: parameters, their domains and the conditions between them.
//!
//! It says which values exist, maps the unit interval and a grid onto them, and checks assignments. It draws
//! nothing. `parse` reads the shape that an experiment's `parameters` have.

mod parse;

use serde::{Deserialize, Serialize};

use crate::condition::{Condition, Kind};
use crate::error::SearchError;
use gauntlet_domain::experiment::{ParameterValue, Parameters};
use gauntlet_domain::names::nearest;

/// Grid points of a float without `step` and without `points`.
pub const DEFAULT_POINTS: u32 = 10;

/// The values a parameter can take. All bounds are inclusive. Methods are for a domain that [`Space::new`]
/// accepted.
#[derive(Debug, Clone, PartialEq)]
pub enum Domain {
    /// `low, low + step, …`, as far as `high`.
    Int {
        /// The smallest value.
        low: i64,
        /// No value is above this.
        high: i64,
        /// The distance of neighbours, at least 1.
        step: i64,
        /// Uniform in the logarithm; needs `low > 0` and `step == 1`.
        log: bool,
    },
    /// All numbers between the bounds, or `low, low + step, …`.
    Float {
        /// The smallest value.
        low: f64,
        /// No value is above this.
        high: f64,
        /// The distance of neighbours; none for a continuous domain.
        step: Option<f64>,
        /// Uniform in the logarithm; needs `low > 0` and no step.
        log: bool,
        /// How many points a grid gives a continuous domain, evenly spaced (in the logarithm if `log`).
        points: u32,
    },
    /// One of a list, without an order.
    Categorical(Vec<ParameterValue>),
    /// One value: nothing to search.
    Fixed(ParameterValue),
}

/// A named domain and the condition that its row of the document carries.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Unique in its space.
    pub name: String,
    /// The values it can take.
    pub domain: Domain,
    /// A constraint that every proposal satisfies. It may name any parameter; who carries it makes no
    /// difference.
    pub when: Option<Condition>,
}

/// A validated space. Its parameters are ordered by name, whatever order they were written in, because a JSON
/// object has no order; grid and Sobol use that order.
///
/// Serialises to, and deserialises from, the shape that [`Space::from_json`] reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "serde_json::Value", into = "serde_json::Value")]
pub struct Space {
    parameters: Vec<Parameter>,
}

impl Space {
    /// Validates parameters and orders them by name.
    pub fn new(mut parameters: Vec<Parameter>) -> Result<Self, SearchError> {
        parameters.sort_by(|a, b| a.name.cmp(&b.name));
        if parameters.iter().any(|p| p.name.is_empty()) {
            return Err(SearchError::EmptyName);
        }
        if let Some(pair) = parameters.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(SearchError::DuplicateName { parameter: pair[0].name.clone() });
        }
        for parameter in &parameters {
            validate_domain(&parameter.name, &parameter.domain)?;
        }
        let space = Self { parameters };
        for parameter in &space.parameters {
            if let Some(condition) = &parameter.when {
                space.validate_condition(&parameter.name, condition)?;
            }
        }
        Ok(space)
    }

    /// Reads the `parameters` of an experiment: a mapping of names to `{ int: [5, 60] }`, `{ float: [1.0,
    /// 8.0], log: true }`, `{ categorical: [a, b] }` or a bare scalar (`{ fixed: 3 }` to give it a
    /// condition), with `step`, `points` and `when` where they apply.
    pub fn from_json(document: &serde_json::Value) -> Result<Self, SearchError> {
        Self::new(parse::parameters(document)?)
    }

    /// The document that [`Space::from_json`] reads back to an equal space.
    pub fn to_json(&self) -> serde_json::Value {
        parse::document(&self.parameters)
    }

    /// The parameters, by name.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// How many points the grid has before conditions leave some out; `None` when they do not fit a `u128`.
    pub fn size(&self) -> Option<u128> {
        self.parameters.iter().try_fold(1_u128, |size, p| size.checked_mul(p.domain.grid_size()))
    }

    /// How many points a discrete space has before conditions leave some out; `None` when a parameter is continuous
    /// or the number does not fit a `u128`.
    pub fn points(&self) -> Option<u128> {
        self.parameters.iter().try_fold(1_u128, |points, p| points.checked_mul(p.domain.count()?))
    }

    /// The point with this number, of [`Space::points`]; in mixed radix, the last parameter varies fastest.
    pub fn point(&self, number: u128) -> Parameters {
        let mut rest = number;
        let digits = self.parameters.iter().rev().map(|p| {
            let radix = p.domain.grid_size();
            let digit = rest % radix;
            rest /= radix;
            (p.name.clone(), p.domain.grid_value(digit))
        });
        digits.collect()
    }

    /// The number of a point of a discrete space; `None` for what is none of its points.
    pub fn number_of(&self, params: &Parameters) -> Option<u128> {
        self.parameters.iter().try_fold(0_u128, |number, p| {
            let place = p.domain.place(params.get(&p.name)?)?;
            number.checked_mul(p.domain.count()?)?.checked_add(place)
        })
    }

    /// Whether any parameter carries a condition.
    pub fn has_conditions(&self) -> bool {
        self.parameters.iter().any(|p| p.when.is_some())
    }

    /// Whether an assignment satisfies every condition.
    pub fn satisfies(&self, params: &Parameters) -> bool {
        self.parameters.iter().filter_map(|p| p.when.as_ref()).all(|condition| condition.holds(params))
    }

    /// Whether an assignment has exactly the parameters of this space, each in its domain, and satisfies
    /// every condition.
    pub fn contains(&self, params: &Parameters) -> bool {
        params.len() == self.parameters.len()
            && self.parameters.iter().all(|p| params.get(&p.name).is_some_and(|v| p.domain.contains(v)))
            && self.satisfies(params)
    }

    fn validate_condition(&self, parameter: &str, condition: &Condition) -> Result<(), SearchError> {
        let find = |name: &str| self.parameters.iter().find(|p| p.name == name);
        let names = || self.parameters.iter().map(|p| p.name.as_str());
        if let Some(unknown) = condition.names().into_iter().find(|name| find(name).is_none()) {
            return Err(SearchError::UnknownParameter {
                parameter: parameter.into(),
                source_text: condition.to_string(),
                name: unknown.into(),
                nearest: nearest(unknown, names()).map(str::to_owned),
                known: names().collect::<Vec<_>>().join(", "),
            });
        }
        let kind = |name: &str| find(name).map_or(Kind::Mixed, |p| p.domain.kind());
        condition.check(&kind).map_err(|problem| SearchError::ConditionType {
            parameter: parameter.into(),
            source_text: condition.to_string(),
            problem,
        })
    }
}

impl TryFrom<serde_json::Value> for Space {
    type Error = SearchError;

    fn try_from(document: serde_json::Value) -> Result<Self, SearchError> {
        Self::from_json(&document)
    }
}

impl From<Space> for serde_json::Value {
    fn from(space: Space) -> Self {
        space.to_json()
    }
}

impl Domain {
    /// How many values it has; `None` for a continuous domain.
    pub fn count(&self) -> Option<u128> {
        match self {
            Domain::Int { low, high, step, .. } => {
                Some((i128::from(*high) - i128::from(*low)) as u128 / *step as u128 + 1)
            }
            Domain::Float { low, high, .. } if low == high => Some(1),
            Domain::Float { low, high, step: Some(step), .. } => {
                Some(float_steps(*low, *high, *step) as u128 + 1)
            }
            Domain::Float { step: None, .. } => None,
            Domain::Categorical(choices) => Some(choices.len() as u128),
            Domain::Fixed(_) => Some(1),
        }
    }

    /// How many values a grid takes from it.
    pub fn grid_size(&self) -> u128 {
        match self {
            Domain::Float { points, .. } => self.count().unwrap_or(u128::from(*points)),
            _ => self.count().unwrap_or(1),
        }
    }

    /// The value of a grid index below [`Domain::grid_size`]; larger indices give the last one.
    pub fn grid_value(&self, index: u128) -> ParameterValue {
        let last = self.grid_size() - 1;
        let index = index.min(last);
        match *self {
            Domain::Float { low, high, step: None, log, .. } => ParameterValue::Float(if index == 0 {
                low
            } else if index == last {
                high
            } else {
                unwarp(
                    warp(low, log) + (warp(high, log) - warp(low, log)) * (index as f64 / last as f64),
                    log,
                )
                .clamp(low, high)
            }),
            _ => self.nth(index),
        }
    }

    /// The value at quantile `u` in `[0, 1)` of the uniform distribution (of the logarithm, if `log`).
    pub fn at(&self, u: f64) -> ParameterValue {
        match *self {
            Domain::Float { low, high, step: None, log, .. } => {
                let x = unwarp(warp(low, log) + (warp(high, log) - warp(low, log)) * u, log);
                ParameterValue::Float(x.clamp(low, high))
            }
            Domain::Int { low, high, log: true, .. } => {
                // Half a unit beyond the bounds, so that rounding gives them their full share.
                let (from, to) = (libm::log(low as f64 - 0.5), libm::log(high as f64 + 0.5));
                self.nearest(libm::exp(from + (to - from) * u))
            }
            _ => {
                let count = self.count().unwrap_or(1);
                self.nth(((u * count as f64) as u128).min(count - 1))
            }
        }
    }

    /// The quantile of one of its values, between 0 and 1: for a discrete domain the middle of the quantiles that
    /// [`Domain::at`] maps to the value. `None` for what is none of its values.
    pub fn quantile_of(&self, value: &ParameterValue) -> Option<f64> {
        match (self, value) {
            _ if !self.contains(value) => None,
            (Domain::Float { low, high, step: None, log, .. }, ParameterValue::Float(x)) if low < high => {
                let (from, to) = (warp(*low, *log), warp(*high, *log));
                Some(((warp(*x, *log) - from) / (to - from)).clamp(0.0, 1.0))
            }
            (Domain::Int { low, high, log: true, .. }, ParameterValue::Int(i)) => {
                let (from, to) = (libm::log(*low as f64 - 0.5), libm::log(*high as f64 + 0.5));
                let [below, above] = [-0.5, 0.5].map(|half| libm::log(*i as f64 + half));
                Some(((below + above) / 2.0 - from) / (to - from))
            }
            _ => Some((self.place(value)? as f64 + 0.5) / self.count()? as f64),
        }
    }

    /// The value of a numeric domain that is nearest to `x`, never outside the bounds. For a category, the
    /// choice with that index.
    pub fn nearest(&self, x: f64) -> ParameterValue {
        match *self {
            Domain::Float { low, high, step: None, .. } => ParameterValue::Float(x.clamp(low, high)),
            Domain::Float { low, step: Some(step), .. } => {
                self.nth(((x - low) / step).round().max(0.0) as u128)
            }
            Domain::Int { low, step, .. } => {
                self.nth(((x - low as f64) / step as f64).round().max(0.0) as u128)
            }
            Domain::Categorical(_) | Domain::Fixed(_) => self.nth(x.max(0.0) as u128),
        }
    }

    /// Which of this discrete domain's values it is, from 0; `None` when it is none of them.
    pub fn place(&self, value: &ParameterValue) -> Option<u128> {
        let place = match (self, value) {
            (Domain::Int { low, step, .. }, ParameterValue::Int(i)) => {
                u128::try_from((i128::from(*i) - i128::from(*low)) / i128::from(*step)).ok()?
            }
            (Domain::Float { low, step, .. }, ParameterValue::Float(x)) => {
                step.map_or(0, |step| ((x - low) / step).round().max(0.0) as u128)
            }
            (Domain::Categorical(choices), _) => choices.iter().position(|choice| choice == value)? as u128,
            _ => 0,
        };
        (self.count().is_some_and(|count| place < count) && self.nth(place) == *value).then_some(place)
    }

    /// Whether a value is one of this domain's.
    pub fn contains(&self, value: &ParameterValue) -> bool {
        match (self, value) {
            (Domain::Int { low, high, step, .. }, ParameterValue::Int(i)) => {
                (low..=high).contains(&i) && (i128::from(*i) - i128::from(*low)) % i128::from(*step) == 0
            }
            (Domain::Float { low, high, step: None, .. }, ParameterValue::Float(x)) => {
                (low..=high).contains(&x)
            }
            (Domain::Float { .. }, ParameterValue::Float(x)) => x.is_finite() && self.nearest(*x) == *value,
            (Domain::Categorical(choices), _) => choices.contains(value),
            (Domain::Fixed(fixed), _) => fixed == value,
            _ => false,
        }
    }

    fn nth(&self, index: u128) -> ParameterValue {
        let index = index.min(self.count().map_or(0, |count| count - 1));
        match self {
            // In range: the index is at most (high - low) / step.
            Domain::Int { low, step, .. } => {
                ParameterValue::Int((i128::from(*low) + index as i128 * i128::from(*step)) as i64)
            }
            Domain::Float { low, high, step, .. } => {
                ParameterValue::Float((low + index as f64 * step.unwrap_or(0.0)).min(*high))
            }
            Domain::Categorical(choices) => choices[index as usize].clone(),
            Domain::Fixed(value) => value.clone(),
        }
    }

    fn kind(&self) -> Kind {
        let of = |value: &ParameterValue| match value {
            ParameterValue::Flag(_) => Kind::Bool,
            ParameterValue::Int(_) | ParameterValue::Float(_) => Kind::Number,
            ParameterValue::Text(_) => Kind::Text,
        };
        match self {
            Domain::Int { .. } | Domain::Float { .. } => Kind::Number,
            Domain::Fixed(value) => of(value),
            Domain::Categorical(choices) => {
                let first = choices.first().map_or(Kind::Mixed, of);
                if choices.iter().all(|choice| of(choice) == first) { first } else { Kind::Mixed }
            }
        }
    }
}

/// `ln x` on a logarithmic scale, `x` otherwise.
pub(crate) fn warp(x: f64, log: bool) -> f64 {
    if log { libm::log(x) } else { x }
}

/// The inverse of [`warp`].
pub(crate) fn unwarp(x: f64, log: bool) -> f64 {
    if log { libm::exp(x) } else { x }
}

/// Whole steps between the bounds. The tolerance lets 0 to 0.3 by 0.1 have three.
fn float_steps(low: f64, high: f64, step: f64) -> f64 {
    ((high - low) / step + 1e-9).floor()
}

fn validate_domain(parameter: &str, domain: &Domain) -> Result<(), SearchError> {
    let parameter = || parameter.to_string();
    match domain {
        Domain::Int { low, high, step, log } => {
            if low > high {
                let (low, high) = (low.to_string(), high.to_string());
                return Err(SearchError::BoundsSwapped { parameter: parameter(), low, high });
            }
            if *step < 1 {
                return Err(SearchError::BadStep { parameter: parameter(), step: step.to_string() });
            }
            if *log && *low < 1 {
                return Err(SearchError::LogNotPositive { parameter: parameter(), low: low.to_string() });
            }
            if *log && *step != 1 {
                return Err(SearchError::StepWithLog { parameter: parameter() });
            }
        }
        Domain::Float { low, high, step, log, points } => {
            if low > high {
                let (low, high) = (low.to_string(), high.to_string());
                return Err(SearchError::BoundsSwapped { parameter: parameter(), low, high });
            }
            if !(high - low).is_finite() {
                let (low, high) = (low.to_string(), high.to_string());
                return Err(SearchError::BoundsTooWide { parameter: parameter(), low, high });
            }
            if *log && *low <= 0.0 {
                return Err(SearchError::LogNotPositive { parameter: parameter(), low: low.to_string() });
            }
            if *log && step.is_some() {
                return Err(SearchError::StepWithLog { parameter: parameter() });
            }
            if let Some(step) = *step
                && !(step > 0.0
                    && step.is_finite()
                    && float_steps(*low, *high, step) < 9e15
                    && low + step > *low)
            {
                return Err(SearchError::BadStep { parameter: parameter(), step: step.to_string() });
            }
            if *points == 0 {
                return Err(SearchError::NoPoints { parameter: parameter() });
            }
        }
        Domain::Categorical(choices) => {
            if choices.is_empty() {
                return Err(SearchError::NoChoices { parameter: parameter() });
            }
            if let Some((_, twice)) = choices.iter().enumerate().find(|(i, c)| choices[..*i].contains(c)) {
                return Err(SearchError::DuplicateChoice {
                    parameter: parameter(),
                    choice: twice.to_string(),
                });
            }
        }
        Domain::Fixed(_) => {}
    }
    Ok(())
}
