//! Hourly and daily bars of Lean: `YYYYMMDD HH:MM`, then a bid bar, its size, an ask bar and its size, or a trade bar
//! with its volume. Quote bars become bars of the mid with the spread at open and close; resting sizes are no volume.

use std::path::Path;

use gauntlet_domain::BarSpec;
use gauntlet_domain::market::TickKind;

use crate::block::{Bar, BarColumns, Fault, Reader, Row};
use crate::error::FeedError;
use crate::folds::clock_of;
use crate::format::Options;
use crate::text::{Fields, TextRows};
use crate::time::Clock;
use crate::understood::{self, columns};
use crate::units::Units;

/// What the columns behind the time are, by their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Quotes = 11,
    Trades = 6,
}

pub(crate) struct LeanBars {
    rows: TextRows,
    fields: Fields,
    clock: Clock,
    shape: Shape,
    units: Units,
}

/// The clock of a file of such bars; `open` opens its text at the beginning.
pub(crate) fn clock(
    open: impl FnOnce() -> Result<TextRows, FeedError>,
    file: &str,
    options: &Options,
) -> Result<Clock, FeedError> {
    let mut fields = Fields::default();
    clock_of(open, file, options, |text| {
        fields.split(text, b',');
        fields.get(text, 0).map(<[u8]>::to_vec)
    })
}

impl LeanBars {
    /// The first row decides which bars they are; `Err` is its number of columns.
    pub fn new(mut rows: TextRows, clock: Clock, units: Units) -> Result<Result<LeanBars, usize>, FeedError> {
        let mut fields = Fields::default();
        let found = if rows.advance()? {
            rows.stay();
            fields.split(rows.text(), b',');
            fields.texts(rows.text()).len()
        } else {
            Shape::Trades as usize
        };
        let shape = [Shape::Quotes, Shape::Trades].into_iter().find(|shape| *shape as usize == found);
        Ok(shape.map(|shape| LeanBars { rows, fields, clock, shape, units }).ok_or(found))
    }

    pub fn columns(&self) -> BarColumns {
        BarColumns { spreads: self.shape == Shape::Quotes, volumes: self.shape == Shape::Trades }
    }

    fn bar(&mut self) -> Result<Bar, Fault> {
        let line = self.rows.text();
        let field = |index| self.fields.get(line, index).unwrap_or_default();
        let time = self.clock.parse(field(0)).ok_or_else(Fault::bad_time)?;
        let number = |index| self.units.price(field(index), time);
        if self.fields.get(line, self.shape as usize).is_some() {
            return Err(Fault::new(TickKind::NotANumber, Some(time)));
        }
        if self.shape == Shape::Trades {
            let (open, high, low, close) = (number(1)?, number(2)?, number(3)?, number(4)?);
            let volume = self.units.size(field(5), time)?;
            return Ok(Bar { open_time: time, open, high, low, close, volume, ..Bar::default() });
        }
        let bid = [number(1)?, number(2)?, number(3)?, number(4)?];
        let ask = [number(6)?, number(7)?, number(8)?, number(9)?];
        let spread =
            |at: usize| ask[at].checked_sub(bid[at]).ok_or(Fault::new(TickKind::OutOfRange, Some(time)));
        Ok(Bar {
            open_time: time,
            open: bid[0].midpoint(ask[0]),
            high: bid[1].midpoint(ask[1]),
            low: bid[2].midpoint(ask[2]),
            close: bid[3].midpoint(ask[3]),
            open_spread: spread(0)?,
            close_spread: spread(3)?,
            volume: 0,
        })
    }
}

impl Reader<Bar> for LeanBars {
    fn next(&mut self) -> Result<Option<Row<Bar>>, FeedError> {
        if !self.rows.advance()? {
            return Ok(None);
        }
        self.fields.split(self.rows.text(), b',');
        Ok(Some(Row { number: self.rows.rows() as i64, data: self.bar() }))
    }

    fn rows_read(&self) -> u64 {
        self.rows.rows()
    }

    fn shape(&self) -> understood::Shape {
        let trades: &[_] = &[("time", 0), ("open", 1), ("high", 2), ("low", 3), ("close", 4), ("volume", 5)];
        let quotes: &[_] = &[
            ("time", 0),
            ("open of the bid", 1),
            ("high of the bid", 2),
            ("low of the bid", 3),
            ("close of the bid", 4),
            ("open of the ask", 6),
            ("high of the ask", 7),
            ("low of the ask", 8),
            ("close of the ask", 9),
        ];
        let roles = if self.shape == Shape::Trades { trades } else { quotes };
        let time = "YYYYMMDD HH:MM".to_owned();
        understood::Shape { columns: columns(roles, &[]).0, time, ..understood::Shape::default() }
    }

    fn fault_line(&self) -> (u64, String) {
        self.rows.shown()
    }
}

/// The bars' length by Lean's names: a part of the file's name, or the folder that it is in (`hour/xauusd.zip`).
pub(crate) fn spec_by_path(path: &Path) -> Option<BarSpec> {
    let named = |part: &str| match part.to_ascii_lowercase().as_str() {
        "daily" => Some(BarSpec::Time { seconds: 86_400 }),
        "hour" => Some(BarSpec::Time { seconds: 3_600 }),
        "minute" => Some(BarSpec::Time { seconds: 60 }),
        _ => None,
    };
    let in_name = path.file_name()?.to_str()?.split(['_', '-', '.']).find_map(named);
    in_name.or_else(|| path.parent()?.file_name()?.to_str().and_then(named))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Result<Bar, Fault>> {
        let rows = TextRows::new(Box::new(std::io::Cursor::new(text.to_owned())), "file".into(), 64);
        let mut bars = LeanBars::new(rows, Clock::new(0), Units::default()).unwrap().unwrap();
        std::iter::from_fn(|| bars.next().unwrap().map(|row| row.data)).collect()
    }

    #[test]
    fn quote_bars_become_bars_of_the_mid() {
        let bars = read(
            "20060320 00:00,552.8,554.7,552.4,554.2,0,555.3,557.2,554.9,556.7,0\n20060320 01:00,1,1,1,1,0,,,,,0",
        );
        let bar = bars[0].unwrap();
        assert_eq!(
            (bar.open, bar.high, bar.low, bar.close),
            (554_050_000_000, 555_950_000_000, 553_650_000_000, 555_450_000_000)
        );
        assert_eq!((bar.open_spread, bar.close_spread), (2_500_000_000, 2_500_000_000));
        assert_eq!(bars[1].unwrap_err().kind, TickKind::NotANumber);
    }

    #[test]
    fn the_folder_names_the_spec() {
        for (path, spec) in [
            ("data/oanda/hour/xauusd.zip", Some("time:1h")),
            ("bars/btcusd_coinbase_daily_trade.zip", Some("time:1d")),
            ("bars/hours.zip", None),
        ] {
            assert_eq!(spec_by_path(Path::new(path)).map(|spec| spec.to_string()).as_deref(), spec);
        }
    }
}
