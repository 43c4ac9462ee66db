//! Walk-forward folds over bar indexes: train on the past, test on what follows, move on.
//!
//! The bars 0..n are cut into `train_segments + folds` segments of equal length; where n does not divide, the first
//! segments take one bar more each (numpy's `array_split`). Fold i tests on segment `train_segments + i` and trains
//! before it:
//!
//! ```text
//! train_segments 1, folds 3      segment   0      1      2      3
//!   anchored                     fold 0  train   test
//!                                fold 1  train  train   test
//!                                fold 2  train  train  train   test
//!   rolling                      fold 1         train   test
//! ```
//!
//! Tests are disjoint, in order, contiguous, and cover everything after the first training set, so that their
//! returns join into one out-of-sample series. With one training segment and no purge, the anchored mode is
//! scikit-learn's `TimeSeriesSplit` but for where the remainder goes; the rolling mode is skfolio's `WalkForward`.
//! Bars are counted, never timed: equal segments of bars, not of days.

use std::ops::Range;

/// One step of a walk: where to train, where to test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// Bars from the first to the last that training may use. `train.end + purge == test.start`, or less if an
    /// embargo reaches that far.
    pub train: Range<usize>,
    /// Bars inside `train` that training must skip: the embargoes after earlier tests, in order. Empty without
    /// an embargo.
    pub embargoed: Vec<Range<usize>>,
    /// Bars to test on, all of them after `train`.
    pub test: Range<usize>,
}

impl Fold {
    /// The bars that training may use, in order: `train` without `embargoed`.
    pub fn train_bars(&self) -> impl Iterator<Item = usize> + '_ {
        self.train.clone().filter(|bar| !self.embargoed.iter().any(|range| range.contains(bar)))
    }
}

/// What happens to the start of the training set as the test moves on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// It stays at bar 0: every fold knows all of the past.
    Anchored,
    /// It moves along: every fold trains on the `train_segments` segments before its test.
    Rolling,
}

/// A plan of folds, for any number of bars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalkForward {
    /// Number of tests, at least one.
    pub folds: usize,
    /// Whether the training set grows or rolls.
    pub mode: Mode,
    /// Length of the first training set (and of every rolling one) in segments, each as long as a test. One is the
    /// usual cut into `folds + 1` equal parts.
    pub train_segments: usize,
    /// Bars dropped between the end of training and the start of its test, at least the bars a label looks ahead:
    /// else a label of the last training bars is made of test prices. (López de Prado 2018, section 7.4.1.)
    pub purge: usize,
    /// Bars right after each test segment that the training of *later* folds may not use: their features still look
    /// back into a test by which choices were already judged. An embargo never shortens a test, and does nothing to
    /// the fold whose test it follows, which trained before it. (Section 7.4.2.)
    pub embargo: usize,
}

/// Why bars cannot be cut as planned. Retrying does not help; the plan or the period must change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// A plan without a test.
    #[error("a walk forward of no folds tests nothing: set folds to 1 or more")]
    NoFolds,
    /// A plan without a first training set.
    #[error("a walk forward without a training segment cannot train: set train_segments to 1 or more")]
    NoTrainSegments,
    /// Some fold would have nothing to train on or nothing to test on.
    #[error(
        "{folds} folds with purge {purge} and embargo {embargo} need at least {needed} bars, there are {bars}: \
         use fewer folds, a shorter purge or embargo, or a longer period"
    )]
    TooFewBars {
        /// Folds of the plan.
        folds: usize,
        /// Purge of the plan, in bars.
        purge: usize,
        /// Embargo of the plan, in bars.
        embargo: usize,
        /// Least number of bars with which every fold has a bar to train on and one to test on.
        needed: usize,
        /// Bars given.
        bars: usize,
    },
}

impl WalkForward {
    /// The folds over bars `0..bars`, in order of time.
    ///
    /// Every fold has at least one bar to train on and one to test on; more is the caller's judgement.
    pub fn split(&self, bars: usize) -> Result<Vec<Fold>, SplitError> {
        if self.folds == 0 {
            return Err(SplitError::NoFolds);
        }
        if self.train_segments == 0 {
            return Err(SplitError::NoTrainSegments);
        }
        self.folds_over(bars).ok_or_else(|| SplitError::TooFewBars {
            folds: self.folds,
            purge: self.purge,
            embargo: self.embargo,
            needed: self.needed_bars(),
            bars,
        })
    }

    /// All folds, or `None` if one has nothing to train on or nothing to test on.
    fn folds_over(&self, bars: usize) -> Option<Vec<Fold>> {
        // Every segment needs a bar; this also bounds the work for an absurd number of folds.
        if bars < self.segments() {
            return None;
        }
        (0..self.folds).map(|fold| self.fold(fold, bars)).collect()
    }

