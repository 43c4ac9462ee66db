//! Columns of doubles. Of three ways the first that fits:
//!
//! - *decimals*: all are whole numbers of some power of ten, and are kept as these;
//! - *steps*: each is the one before plus a whole number of steps, but for a few units in the last place. So is the
//!   equity of an account that holds a quantity while the price moves by ticks: the step is quantity times tick. It
//!   changes with every trade, and is found in the differences by Euclid's algorithm;
//! - *bits*: the bits that differ from those of the number before, or of the one before that.
//!
//! Each gives the same bits back, whatever they are.

use super::bytes::{
    put_longs, put_planes, put_varint, take, take_count, take_longs, take_planes, take_varint, unzigzag,
    width, zigzag,
};

const DECIMALS: u8 = 0;
const STEPS: u8 = 1;
const BITS: u8 = 2;

/// More digits behind the point than these are no decimals.
const MOST_DIGITS: u32 = 6;
/// Steps between two numbers, at most.
const MOST_STEPS: f64 = 4_000_000.0;
/// Units in the last place by which a number may differ from a whole number of steps.
const MOST_UNITS: i64 = 120;
/// Differences that a step is found in.
const SAMPLE: usize = 5;
/// Differences that a step is made exact by.
const EXACT: usize = 32;
/// What stands for a number that is no whole number of steps from the one before; others are moved up by one.
const MISS: u64 = 0;

/// Appends doubles.
pub(crate) fn put_doubles(numbers: &[f64], out: &mut Vec<u8>) {
    if let Some((digits, wholes)) = decimals(numbers) {
        out.extend([DECIMALS, digits as u8]);
        put_longs(&wholes, out);
    } else if let Some(steps) = Steps::of(numbers) {
        out.push(STEPS);
        steps.put(out);
    } else {
        out.push(BITS);
        put_bits(numbers, out);
    }
}

/// Takes so many doubles.
pub(crate) fn take_doubles(rest: &mut &[u8], count: usize) -> Option<Vec<f64>> {
    match take(rest)? {
        [DECIMALS] => {
            let [digits] = take(rest)?;
            let power = 10_f64.powi(i32::from(digits));
            Some(take_longs(rest, count)?.into_iter().map(|whole| whole as f64 / power).collect())
        }
        [STEPS] => take_steps(rest, count),
        [BITS] => take_bits(rest, count),
        _ => None,
    }
}

/// Digits behind the point and the numbers without it.
fn decimals(numbers: &[f64]) -> Option<(u32, Vec<i64>)> {
    let mut digits = 0;
    let whole = |number: f64, digits: u32| {
        let power = 10_f64.powi(digits as i32);
        let whole = (number * power).round();
        // Beyond 2^53 not every whole number is a double.
        let same = whole.abs() < 9e15 && (whole as i64 as f64 / power).to_bits() == number.to_bits();
        same.then_some(whole as i64)
    };
    for &number in numbers {
        while whole(number, digits).is_none() {
            digits += 1;
            if digits > MOST_DIGITS {
                return None;
            }
        }
    }
    let wholes = numbers.iter().map(|&number| whole(number, digits)).collect::<Option<_>>()?;
    Some((digits, wholes))
}

/// Numbers as steps from one to the next.
struct Steps {
    first: f64,
    /// Of each number but the first: how many steps, moved up by one, or [`MISS`].
    moves: Vec<u64>,
    /// Units in the last place by which the steps miss a number, of those that are no [`MISS`].
    units: Vec<u64>,
    /// Difference of the bits to those of the number before, of each [`MISS`].
    misses: Vec<u64>,
    /// Where a new step begins, counted from the one before, and the step.
    steps: Vec<(usize, f64)>,
}

impl Steps {
    /// Nothing when few of the numbers are such.
    fn of(numbers: &[f64]) -> Option<Steps> {
        let (moves, units, misses, steps) = Default::default();
        let mut found = Steps { first: *numbers.first()?, moves, units, misses, steps };
        let (mut step, mut since) = (0.0, 0);
        for at in 1..numbers.len() {
            let (before, number) = (numbers[at - 1], numbers[at]);
            let mut hit = steps_to(before, number, step);
            if hit.is_none()
                && let Some(other) = find_step(&numbers[at - 1..])
            {
                hit = steps_to(before, number, other);
                if hit.is_some() {
                    found.steps.push((at - since, other));
                    (step, since) = (other, at);
                }
            }
            match hit {
                Some((count, units)) => {
                    found.moves.push(zigzag(count) + 1);
                    found.units.push(zigzag(units));
                }
                None => {
                    found.moves.push(MISS);
                    found.misses.push(zigzag(bits(number).wrapping_sub(bits(before))));
                    if found.misses.len() > 16 + at / 4 {
                        return None;
                    }
                }
            }
        }
        (found.misses.len() * 4 <= found.moves.len()).then_some(found)
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.first.to_bits().to_le_bytes());
        put_varint(self.misses.len() as u64, out);
        put_varint(self.steps.len() as u64, out);
        self.steps.iter().for_each(|(since, _)| put_varint(*since as u64, out));
        let steps: Vec<u64> = self.steps.iter().map(|(_, step)| step.to_bits()).collect();
        put_planes(&steps, 8, out);
        put_planes(&self.misses, 8, out);
        put_planes(&self.units, 1, out);
        let width = width(&self.moves);
        out.push(width as u8);
        put_planes(&self.moves, width, out);
    }
}

