//! Rolling maximum (TA-Lib `MAX`) of the last `period` values, the newest included.

use super::definition::{Definition, Input, Parameter, stream};
use super::extremum::extremum;

extremum!(
    /// Incremental form.
    Highest,
    /// Column form; first defined row is `period - 1`.
    highest,
    |candidate, value| candidate > value
);

/// Its row in the table.
pub static DEFINITION: Definition = Definition {
    name: "highest",
    summary: "rolling maximum",
    inputs: &[Input::High],
    parameters: &[Parameter::bars("period", 20, "bars in the window")],
    outputs: &["highest"],
    first: |a| a.bars(0) - 1,
    columns: |x, a| vec![highest(x[0], a.bars(0))],
    stream: |a| stream(Highest::new(a.bars(0)), |state, x| Some([state.update(x[0])?])),
};