    fn fold(&self, fold: usize, bars: usize) -> Option<Fold> {
        let tested = self.train_segments + fold;
        let test = self.start_of(tested, bars)..self.start_of(tested + 1, bars);
        let first = match self.mode {
            Mode::Anchored => 0,
            Mode::Rolling => fold,
        };
        let purged_end = test.start.saturating_sub(self.purge);
        let mut usable: Vec<Range<usize>> = Vec::new();
        for segment in first..tested {
            // The first test is segment `train_segments`, so the first embargo is in the segment after it.
            let embargo = if segment > self.train_segments { self.embargo } else { 0 };
            let start = self.start_of(segment, bars).saturating_add(embargo);
            let end = self.start_of(segment + 1, bars).min(purged_end);
            if start >= end {
                continue;
            }
            match usable.last_mut() {
                Some(before) if before.end == start => before.end = end,
                _ => usable.push(start..end),
            }
        }
        let train = usable.first()?.start..usable.last()?.end;
        let embargoed = usable.windows(2).map(|pair| pair[0].end..pair[1].start).collect();
        Some(Fold { train, embargoed, test })
    }

    /// First bar of a segment; `segments()` itself gives `bars`.
    fn start_of(&self, segment: usize, bars: usize) -> usize {
        let segments = self.segments();
        segment * (bars / segments) + segment.min(bars % segments)
    }

    fn segments(&self) -> usize {
        self.train_segments.saturating_add(self.folds)
    }

