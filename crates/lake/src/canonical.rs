//! The canonical bytes of a series of bars, and their SHA-256: the identity of a snapshot.
//!
//! All numbers are little-endian. Every bar has the same length, so the bytes say how many there are and no two
//! series share them.
//!
//! | part | bytes |
//! |---|---|
//! | layout tag | `gauntlet.bars.v1` |
//! | instrument, then spec as text | length as `u32`, then UTF-8 |
//! | per bar: open time, close time, stamp, open, high, low, close | 7 × `i64` |
//! | which spreads are present: bit 0 at the open, bit 1 at the close | `u8` |
//! | spread at the open, spread at the close; 0 when absent | 2 × `i64` |
//! | volume, ticks | 2 × `i64` |
//!
//! A series of another scale than the usual one has the tag `gauntlet.bars.v2`, and behind it the two exponents as `i32`; the
//! rest is the same. So the bytes of what existed before there were scales stay what they were.
//!
//! The stamp (the bar's `time`) is part of it although it repeats one of the two times: whoever reads a snapshot gets it
//! back, and two series that differ in it alone must not share a name. Nothing read back is outside the hash.

use gauntlet_domain::market::Bar;
use gauntlet_domain::{BarSpec, ContentHash, Scale};
use sha2::{Digest, Sha256};

/// Changes whenever the layout does, and with it every hash.
const LAYOUT: &[u8] = b"gauntlet.bars.v1";
/// The same with a scale.
const SCALED_LAYOUT: &[u8] = b"gauntlet.bars.v2";
const BAR_BYTES: usize = 11 * 8 + 1;

/// Hashes a series of bars, one at a time; how they arrive makes no difference.
#[derive(Debug, Clone)]
pub struct BarHasher(Sha256);

impl BarHasher {
    /// A series without bars yet.
    pub fn new(instrument: &str, spec: BarSpec, scale: Scale) -> BarHasher {
        let mut hasher = Sha256::new();
        if scale.is_usual() {
            hasher.update(LAYOUT);
        } else {
            hasher.update(SCALED_LAYOUT);
            hasher.update(scale.price_exponent.to_le_bytes());
            hasher.update(scale.size_exponent.to_le_bytes());
        }
        for text in [instrument, &spec.to_string()] {
            hasher.update((text.len() as u32).to_le_bytes());
            hasher.update(text);
        }
        BarHasher(hasher)
    }

    /// Adds the next bar. Its instrument, spec and scale are taken to be the series'; they are not looked at.
    pub fn push(&mut self, bar: &Bar) {
        let spread = |side: Option<gauntlet_domain::Price>| side.map_or(0, |price| price.0);
        let times = [bar.open_time, bar.close_time, bar.time].map(|time| time.0);
        let prices = [bar.open, bar.high, bar.low, bar.close].map(|price| price.0);
        let present = u8::from(bar.open_spread.is_some()) | u8::from(bar.close_spread.is_some()) << 1;
        let rest = [spread(bar.open_spread), spread(bar.close_spread), bar.volume.0, bar.ticks];

        let mut bytes = Vec::with_capacity(BAR_BYTES);
        times.iter().chain(&prices).for_each(|number| bytes.extend(number.to_le_bytes()));
        bytes.push(present);
        rest.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        self.0.update(&bytes);
    }

    /// The hash of the series.
    pub fn finish(self) -> ContentHash {
        ContentHash(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::tests::{bar, bars};
    use gauntlet_domain::{Price, Timestamp};

    fn hash(bars: &[Bar]) -> ContentHash {
        let mut hasher = BarHasher::new("XAUUSD.OANDA", BarSpec::Time { seconds: 3600 }, Scale::USUAL);
        bars.iter().for_each(|bar| hasher.push(bar));
        hasher.finish()
    }

    /// The expected hashes were computed from the table above by another program.
    #[test]
    fn the_hash_of_known_bars_is_known() {
        assert_eq!(
            hash(&bars(3)).to_string(),
            "877175a48c9e6888a654d9e52ac19cdafb168d96467f1e3fba4571ea6a716ead"
        );
        assert_eq!(hash(&[]).to_string(), "8727a281fb5d29bb2a9572c4ec08d4e8024815c6bae4fe7887da5d35aa443af4");
    }

    #[test]
    fn every_field_counts() {
        let changes: [fn(&mut Bar); 11] = [
            |b| b.open_time.0 += 1,
            |b| b.close_time.0 += 1,
            |b| b.time = Timestamp(b.open_time.0),
            |b| b.open.0 += 1,
            |b| b.high.0 += 1,
            |b| b.low.0 += 1,
            |b| b.close.0 += 1,
            |b| b.open_spread = None,
            |b| b.close_spread = Some(Price(0)),
            |b| b.volume.0 += 1,
            |b| b.ticks += 1,
        ];
        let mut seen = vec![hash(&[bar(0)])];
        for change in changes {
            let mut changed = bar(0);
            change(&mut changed);
            seen.push(hash(&[changed]));
        }
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), count);
    }

    #[test]
    fn instrument_and_spec_count() {
        let spec = BarSpec::Time { seconds: 3600 };
        let gold = BarHasher::new("XAUUSD.OANDA", spec, Scale::USUAL).finish();
        assert_ne!(gold, BarHasher::new("XAGUSD.OANDA", spec, Scale::USUAL).finish());
        let fine = Scale { price_exponent: -12, ..Scale::USUAL };
        assert_ne!(gold, BarHasher::new("XAUUSD.OANDA", spec, fine).finish());
        assert_ne!(
            gold,
            BarHasher::new("XAUUSD.OANDA", BarSpec::Time { seconds: 60 }, Scale::USUAL).finish()
        );
    }
}
