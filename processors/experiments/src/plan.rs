//! What every trial of an experiment shares, and the searches that it consists of, from the document and the sealed data.

use std::ops::Range;

use gauntlet_domain::Direction;
use gauntlet_domain::experiment::{
    AccountTerms, CostTerms, DataRef, FoldRange, RiskFreeRate, SearchWindow, TrialPlan,
};
use gauntlet_domain::market::SnapshotSealed;
use gauntlet_domain::spec::{ExperimentSpec, FoldMode, RiskFree, Scheme, SpreadSpec, ValidationSpec};
use gauntlet_domain::time::Timestamp;
use gauntlet_quant::metrics;
use gauntlet_quant::splits::{Fold, Mode, SplitError, WalkForward};
use serde::{Deserialize, Serialize};

use crate::validate::{LEARNED, is_fitted};
use crate::warm_up::WarmUp;

const NANOS_PER_YEAR: f64 = 365.25 * 86_400.0 * 1e9;

/// Time below which bars in a year cannot be counted, since the data have not seen every season and holiday: a year, less the
/// days on which a market may be closed at the ends of it.
pub const LEAST_NANOS: i64 = 360 * 86_400 * 1_000_000_000;

/// How long before its first bar a period may begin, as a share of it. The hold-out is a share of the period in calendar time,
/// so time without bars before the first one takes away from tuning.
const GAP_SHARE: f64 = 0.01;

/// The same in a short period, which may begin on holidays: up to a week.
const GAP_SHARE_OF_WEEK: f64 = 0.05;

const WEEK_NANOS: f64 = 7.0 * 86_400.0 * 1e9;

/// Contiguous blocks of a window on which a trial is scored, one after the other: where it can be pruned.
const BLOCKS: usize = 5;

/// Share of a window that a model is fitted to; it is scored on the rest.
const FITTED: f64 = 0.75;

/// A sealed snapshot, and the time that its bars cover.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sealed {
    /// As stages hand it on.
    pub data: DataRef,
    /// Open time of the first bar; what was asked for, where a record does not say it.
    pub first_open: Timestamp,
    /// Close time of the last bar; what was asked for, where a record does not say it.
    pub last_close: Timestamp,
    /// Bars with a quoted spread; `None` where a record does not say it.
    pub quoted_bars: Option<i64>,
}

impl Sealed {
    /// What the record of a snapshot says.
    pub fn of(sealed: &SnapshotSealed) -> Sealed {
        Sealed {
            data: DataRef {
                snapshot_id: sealed.snapshot_id,
                content_hash: sealed.content_hash,
                instrument: sealed.instrument.clone(),
                spec: sealed.spec,
                from: sealed.from,
                to: sealed.to,
                rows: sealed.rows,
            },
            first_open: sealed.first_open.unwrap_or(sealed.from),
            last_close: sealed.last_close.unwrap_or(sealed.to),
            quoted_bars: sealed.quoted_bars,
        }
    }
}

/// Why there is no plan. The document or the period must change.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// The bars cannot be cut into folds.
    #[error(transparent)]
    Folds(#[from] SplitError),
    /// A search would have too little to look at.
    #[error(
        "the search {search} has {bars} bars, and its trials are scored on {BLOCKS} blocks of \
         them{fitted}: use fewer folds, a shorter purge, or a longer period"
    )]
    Window {
        /// Which one: `before fold 2`.
        search: String,
        /// Bars that it looks at.
        bars: usize,
        /// What a model is fitted to first.
        fitted: &'static str,
    },
    /// The period begins before its data do.
    #[error(
        "data.from: the period begins on {from} and its first bar on {first}, so the hold-out would be cut from time without \
         bars: write from: {first}, or feed what lies before"
    )]
    BeforeData {
        /// Where the period begins.
        from: Timestamp,
        /// Where the data begin.
        first: Timestamp,
    },
    /// No point of the space can trade.
    #[error(
        "model.parameters: {warm_up}, and there are {bars} tuning bars: no trial could trade; use smaller parameters or a \
         longer period"
    )]
    WarmUp {
        /// What the rule needs.
        warm_up: WarmUp,
        /// Tuning bars.
        bars: usize,
    },
    /// Bars in a year cannot be counted.
    #[error(
        "account.periods_per_year: the objective is of a year, the bars cover {days:.1} days, and bars in a year are counted \
         in a year of data or more: state them, such as periods_per_year: 252 for daily bars of shares"
    )]
    Year {
        /// From the first bar to the last.
        days: f64,
    },
}

/// Bars in a year: as the document states them, or counted in the data, so that closed hours and holidays count as the
/// market keeps them. `None` where the data cover less than a year: what is annual is undefined then.
pub fn periods_per_year(spec: &ExperimentSpec, bars: i64, from: Timestamp, to: Timestamp) -> Option<f64> {
    let elapsed = to.0.saturating_sub(from.0);
    // A document of the first version was run whatever its data cover.
    let is_year = elapsed >= LEAST_NANOS || spec.validation.scheme_version.is_none();
    let counted = is_year.then(|| bars as f64 / (elapsed as f64 / NANOS_PER_YEAR));
    spec.account.periods_per_year.or(counted)
}