    /// Smallest number of bars that splits. One bar more makes one segment longer and none shorter, so whatever
    /// splits keeps splitting, and bisection finds the border.
    fn needed_bars(&self) -> usize {
        // With segments longer than purge and embargo together, every fold keeps a bar.
        let longest_loss = self.purge.saturating_add(self.embargo).saturating_add(1);
        let (mut low, mut high) = (0, self.segments().saturating_mul(longest_loss));
        while low < high {
            let middle = low + (high - low) / 2;
            if self.folds_over(middle).is_some() { high = middle } else { low = middle + 1 }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plan(folds: usize, mode: Mode) -> WalkForward {
        WalkForward { folds, mode, train_segments: 1, purge: 0, embargo: 0 }
    }

    fn ranges(folds: &[Fold]) -> Vec<(Range<usize>, Range<usize>)> {
        folds.iter().map(|fold| (fold.train.clone(), fold.test.clone())).collect()
    }

    #[test]
    fn anchored_training_keeps_all_of_the_past() {
        let folds = plan(3, Mode::Anchored).split(8).unwrap();
        assert_eq!(ranges(&folds), [(0..2, 2..4), (0..4, 4..6), (0..6, 6..8)]);
    }

    #[test]
    fn rolling_training_moves_along() {
        let folds = plan(3, Mode::Rolling).split(8).unwrap();
        assert_eq!(ranges(&folds), [(0..2, 2..4), (2..4, 4..6), (4..6, 6..8)]);
        let folds = WalkForward { train_segments: 2, ..plan(2, Mode::Rolling) }.split(8).unwrap();
        assert_eq!(ranges(&folds), [(0..4, 4..6), (2..6, 6..8)]);
    }

    #[test]
    fn the_first_segments_take_the_remainder() {
        let folds = plan(3, Mode::Anchored).split(10).unwrap();
        assert_eq!(ranges(&folds), [(0..3, 3..6), (0..6, 6..8), (0..8, 8..10)]);
    }

    #[test]
    fn purge_ends_training_early() {
        let folds = WalkForward { purge: 1, ..plan(3, Mode::Anchored) }.split(8).unwrap();
        assert_eq!(ranges(&folds), [(0..1, 2..4), (0..3, 4..6), (0..5, 6..8)]);
    }

    #[test]
    fn an_embargo_cuts_holes_into_later_anchored_training() {
        let folds = WalkForward { embargo: 1, ..plan(4, Mode::Anchored) }.split(15).unwrap();
        assert_eq!(ranges(&folds), [(0..3, 3..6), (0..6, 6..9), (0..9, 9..12), (0..12, 12..15)]);
        let holes: Vec<&[Range<usize>]> = folds.iter().map(|fold| fold.embargoed.as_slice()).collect();
        let (first, second) = (6..7, 9..10);
        assert_eq!(holes, [&[], &[], &[first.clone()][..], &[first, second]]);
        assert_eq!(folds[2].train_bars().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 7, 8]);
    }

    #[test]
    fn an_embargo_delays_the_start_of_later_rolling_training() {
        let folds = WalkForward { embargo: 1, ..plan(3, Mode::Rolling) }.split(12).unwrap();
        assert_eq!(ranges(&folds), [(0..3, 3..6), (3..6, 6..9), (7..9, 9..12)]);
        assert!(folds.iter().all(|fold| fold.embargoed.is_empty()));
    }

    #[test]
    fn too_few_bars_name_the_least_that_would_do_and_the_ways_out() {
        let walk = WalkForward { purge: 24, ..plan(8, Mode::Anchored) };
        let error = walk.split(100).unwrap_err();
        assert_eq!(
            error.to_string(),
            "8 folds with purge 24 and embargo 0 need at least 217 bars, there are 100: \
             use fewer folds, a shorter purge or embargo, or a longer period"
        );
        assert!(walk.split(216).is_err());
        assert!(walk.split(217).is_ok());
    }

    #[test]
    fn a_plan_without_folds_or_training_is_refused() {
        assert_eq!(plan(0, Mode::Anchored).split(100), Err(SplitError::NoFolds));
        let walk = WalkForward { train_segments: 0, ..plan(2, Mode::Rolling) };
        assert_eq!(walk.split(100), Err(SplitError::NoTrainSegments));
        assert!(plan(2, Mode::Rolling).split(0).is_err());
    }

    #[test]
    fn absurd_plans_are_refused_and_do_not_overflow() {
        let walk = WalkForward { purge: usize::MAX, embargo: usize::MAX, ..plan(3, Mode::Anchored) };
        assert!(matches!(walk.split(100), Err(SplitError::TooFewBars { bars: 100, .. })));
    }

    fn plans() -> impl Strategy<Value = WalkForward> {
        let mode = prop_oneof![Just(Mode::Anchored), Just(Mode::Rolling)];
        (1..12_usize, mode, 1..5_usize, 0..20_usize, 0..20_usize).prop_map(
            |(folds, mode, train_segments, purge, embargo)| WalkForward {
                folds,
                mode,
                train_segments,
                purge,
                embargo,
            },
        )
    }

    proptest! {
        #[test]
        fn tests_are_contiguous_and_cover_all_after_the_first_training(walk in plans(), bars in 0..2_000_usize) {
            let Ok(folds) = walk.split(bars) else { return Ok(()) };
            prop_assert_eq!(folds.len(), walk.folds);
            prop_assert_eq!(folds[0].test.start, walk.start_of(walk.train_segments, bars));
            prop_assert_eq!(folds[folds.len() - 1].test.end, bars);
            for pair in folds.windows(2) {
                prop_assert_eq!(pair[0].test.end, pair[1].test.start);
            }
            let lengths = folds.iter().map(|fold| fold.test.len());
            prop_assert!(lengths.clone().min() >= Some(1));
            prop_assert!(lengths.clone().max().unwrap() - lengths.min().unwrap() <= 1);
        }

        #[test]
        fn training_ends_a_purge_before_its_test_and_avoids_every_embargo(
            walk in plans(),
            bars in 0..2_000_usize,
        ) {
            let Ok(folds) = walk.split(bars) else { return Ok(()) };
            for (index, fold) in folds.iter().enumerate() {
                prop_assert!(fold.train_bars().count() >= 1);
                for bar in fold.train_bars() {
                    prop_assert!(bar + walk.purge < fold.test.start);
                    for earlier in &folds[..index] {
                        let embargo = earlier.test.end..earlier.test.end + walk.embargo;
                        prop_assert!(!embargo.contains(&bar), "bar {} of fold {}", bar, index);
                    }
                }
            }
        }

        #[test]
        fn anchored_training_loses_nothing_but_purge_and_embargo(walk in plans(), bars in 0..2_000_usize) {
            let walk = WalkForward { mode: Mode::Anchored, ..walk };
            let Ok(folds) = walk.split(bars) else { return Ok(()) };
            for (index, fold) in folds.iter().enumerate() {
                let expected: Vec<usize> = (0..fold.test.start - walk.purge)
                    .filter(|bar| {
                        folds[..index].iter().all(|earlier| {
                            !(earlier.test.end..earlier.test.end + walk.embargo).contains(bar)
                        })
                    })
                    .collect();
                prop_assert_eq!(fold.train_bars().collect::<Vec<_>>(), expected);
            }
        }

        #[test]
        fn the_error_names_the_exact_border(walk in plans()) {
            let Err(SplitError::TooFewBars { needed, .. }) = walk.split(0) else { panic!("0 bars split") };
            prop_assert!(walk.split(needed - 1).is_err());
            for more in 0..200 {
                prop_assert!(walk.split(needed + more).is_ok(), "{} bars", needed + more);
            }
        }
    }
}
