//! Random numbers named by what they are for.
//!
//! A stream is seeded by a path such as (seed, trial, purpose, parameter, attempt), so a number depends on
//! its path and its place in the stream, never on how many numbers were drawn elsewhere. Within a stream:
//! SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators"), whose output
//! function also mixes the path. It is ours, in a dozen lines, because proposals are kept for ever and must
//! not change with a dependency.

/// A SplitMix64 stream at the end of a path.
#[derive(Debug, Clone)]
pub struct Stream {
    state: u64,
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Stream {
    /// The root of all paths of one seed.
    pub fn new(seed: u64) -> Self {
        Self { state: mix(seed.wrapping_add(GOLDEN)) }
    }

    /// The stream one step further down the path.
    pub fn at(&self, step: u64) -> Self {
        Self { state: mix(self.state.wrapping_add(GOLDEN) ^ mix(step.wrapping_add(GOLDEN))) }
    }

    /// The stream one named step further down the path.
    pub fn named(&self, name: &str) -> Self {
        // FNV-1a: any stable hash will do, `at` mixes it.
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        self.at(hash)
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// The next number, uniform in `[0, 1)` on a lattice of 2^-53.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// The next standard normal number (Marsaglia's polar method; the second of each pair is dropped).
    pub fn normal(&mut self) -> f64 {
        loop {
            let (u, v) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                return u * (-2.0 * libm::log(s) / s).sqrt();
            }
        }
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_splitmix64() {
        // First outputs for seed 1234567 of the reference C code by Vigna.
        let mut stream = Stream { state: 1_234_567 };
        assert_eq!([stream.bits(), stream.bits()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn neighbouring_paths_give_uncorrelated_numbers() {
        let n = 20_000_u64;
        let root = Stream::new(7);
        let x: Vec<f64> = (0..n).map(|k| root.at(k).named("fast").unit() - 0.5).collect();
        let y: Vec<f64> = (0..n).map(|k| root.at(k).named("slow").unit() - 0.5).collect();
        let product =
            |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / n as f64 * 12.0;
        let limit = 4.0 / (n as f64).sqrt();
        assert!(product(&x, &y).abs() < limit);
        assert!(product(&x[1..], &x).abs() < limit);
        assert!((x.iter().sum::<f64>() / n as f64).abs() < limit);
    }

    #[test]
    fn normal_numbers_have_mean_zero_and_variance_one() {
        let n = 20_000_u64;
        let root = Stream::new(7);
        let x: Vec<f64> = (0..n).map(|k| root.at(k).normal()).collect();
        let mean = x.iter().sum::<f64>() / n as f64;
        let variance = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n as f64;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }
}
