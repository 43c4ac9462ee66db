//! SplitMix64 for sequences of messages: the same for the same seed.

/// A seeded generator.
pub struct Random(u64);

impl Random {
    /// The seed from `GAUNTLET_SEED`, else the given one; printed, so that a failure can be repeated.
    pub fn seeded(default: u64) -> Random {
        let seed = std::env::var("GAUNTLET_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(default);
        eprintln!("seed {seed} (GAUNTLET_SEED={seed} repeats it)");
        Random(seed)
    }

    /// A number from `low` to below `high`.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        low + ((z ^ (z >> 31)) % (high - low) as u64) as i64
    }

    /// True this many times in a hundred.
    pub fn percent(&mut self, share: i64) -> bool {
        self.between(0, 100) < share
    }

    /// A number below `high`, this many times in a hundred.
    pub fn perhaps(&mut self, share: i64, low: i64, high: i64) -> Option<i64> {
        let number = self.between(low, high);
        self.percent(share).then_some(number)
    }

    /// One of them.
    pub fn one_of<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        if of.is_empty() { None } else { of.get(self.between(0, of.len() as i64) as usize).cloned() }
    }
}