/// What the document's rule needs before it can trade; `None` where it is no rule.
pub fn warm_up(spec: &ExperimentSpec) -> Option<WarmUp> {
    WarmUp::of(spec, cost_terms(spec).latency_bars)
}

/// The search with the fewest bars up to its end, and how many: a window may warm up on those before it.
fn shortest(windows: &[SearchWindow], bars: usize) -> (String, usize) {
    let before = (1..).zip(windows).map(|(fold, window)| {
        (format!("before fold {fold}"), usize::try_from(window.walk.train_to).unwrap_or_default())
    });
    before.min_by_key(|(_, bars)| *bars).unwrap_or_else(|| ("over all tuning bars".to_owned(), bars))
}

/// Parameters with which the rule cannot trade in the shortest search of a plan.
pub fn warm_up_warning(spec: &ExperimentSpec, plan: &TrialPlan, windows: &[SearchWindow]) -> Option<String> {
    let (search, bars) = shortest(windows, usize::try_from(plan.data.rows).unwrap_or_default());
    let warning = warm_up(spec)?.warning(bars)?;
    Some(format!("the search {search}: {warning}; use smaller parameters, fewer folds, or a longer period"))
}

/// What the data do not have that the document asks for.
pub fn warnings(spec: &ExperimentSpec, bars: i64, quoted_bars: Option<i64>) -> Vec<String> {
    let missing = quoted_bars.map_or(0, |quoted| bars - quoted);
    let is_asked = matches!(spec.costs.spread, SpreadSpec::Quoted);
    let warning = || {
        let which = if missing == bars {
            "no bar has a".to_owned()
        } else {
            format!("{missing} of {bars} bars have no")
        };
        format!(
            "costs.spread is quoted and {which} quoted spread: trading there was free of it; state a number of basis points"
        )
    };
    (is_asked && missing > 0).then(warning).into_iter().collect()
}

/// The plan of the search over all tuning bars, and the windows of the searches before the folds of the walk-forward, where
/// the scheme has one. Bars in a year are counted in both snapshots.
pub fn plans(
    spec: &ExperimentSpec,
    tuning: &Sealed,
    holdout: &Sealed,
) -> Result<(TrialPlan, Vec<SearchWindow>), PlanError> {
    begins_with_data(spec, tuning.first_open)?;
    let rows = tuning.data.rows.saturating_add(holdout.data.rows);
    let periods = periods_per_year(spec, rows, tuning.first_open, holdout.last_close);
    if periods.is_none() && is_annual(&spec.tuning.objective) {
        let elapsed = holdout.last_close.0.saturating_sub(tuning.first_open.0);
        return Err(PlanError::Year { days: elapsed as f64 / 86_400e9 });
    }
    let bars = usize::try_from(tuning.data.rows).unwrap_or_default();
    let (folds, windows) = match spec.validation.scheme() {
        Scheme::Fixed => {
            let folds = splitter(&spec.validation, bars).split(bars)?;
            (folds.iter().map(fold_range).collect(), Vec::new())
        }
        Scheme::WalkForward => (blocks(spec, "over all tuning bars", 0..bars)?, windows(spec, bars)?),
    };
    // Where only the first folds come too early, these stay flat.
    if let Some(warm_up) = warm_up(spec).filter(|warm_up| !warm_up.can_trade(bars)) {
        return Err(PlanError::WarmUp { warm_up, bars });
    }
    Ok((trial_plan(spec, tuning.data.clone(), periods.unwrap_or(0.0), folds), windows))
}

/// Refuses a period that begins long before its first bar. A document of the first version was run as it was.
fn begins_with_data(spec: &ExperimentSpec, first: Timestamp) -> Result<(), PlanError> {
    let (from, to) = (spec.data.from.0, spec.data.to.0);
    let period = to.0.saturating_sub(from.0) as f64;
    let allowed = (period * GAP_SHARE).max((period * GAP_SHARE_OF_WEEK).min(WEEK_NANOS));
    let is_late = first.0.saturating_sub(from.0) as f64 > allowed && spec.validation.scheme_version.is_some();
    if is_late { Err(PlanError::BeforeData { from, first }) } else { Ok(()) }
}

/// Whether a metric is of a year.
pub(crate) fn is_annual(metric: &str) -> bool {
    metrics::by_name(metric).is_some_and(|metric| metric.takes(metrics::Input::PeriodsPerYear))
}

