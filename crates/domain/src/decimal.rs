//! Prices and quantities: decimal numbers held as scaled integers, so that sums, comparisons and hashes
//! are exact and the same on every machine.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A price in billionths (scale 9): 1.38626 is 1_386_260_000. Range about ±9.2 billion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Price(pub i64);

/// A quantity in hundred-millionths (scale 8): one share is 100_000_000. Range about ±92 billion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quantity(pub i64);

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

impl Price {
    /// Decimal digits after the point.
    pub const SCALE: u32 = 9;

    /// Parses decimal text such as `1300.151` or `4.2e-3`; digits beyond the scale round half away from zero.
    pub fn parse(text: &[u8]) -> Result<Price, DecimalError> {
        parse_scaled(text, Price::SCALE).map(Price)
    }

    /// The nearest `f64`.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl Quantity {
    /// Decimal digits after the point.
    pub const SCALE: u32 = 8;

    /// Parses decimal text; digits beyond the scale round half away from zero.
    pub fn parse(text: &[u8]) -> Result<Quantity, DecimalError> {
        parse_scaled(text, Quantity::SCALE).map(Quantity)
    }

    /// The nearest `f64`.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 1e8
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, Price::SCALE)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, Quantity::SCALE)
    }
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

/// Writes a scaled integer as plain decimal text without trailing zeros.
fn write_scaled(f: &mut fmt::Formatter<'_>, value: i64, scale: u32) -> fmt::Result {
    let unit = 10_u64.pow(scale);
    let magnitude = value.unsigned_abs();
    if value < 0 {
        f.write_str("-")?;
    }
    write!(f, "{}", magnitude / unit)?;
    let fraction = magnitude % unit;
    if fraction == 0 {
        return Ok(());
    }
    let digits = format!("{fraction:0width$}", width = scale as usize);
    write!(f, ".{}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimal_text_is_exact() {
        assert_eq!(Price::parse(b"1300.151"), Ok(Price(1_300_151_000_000)));
        assert_eq!(Price::parse(b"-0.5"), Ok(Price(-500_000_000)));
        assert_eq!(Quantity::parse(b"0.02188038"), Ok(Quantity(2_188_038)));
        assert_eq!(Quantity::parse(b"6.8581834E7"), Ok(Quantity(6_858_183_400_000_000)));
        assert_eq!(Price::parse(b"1e-3"), Ok(Price(1_000_000)));
    }

    #[test]
    fn digits_beyond_the_scale_round_half_away_from_zero() {
        assert_eq!(Price::parse(b"252.7850036621094"), Ok(Price(252_785_003_662)));
        assert_eq!(Price::parse(b"0.0000000005"), Ok(Price(1)));
        assert_eq!(Price::parse(b"-0.0000000005"), Ok(Price(-1)));
    }

    #[test]
    fn what_is_no_number_says_so() {
        assert_eq!(Price::parse(b"NaN"), Err(DecimalError::NotFinite));
        assert_eq!(Price::parse(b"-inf"), Err(DecimalError::NotFinite));
        assert_eq!(Price::parse(b""), Err(DecimalError::Malformed));
        assert_eq!(Price::parse(b"1.2.3"), Err(DecimalError::Malformed));
        assert_eq!(Price::parse(b"1e30"), Err(DecimalError::OutOfRange));
        assert_eq!(Price::parse(b"99999999999"), Err(DecimalError::OutOfRange));
    }

    proptest! {
        #[test]
        fn text_and_back(value in -9_000_000_000_000_000_000_i64..9_000_000_000_000_000_000) {
            prop_assert_eq!(Price::parse(Price(value).to_string().as_bytes()), Ok(Price(value)));
            prop_assert_eq!(Quantity::parse(Quantity(value).to_string().as_bytes()), Ok(Quantity(value)));
        }
    }
}