fn take_steps(rest: &mut &[u8], count: usize) -> Option<Vec<f64>> {
    let moves = count.checked_sub(1)?;
    let mut number = f64::from_bits(u64::from_le_bytes(take(rest)?));
    let misses = take_count(rest, moves)?;
    let steps = take_count(rest, moves)?;
    let begins = (0..steps).map(|_| take_varint(rest)).collect::<Option<Vec<u64>>>()?;
    let sizes = take_planes(rest, steps, 8)?;
    let mut misses = take_planes(rest, misses, 8)?.into_iter();
    let mut units = take_planes(rest, moves - misses.len(), 1)?.into_iter();
    let [width] = take(rest)?;
    let counts = take_planes(rest, moves, u32::from(width).min(8))?;
    let mut steps = begins.into_iter().zip(sizes.into_iter().map(f64::from_bits)).peekable();
    let mut numbers = Vec::with_capacity(count);
    numbers.push(number);
    let (mut step, mut since) = (0.0, 0);
    for count in counts {
        since += 1;
        if let Some((_, next)) = steps.next_if(|(begin, _)| *begin == since) {
            (step, since) = (next, 0);
        }
        let (near, by) = match count {
            MISS => (number, unzigzag(misses.next()?)),
            count => (stepped(number, step, unzigzag(count - 1) as f64), unzigzag(units.next()?)),
        };
        number = f64::from_bits(bits(near).wrapping_add(by).cast_unsigned());
        numbers.push(number);
    }
    Some(numbers)
}

fn bits(number: f64) -> i64 {
    number.to_bits().cast_signed()
}

/// So many steps from a number. Two roundings, on every machine the same.
fn stepped(before: f64, step: f64, count: f64) -> f64 {
    before + step * count
}

/// How many steps lead from one number to the next, and by how many units in the last place they miss it.
fn steps_to(before: f64, number: f64, step: f64) -> Option<(i64, i64)> {
    if number.to_bits() == before.to_bits() && stepped(before, step, 0.0).to_bits() == before.to_bits() {
        return Some((0, 0));
    }
    let count = ((number - before) / step).round();
    if count.is_nan() || count.abs() > MOST_STEPS {
        return None;
    }
    let units = bits(number).wrapping_sub(bits(stepped(before, step, count)));
    (-MOST_UNITS..=MOST_UNITS).contains(&units).then_some((count as i64, units))
}

/// The greatest step of which the next differences are whole numbers.
fn find_step(numbers: &[f64]) -> Option<f64> {
    let differences = || {
        let pairs = numbers.windows(2).map(|pair| (pair[1] - pair[0]).abs());
        pairs.take(2 * EXACT).filter(|difference| *difference > 0.0)
    };
    let mut sample: Vec<f64> = differences().take(SAMPLE).collect();
    if sample.len() < SAMPLE {
        return None;
    }
    sample.sort_by(f64::total_cmp);
    // What rounding leaves of a difference. Euclid's algorithm makes it greater, by as much as it makes numbers smaller.
    let noise = numbers[0].abs().max(numbers[1].abs()) * f64::EPSILON * 8.0;
    let least = (noise * sample[SAMPLE - 1]).sqrt();
    let mut step = sample[0];
    for &other in &sample[1..] {
        let (mut great, mut small) = (other, step);
        while small > least {
            (great, small) = (small, (great - small * (great / small).round()).abs());
        }
        step = great;
    }
    // From the smallest difference to the greatest the step becomes more exact, and then by the sum of many.
    for difference in &sample {
        step = difference / (difference / step).round().max(1.0);
    }
    let (mut sum, mut counts) = (0.0, 0.0);
    for (place, difference) in differences().take(EXACT).enumerate() {
        let count = (difference / step).round();
        if (difference - count * step).abs() > noise * 4.0 {
            if place < SAMPLE {
                return None;
            }
            break;
        }
        (sum, counts) = (sum + difference, counts + count);
    }
    let exact = sum / counts;
    (exact.is_finite() && exact > least).then_some(exact)
}

fn put_bits(numbers: &[f64], out: &mut Vec<u8>) {
    let changed = |lag: usize| -> Vec<u64> {
        let before = std::iter::repeat_n(0, lag).chain(numbers.iter().map(|number| number.to_bits()));
        numbers.iter().zip(before).map(|(number, before)| number.to_bits() ^ before).collect()
    };
    let unchanged = |bits: &[u64]| bits.iter().map(|bits| u64::from(bits.leading_zeros() / 8)).sum::<u64>();
    let (one, two) = (changed(1), changed(2));
    let (lag, bits) = if unchanged(&two) > unchanged(&one) { (2, two) } else { (1, one) };
    out.push(lag);
    put_planes(&bits, 8, out);
}

