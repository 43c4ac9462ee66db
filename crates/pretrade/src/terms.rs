//! What of an instrument's definition decides about an order.

use gauntlet_domain::market::{Calendar, InstrumentDefined, Session};
use gauntlet_domain::{Price, Quantity, Scale, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::PretradeError;

const DAY_SECONDS: i64 = 86_400;

/// The terms on which an instrument is traded. Tick and lot have to be known: a check of precision that somebody believes in
/// is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Currency of the price.
    pub currency: String,
    /// Of all its prices and sizes.
    pub scale: Scale,
    /// Smallest step of a price, above zero.
    pub tick: Price,
    /// Smallest step of a quantity, above zero.
    pub lot: Quantity,
    /// Hours of every day; `None` is round the clock.
    pub session: Option<Session>,
    /// Sessions by date, in the place of [`session`](Self::session). On a day that it does not know nothing is open.
    pub calendar: Option<Calendar>,
}

impl Terms {
    /// The terms of a definition, which has no lot. Refuses one without a tick size.
    pub fn of(defined: &InstrumentDefined, lot: Quantity) -> Result<Terms, PretradeError> {
        let instrument = || defined.instrument.clone();
        let tick = defined.tick_size.map(Price);
        let tick =
            tick.ok_or_else(|| PretradeError::NoStep { instrument: instrument(), step: "tick", value: 0 })?;
        let terms = Terms {
            currency: defined.currency.clone(),
            scale: defined.scale,
            tick,
            lot,
            session: defined.session,
            calendar: defined.calendar.clone(),
        };
        terms.validate(&defined.instrument).map(|()| terms)
    }

    /// Refuses steps that are not above zero.
    pub(crate) fn validate(&self, instrument: &str) -> Result<(), PretradeError> {
        for (step, value) in [("tick", self.tick.0), ("lot", self.lot.0)] {
            if value <= 0 {
                return Err(PretradeError::NoStep { instrument: instrument.to_owned(), step, value });
            }
        }
        Ok(())
    }

    /// Whether a session is open at a time. The opening belongs to the session, the closing does not.
    pub fn is_open(&self, time: Timestamp) -> bool {
        if let Some(calendar) = &self.calendar {
            return calendar.session_at(time.0).is_some();
        }
        self.session.is_none_or(|Session { open_second, close_second }| {
            let second = time.seconds().rem_euclid(DAY_SECONDS);
            if open_second < close_second {
                (open_second..close_second).contains(&second)
            } else {
                second >= open_second || second < close_second
            }
        })
    }
}
