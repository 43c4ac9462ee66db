//! `donchian-breakout`: long when the close leaves the channel of the last `entry` bars upwards, short downwards;
//! out when it leaves the channel of the last `exit` bars on the other side. Channels end at the bar before.

use gauntlet_quant::indicators::{Column, highest, lowest, price};

use super::definition::{Definition, Rule};
use crate::params::{ParamSpec, Resolved};
use crate::signal::Target;

/// Its row in the table.
pub static DEFINITION: Definition = Definition::of::<DonchianBreakout, 5>(
    "donchian-breakout",
    "long when the close leaves the channel of the last entry bars upwards, short downwards; out when it leaves the channel of the last exit bars on the other side; channels end at the bar before",
    &PARAMETERS,
);

static PARAMETERS: [ParamSpec; 2] = [
    ParamSpec::int("entry", 20, 1, 10_000, "bars in the channel whose breakout opens"),
    ParamSpec::int("exit", 10, 1, 10_000, "bars in the channel whose breakout closes"),
];

#[derive(Clone, Copy)]
struct DonchianBreakout {
    entry: usize,
    exit: usize,
}

impl Rule<5> for DonchianBreakout {
    fn new(values: &Resolved) -> DonchianBreakout {
        DonchianBreakout { entry: values.int("entry"), exit: values.int("exit") }
    }

    /// The sides of both channels rather than the channels: long and short windows share them.
    fn columns(&self) -> [Column; 5] {
        let side = |bars| [highest::DEFINITION.of_bars(bars).into(), lowest::DEFINITION.of_bars(bars).into()];
        let ([entry_upper, entry_lower], [exit_upper, exit_lower]) = (side(self.entry), side(self.exit));
        [price::DEFINITION.of(&[]).into(), entry_upper, entry_lower, exit_upper, exit_lower]
    }

    #[inline(always)]
    fn decide(&self, held: Target, &[close, ..]: &[f64; 5], before: Option<&[f64; 5]>) -> Target {
        let Some(&[_, entry_upper, entry_lower, exit_upper, exit_lower]) = before else { return held };
        if close > entry_upper {
            Target::Long
        } else if close < entry_lower {
            Target::Short
        } else {
            match held {
                Target::Long if close < exit_lower => Target::Flat,
                Target::Short if close > exit_upper => Target::Flat,
                held => held,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Target::*;

    #[test]
    fn in_at_the_wide_channel_and_out_at_the_narrow_one() {
        let rule = DonchianBreakout { entry: 20, exit: 10 };
        // Channels from 10 to 20 and from 13 to 17.
        let before = [0.0, 20.0, 10.0, 17.0, 13.0];
        let next = |held, close| rule.decide(held, &[close, 0.0, 0.0, 0.0, 0.0], Some(&before));
        assert_eq!(next(Flat, 20.0), Flat);
        assert_eq!(next(Flat, 20.1), Long);
        assert_eq!(next(Long, 13.0), Long);
        assert_eq!(next(Long, 12.9), Flat);
        assert_eq!(next(Long, 9.9), Short);
        assert_eq!(next(Short, 17.1), Flat);
    }

    #[test]
    fn the_channels_end_at_the_bar_before() {
        let rule = DonchianBreakout { entry: 20, exit: 10 };
        assert_eq!(rule.decide(Flat, &[9.0, 8.0, 1.0, 8.0, 1.0], None), Flat);
    }
}
