//! Decimal text to integers of a scale, and which scale the numbers of a file need.
//!
//! The usual scale holds nearly everything. A coin of a millionth of a dollar, or a billion of its coins a minute, needs
//! another; what a file's first rows show decides, once, for all of its rows and for whatever is fed of the instrument later.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

use gauntlet_domain::Scale;
use gauntlet_domain::decimal::DecimalError;
use gauntlet_domain::market::TickKind;

use crate::block::Fault;

/// What the usual scale may lose of a price, in parts of it: less is noise of floating point.
const LOST_PARTS: f64 = 1e-7;
/// Digits that the smallest price keeps at most: more are noise.
const KEPT_DIGITS: i32 = 10;
/// A bar may have so many times the volume of all rows that were looked at.
const VOLUME_ROOM: f64 = 100.0;
/// Later prices may be so many times the largest that was seen.
const PRICE_ROOM: f64 = 1000.0;
const LARGEST: f64 = i64::MAX as f64;
/// Longest price of fixed point, with its exponent.
const PRICE_ROOM_BYTES: usize = 32;
/// What stands for no price in fixed point.
const NO_PRICE: &[u8] = b"9223372036854775807";
/// Whole numbers from here on are no prices as they stand: those of a coin in the smallest of currencies are some billions.
const ABSURD_PRICE: f64 = 1e10;

/// How decimal text becomes a number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Units {
    pub scale: Scale,
    /// Notes what the numbers need, while that is asked.
    watch: Option<Arc<Watch>>,
    /// Prices are whole numbers of ten to the power of less this.
    price_digits: u8,
}

impl Units {
    pub fn of(scale: Scale) -> Units {
        Units { scale, ..Units::default() }
    }

    pub fn watched(watch: &Arc<Watch>) -> Units {
        Units { watch: Some(watch.clone()), ..Units::default() }
    }

    /// Prices are whole numbers of so many digits behind the point.
    pub fn with_price_digits(self, price_digits: Option<u8>) -> Units {
        Units { price_digits: price_digits.unwrap_or(0), ..self }
    }

    /// Whether it is noted what the numbers need.
    pub fn is_watched(&self) -> bool {
        self.watch.is_some()
    }

    /// A price in units of the scale; the fault of a row at `time` where there is none.
    #[inline]
    pub fn price(&self, text: &[u8], time: i64) -> Result<i64, Fault> {
        let mut room = [0; PRICE_ROOM_BYTES];
        let text = if self.price_digits == 0 { text } else { self.with_exponent(text, &mut room, time)? };
        if let Some(watch) = &self.watch {
            watch.see_price(text);
        }
        let price = self.scale.parse_price(text);
        price.map(|price| price.0).map_err(|error| decimal_fault(error, time))
    }

    /// A price of fixed point with its exponent. The largest number stands for no price.
    fn with_exponent<'a>(
        &self,
        text: &[u8],
        room: &'a mut [u8; PRICE_ROOM_BYTES],
        time: i64,
    ) -> Result<&'a [u8], Fault> {
        let none = Fault::new(TickKind::NotANumber, Some(time));
        if text == NO_PRICE {
            return Err(Fault { missing: true, ..none });
        }
        let exponent = [b'e', b'-', b'0' + self.price_digits / 10, b'0' + self.price_digits % 10];
        let whole = text.strip_prefix(b"-").unwrap_or(text);
        let length = text.len() + exponent.len();
        if whole.is_empty() || !whole.iter().all(u8::is_ascii_digit) || length > room.len() {
            return Err(none);
        }
        room[..text.len()].copy_from_slice(text);
        room[text.len()..length].copy_from_slice(&exponent);
        Ok(&room[..length])
    }

    /// A size in units of the scale; the fault of a row at `time` where there is none.
    #[inline]
    pub fn size(&self, text: &[u8], time: i64) -> Result<i64, Fault> {
        if let Some(watch) = &self.watch {
            watch.see_size(text, true);
        }
        self.parse_size(text, time)
    }

    /// The same of a running total, which is no part of a sum.
    #[inline]
    pub fn total(&self, text: &[u8], time: i64) -> Result<i64, Fault> {
        if let Some(watch) = &self.watch {
            watch.see_size(text, false);
        }
        self.parse_size(text, time)
    }

    #[inline]
    fn parse_size(&self, text: &[u8], time: i64) -> Result<i64, Fault> {
        let size = self.scale.parse_size(text);
        size.map(|size| size.0).map_err(|error| decimal_fault(error, time))
    }
}

fn decimal_fault(error: DecimalError, time: i64) -> Fault {
    let kind = match error {
        DecimalError::Malformed | DecimalError::NotFinite => TickKind::NotANumber,
        DecimalError::OutOfRange => TickKind::OutOfRange,
    };
    Fault::new(kind, Some(time))
}

/// What the numbers of the first rows need.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Decimals of the price with the most.
    price_decimals: AtomicU32,
    /// Smallest and largest price but zero, without their sign, as the bits of `f64`; 0 before the first.
    smallest: AtomicU64,
    largest: AtomicU64,
    /// Largest size, and the sum of all, rounded up.
    largest_size: AtomicI64,
    sizes: AtomicI64,
}

impl Watch {
    fn see_price(&self, text: &[u8]) {
        let Some(value) = number(text).filter(|value| *value != 0.0) else { return };
        self.price_decimals.fetch_max(decimals(text), Ordering::Relaxed);
        // Positive numbers are in the order of their bits.
        let bits = value.abs().to_bits();
        self.largest.fetch_max(bits, Ordering::Relaxed);
        if self.smallest.fetch_min(bits, Ordering::Relaxed) == 0 {
            self.smallest.store(bits, Ordering::Relaxed);
        }
    }

