//! What every trial of an experiment shares, from the document and the sealed data.

use gauntlet_domain::Direction;
use gauntlet_domain::experiment::{AccountTerms, CostTerms, DataRef, FoldRange, TrialPlan};
use gauntlet_domain::market::SnapshotSealed;
use gauntlet_domain::spec::{ExperimentSpec, FoldMode, SpreadSpec};
use gauntlet_quant::metrics;
use gauntlet_quant::splits::{Mode, SplitError, WalkForward};

const NANOS_PER_YEAR: f64 = 365.25 * 86_400.0 * 1e9;

/// A snapshot as stages hand it on.
pub fn data_ref(sealed: &SnapshotSealed) -> DataRef {
    DataRef {
        snapshot_id: sealed.snapshot_id,
        content_hash: sealed.content_hash,
        instrument: sealed.instrument.clone(),
        spec: sealed.spec,
        from: sealed.from,
        to: sealed.to,
        rows: sealed.rows,
    }
}

/// The plan. Bars in a year are counted on the tuning data: bars over calendar time, so closed hours and holidays count
/// as the market keeps them.
pub fn trial_plan(spec: &ExperimentSpec, data: DataRef) -> Result<TrialPlan, SplitError> {
    let bars = usize::try_from(data.rows).unwrap_or_default();
    let embargo = (bars as f64 * spec.validation.embargo.0) as usize;
    let walk = WalkForward {
        folds: spec.validation.folds as usize,
        mode: match spec.validation.mode {
            FoldMode::Anchored => Mode::Anchored,
            FoldMode::Rolling => Mode::Rolling,
        },
        train_segments: 1,
        purge: spec.validation.purge as usize,
        embargo,
    };
    let index = |i: usize| i as i64;
    let folds = walk.split(bars)?.into_iter().map(|fold| FoldRange {
        train_from: index(fold.train.start),
        train_to: index(fold.train.end),
        test_from: index(fold.test.start),
        test_to: index(fold.test.end),
    });
    let years = data.to.0.saturating_sub(data.from.0) as f64 / NANOS_PER_YEAR;
    let learned = spec.model.strategy == crate::validate::LEARNED;
    Ok(TrialPlan {
        periods_per_year: data.rows as f64 / years,
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
        },
        folds: folds.collect(),
        embargo_bars: index(embargo),
        objective: spec.tuning.objective.clone(),
        maximize: spec.tuning.direction == Direction::Maximize,
        seed: i64::from(spec.tuning.seed),
        metric_set: i64::from(metrics::VERSION),
        data,
    })
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
