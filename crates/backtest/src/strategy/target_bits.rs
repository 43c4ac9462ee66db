//! What a strategy wants at each bar, a bit a bar for either side: a word answers for 64 bars at once, and a grid of
//! strategies over many bars stays in the caches.

use crate::signal::Target;

/// Bars of a word.
pub(crate) const WORD: usize = u64::BITS as usize;

/// The target of every bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetBits {
    words: Vec<Word>,
}

/// The targets of 64 bars, the first one in the lowest bit. Where neither bit is set, no position is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Word {
    long: u64,
    short: u64,
}

impl Word {
    /// At these bars `target` is wanted; they were flat.
    pub(crate) fn want(&mut self, target: Target, bars: u64) {
        match target {
            Target::Long => self.long |= bars,
            Target::Short => self.short |= bars,
            Target::Flat => {}
        }
    }

    /// The bars at which something else than `target` is wanted.
    fn other_than(&self, target: Target) -> u64 {
        match target {
            Target::Long => !self.long,
            Target::Short => !self.short,
            Target::Flat => self.long | self.short,
        }
    }
}

impl TargetBits {
    /// Nothing is wanted at any bar.
    pub(crate) fn flat(bars: usize) -> TargetBits {
        TargetBits { words: vec![Word::default(); bars.div_ceil(WORD)] }
    }

    /// The word of the bars from `WORD * index` on.
    pub(crate) fn word_mut(&mut self, index: usize) -> &mut Word {
        &mut self.words[index]
    }

    /// Nothing is wanted before `first`.
    pub(crate) fn clear_before(&mut self, first: usize) {
        let (whole, rest) = (first / WORD, first % WORD);
        let whole = whole.min(self.words.len());
        self.words[..whole].fill(Word::default());
        if let Some(word) = self.words.get_mut(whole) {
            word.long &= u64::MAX << rest;
            word.short &= u64::MAX << rest;
        }
    }

    /// The target of a bar.
    #[inline]
    pub(crate) fn get(&self, bar: usize) -> Target {
        let (word, bit) = (self.words[bar / WORD], 1 << (bar % WORD));
        if word.long & bit != 0 {
            Target::Long
        } else if word.short & bit != 0 {
            Target::Short
        } else {
            Target::Flat
        }
    }

    /// The targets in order, up to the end of the last word.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Target> + '_ {
        (0..self.words.len() * WORD).map(|bar| self.get(bar))
    }

    /// The first bar from `from` on at which something else than `target` is wanted, if there is one.
    #[inline]
    pub(crate) fn next_other(&self, from: usize, target: Target) -> Option<usize> {
        let (mut index, mut ahead) = (from / WORD, u64::MAX << (from % WORD));
        while let Some(word) = self.words.get(index) {
            let other = word.other_than(target) & ahead;
            if other != 0 {
                return Some(index * WORD + other.trailing_zeros() as usize);
            }
            (index, ahead) = (index + 1, u64::MAX);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn target() -> impl Strategy<Value = Target> {
        prop_oneof![Just(Target::Short), Just(Target::Flat), Just(Target::Long)]
    }

    proptest! {
        #[test]
        fn the_bits_are_the_targets(
            runs in prop::collection::vec((target(), 1..90_usize), 0..12), first in 0..700_usize,
        ) {
            let mut targets: Vec<Target> =
                runs.iter().flat_map(|(target, length)| std::iter::repeat_n(*target, *length)).collect();
            let mut bits = TargetBits::flat(targets.len());
            for (bar, target) in targets.iter().enumerate() {
                bits.word_mut(bar / WORD).want(*target, 1 << (bar % WORD));
            }
            bits.clear_before(first);
            let cleared = first.min(targets.len());
            targets[..cleared].fill(Target::Flat);
            prop_assert_eq!(bits.iter().take(targets.len()).collect::<Vec<_>>(), targets.clone());
            for (bar, target) in targets.iter().enumerate() {
                prop_assert_eq!(bits.get(bar), *target);
                let other = targets[bar..].iter().position(|other| other != target).map(|other| bar + other);
                // Beyond the last bar the answer may be anything that lies beyond it.
                let answer = bits.next_other(bar, *target).filter(|other| *other < targets.len());
                prop_assert_eq!(answer, other);
            }
        }
    }
}
