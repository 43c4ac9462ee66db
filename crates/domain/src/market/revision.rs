//! Revisions of bars. A closed bar is never changed: what is known better later is another event beside it.

use serde::{Deserialize, Serialize};

use crate::bar_spec::BarSpec;
use crate::decimal::{Price, Scale};
use crate::market::Bar;
use crate::time::Timestamp;

/// What a later source, or the end of one that was given up, makes of bars that had closed.
///
/// Revisions of an instrument's bars of one spec are counted from 1. A snapshot asks for bars as they are after so many of
/// them; a later revision does not change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BarRevised {
    /// `SYMBOL.VENUE`.
    pub instrument: String,
    /// Which bars.
    pub spec: BarSpec,
    /// Number of this revision among those of these bars, from 1.
    pub revision: i64,
    /// The source that made it.
    pub source: String,
    /// Open time of the first bar that it is about.
    pub from: Timestamp,
    /// Close time of the last bar that it is about.
    pub to: Timestamp,
    /// The bar in place of the one of its time, or where there was none.
    #[serde(default)]
    pub bar: Option<Bar>,
    /// Ask minus bid at the first quote, in place of that of the bar.
    #[serde(default)]
    pub open_spread: Option<Price>,
    /// Ask minus bid at the last quote, in place of that of the bar.
    #[serde(default)]
    pub close_spread: Option<Price>,
    /// Set where a source was given up: what was said of these bars after this revision and before this one is void, and so
    /// are the bars from the first to the last time.
    #[serde(default)]
    pub since: Option<i64>,
    /// Of all prices and sizes here.
    pub scale: Scale,
}

/// What a revision does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'a> {
    /// The bar is in place of the one of its time.
    Replaced(&'a Bar),
    /// The bar has these spreads, if there is one.
    Spreads([Option<Price>; 2]),
    /// There are no bars from its first to its last time, and the revisions after this one are void.
    Withdrawn(i64),
}

impl BarRevised {
    /// What it does.
    pub fn change(&self) -> Change<'_> {
        match (self.since, &self.bar) {
            (Some(since), _) => Change::Withdrawn(since),
            (None, Some(bar)) => Change::Replaced(bar),
            (None, None) => Change::Spreads([self.open_spread, self.close_spread]),
        }
    }
}
