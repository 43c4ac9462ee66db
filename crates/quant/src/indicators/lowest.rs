//! Rolling minimum (TA-Lib `MIN`) of the last `period` values, the newest included.

use super::definition::{Definition, Input, Parameter, stream};
use super::extremum::extremum;

extremum!(
    /// Incremental form.
    Lowest,
    /// Column form; first defined row is `period - 1`.
    lowest,
    |candidate, value| candidate < value
);

/// Its row in the table.
pub static DEFINITION: Definition = Definition {
    name: "lowest",
    summary: "rolling minimum",
    inputs: &[Input::Low],
    parameters: &[Parameter::bars("period", 20, "bars in the window")],
    outputs: &["lowest"],
    first: |a| a.bars(0) - 1,
    columns: |x, a| vec![lowest(x[0], a.bars(0))],
    stream: |a| stream(Lowest::new(a.bars(0)), |state, x| Some([state.update(x[0])?])),
};
