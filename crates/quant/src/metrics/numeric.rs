//! Arithmetic shared by the metrics: running moments, co-moments, quantiles, and the two gates through which
//! every metric returns its value, `defined` and `ratio`.
//!
//! Every reduction is a plain loop in index order, so a result is the same to the last bit for any number of
//! workers. `sqrt` is exact by IEEE 754; powers and logarithms come from `libm`, not from the platform.

/// A denominator at or below this size is rounding noise and counts as zero.
///
/// Without it, a strategy that tracks its benchmark at a constant distance has a tracking error of 1e-19 and an
/// information ratio of 1e16, which would win any ranking. Returns are pure numbers, and 1e-12 a period is a
/// hundred-millionth of a basis point; the same holds for amounts of currency.
pub(crate) const NOISE: f64 = 1e-12;

/// The one place where a NaN or an infinity becomes `None`.
pub(crate) fn defined(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// `numerator / denominator`, or `None` where the denominator is noise (see [`NOISE`]).
pub(crate) fn ratio(numerator: f64, denominator: f64) -> Option<f64> {
    if denominator.abs() > NOISE { defined(numerator / denominator) } else { None }
}

/// Count, mean and sum of squared deviations, one value at a time (Welford 1962).
///
/// Welford rather than sum and sum of squares: a constant series has a variance of exactly zero, and a series
/// with a mean far from zero loses no digits. The price is one division a value.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Moments {
    pub(crate) count: u64,
    pub(crate) mean: f64,
    pub(crate) sum_sq_dev: f64,
}

impl Moments {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Moments {
        let mut moments = Moments::default();
        for value in values {
            moments.push(value);
        }
        moments
    }

    pub(crate) fn push(&mut self, value: f64) {
        self.count += 1;
        (self.mean, self.sum_sq_dev) = welford(self.count as f64, self.mean, self.sum_sq_dev, value);
    }

    pub(crate) fn mean(&self) -> Option<f64> {
        if self.count == 0 { None } else { defined(self.mean) }
    }

    /// Variance with divisor n - 1; undefined below two values.
    pub(crate) fn sample_variance(&self) -> Option<f64> {
        if self.count < 2 { None } else { defined(self.sum_sq_dev / (self.count - 1) as f64) }
    }

    pub(crate) fn sample_std_dev(&self) -> Option<f64> {
        self.sample_variance().map(f64::sqrt)
    }
}

/// Mean and sum of squared deviations after the next value, which is number `count`.
#[inline(always)]
pub(crate) fn welford(count: f64, mean: f64, sum_sq_dev: f64, value: f64) -> (f64, f64) {
    let before = value - mean;
    let mean = mean + before / count;
    (mean, sum_sq_dev + before * (value - mean))
}

/// Sums of squared and crossed deviations of two series of one length.
pub(crate) struct CoMoments {
    count: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

impl CoMoments {
    /// Undefined for different lengths and below two pairs.
    pub(crate) fn of(xs: &[f64], ys: &[f64]) -> Option<CoMoments> {
        if xs.len() != ys.len() || xs.len() < 2 {
            return None;
        }
        let mean_x = Moments::of(xs.iter().copied()).mean;
        let mean_y = Moments::of(ys.iter().copied()).mean;
        let mut sums = CoMoments { count: xs.len() as f64, xx: 0.0, yy: 0.0, xy: 0.0 };
        for (x, y) in xs.iter().zip(ys) {
            let (dx, dy) = (x - mean_x, y - mean_y);
            sums.xx += dx * dx;
            sums.yy += dy * dy;
            sums.xy += dx * dy;
        }
        Some(sums)
    }

    /// Slope of the least-squares line of y on x; undefined where x does not vary.
    pub(crate) fn slope(&self) -> Option<f64> {
        if self.varies(self.xx) { defined(self.xy / self.xx) } else { None }
    }

    /// Pearson's correlation; undefined where either series does not vary.
    pub(crate) fn correlation(&self) -> Option<f64> {
        if !(self.varies(self.xx) && self.varies(self.yy)) {
            return None;
        }
        // Two roots rather than the root of the product, which over- and underflows first.
        defined(self.xy / (self.xx.sqrt() * self.yy.sqrt())).map(|r| r.clamp(-1.0, 1.0))
    }

    fn varies(&self, sum_sq_dev: f64) -> bool {
        (sum_sq_dev / self.count).sqrt() > NOISE
    }
}

/// The `q` quantile, interpolated linearly between order statistics at (n - 1)·q: numpy's default,
/// type 7 of Hyndman and Fan (1996). Undefined for an empty slice.
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let sorted = sorted(values);
    let last = sorted.len().checked_sub(1)?;
    let place = last as f64 * q;
    let below = (place.floor() as usize).min(last);
    let above = (below + 1).min(last);
    defined(sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64))
}

/// A copy in ascending order.
pub(crate) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Sum in index order.
pub(crate) fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(0.0, |total, value| total + value)
}

/// Asserts that a metric is defined and equals `expected` within 1e-12, relative above one and absolute below.
#[cfg(test)]
#[track_caller]
pub(crate) fn assert_close(actual: Option<f64>, expected: f64) {
    let value = actual.unwrap_or_else(|| panic!("undefined, expected {expected}"));
    assert!((value - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{value} is not {expected}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variance_of_a_constant_is_exactly_zero() {
        let moments = Moments::of([0.1; 1000]);
        assert_eq!((moments.mean(), moments.sample_variance()), (Some(0.1), Some(0.0)));
    }

    #[test]
    fn the_variance_survives_a_mean_far_from_zero() {
        assert_close(Moments::of([1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0]).sample_variance(), 1.0);
    }

    #[test]
    fn a_noisy_denominator_gives_no_ratio() {
        assert_eq!(ratio(1.0, 1e-12), None);
        assert_eq!(ratio(1.0, -0.0), None);
        assert_eq!(ratio(1.0, f64::NAN), None);
        assert_eq!(ratio(f64::MAX, 1e-3), None);
        assert_eq!(ratio(1.0, -4.0), Some(-0.25));
    }

    #[test]
    fn quantiles_interpolate_between_order_statistics() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_close(quantile(&values, 0.0), 1.0);
        assert_close(quantile(&values, 0.5), 2.5);
        assert_close(quantile(&values, 0.05), 1.15);
        assert_close(quantile(&values, 1.0), 4.0);
        assert_close(quantile(&[7.0], 0.05), 7.0);
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn co_moments_need_two_pairs_of_one_length() {
        assert!(CoMoments::of(&[1.0], &[1.0]).is_none());
        assert!(CoMoments::of(&[1.0, 2.0], &[1.0]).is_none());
    }

    #[test]
    fn a_perfect_line_correlates_with_exactly_one_at_most() {
        let xs: Vec<f64> = (0..100).map(|i| f64::from(i) * 0.1).collect();
        let ys: Vec<f64> = xs.iter().map(|x| 3.0 * x - 1.0).collect();
        let line = CoMoments::of(&xs, &ys).unwrap();
        assert_close(line.slope(), 3.0);
        assert_close(line.correlation(), 1.0);
        assert!(line.correlation() <= Some(1.0));
    }
}