    fn see_size(&self, text: &[u8], adds_up: bool) {
        let Some(value) = number(text) else { return };
        let size = value.abs().ceil() as i64;
        self.largest_size.fetch_max(size, Ordering::Relaxed);
        if adds_up {
            let sum = self.sizes.load(Ordering::Relaxed).saturating_add(size);
            self.sizes.store(sum, Ordering::Relaxed);
        }
    }

    /// What to say where all prices are whole numbers that are probably of fixed point.
    pub fn fixed_point(&self) -> Option<String> {
        let smallest = f64::from_bits(self.smallest.load(Ordering::Relaxed));
        let is_whole = self.price_decimals.load(Ordering::Relaxed) == 0;
        (is_whole && smallest >= ABSURD_PRICE).then(|| {
            format!(
                "its prices are whole numbers from {smallest} on, which are probably of fixed point: say what one is worth, such \
                 as --price-scale 1e-9 (Databento), or --price-scale 1 where they are prices as they stand"
            )
        })
    }

    /// The scale for what was seen. Quotes have a mid, which may need a digit more; the sizes of ticks add up to the volumes
    /// of bars.
    pub fn scale(&self, are_quotes: bool, are_ticks: bool) -> Scale {
        let read = |bits: &AtomicU64| f64::from_bits(bits.load(Ordering::Relaxed));
        let decimals = self.price_decimals.load(Ordering::Relaxed) + u32::from(are_quotes);
        let price = price_exponent(decimals, read(&self.smallest), read(&self.largest));
        let largest = self.largest_size.load(Ordering::Relaxed) as f64;
        let volume =
            if are_ticks { self.sizes.load(Ordering::Relaxed) as f64 * VOLUME_ROOM } else { largest };
        Scale { price_exponent: price, size_exponent: size_exponent(largest, volume) }
    }
}

/// The usual exponent, unless it loses more than noise of the smallest price.
fn price_exponent(decimals: u32, smallest: f64, largest: f64) -> i32 {
    let usual = Scale::USUAL.price_exponent;
    let loses = decimals > Scale::USUAL.price_digits() && 10_f64.powi(usual) / 2.0 > smallest * LOST_PARTS;
    if !loses || smallest == 0.0 {
        return usual;
    }
    let noise = smallest.log10().floor() as i32 - KEPT_DIGITS;
    let room = (largest * PRICE_ROOM / LARGEST).log10().ceil() as i32;
    (-(decimals as i32)).max(noise).max(room).clamp(*Scale::EXPONENTS.start(), usual)
}

/// The usual exponent, unless the largest size or volume could not be held.
fn size_exponent(largest: f64, volume: f64) -> i32 {
    let usual = Scale::USUAL.size_exponent;
    let needed = (volume.max(largest) / LARGEST).log10().ceil();
    if needed <= f64::from(usual) { usual } else { (needed as i32).min(*Scale::EXPONENTS.end()) }
}

fn number(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok().filter(|value: &f64| value.is_finite())
}

/// Digits behind the point that are not trailing zeros.
fn decimals(text: &[u8]) -> u32 {
    if let Some(at) = text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        let exponent = std::str::from_utf8(&text[at + 1..]).ok().and_then(|text| text.parse::<i32>().ok());
        let behind = i64::from(decimals(&text[..at])) - i64::from(exponent.unwrap_or(0));
        return behind.clamp(0, 40) as u32;
    }
    let Some(point) = text.iter().position(|byte| *byte == b'.') else { return 0 };
    let behind = &text[point + 1..];
    let zeros = behind.iter().rev().take_while(|byte| **byte == b'0').count();
    (behind.len() - zeros) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale_of(prices: &[&str], sizes: &[&str], are_quotes: bool) -> Scale {
        let watch = Arc::new(Watch::default());
        let units = Units::watched(&watch);
        for text in prices {
            let _ = units.price(text.as_bytes(), 0);
        }
        for text in sizes {
            let _ = units.size(text.as_bytes(), 0);
        }
        watch.scale(are_quotes, true)
    }

    #[test]
    fn what_the_usual_scale_holds_stays_in_it() {
        let usual = [
            scale_of(&["1300.151", "0.01"], &["1000000"], true),
            scale_of(&["252.7850036621094", "0.123456789012345"], &[], false),
            scale_of(&["0.0001", "0.00010"], &["0.5"], true),
            scale_of(&["-37.63", "0"], &[], false),
            scale_of(&[], &[], false),
        ];
        assert_eq!(usual, [Scale::USUAL; 5]);
    }

    #[test]
    fn a_coin_of_a_millionth_and_volumes_of_billions_get_one_that_holds_them() {
        assert_eq!(scale_of(&["0.0000012345", "1.3e-6"], &[], false), Scale::new(-10, -8).unwrap());
        assert_eq!(scale_of(&["0.000000001", "0.000000002"], &[], true), Scale::new(-10, -8).unwrap());
        let noisy = scale_of(&["0.0000012345678901234567"], &[], false);
        assert_eq!(noisy, Scale::new(-16, -8).unwrap(), "ten digits of it");
        let many = scale_of(&["1"], &["50000000000", "200000000000"], false);
        assert_eq!(many, Scale::new(-9, -5).unwrap());
        assert!(many.parse_size(b"25000000000000").is_ok(), "a hundred times the sum");
    }
}
