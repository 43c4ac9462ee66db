//! The document shape of a space, both ways. Reads one key after the other and says where it stopped; what
//! the values mean is checked by `super::Space::new`.

use serde_json::{Map, Value as Json, json};

use super::{DEFAULT_POINTS, Domain, Parameter};
use crate::condition::Condition;
use crate::error::SearchError;
use gauntlet_domain::experiment::ParameterValue;
use gauntlet_domain::names::nearest;

const INT_KEYS: &[&str] = &["int", "log", "step", "when"];
const FLOAT_KEYS: &[&str] = &["float", "log", "points", "step", "when"];
const CATEGORICAL_KEYS: &[&str] = &["categorical", "when"];
const FIXED_KEYS: &[&str] = &["fixed", "when"];
const DOMAIN_KEYS: &[&str] = &["categorical", "fixed", "float", "int", "log", "points", "step", "when"];

pub(super) fn parameters(document: &Json) -> Result<Vec<Parameter>, SearchError> {
    let mapping = document.as_object().ok_or(SearchError::NotAMapping { found: describe(document) })?;
    mapping.iter().map(|(name, json)| parameter(name, json)).collect()
}

pub(super) fn document(parameters: &[Parameter]) -> Json {
    parameters.iter().map(|p| (p.name.clone(), parameter_document(p))).collect::<Map<_, _>>().into()
}

fn parameter(name: &str, json: &Json) -> Result<Parameter, SearchError> {
    let shape = |problem: String, remedy| SearchError::Shape { parameter: name.to_string(), problem, remedy };
    let row = match json {
        Json::Object(row) => row,
        Json::Array(_) => {
            return Err(shape("a bare list is not a domain".into(), "write `{ categorical: [a, b] }`"));
        }
        Json::Null => return Err(shape("it has no value".into(), "write a value or a domain")),
        scalar => {
            let value = value(scalar)
                .ok_or_else(|| shape(format!("{scalar} does not fit"), "use a number within 64 bits"))?;
            return Ok(Parameter { name: name.to_string(), domain: Domain::Fixed(value), when: None });
        }
    };
    let fields = Fields { parameter: name, row };
    let domain = match (row.get("int"), row.get("float"), row.get("categorical"), row.get("fixed")) {
        (Some(bounds), None, None, None) => {
            fields.only(INT_KEYS)?;
            let (low, high) = fields.bounds("int", bounds, integer, "a whole number")?;
            Domain::Int {
                low,
                high,
                step: fields.get("step", integer, "a whole number")?.unwrap_or(1),
                log: fields.log()?,
            }
        }
        (None, Some(bounds), None, None) => {
            fields.only(FLOAT_KEYS)?;
            let (low, high) = fields.bounds("float", bounds, Json::as_f64, "a number")?;
            let step = fields.get("step", Json::as_f64, "a number")?;
            let points = fields.get("points", points, "a whole number above 0")?;
            if step.is_some() && points.is_some() {
                return Err(shape("`step` and `points` exclude each other".into(), "keep one"));
            }
            Domain::Float { low, high, step, log: fields.log()?, points: points.unwrap_or(DEFAULT_POINTS) }
        }
        (None, None, Some(choices), None) => {
            fields.only(CATEGORICAL_KEYS)?;
            let choices =
                choices.as_array().and_then(|list| list.iter().map(value).collect::<Option<Vec<_>>>());
            Domain::Categorical(choices.ok_or_else(|| {
                shape("`categorical` is not a list of scalars".into(), "write `categorical: [a, b]`")
            })?)
        }
        (None, None, None, Some(fixed)) => {
            fields.only(FIXED_KEYS)?;
            Domain::Fixed(value(fixed).ok_or_else(|| shape(format!("`fixed` is {fixed}"), "write a scalar"))?)
        }
        _ => {
            fields.only(DOMAIN_KEYS)?;
            let problem = "it needs exactly one of `int`, `float`, `categorical` and `fixed`".to_string();
            return Err(shape(problem, "write for example `{ int: [1, 10] }`, or a bare value to fix it"));
        }
    };
    let when = fields.get("when", |json| json.as_str().map(str::to_string), "a text like \"slow > fast\"")?;
    let when = when.map(|source| Condition::parse(&source)).transpose();
    let when = when
        .map_err(|fault| SearchError::InParameter { parameter: name.to_string(), fault: Box::new(fault) })?;
    Ok(Parameter { name: name.to_string(), domain, when })
}

