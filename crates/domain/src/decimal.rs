//! Prices and quantities: decimal numbers held as scaled integers, so that sums, comparisons and hashes
//! are exact and the same on every machine. An integer alone says nothing: its [`Scale`] is beside it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A price in units of its [`Scale`]: with the usual one in billionths, so 1.38626 is 1_386_260_000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Price(pub i64);

/// A quantity in units of its [`Scale`]: with the usual one in hundred-millionths, so one share is 100_000_000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quantity(pub i64);

/// What one unit of an instrument's prices and sizes is: a power of ten. It is the same for all data of an instrument.
///
/// The usual one holds prices to a billionth up to 9.2 billion and sizes to a hundred-millionth up to 92 billion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Exponents")]
pub struct Scale {
    /// A price of 1 is this power of ten: -9.
    pub price_exponent: i32,
    /// A size of 1 is this power of ten: -8.
    pub size_exponent: i32,
}

/// Two exponents of which nothing is known yet.
#[derive(Deserialize)]
#[serde(rename = "Scale")]
struct Exponents {
    price_exponent: i32,
    size_exponent: i32,
}

impl TryFrom<Exponents> for Scale {
    type Error = UnknownScale;

    fn try_from(of: Exponents) -> Result<Scale, UnknownScale> {
        Scale::new(of.price_exponent, of.size_exponent)
    }
}

/// Exponents that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a scale of 1e{price_exponent} and 1e{size_exponent} is not known: exponents are between -18 and 0")]
pub struct UnknownScale {
    price_exponent: i32,
    size_exponent: i32,
}

impl Default for Scale {
    fn default() -> Scale {
        Scale::USUAL
    }
}

impl Scale {
    /// Billionths and hundred-millionths: what every instrument has about which nothing else was said.
    pub const USUAL: Scale = Scale { price_exponent: -9, size_exponent: -8 };
    /// Exponents that may be used: as many decimal digits as an integer of 64 bits has.
    pub const EXPONENTS: std::ops::RangeInclusive<i32> = -18..=0;

    /// Of exponents between -18 and 0.
    pub fn new(price_exponent: i32, size_exponent: i32) -> Result<Scale, UnknownScale> {
        let are_known = [price_exponent, size_exponent].iter().all(|one| Scale::EXPONENTS.contains(one));
        are_known
            .then_some(Scale { price_exponent, size_exponent })
            .ok_or(UnknownScale { price_exponent, size_exponent })
    }

    /// Whether it is the usual one.
    #[inline]
    pub fn is_usual(self) -> bool {
        self == Scale::USUAL
    }

    /// Decimal digits of a price after the point.
    #[inline]
    pub fn price_digits(self) -> u32 {
        digits(self.price_exponent)
    }

    /// Decimal digits of a size after the point.
    #[inline]
    pub fn size_digits(self) -> u32 {
        digits(self.size_exponent)
    }

    /// Parses a price such as `1300.151` or `4.2e-3`; digits beyond the scale round half away from zero.
    #[inline]
    pub fn parse_price(self, text: &[u8]) -> Result<Price, DecimalError> {
        parse_scaled(text, self.price_digits()).map(Price)
    }

    /// Parses a size; digits beyond the scale round half away from zero.
    #[inline]
    pub fn parse_size(self, text: &[u8]) -> Result<Quantity, DecimalError> {
        parse_scaled(text, self.size_digits()).map(Quantity)
    }

    /// The `f64` nearest to a price.
    #[inline]
    pub fn price(self, price: Price) -> f64 {
        unscaled(price.0, self.price_digits())
    }

    /// The `f64` nearest to a size.
    #[inline]
    pub fn size(self, size: Quantity) -> f64 {
        unscaled(size.0, self.size_digits())
    }

    /// A price as plain decimal text without trailing zeros.
    pub fn price_text(self, price: Price) -> String {
        scaled_text(price.0, self.price_digits())
    }

