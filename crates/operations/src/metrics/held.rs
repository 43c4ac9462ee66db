//! Returns that an account lives through, from a series of returns or of equity.
//!
//! A return of -1 or less, and an equity of zero, is ruin: the account loses everything and no more, and its returns are
//! zero from then on. Every metric is then of the same path.

use gauntlet_domain::Timestamp;
use gauntlet_quant::metrics::{RUIN, hold_to_ruin};

use super::SeriesKind;
use super::series::Series;
use crate::dated_csv::Label;
use crate::refusal::Refusal;

/// Returns by date.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Held {
    /// The date at which each period ends.
    pub(crate) times: Option<Vec<Timestamp>>,
    pub(crate) returns: Vec<f64>,
    /// What to tell about a ruin.
    pub(crate) ruin: Option<String>,
}

/// Returns of a series.
pub(crate) fn held(series: &Series, kind: SeriesKind) -> Result<Held, Refusal> {
    let (mut returns, first) = match kind {
        SeriesKind::Returns => (series.values.clone(), 0),
        SeriesKind::Equity => (of_equity(series)?, 1),
    };
    let times = series.times.as_ref().map(|times| times[first..].to_vec());
    let worst = returns.iter().copied().find(|value| *value <= RUIN);
    let ruin = hold_to_ruin(&mut returns).map(|at| {
        let place = series.place(at + first);
        match worst {
            Some(value) if value < RUIN => format!(
                "{place}: a return of {value} is below -1: the account is ruined, it lost everything and no more, and \
                 nothing counts afterwards (are these percent? write 0.01 for one percent)"
            ),
            _ => format!("{place}: the account is ruined and nothing counts afterwards"),
        }
    });
    Ok(Held { times, returns, ruin })
}

/// Simple returns between the rows.
fn of_equity(series: &Series) -> Result<Vec<f64>, Refusal> {
    let values = &series.values;
    if let Some(at) = values.iter().position(|value| *value < 0.0) {
        let (place, value) = (series.place(at), values[at]);
        return Err(Refusal::BadInput(format!(
            "{place}: equity {value} is not positive: give --kind returns?"
        )));
    }
    let ruin = values.iter().position(|value| *value == 0.0).unwrap_or(values.len());
    if let Some(after) = values[ruin..].iter().position(|value| *value > 0.0) {
        let (place, value) = (series.place(ruin + after), values[ruin + after]);
        return Err(Refusal::BadInput(format!(
            "{place}: equity {value} after it was 0: nothing comes back from ruin, give the rows before or after it"
        )));
    }
    if ruin == 0 {
        let place = series.place(0);
        return Err(Refusal::BadInput(format!("{place}: equity 0 is not positive: give --kind returns?")));
    }
    let simple = |pair: &[f64]| if pair[0] == 0.0 { 0.0 } else { pair[1] / pair[0] - 1.0 };
    Ok(values.windows(2).map(simple).collect())
}

impl Held {
    /// How its dates are written.
    pub(crate) fn label(&self) -> Option<Label> {
        self.times.as_deref().map(Label::of)
    }
}
