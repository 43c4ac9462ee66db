//! `donchian-breakout`: long when the close leaves the channel of the last `entry` bars upwards, short downwards;
//! out when it leaves the channel of the last `exit` bars on the other side. Channels end at the bar before.

use std::rc::Rc;

use gauntlet_quant::indicators::{Channel, Donchian, Series};

use super::LiveRule;
use super::indicator_cache::{Column, IndicatorCache};
use crate::bars::BarRow;
use crate::params::{ParamSpec, Resolved};
use crate::signal::Target;

pub(super) static PARAMETERS: [ParamSpec; 2] = [
    ParamSpec::int("entry", 20, 1, 10_000, "bars in the channel whose breakout opens"),
    ParamSpec::int("exit", 10, 1, 10_000, "bars in the channel whose breakout closes"),
];

/// The strategy's parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DonchianBreakout {
    /// Bars in the channel whose breakout opens.
    pub entry: usize,
    /// Bars in the channel whose breakout closes.
    pub exit: usize,
}

/// The rule: what is wanted after a bar with this close, given the channels before it.
fn next(previous: Target, close: f64, entry: Channel, exit: Channel) -> Target {
    if close > entry.upper {
        Target::Long
    } else if close < entry.lower {
        Target::Short
    } else {
        match previous {
            Target::Long if close < exit.lower => Target::Flat,
            Target::Short if close > exit.upper => Target::Flat,
            held => held,
        }
    }
}

impl DonchianBreakout {
    pub(super) fn from_params(values: &Resolved) -> DonchianBreakout {
        DonchianBreakout { entry: values.int("entry"), exit: values.int("exit") }
    }

    pub(super) fn targets(&self, cache: &mut IndicatorCache<'_>) -> Vec<Target> {
        let entry = (cache.get(Column::HighestHigh, self.entry), cache.get(Column::LowestLow, self.entry));
        let exit = (cache.get(Column::HighestHigh, self.exit), cache.get(Column::LowestLow, self.exit));
        let at = |(upper, lower): &(Rc<Series>, Rc<Series>), row: usize| {
            Some(Channel { upper: upper.get(row)?, lower: lower.get(row)? })
        };
        let mut target = Target::Flat;
        let close = &cache.bars().close;
        let decide = |row: usize| {
            if let Some(before) = row.checked_sub(1)
                && let (Some(entry), Some(exit)) = (at(&entry, before), at(&exit, before))
            {
                target = next(target, close[row], entry, exit);
            }
            target
        };
        (0..close.len()).map(decide).collect()
    }

    pub(super) fn live(&self) -> Live {
        Live {
            entry: Donchian::new(self.entry),
            exit: Donchian::new(self.exit),
            channels: None,
            target: Target::Flat,
        }
    }
}

pub(super) struct Live {
    entry: Donchian,
    exit: Donchian,
    /// Both channels as of the bar before.
    channels: Option<(Channel, Channel)>,
    target: Target,
}

impl LiveRule for Live {
    fn on_bar(&mut self, row: &BarRow) -> Target {
        if let Some((entry, exit)) = self.channels {
            self.target = next(self.target, row.close, entry, exit);
        }
        let (entry, exit) = (self.entry.update(row.high, row.low), self.exit.update(row.high, row.low));
        self.channels = entry.zip(exit);
        self.target
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Target::*;

    #[test]
    fn in_at_the_wide_channel_and_out_at_the_narrow_one() {
        let (wide, narrow) = (Channel { upper: 20.0, lower: 10.0 }, Channel { upper: 17.0, lower: 13.0 });
        assert_eq!(next(Flat, 20.0, wide, narrow), Flat);
        assert_eq!(next(Flat, 20.1, wide, narrow), Long);
        assert_eq!(next(Long, 13.0, wide, narrow), Long);
        assert_eq!(next(Long, 12.9, wide, narrow), Flat);
        assert_eq!(next(Long, 9.9, wide, narrow), Short);
        assert_eq!(next(Short, 17.1, wide, narrow), Flat);
    }
}