    /// A size as plain decimal text without trailing zeros.
    pub fn size_text(self, size: Quantity) -> String {
        scaled_text(size.0, self.size_digits())
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "prices in 1e{} and sizes in 1e{}", self.price_exponent, self.size_exponent)
    }
}

/// Digits after the point of an exponent; one that may not be used counts as the nearest that may.
#[inline]
fn digits(exponent: i32) -> u32 {
    exponent.clamp(*Scale::EXPONENTS.start(), *Scale::EXPONENTS.end()).unsigned_abs()
}

/// The quotient of an integer and a power of ten, rounded once for integers below 2^53.
#[inline]
fn unscaled(value: i64, digits: u32) -> f64 {
    value as f64 / 10_u64.pow(digits) as f64
}

/// Why a text is not a decimal number that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Letters, two points, an empty field.
    #[error("not a decimal number")]
    Malformed,
    /// `NaN` or an infinity.
    #[error("not a finite number")]
    NotFinite,
    /// Too large for a 64-bit integer at this scale.
    #[error("number out of range")]
    OutOfRange,
}

/// Parses decimal text into an integer scaled by `10^scale`, without passing through binary floating point.
pub fn parse_scaled(text: &[u8], scale: u32) -> Result<i64, DecimalError> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let mut value: i64 = 0;
    let mut kept: u32 = 0;
    let mut seen = false;
    let mut point = false;
    let mut round_up = false;
    let mut rest = digits;
    while let [byte, tail @ ..] = rest {
        match byte {
            b'0'..=b'9' => {
                seen = true;
                let digit = i64::from(byte - b'0');
                if !point || kept < scale {
                    value = value
                        .checked_mul(10)
                        .and_then(|v| v.checked_add(digit))
                        .ok_or(DecimalError::OutOfRange)?;
                    kept += u32::from(point);
                } else if kept == scale {
                    round_up = digit >= 5;
                    kept += 1;
                }
            }
            b'.' if !point => point = true,
            b'e' | b'E' if seen => return parse_exponent(text, scale),
            _ => return Err(not_a_number(digits)),
        }
        rest = tail;
    }
    if !seen {
        return Err(not_a_number(digits));
    }
    value = value
        .checked_mul(10_i64.pow(scale - kept.min(scale)))
        .and_then(|v| v.checked_add(i64::from(round_up)))
        .ok_or(DecimalError::OutOfRange)?;
    Ok(if negative { -value } else { value })
}

/// The rare form with an exponent (`6.8581834E7`): shift the point in the text, then parse as usual.
fn parse_exponent(text: &[u8], scale: u32) -> Result<i64, DecimalError> {
    let text = std::str::from_utf8(text).map_err(|_| DecimalError::Malformed)?;
    let (mantissa, exponent) = text.split_once(['e', 'E']).ok_or(DecimalError::Malformed)?;
    let exponent: i32 = exponent.parse().map_err(|_| DecimalError::Malformed)?;
    if !(-40..=40).contains(&exponent) {
        return Err(DecimalError::OutOfRange);
    }
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let point = whole.len() as i32 + exponent;
    let plain = if point <= 0 {
        format!("{sign}0.{}{digits}", "0".repeat(point.unsigned_abs() as usize))
    } else if point as usize >= digits.len() {
        format!("{sign}{digits}{}", "0".repeat(point as usize - digits.len()))
    } else {
        let (before, after) = digits.split_at(point as usize);
        format!("{sign}{before}.{after}")
    };
    parse_scaled(plain.as_bytes(), scale)
}

fn not_a_number(digits: &[u8]) -> DecimalError {
    let word = digits.to_ascii_lowercase();
    if matches!(word.as_slice(), b"nan" | b"inf" | b"infinity") {
        DecimalError::NotFinite
    } else {
        DecimalError::Malformed
    }
}

