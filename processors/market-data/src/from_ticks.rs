//! Ticks of an instrument on their way into bars: cleaned, put in the order of time, added up.

use gauntlet_domain::BarSpec;
use gauntlet_domain::market::{Bar, InstrumentDefined, Reason};
use serde::{Deserialize, Serialize};

use crate::bars::TimeBars;
use crate::clean::{Clean, Cleaner};
use crate::hours::outside;
use crate::ledger::Ledger;
use crate::rows::Row;
use crate::rules::Rules;

/// A size of which a billion trades in a bar are more than its volume can hold.
const LARGE: i64 = i64::MAX / 1_000_000_000;

/// A cleaner, and the bars that are made of what passes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FromTicks {
    cleaner: Cleaner,
    /// The time before which no further tick comes: no bar closes and no snapshot falls due ahead of one that waits.
    settled: i64,
    /// The last session that was found, in nanoseconds.
    session: (i64, i64),
    building: Vec<TimeBars>,
}

impl FromTicks {
    /// Begins with nothing.
    pub fn new(specs: &[BarSpec]) -> FromTicks {
        let building = specs.iter().copied().map(TimeBars::new).collect();
        FromTicks { cleaner: Cleaner::default(), settled: i64::MIN, session: (0, 0), building }
    }

    /// The time before which no further tick comes.
    pub fn settled(&self) -> i64 {
        self.settled
    }

    /// Whether ticks have come.
    pub fn has_begun(&self) -> bool {
        self.cleaner != Cleaner::default()
    }

    /// A spec's bars under construction.
    pub fn building(&mut self, spec: BarSpec) -> Option<&mut TimeBars> {
        self.building.iter_mut().find(|bars| bars.spec() == spec)
    }

    /// Builds these specs from now on; bars under construction of one that stays go on.
    pub fn define(&mut self, specs: &[BarSpec], begun: impl Fn(BarSpec) -> TimeBars) {
        self.building.retain(|bars| specs.contains(&bars.spec()));
        for spec in specs {
            if self.building(*spec).is_none() {
                self.building.push(begun(*spec));
            }
        }
        self.session = (0, 0);
    }

    /// Cleans rows of a source.
    pub fn rows(
        &mut self,
        definition: &InstrumentDefined,
        source: u32,
        rows: impl Iterator<Item = Row>,
        ledger: &mut Ledger,
        out: &mut Vec<Bar>,
    ) {
        self.clean(definition, ledger, out, |cleaner, rules, ledger, keep| {
            cleaner.rows(rules, source, rows, ledger, keep);
        });
    }

    /// Decides on what waits: the source has ended.
    pub fn flush(&mut self, definition: &InstrumentDefined, ledger: &mut Ledger, out: &mut Vec<Bar>) {
        self.clean(definition, ledger, out, |cleaner, rules, ledger, keep| {
            cleaner.flush(rules, ledger, keep)
        });
    }

    /// Closes all bars under construction.
    pub fn finish(&mut self, definition: &InstrumentDefined, out: &mut Vec<Bar>) {
        self.building.iter_mut().for_each(|building| building.close(definition, i64::MAX, out));
    }

    fn clean(
        &mut self,
        definition: &InstrumentDefined,
        ledger: &mut Ledger,
        out: &mut Vec<Bar>,
        clean: impl FnOnce(&mut Cleaner, &Rules<'_>, &mut Ledger, &mut dyn FnMut(Clean, i64, &mut Ledger)),
    ) {
        let FromTicks { cleaner, settled, session, building } = self;
        let rules = Rules::of(definition);
        clean(cleaner, &rules, ledger, &mut |tick, until, ledger| {
            *settled = until.max(*settled);
            close(definition, building, *settled, out);
            take_in(definition, session, building, *settled, &tick, ledger);
        });
        if let Some(until) = cleaner.settled(&rules) {
            *settled = until.max(*settled);
        }
        close(definition, building, *settled, out);
    }
}

/// Adds a tick to the bars under construction, or enters in the ledger why not.
#[inline]
fn take_in(
    definition: &InstrumentDefined,
    session: &mut (i64, i64),
    building: &mut [TimeBars],
    settled: i64,
    tick: &Clean,
    ledger: &mut Ledger,
) {
    if tick.of.time < settled {
        // Its bar may be final already.
        ledger.reject(Reason::Late, tick.of);
    } else if let Some(reason) = outside(definition, session, tick.of.time) {
        ledger.reject(reason, tick.of);
    } else if tick.size > LARGE && !building.iter().all(|spec| spec.holds(tick)) {
        ledger.reject(Reason::OutOfRange, tick.of);
    } else {
        building.iter_mut().for_each(|spec| spec.push(definition, tick));
        tick.enter(ledger);
    }
}

/// Closes the bars whose end nothing can come before any more.
#[inline]
fn close(definition: &InstrumentDefined, building: &mut [TimeBars], settled: i64, bars: &mut Vec<Bar>) {
    for spec in building.iter_mut().filter(|spec| spec.is_due(settled)) {
        spec.close(definition, settled, bars);
    }
}
