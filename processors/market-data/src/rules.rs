//! The cleaning rules of an instrument, with the numbers that its definition gives them.

use gauntlet_domain::market::{Calendar, CleaningLimits, CleaningRules, InstrumentDefined};

use crate::clock::ClockRules;
use crate::level::LevelRules;

/// What rows of an instrument are judged by.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    pub(crate) cleaning: &'a CleaningRules,
    pub(crate) limits: &'a CleaningLimits,
    pub(crate) clock: ClockRules,
    pub(crate) level: LevelRules,
    /// Silence counts only within its sessions.
    pub(crate) calendar: Option<&'a Calendar>,
    /// A price of zero or less is no price.
    pub(crate) positive_prices: bool,
    /// Prices are multiples of it, where it is known.
    pub(crate) tick_size: Option<i64>,
}

impl<'a> Rules<'a> {
    /// Those of a definition.
    pub fn of(definition: &'a InstrumentDefined) -> Rules<'a> {
        let InstrumentDefined { cleaning, limits, calendar, positive_prices, tick_size, .. } = definition;
        let tick_size = tick_size.filter(|tick| *tick > 0);
        Rules {
            cleaning,
            limits,
            clock: ClockRules {
                lateness: cleaning.lateness_nanos,
                ahead: or_off(limits.clock_ahead_nanos),
                intervals: limits.clock_intervals,
            },
            level: LevelRules {
                ticks: limits.level_ticks,
                medians: limits.level_medians,
                tails: limits.level_tails,
                block: or_off(limits.block_sizes),
                tick: tick_size.unwrap_or(0),
                ..LevelRules::default()
            },
            calendar: calendar.as_ref(),
            positive_prices: *positive_prices,
            tick_size,
        }
    }

    /// Whether prices are held against their level.
    #[inline]
    pub(crate) fn has_levels(&self) -> bool {
        let CleaningLimits { level_medians, level_ticks, level_tails, .. } = self.limits;
        self.cleaning.outlier_centi_bps != 0 && (*level_medians, *level_ticks, *level_tails) != (0, 0, 0)
    }

    /// Whether a silence is a gap: longer than the instrument allows, within its sessions.
    pub(crate) fn is_gap(&self, from: i64, to: i64) -> bool {
        let most = self.cleaning.gap_nanos;
        most > 0
            && to.saturating_sub(from) > most
            && self.calendar.is_none_or(|calendar| calendar.open_between(from, to) > most)
    }
}

/// A limit that 0 turns off.
fn or_off(limit: i64) -> i64 {
    if limit > 0 { limit } else { i64::MAX }
}