/// A scaled integer as plain decimal text without trailing zeros.
fn scaled_text(value: i64, digits: u32) -> String {
    let unit = 10_u64.pow(digits);
    let magnitude = value.unsigned_abs();
    let sign = if value < 0 { "-" } else { "" };
    let (whole, fraction) = (magnitude / unit, magnitude % unit);
    if fraction == 0 {
        return format!("{sign}{whole}");
    }
    let digits = format!("{fraction:0width$}", width = digits as usize);
    format!("{sign}{whole}.{}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimal_text_is_exact() {
        assert_eq!(Scale::USUAL.parse_price(b"1300.151"), Ok(Price(1_300_151_000_000)));
        assert_eq!(Scale::USUAL.parse_price(b"-0.5"), Ok(Price(-500_000_000)));
        assert_eq!(Scale::USUAL.parse_size(b"0.02188038"), Ok(Quantity(2_188_038)));
        assert_eq!(Scale::USUAL.parse_size(b"6.8581834E7"), Ok(Quantity(6_858_183_400_000_000)));
        assert_eq!(Scale::USUAL.parse_price(b"1e-3"), Ok(Price(1_000_000)));
    }

    #[test]
    fn digits_beyond_the_scale_round_half_away_from_zero() {
        assert_eq!(Scale::USUAL.parse_price(b"252.7850036621094"), Ok(Price(252_785_003_662)));
        assert_eq!(Scale::USUAL.parse_price(b"0.0000000005"), Ok(Price(1)));
        assert_eq!(Scale::USUAL.parse_price(b"-0.0000000005"), Ok(Price(-1)));
    }

    #[test]
    fn what_is_no_number_says_so() {
        assert_eq!(Scale::USUAL.parse_price(b"NaN"), Err(DecimalError::NotFinite));
        assert_eq!(Scale::USUAL.parse_price(b"-inf"), Err(DecimalError::NotFinite));
        assert_eq!(Scale::USUAL.parse_price(b""), Err(DecimalError::Malformed));
        assert_eq!(Scale::USUAL.parse_price(b"1.2.3"), Err(DecimalError::Malformed));
        assert_eq!(Scale::USUAL.parse_price(b"1e30"), Err(DecimalError::OutOfRange));
        assert_eq!(Scale::USUAL.parse_price(b"99999999999"), Err(DecimalError::OutOfRange));
    }

    #[test]
    fn another_scale_holds_what_the_usual_one_cannot() {
        let fine = Scale { price_exponent: -12, size_exponent: 0 };
        assert_eq!(fine.parse_price(b"0.0000012345"), Ok(Price(1_234_500)));
        assert_eq!(fine.price(Price(1_234_500)), 1.2345e-6);
        assert_eq!(fine.price_text(Price(-1_234_500)), "-0.0000012345");
        assert_eq!(fine.parse_size(b"250000000000"), Ok(Quantity(250_000_000_000)));
        assert_eq!(Scale::USUAL.parse_size(b"250000000000"), Err(DecimalError::OutOfRange));
        assert!(Scale::new(-12, 0).is_ok() && Scale::new(1, 0).is_err() && Scale::new(-9, -19).is_err());
    }

    proptest! {
        #[test]
        fn text_and_back(value in -9_000_000_000_000_000_000_i64..9_000_000_000_000_000_000, digits in 0_i32..=18) {
            let scale = Scale { price_exponent: -digits, size_exponent: -digits };
            prop_assert_eq!(scale.parse_price(scale.price_text(Price(value)).as_bytes()), Ok(Price(value)));
            prop_assert_eq!(scale.parse_size(scale.size_text(Quantity(value)).as_bytes()), Ok(Quantity(value)));
        }

        #[test]
        fn a_number_is_the_nearest(value in -(1_i64 << 53)..(1_i64 << 53), digits in 0_i32..=18) {
            let scale = Scale { price_exponent: -digits, size_exponent: -digits };
            let nearest: f64 = scale.price_text(Price(value)).parse().unwrap();
            prop_assert_eq!(scale.price(Price(value)), nearest);
        }
    }
}