/// The plan of a search that scores its trials on these folds. `periods_per_year` is 0 where it is not known: what is annual is undefined.
pub fn trial_plan(
    spec: &ExperimentSpec,
    data: DataRef,
    periods_per_year: f64,
    folds: Vec<FoldRange>,
) -> TrialPlan {
    let bars = usize::try_from(data.rows).unwrap_or_default();
    let learned = spec.model.strategy == LEARNED;
    TrialPlan {
        periods_per_year,
        strategy: spec.model.strategy.clone(),
        features: spec.model.features.clone(),
        estimator: learned.then(|| spec.model.estimator_name().to_owned()),
        costs: cost_terms(spec),
        account: AccountTerms {
            currency: spec.account.currency.clone(),
            capital: spec.account.capital,
            percent: spec.account.sizing.percent,
            allow_short: spec.account.allow_short,
            benchmark: spec.account.benchmark.name().to_owned(),
            maintenance_margin: spec.account.maintenance_margin,
            risk_free: risk_free_rates(spec),
            limits: spec.account.limits,
        },
        folds,
        embargo_bars: embargo(&spec.validation, bars) as i64,
        objective: spec.tuning.objective.clone(),
        maximize: spec.tuning.direction == Direction::Maximize,
        seed: i64::from(spec.tuning.seed),
        metric_set: i64::from(metrics::VERSION),
        data,
    }
}

fn risk_free_rates(spec: &ExperimentSpec) -> Vec<RiskFreeRate> {
    match &spec.account.risk_free {
        None => vec![],
        Some(RiskFree::Rate(rate)) => vec![RiskFreeRate { from: spec.data.from.0, rate: *rate }],
        Some(RiskFree::Rates(rates)) => {
            rates.iter().map(|(from, rate)| RiskFreeRate { from: from.0, rate: *rate }).collect()
        }
    }
}

fn splitter(validation: &ValidationSpec, bars: usize) -> WalkForward {
    WalkForward {
        folds: validation.folds as usize,
        mode: match validation.mode {
            FoldMode::Anchored => Mode::Anchored,
            FoldMode::Rolling => Mode::Rolling,
        },
        train_segments: 1,
        purge: validation.purge as usize,
        embargo: embargo(validation, bars),
    }
}

fn embargo(validation: &ValidationSpec, bars: usize) -> usize {
    (bars as f64 * validation.embargo.0) as usize
}

fn fold_range(fold: &Fold) -> FoldRange {
    FoldRange {
        train_from: fold.train.start as i64,
        train_to: fold.train.end as i64,
        test_from: fold.test.start as i64,
        test_to: fold.test.end as i64,
    }
}

/// A search for each fold of the walk-forward, on the bars that may be learned from before it.
fn windows(spec: &ExperimentSpec, bars: usize) -> Result<Vec<SearchWindow>, PlanError> {
    let folds = splitter(&spec.validation, bars).split(bars)?;
    let window = |(fold, cut): (usize, &Fold)| {
        let folds = blocks(spec, &format!("before fold {fold}"), cut.train.clone())?;
        Ok(SearchWindow { folds, walk: fold_range(cut) })
    };
    (1..).zip(&folds).map(window).collect()
}

/// Blocks of a window on which the trials of its search are scored: a rule on all of it, a learned model on what it was not
/// fitted to. What a program outside does is not known here, so its trials are scored like those of a learned model. Labels
/// end a horizon before the end of what is fitted; the bars of a purge, and of the latency, come on top.
fn blocks(spec: &ExperimentSpec, search: &str, window: Range<usize>) -> Result<Vec<FoldRange>, PlanError> {
    let is_fitted = is_fitted(&spec.model.strategy);
    let cut = window.start + if is_fitted { (window.len() as f64 * FITTED) as usize } else { 0 };
    let latency = usize::try_from(cost_terms(spec).latency_bars).unwrap_or(usize::MAX);
    let gap = (spec.validation.purge as usize).max(latency);
    let fitted = window.start..if is_fitted { cut.saturating_sub(gap) } else { window.start };
    if window.end - cut < BLOCKS || (is_fitted && fitted.is_empty()) {
        let fitted = if is_fitted { ", which follow what a model is fitted to" } else { "" };
        return Err(PlanError::Window { search: search.to_owned(), bars: window.len(), fitted });
    }
    let judged = window.end - cut;
    // As numpy's array_split: the first blocks take one bar more each where the bars do not divide.
    let start = |block: usize| cut + block * (judged / BLOCKS) + block.min(judged % BLOCKS);
    let block = |block: usize| FoldRange {
        train_from: fitted.start as i64,
        train_to: fitted.end as i64,
        test_from: start(block) as i64,
        test_to: start(block + 1) as i64,
    };
    Ok((0..BLOCKS).map(block).collect())
}

/// Orders fill at an opening anyway, so a latency below one bar is in the next opening already; whole bars come on top.
fn cost_terms(spec: &ExperimentSpec) -> CostTerms {
    let costs = &spec.costs;
    let (quoted_spread, spread_bps) = match costs.spread {
        SpreadSpec::Quoted => (true, 0.0),
        SpreadSpec::None => (false, 0.0),
        SpreadSpec::Bps(bps) => (false, bps),
    };
    CostTerms {
        commission_bps: costs.commission_bps,
        quoted_spread,
        spread_bps,
        slippage_bps: costs.slippage_bps,
        latency_bars: (costs.latency_ms * 1e6 / spec.data.bars.nanos() as f64) as i64,
    }
}
