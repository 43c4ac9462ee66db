//! A price or the volume as it is, for rules that compare it with an indicator. Defined from the first bar on.

use super::Series;
use super::definition::{Definition, Input, stream};

/// Column form; first defined row is 0.
pub fn price(values: &[f64]) -> Series {
    Series { first: 0, values: values.to_vec() }
}

/// Its row in the table.
pub static DEFINITION: Definition = Definition {
    name: "price",
    summary: "a price as it is",
    inputs: &[Input::Close],
    parameters: &[],
    outputs: &["price"],
    first: |_| 0,
    columns: |x, _| vec![price(x[0])],
    stream: |_| stream((), |(), x| Some([x[0]])),
};
