//! Normal and Student distributions from `libm`'s error, gamma and exponential functions.
//!
//! Probabilities are between 0 and 1; each lower tail is computed itself, never as one minus the upper one.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use super::{Undefined, finite};

/// 1/√2 less its nearest `f64`.
const FRAC_1_SQRT_2_REST: f64 = -4.833_646_656_726_457e-17;

/// P(Z ≤ x) of the standard normal law, erfc(-x/√2)/2.
///
/// -x/√2 is rounded, and the tail amplifies that by x²: the derivative times the rest puts it right.
pub fn normal_cdf(x: f64) -> f64 {
    let rounded = -x * FRAC_1_SQRT_2;
    let rest = (-x).mul_add(FRAC_1_SQRT_2, -rounded) - x * FRAC_1_SQRT_2_REST;
    let value = libm::erfc(rounded);
    if rest.is_finite() {
        0.5 * (value - FRAC_2_SQRT_PI * libm::exp(-rounded * rounded) * rest)
    } else {
        0.5 * value
    }
}

/// Density of the standard normal law, e^(-x²/2)/√(2π).
pub fn normal_density(x: f64) -> f64 {
    0.5 * FRAC_1_SQRT_2 * FRAC_2_SQRT_PI * libm::exp(-0.5 * x * x)
}

/// The x with P(Z ≤ x) = `p`. Wichura (1988), algorithm AS 241, PPND16. Undefined outside 0 < p < 1.
pub fn normal_quantile(p: f64) -> Result<f64, Undefined> {
    if !(p > 0.0 && p < 1.0) {
        return Err(Undefined::Infeasible);
    }
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180625 - q * q;
        return Ok(q * ratio(&CENTRE, r));
    }
    let tail = (-libm::log(if q < 0.0 { p } else { 1.0 - p })).sqrt();
    let size = if tail <= 5.0 { ratio(&SHOULDER, tail - 1.6) } else { ratio(&TAIL, tail - 5.0) };
    Ok(if q < 0.0 { -size } else { size })
}

/// Ratio of two polynomials of degree 7, coefficients from the constant up.
fn ratio([numerator, denominator]: &[[f64; 8]; 2], x: f64) -> f64 {
    let at = |coefficients: &[f64; 8]| coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c);
    at(numerator) / at(denominator)
}

#[allow(clippy::excessive_precision, clippy::unreadable_literal)]
const CENTRE: [[f64; 8]; 2] = [
    [
        3.3871328727963666080e0,
        1.3314166789178437745e2,
        1.9715909503065514427e3,
        1.3731693765509461125e4,
        4.5921953931549871457e4,
        6.7265770927008700853e4,
        3.3430575583588128105e4,
        2.5090809287301226727e3,
    ],
    [
        1.0,
        4.2313330701600911252e1,
        6.8718700749205790830e2,
        5.3941960214247511077e3,
        2.1213794301586595867e4,
        3.9307895800092710610e4,
        2.8729085735721942674e4,
        5.2264952788528545610e3,
    ],
];
#[allow(clippy::excessive_precision, clippy::unreadable_literal)]
const SHOULDER: [[f64; 8]; 2] = [
    [
        1.42343711074968357734e0,
        4.63033784615654529590e0,
        5.76949722146069140550e0,
        3.64784832476320460504e0,
        1.27045825245236838258e0,
        2.41780725177450611770e-1,
        2.27238449892691845833e-2,
        7.74545014278341407640e-4,
    ],
    [
        1.0,
        2.05319162663775882187e0,
        1.67638483018380384940e0,
        6.89767334985100004550e-1,
        1.48103976427480074590e-1,
        1.51986665636164571966e-2,
        5.47593808499534494600e-4,
        1.05075007164441684324e-9,
    ],
];
#[allow(clippy::excessive_precision, clippy::unreadable_literal)]
const TAIL: [[f64; 8]; 2] = [
    [
        6.65790464350110377720e0,
        5.46378491116411436990e0,
        1.78482653991729133580e0,
        2.96560571828504891230e-1,
        2.65321895265761230930e-2,
        1.24266094738807843860e-3,
        2.71155556874348757815e-5,
        2.01033439929228813265e-7,
    ],
    [
        1.0,
        5.99832206555887937690e-1,
        1.36929880922735805310e-1,
        1.48753612908506148525e-2,
        7.86869131145613259100e-4,
        1.84631831751005468180e-5,
        1.42151175831644588870e-7,
        2.04426310338993978564e-15,
    ],
];

/// P(T ≤ t) of Student's law with `degrees` degrees of freedom, to a relative error of 1e-11 in the lower tail up to 100,000
/// degrees. Undefined for degrees that are not positive.
pub fn student_cdf(t: f64, degrees: f64) -> Result<f64, Undefined> {
    let tail = student_tail(t.abs(), degrees)?;
    Ok(if t > 0.0 { 1.0 - tail } else { tail })
}