fn parameter_document(parameter: &Parameter) -> Json {
    let mut row = match &parameter.domain {
        Domain::Fixed(value) if parameter.when.is_none() => return json!(value),
        Domain::Fixed(value) => json!({ "fixed": value }),
        Domain::Int { low, high, step, log } => {
            let mut row = json!({ "int": [low, high] });
            if *step != 1 {
                row["step"] = json!(step);
            }
            if *log {
                row["log"] = json!(true);
            }
            row
        }
        Domain::Float { low, high, step, log, points } => {
            let mut row = json!({ "float": [low, high] });
            match step {
                Some(step) => row["step"] = json!(step),
                None if *points != DEFAULT_POINTS => row["points"] = json!(points),
                None => {}
            }
            if *log {
                row["log"] = json!(true);
            }
            row
        }
        Domain::Categorical(choices) => json!({ "categorical": choices }),
    };
    if let Some(condition) = &parameter.when {
        row["when"] = json!(condition.to_string());
    }
    row
}

struct Fields<'a> {
    parameter: &'a str,
    row: &'a Map<String, Json>,
}

impl Fields<'_> {
    fn only(&self, known: &[&str]) -> Result<(), SearchError> {
        match self.row.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => Err(SearchError::UnknownKey {
                parameter: self.parameter.to_string(),
                key: key.clone(),
                nearest: nearest(key, known.iter().copied()).map(str::to_owned),
                known: known.join(", "),
            }),
        }
    }

    fn get<T>(
        &self,
        key: &str,
        read: impl Fn(&Json) -> Option<T>,
        wanted: &str,
    ) -> Result<Option<T>, SearchError> {
        let Some(json) = self.row.get(key) else { return Ok(None) };
        read(json).map(Some).ok_or_else(|| {
            self.fault(format!("`{key}` is {json}, not {wanted}"), "correct it or leave it out")
        })
    }

    fn log(&self) -> Result<bool, SearchError> {
        Ok(self.get("log", Json::as_bool, "true or false")?.unwrap_or(false))
    }

    fn bounds<T>(
        &self,
        key: &str,
        json: &Json,
        read: impl Fn(&Json) -> Option<T>,
        wanted: &str,
    ) -> Result<(T, T), SearchError> {
        let Some([low, high]) = json.as_array().map(Vec::as_slice) else {
            return Err(self.fault(format!("`{key}` is {json}, not two bounds"), "write `[low, high]`"));
        };
        let bound = |json: &Json| {
            read(json)
                .ok_or_else(|| self.fault(format!("the bound {json} is not {wanted}"), "correct the bound"))
        };
        Ok((bound(low)?, bound(high)?))
    }

    fn fault(&self, problem: String, remedy: &'static str) -> SearchError {
        SearchError::Shape { parameter: self.parameter.to_string(), problem, remedy }
    }
}

/// Whole numbers, also when written as `1e3`.
fn integer(json: &Json) -> Option<i64> {
    json.as_i64().or_else(|| ParameterValue::Float(json.as_f64()?).as_integer())
}

fn points(json: &Json) -> Option<u32> {
    integer(json).and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0)
}

fn value(json: &Json) -> Option<ParameterValue> {
    match json {
        Json::Bool(b) => Some(ParameterValue::Flag(*b)),
        Json::String(text) => Some(ParameterValue::Text(text.clone())),
        Json::Number(n) if n.is_u64() && !n.is_i64() => None,
        Json::Number(n) => {
            n.as_i64().map(ParameterValue::Int).or_else(|| n.as_f64().map(ParameterValue::Float))
        }
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

fn describe(json: &Json) -> &'static str {
    match json {
        Json::Null => "nothing",
        Json::Bool(_) => "a truth value",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a mapping",
    }
}