fn take_bits(rest: &mut &[u8], count: usize) -> Option<Vec<f64>> {
    let [lag] = take(rest)?;
    let lag = usize::from(lag).max(1);
    let mut bits = take_planes(rest, count, 8)?;
    for at in lag..count {
        bits[at] ^= bits[at - lag];
    }
    Some(bits.into_iter().map(f64::from_bits).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(numbers: &[f64]) -> (u8, usize) {
        let mut bytes = Vec::new();
        put_doubles(numbers, &mut bytes);
        let mut rest = bytes.as_slice();
        let read = take_doubles(&mut rest, numbers.len()).unwrap();
        assert!(rest.is_empty());
        let same = |(a, b): (&f64, &f64)| a.to_bits() == b.to_bits();
        assert!(read.len() == numbers.len() && read.iter().zip(numbers).all(same));
        (bytes[0], zstd::bulk::compress(&bytes, 3).unwrap().len())
    }

    /// A number in no order from 0 to below 1.
    fn random(i: u64) -> f64 {
        let mixed = (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        ((mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Equity of an account that always holds something: a trade every `hold` bars, prices in thousandths.
    fn equity(bars: u64, hold: u64) -> Vec<f64> {
        let (mut equity, mut price, mut quantity) = (100_000.0_f64, 1_300_000_i64, 0.0);
        (0..bars)
            .map(|bar| {
                if bar % hold == 0 {
                    quantity = equity * 0.95 / (price as f64 / 1e3)
                        * if (bar / hold).is_multiple_of(2) { 1.0 } else { -1.0 };
                    equity -= 12.345_678 * random(bar + 7);
                }
                let next = price + ((random(bar) - 0.5) * 4_000.0) as i64;
                let before = equity;
                let change = quantity * (next as f64 / 1e3 - price as f64 / 1e3);
                // As a return that is multiplied back.
                equity *= 1.0 + ((before + change) / before - 1.0);
                price = next;
                equity
            })
            .collect()
    }

    #[test]
    fn equity_that_moves_at_every_bar_takes_half_of_what_its_bits_take() {
        for (hold, most) in [(1_000_000, 2.1), (80, 2.6), (30, 3.4)] {
            let numbers = equity(8_192, hold);
            let (way, bytes) = read(&numbers);
            let each = bytes as f64 / numbers.len() as f64;
            assert!(way == STEPS && each < most, "{each} bytes, a trade in {hold} bars, way {way}");
        }
    }

    #[test]
    fn prices_are_decimals_and_noise_is_bits() {
        let prices: Vec<f64> =
            (0..1_000).map(|i| (1_300_000.0 + (random(i) * 100.0).round()) / 1e3).collect();
        assert_eq!(read(&prices).0, DECIMALS);
        assert_eq!(read(&[100_000.0; 1_000]), (DECIMALS, read(&[100_000.0; 1_000]).1));
        let noise: Vec<f64> = (0..1_000).map(random).collect();
        assert_eq!(read(&noise).0, BITS);
        // Profits of trades stand at every second fill: the one before the last is the nearer one.
        let profits: Vec<f64> = (0..1_000).map(|i| if i % 2 == 0 { 0.0 } else { random(i) }).collect();
        let (way, bytes) = read(&profits);
        assert!(way == BITS && bytes < 5_000, "{bytes}");
    }

    #[test]
    fn odd_numbers_read_back() {
        let odd = [
            0.0,
            -0.0,
            f64::MIN,
            f64::MAX,
            f64::MIN_POSITIVE,
            5e-324,
            -5e-324,
            1e15,
            0.1,
            -0.1,
            f64::EPSILON,
        ];
        read(&[]);
        for number in odd {
            read(&[number]);
            read(&[number; 40]);
            for other in odd {
                read(&[number, other]);
                read(&[number, other, number, other, other, number, number]);
                read(&[number, other].repeat(30));
            }
        }
    }

    proptest! {
        #[test]
        fn any_doubles_read_back(
            numbers in prop::collection::vec(
                prop_oneof![prop::num::f64::ANY, -3.0..3.0_f64, (-500_i64..500).prop_map(|n| n as f64 / 100.0)],
                0..80,
            ),
        ) {
            read(&numbers);
        }

        #[test]
        fn any_steps_read_back(
            start in -1e6..1e6_f64, step in 1e-6..10.0_f64, moves in prop::collection::vec((-3_000_i32..3_000, 0..40_u8), 1..300),
        ) {
            let mut number = start;
            let numbers: Vec<f64> = moves
                .iter()
                .map(|(count, odd)| {
                    number += step * f64::from(*count) + if *odd == 0 { 0.123 } else { 0.0 };
                    number
                })
                .collect();
            read(&numbers);
        }

        #[test]
        fn damaged_bytes_are_no_doubles_and_no_panic(
            way in 0..4_u8, bytes in prop::collection::vec(any::<u8>(), 0..80), count in 0..20_usize,
        ) {
            let bytes = [vec![way], bytes].concat();
            take_doubles(&mut bytes.as_slice(), count);
        }
    }
}