/// P(T > t) for t ≥ 0: half the regularised incomplete beta function I_x(ν/2, 1/2) at x = ν/(ν + t²).
pub(super) fn student_tail(t: f64, degrees: f64) -> Result<f64, Undefined> {
    if !(degrees > 0.0 && degrees.is_finite() && t.is_finite()) {
        return Err(Undefined::Infeasible);
    }
    let square = t * t;
    let (x, rest) = (degrees / (degrees + square), square / (degrees + square));
    Ok(0.5 * incomplete_beta(degrees / 2.0, 0.5, x, rest)?)
}

/// The t ≥ 0 with P(T > t) = `tail`, for a tail of at most one half: bisection, which cannot fail, to the last bit.
pub(super) fn student_upper_quantile(tail: f64, degrees: f64) -> Result<f64, Undefined> {
    if !(tail > 0.0 && tail <= 0.5) {
        return Err(Undefined::Infeasible);
    }
    let (mut low, mut high) = (0.0, 1.0);
    while student_tail(high, degrees)? > tail {
        (low, high) = (high, high * 2.0);
        finite(high * high).map_err(|_| Undefined::Unbounded)?;
    }
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return Ok(high);
        }
        if student_tail(middle, degrees)? > tail { low = middle } else { high = middle }
    }
}

/// I_x(a, b), with `rest` = 1 - x given so that no digits are lost: the continued fraction of DLMF 8.17.22 by the
/// algorithm of Lentz, on the side where it converges fast.
fn incomplete_beta(a: f64, b: f64, x: f64, rest: f64) -> Result<f64, Undefined> {
    if x <= 0.0 {
        return Ok(0.0);
    }
    if rest <= 0.0 {
        return Ok(1.0);
    }
    let log_front = a * log_of(x, rest) + b * log_of(rest, x) - log_beta(a, b);
    let front = libm::exp(log_front);
    if x < (a + 1.0) / (a + b + 2.0) {
        Ok(front / a * continued_fraction(a, b, x)?)
    } else {
        Ok(1.0 - front / b * continued_fraction(b, a, rest)?)
    }
}

/// ln x with 1 - x known: near one the logarithm of the small part is exact.
fn log_of(x: f64, rest: f64) -> f64 {
    if rest < 0.5 { libm::log1p(-rest) } else { libm::log(x) }
}

/// ln B(a, b). For large a, ln Γ(a) - ln Γ(a + b) cancels, so its asymptotic series is used for b = 1/2 (DLMF 5.11.13).
fn log_beta(a: f64, b: f64) -> f64 {
    if a > 30.0 && b <= 1.0 {
        let stirling = |z: f64| {
            let w = 1.0 / (z * z);
            (1.0 / 12.0 - w * (1.0 / 360.0 - w * (1.0 / 1260.0 - w / 1680.0))) / z
        };
        // ln Γ(a) - ln Γ(a + b) from Stirling's series, with the large parts joined.
        let sum = a + b;
        let joined = b - b * libm::log(sum) - (a - 0.5) * libm::log1p(b / a);
        libm::lgamma(b) + joined + stirling(a) - stirling(sum)
    } else {
        libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b)
    }
}

fn continued_fraction(a: f64, b: f64, x: f64) -> Result<f64, Undefined> {
    const TINY: f64 = 1e-300;
    let guard = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / guard(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for step in 1..10_000_u32 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / guard(1.0 + even * d);
        c = guard(1.0 + even / c);
        value *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / guard(1.0 + odd * d);
        c = guard(1.0 + odd / c);
        value *= d * c;
        if (d * c - 1.0).abs() < 1e-16 {
            return finite(value);
        }
    }
    finite(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantile_undoes_the_distribution_in_both_tails() {
        for x in [-12.0, -6.0, -3.0, -1.0, -0.2, 0.0, 0.7, 2.0, 5.0] {
            let back = normal_quantile(normal_cdf(x)).unwrap();
            assert!((back - x).abs() <= 1e-9 * x.abs().max(1.0), "{back} is not {x}");
        }
        for p in [0.0, 1.0, -1.0, f64::NAN] {
            assert_eq!(normal_quantile(p), Err(Undefined::Infeasible));
        }
        assert_eq!((normal_cdf(-50.0), normal_cdf(50.0)), (0.0, 1.0));
    }

    #[test]
    fn one_degree_of_freedom_is_cauchy_and_the_quantile_undoes_the_tail() {
        for t in [0.0, 0.3, 1.0, 20.0] {
            let cauchy = 0.5 + libm::atan(t) / std::f64::consts::PI;
            assert!((student_cdf(t, 1.0).unwrap() - cauchy).abs() < 1e-15);
            assert!((student_cdf(-t, 1.0).unwrap() - (1.0 - cauchy)).abs() < 1e-15);
        }
        for t in [0.5, 2.0, 9.0] {
            let back = student_upper_quantile(student_tail(t, 119.0).unwrap(), 119.0).unwrap();
            assert!((back - t).abs() < 1e-12 * t);
        }
        assert_eq!(student_cdf(1.0, 0.0), Err(Undefined::Infeasible));
        assert_eq!(student_upper_quantile(0.0, 5.0), Err(Undefined::Infeasible));
    }
}
