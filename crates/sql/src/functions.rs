//! Functions for documents in columns: views keep metrics and parameters as JSON text.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use serde_json::Value;

/// `json_number(document, name)`, `json_text(document, name)`: what a document has under a name; null where it has nothing of that
/// kind. Parts of a name that are joined by a dot lead into documents in it.
pub fn all() -> [ScalarUDF; 2] {
    let of = |name: &str, answer: DataType, work: fn(&StringArray, &StringArray) -> ArrayRef| {
        let work = move |args: &[ColumnarValue]| -> Result<ColumnarValue> {
            let args = ColumnarValue::values_to_arrays(args)?;
            Ok(ColumnarValue::Array(work(args[0].as_string(), args[1].as_string())))
        };
        create_udf(name, vec![DataType::Utf8, DataType::Utf8], answer, Volatility::Immutable, Arc::new(work))
    };
    [
        of("json_number", DataType::Float64, |documents, names| {
            Arc::new(Float64Array::from_iter(each(documents, names, |value| value.as_f64())))
        }),
        of("json_text", DataType::Utf8, |documents, names| {
            Arc::new(StringArray::from_iter(each(documents, names, |value| match value {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            })))
        }),
    ]
}

fn each<'a, T>(
    documents: &'a StringArray,
    names: &'a StringArray,
    of: impl Fn(&Value) -> Option<T> + 'a,
) -> impl Iterator<Item = Option<T>> + 'a {
    documents.iter().zip(names).map(move |(document, name)| {
        let document: Value = serde_json::from_str(document?).ok()?;
        let name = name?;
        // A name may have dots itself.
        let value =
            document.get(name).or_else(|| name.split('.').try_fold(&document, |at, part| at.get(part)))?;
        of(value)
    })
}
