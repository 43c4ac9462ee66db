//! Philox4x32-10, a counter-based generator: a random number is a function of its name (Salmon, Moraes, Dror and Shaw 2011,
//! "Parallel random numbers: as easy as 1, 2, 3").
//!
//! The seed is the key; purpose, replicate and position are the counter. So replicate j is the same for any number of
//! workers and any order of work.

/// What a stream is for: streams of one seed and different purposes share no numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Rows of a stationary bootstrap.
    Bootstrap,
    /// Simulated returns, in tests of power.
    Simulation,
    /// Blocks of a comparison of two strategies.
    PairedBlocks,
    /// Rows of one strategy's returns, resampled as paths.
    ResampledPath,
    /// Scrambling of a Sobol sequence.
    Scramble,
    /// Permutations and places of a Latin hypercube.
    Hypercube,
    /// Trajectories of a screening design.
    Trajectory,
    /// Rows of a design, resampled for intervals of sensitivity indices.
    DesignRows,
    /// An input that the output does not depend on.
    Dummy,
    /// Bars of a market, resampled as paths.
    MarketPath,
}

impl Purpose {
    /// Never change one: recorded figures depend on it.
    fn code(self) -> u32 {
        match self {
            Purpose::Bootstrap => 1,
            Purpose::Simulation => 2,
            Purpose::PairedBlocks => 3,
            Purpose::ResampledPath => 4,
            Purpose::Scramble => 16,
            Purpose::Hypercube => 17,
            Purpose::Trajectory => 18,
            Purpose::DesignRows => 19,
            Purpose::Dummy => 20,
            Purpose::MarketPath => 21,
        }
    }
}

/// The stream of one replicate.
#[derive(Debug, Clone)]
pub struct Philox {
    key: [u32; 2],
    counter: [u32; 4],
    words: [u32; 4],
    used: usize,
}

impl Philox {
    /// The stream of `replicate`, at its beginning. It holds 2^34 words.
    pub fn new(seed: u64, purpose: Purpose, replicate: u64) -> Philox {
        let [seed_low, seed_high] = halves(seed);
        let [low, high] = halves(replicate);
        let counter = [0, low, high, purpose.code()];
        Philox { key: [seed_low, seed_high], counter, words: [0; 4], used: 4 }
    }

    /// The next 32 random bits.
    pub fn word(&mut self) -> u32 {
        if self.used == 4 {
            self.words = block(self.counter, self.key);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1]
    }

    /// The next number below `bound`, each with the same probability (Lemire 2019). `bound` is positive.
    pub fn below(&mut self, bound: u32) -> u32 {
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let [low, high] = halves(u64::from(self.word()) * u64::from(bound));
            if low >= threshold {
                return high;
            }
        }
    }

    /// The next number between zero and one, neither included, with 52 bits.
    pub fn unit(&mut self) -> f64 {
        let bits = (u64::from(self.word()) << 32 | u64::from(self.word())) >> 12;
        (bits as f64 + 0.5) / (1_u64 << 52) as f64
    }
}

fn halves(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

/// Ten rounds over one counter.
fn block(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let [low0, high0] = halves(u64::from(counter[0]) * 0xD251_1F53);
        let [low1, high1] = halves(u64::from(counter[2]) * 0xCD9E_8D57);
        counter = [high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_known_answers() {
        // Random123, kat_vectors, philox4x32 with ten rounds.
        assert_eq!(block([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        let ones = u32::MAX;
        assert_eq!(block([ones; 4], [ones; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let counter = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        let key = [0xa409_3822, 0x299f_31d0];
        assert_eq!(block(counter, key), [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
    }

    #[test]
    fn a_stream_depends_on_its_name_only() {
        let first = |seed, purpose, replicate| Philox::new(seed, purpose, replicate).word();
        let names = [
            first(1, Purpose::Bootstrap, 0),
            first(1, Purpose::Bootstrap, 1),
            first(1, Purpose::Simulation, 0),
            first(2, Purpose::Bootstrap, 0),
            first(1 << 32, Purpose::Bootstrap, 0),
            first(1, Purpose::Bootstrap, 1 << 32),
        ];
        let different: std::collections::BTreeSet<u32> = names.into_iter().collect();
        assert_eq!(different.len(), names.len());
        assert_eq!(first(1, Purpose::Bootstrap, 0), names[0]);
    }

    #[test]
    fn numbers_are_uniform() {
        let mut stream = Philox::new(7, Purpose::Simulation, 0);
        let mut counts = [0_u32; 6];
        (0..60_000).for_each(|_| counts[stream.below(6) as usize] += 1);
        let chi = counts.iter().map(|&c| (f64::from(c) - 10_000.0).powi(2) / 10_000.0).sum::<f64>();
        assert!(chi < 20.5, "chi-squared {chi} of five degrees of freedom");
        let mean = (0..20_000).map(|_| stream.unit()).sum::<f64>() / 20_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
    }
}
