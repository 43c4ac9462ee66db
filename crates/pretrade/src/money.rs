//! Amounts of money as integers: no sum, comparison or saved state depends on rounding in binary floating point.

use std::fmt;
use std::str::FromStr;

use gauntlet_domain::Scale;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::PretradeError;

/// An amount in the account's currency, in 10⁻¹⁸ of it: up to 1.7·10²⁰ either way. Written as decimal text (`"2500000.50"`);
/// a whole number is read too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(pub i128);

/// Decimal digits after the point.
const DIGITS: u32 = 18;

/// Which way a product of price and quantity is rounded that has more than eighteen decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Round {
    /// Towards minus infinity.
    Down,
    /// Towards plus infinity.
    Up,
}

impl Money {
    /// Units in 1 of the currency.
    pub const ONE: Money = Money(10_i128.pow(DIGITS));

    /// Whole units of the currency.
    pub fn whole(units: i64) -> Money {
        Money(i128::from(units) * Money::ONE.0)
    }

    /// Their sum, or `None` where it is too large to hold.
    pub(crate) fn plus(self, other: Money) -> Option<Money> {
        self.0.checked_add(other.0).map(Money)
    }

    /// What a signed quantity is worth at half of `twice_price`: exact to 10⁻¹⁸, rounded beyond, and `None` where it is too
    /// large to hold. Twice a price, since the mid of two integers may lie between two.
    pub(crate) fn of(quantity: i128, twice_price: i128, scale: Scale, round: Round) -> Option<Money> {
        let product = quantity.checked_mul(twice_price)?;
        // The power of ten from the product's unit to that of money: from -18 to 18.
        let digits = i64::from(DIGITS) - i64::from(scale.price_digits()) - i64::from(scale.size_digits());
        let power = 10_i128.pow(digits.unsigned_abs() as u32);
        if digits > 0 {
            return product.checked_mul(power / 2).map(Money);
        }
        let divisor = 2 * power;
        let below = product.div_euclid(divisor);
        let is_exact = product.rem_euclid(divisor) == 0;
        Some(Money(if is_exact || round == Round::Down { below } else { below + 1 }))
    }
}

/// The least integer that is not below a quotient; the divisor is above zero. An integer limit is exceeded by it exactly
/// where it is exceeded by the quotient.
pub(crate) fn ratio_up(dividend: i128, divisor: i128) -> i128 {
    dividend.div_euclid(divisor) + i128::from(dividend.rem_euclid(divisor) != 0)
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = Money::ONE.0.unsigned_abs();
        let (whole, fraction) = (self.0.unsigned_abs() / unit, self.0.unsigned_abs() % unit);
        let sign = if self.0 < 0 { "-" } else { "" };
        if fraction == 0 {
            return write!(f, "{sign}{whole}");
        }
        let digits = format!("{fraction:0width$}", width = DIGITS as usize);
        write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

impl FromStr for Money {
    type Err = PretradeError;

    /// Reads a decimal number with at most eighteen digits after the point, without an exponent.
    fn from_str(text: &str) -> Result<Money, PretradeError> {
        let refuse = || PretradeError::NoMoney { text: text.to_owned() };
        let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !are_digits(whole) || !are_digits(fraction) || fraction.len() > DIGITS as usize {
            return Err(refuse());
        }
        let scaled = format!("{sign}{whole}{fraction:0<width$}", width = DIGITS as usize);
        scaled.parse().map(Money).map_err(|_| refuse())
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
        deserializer.deserialize_any(Amount)
    }
}

/// Reads text or a whole number. A number with a fraction has been through `f64` and is refused.
struct Amount;

impl Visitor<'_> for Amount {
    type Value = Money;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number, or an amount as text such as \"2500000.50\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Money, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, units: i64) -> Result<Money, E> {
        Ok(Money::whole(units))
    }

    fn visit_u64<E: Error>(self, units: u64) -> Result<Money, E> {
        // At most 1.8·10¹⁹ of them: their product with 10¹⁸ has less than 127 bits.
        Ok(Money(i128::from(units) * Money::ONE.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_product_by_hand_in_the_usual_scale() {
        // 3 units at the mid of 1300.15 and 1300.16.
        let price = 1_300_150_000_000_i128 + 1_300_160_000_000;
        let worth = Money::of(300_000_000, price, Scale::USUAL, Round::Up);
        assert_eq!(worth.unwrap().to_string(), "3900.465");
        assert_eq!(
            Money::of(-300_000_000, price, Scale::USUAL, Round::Down).unwrap().to_string(),
            "-3900.465"
        );
    }

    #[test]
    fn what_is_finer_than_the_unit_is_rounded_the_way_that_is_asked_for() {
        let fine = Scale { price_exponent: -18, size_exponent: -18 };
        assert_eq!(Money::of(1, 2, fine, Round::Up), Some(Money(1)));
        assert_eq!(Money::of(1, 2, fine, Round::Down), Some(Money(0)));
        assert_eq!(Money::of(-1, 2, fine, Round::Up), Some(Money(0)));
        assert_eq!(Money::of(-1, 2, fine, Round::Down), Some(Money(-1)));
        // What is exact is not rounded.
        for round in [Round::Up, Round::Down] {
            assert_eq!(Money::of(Money::ONE.0, 2, fine, round), Some(Money(1)));
            assert_eq!(Money::of(-Money::ONE.0, 2, fine, round), Some(Money(-1)));
        }
        let half = Scale { price_exponent: -9, size_exponent: -9 };
        assert_eq!(Money::of(1, 3, half, Round::Up), Some(Money(2)));
        assert_eq!(Money::of(1, 3, half, Round::Down), Some(Money(1)));
    }

    #[test]
    fn the_largest_product_is_none_or_exact() {
        let (quantity, price) = (i128::from(i64::MAX), 2 * i128::from(i64::MAX));
        assert_eq!(Money::of(quantity, price, Scale::USUAL, Round::Up), None);
        let fine = Scale { price_exponent: -18, size_exponent: -18 };
        assert!(Money::of(quantity, price, fine, Round::Up).is_some());
        assert_eq!(Money::of(i128::MAX, 2, fine, Round::Up), None);
        assert_eq!(Money(i128::MAX).plus(Money(1)), None);
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", "-", ".5", "1.", "1e3", "NaN", "+1", "1.0000000000000000001", "--1", "1 ", "17e"] {
            let refusal = text.parse::<Money>().unwrap_err().to_string();
            assert!(refusal.contains(&format!("'{text}'")), "{refusal}");
        }
        assert!("171000000000000000000".parse::<Money>().is_err(), "beyond 128 bits");
        let read = |json: &str| serde_json::from_str::<Money>(json);
        assert_eq!(read("12").unwrap(), Money::whole(12));
        assert_eq!(read("\"-0.5\"").unwrap(), Money(-Money::ONE.0 / 2));
        assert!(read("12.5").unwrap_err().to_string().contains("as text"));
    }

    proptest! {
        #[test]
        fn text_and_back(value in any::<i128>()) {
            let json = serde_json::to_string(&Money(value)).unwrap();
            prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), Money(value));
        }

        #[test]
        fn an_integer_limit_holds_the_quotient_exactly(dividend in -10_000_i128..10_000, divisor in 1_i128..50, limit in -300_i128..300) {
            prop_assert_eq!(ratio_up(dividend, divisor) > limit, dividend > limit * divisor);
        }
    }
}
