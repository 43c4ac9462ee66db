//! Every figure of a family of trials, with the reason for each that does not exist.

use std::collections::BTreeMap;

use gauntlet_domain::Timestamp;
use gauntlet_quant::inference::{
    Adjustment, BootstrappedMeans, Correlations, DsrForm, EffectiveTrials, ExpectedBest, SharpeEstimate,
    Trials, Undefined, adjusted_p_values, block_length, confidence_interval, dsr, eta_of, hac, hac_lag,
    haircut, lo, mertens, min_btl, min_trl, monte_carlo_error, pbo, psr, reality_check, root_of_time, spa,
    step_m, studentising_variance, two_sided_p,
};

use super::matrix::{Benchmark, Matrix};
use super::{
    BlockLength, CONFIDENCE, Column, Conventions, DominanceFigures, EffectiveNumber, HaircutFigures, LEVEL,
    Line, PValue, PboFigures, REPLICATES, Reasons, SpaFigures, Stats, StatsRequest, StepM,
};
use crate::dated_csv::Label;
use crate::undefined::noted;
use crate::year::Year;

/// Trials and what they are compared with.
pub(super) struct Family<'a> {
    pub(super) request: &'a StatsRequest,
    pub(super) matrix: Matrix,
    pub(super) benchmark: Option<Benchmark>,
    pub(super) year: Year,
}

/// What [`Family::stats`] knows of every trial before it looks at one.
struct Known {
    estimates: Vec<Result<SharpeEstimate, Undefined>>,
    expected_best: Result<ExpectedBest, Undefined>,
    block_lengths: Vec<Result<f64, Undefined>>,
    step_m: Result<Vec<Result<f64, Undefined>>, Undefined>,
    effective: Result<EffectiveTrials, Undefined>,
}

impl Family<'_> {
    pub(super) fn stats(&self) -> Stats {
        let series: Vec<&[f64]> = self.matrix.columns.iter().map(Vec::as_slice).collect();
        let estimates: Vec<_> = series.iter().map(|returns| SharpeEstimate::of(returns)).collect();
        let sharpes: Vec<f64> = estimates.iter().flatten().map(|estimate| estimate.sharpe).collect();
        let without = (estimates.len() - sharpes.len()) as u64;
        let expected_best = Trials::of(&sharpes, without).and_then(|trials| trials.expected_best());
        let best = best(&estimates);
        let of_best = best.map_or(Err(Undefined::NotTestable), |at| estimates[at]);
        let differentials = self.differentials();
        let differentials: Vec<&[f64]> = differentials.iter().map(Vec::as_slice).collect();
        let block_lengths: Vec<_> = differentials.iter().map(|d| block_length(d)).collect();
        let length = mean_block_length(&block_lengths);
        let drawn =
            length.and_then(|b| BootstrappedMeans::draw(&differentials, b, self.request.seed, REPLICATES));
        let variances: Vec<_> =
            differentials.iter().map(|d| length.and_then(|b| studentising_variance(d, b))).collect();
        let tested = drawn.as_ref().map_err(|reason| *reason);
        let correlations = Correlations::of(&series);
        let known = Known {
            expected_best,
            step_m: tested.and_then(|means| step_m(means, &variances)),
            effective: correlations.as_ref().map(EffectiveTrials::from).map_err(|reason| *reason),
            estimates,
            block_lengths,
        };
        let columns: Vec<Column> = (0..series.len()).map(|at| self.column(at, &known)).collect();
        let mut undefined = Reasons::new();
        let mut note = |name, value: Result<f64, Undefined>| noted(&mut undefined, name, value);
        let deflated = |form| dsr(&of_best?, &expected_best?, form);
        let label = Label::of(&self.matrix.dates);
        let date = |time: Option<&Timestamp>| time.map(|time| label.text(*time)).unwrap_or_default();
        Stats {
            observations: self.matrix.dates.len(),
            trials: series.len(),
            from: date(self.matrix.dates.first()),
            to: date(self.matrix.dates.last()),
            conventions: self.conventions(),
            best: best.map(|at| self.matrix.names[at].clone()),
            sr0: note("sr0", expected_best.map(|best| best.sharpe())),
            identical_trials: expected_best.is_ok_and(|best| best.identical_trials()),
            psr: note("psr", of_best.and_then(|best| psr(&best, 0.0))),
            dsr: note("dsr", deflated(DsrForm::Original2014)),
            dsr_2025: note("dsr_2025", deflated(DsrForm::Revised2025)),
            min_trl: note("min_trl", of_best.and_then(|best| min_trl(&best, 0.0, CONFIDENCE))),
            min_btl_years: note("min_btl_years", min_btl(series.len() as u64, 1.0)),
            effective_trials: effective_number(&known.effective, &correlations, of_best),
            pbo: pbo_figures(&series, self.request.blocks),
            block_length: block_length_figure(length),
            spa: spa_figures(tested.and_then(|means| spa(means, &variances))),
            reality_check: p_value(tested.and_then(reality_check)),
            step_m: self.superior(&known.step_m),
            haircuts: haircuts(&known.estimates, best),
            columns,
            undefined,
            notes: self.notes(),
        }
    }

    /// What was done to the files that their owner should know.
    fn notes(&self) -> Vec<String> {
        let of_benchmark = self.benchmark.as_ref().and_then(|benchmark| benchmark.turned.clone());
        self.matrix.turned.clone().into_iter().chain(of_benchmark).collect()
    }

    /// Return less the benchmark's, or the return itself.
    fn differentials(&self) -> Vec<Vec<f64>> {
        let Some(benchmark) = &self.benchmark else { return self.matrix.columns.clone() };
        let less = |column: &Vec<f64>| column.iter().zip(&benchmark.returns).map(|(r, b)| r - b).collect();
        self.matrix.columns.iter().map(less).collect()
    }

    fn column(&self, at: usize, known: &Known) -> Column {
        let returns = &self.matrix.columns[at];
        let of = known.estimates[at];
        let lag = hac_lag(returns.len());
        let robust = hac(returns, lag);
        let interval = of.and_then(|of| confidence_interval(of.sharpe, robust?, CONFIDENCE));
        let mut undefined = Reasons::new();
        let [sharpe_annual, sharpe_annual_lo] = self.annual(returns, &of, &mut undefined);
        let mut note = |name, value: Result<f64, Undefined>| noted(&mut undefined, name, value);
        Column {
            name: self.matrix.names[at].clone(),
            sharpe: note("sharpe", of.map(|of| of.sharpe)),
            sharpe_annual,
            sharpe_annual_lo,
            skewness: note("skewness", of.map(|of| of.skewness)),
            kurtosis: note("kurtosis", of.map(|of| of.kurtosis)),
            standard_error: note("standard_error", of.and_then(|of| mertens(&of))),
            standard_error_lo: note("standard_error_lo", of.and_then(|of| lo(&of))),
            standard_error_hac: note("standard_error_hac", robust),
            interval_low: note("interval_low", interval.map(|interval| interval.low)),
            interval_high: note("interval_high", interval.map(|interval| interval.high)),
            psr: note("psr", of.and_then(|of| psr(&of, 0.0))),
            dsr: note("dsr", of.and_then(|of| dsr(&of, &known.expected_best?, DsrForm::default()))),
            min_trl: note("min_trl", of.and_then(|of| min_trl(&of, 0.0, CONFIDENCE))),
            p_value: note("p_value", of.and_then(|of| two_sided_p(of.sharpe, of.observations))),
            step_m_p: note("step_m_p", known.step_m.as_ref().map_err(|why| *why).and_then(|p| p[at])),
            block_length: note("block_length", known.block_lengths[at]),
            cluster: known.effective.as_ref().ok().map(|effective| effective.labels()[at]),
            undefined,
        }
    }

    /// A Sharpe ratio of a year, for independent returns and for those of the sample.
    fn annual(
        &self,
        returns: &[f64],
        of: &Result<SharpeEstimate, Undefined>,
        undefined: &mut Reasons,
    ) -> [Option<f64>; 2] {
        const NAMES: [&str; 2] = ["sharpe_annual", "sharpe_annual_lo"];
        let (Some(periods), Ok(of)) = (self.year.periods, of) else {
            // A series without a Sharpe ratio has none of a year either, whatever a year is.
            let why = of.as_ref().err().map(Undefined::to_string).or_else(|| self.year.why_undefined());
            undefined.extend(NAMES.map(|name| (name, why.clone().unwrap_or_default())));
            return [None, None];
        };
        let factors =
            [root_of_time(periods), eta_of(returns, periods.round() as usize, hac_lag(returns.len()))];
        let mut figures = NAMES
            .iter()
            .zip(factors)
            .map(|(name, factor)| noted(undefined, name, factor.map(|factor| of.sharpe * factor)));
        [figures.next().flatten(), figures.next().flatten()]
    }

    fn superior(&self, p_values: &Result<Vec<Result<f64, Undefined>>, Undefined>) -> StepM {
        let mut undefined = Reasons::new();
        let found = noted(&mut undefined, "superior", p_values.as_ref().map_err(|why| *why));
        let superior = found.map(|p_values| {
            let names = self.matrix.names.iter().zip(p_values);
            names.filter(|(_, p)| p.is_ok_and(|p| p <= LEVEL)).map(|(name, _)| name.clone()).collect()
        });
        StepM { level: LEVEL, superior, undefined }
    }

    fn conventions(&self) -> Conventions {
        Conventions {
            sharpe: "mean over standard deviation (divisor n - 1) of one observation; annual: times the root of periods_per_year",
            moments: "population moments (divisor n); kurtosis is not excess, 3 for a normal law",
            pairing: "dsr: number of all trials with the variance of their Sharpe ratios; effective_trials.dsr: number of clusters \
                      with the variance of one estimate under the null hypothesis",
            compared_with: "psr and min_trl: a Sharpe ratio of zero; dsr: sr0",
            interval: "normal, with the HAC standard error (Bartlett weights, lag 4(n/100)^(2/9))",
            pbo: "CSCV: leftover rows dropped at the start, ties to the lowest column, average ranks, rank/(N + 1), logit ≤ 0",
            superiority: "differences of return and benchmark, stationary bootstrap, p = (1 + #)/(R + 1); spa and step_m \
                          are studentised, reality_check is not",
            benchmark: self.benchmark.as_ref().map_or_else(|| "zero".to_owned(), |of| of.name.clone()),
            periods_per_year: self.year.periods,
            periods_per_year_from: self.year.origin.clone(),
            confidence: CONFIDENCE,
            replicates: REPLICATES,
            seed: self.request.seed,
        }
    }
}

/// The highest Sharpe ratio; the first of equal ones.
fn best(estimates: &[Result<SharpeEstimate, Undefined>]) -> Option<usize> {
    let sharpes = estimates.iter().enumerate().filter_map(|(at, of)| of.ok().map(|of| (at, of.sharpe)));
    sharpes.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(at, _)| at)
}

/// Mean over the trials that have one, at least one observation.
fn mean_block_length(lengths: &[Result<f64, Undefined>]) -> Result<f64, Undefined> {
    let defined: Vec<f64> = lengths.iter().filter_map(|length| length.ok()).collect();
    if defined.is_empty() {
        return Err(lengths.iter().find_map(|length| length.err()).unwrap_or(Undefined::NotTestable));
    }
    Ok((defined.iter().fold(0.0, |sum, length| sum + length) / defined.len() as f64).max(1.0))
}

fn block_length_figure(length: Result<f64, Undefined>) -> BlockLength {
    let mut undefined = Reasons::new();
    let rule = "mean over the trials of the automatic length (Politis & White 2004, Patton, Politis & White 2009), at least 1";
    BlockLength { value: noted(&mut undefined, "value", length), rule, undefined }
}

fn effective_number(
    effective: &Result<EffectiveTrials, Undefined>,
    correlations: &Result<Correlations, Undefined>,
    best: Result<SharpeEstimate, Undefined>,
) -> EffectiveNumber {
    let effective = effective.as_ref().map_err(|reason| *reason);
    let correlations = correlations.as_ref().map_err(|reason| *reason);
    let expected = effective.and_then(|effective| effective.expected_best(&best?));
    let mut undefined = Reasons::new();
    let mut note = |name, value: Result<f64, Undefined>| noted(&mut undefined, name, value);
    EffectiveNumber {
        value: note("value", effective.map(EffectiveTrials::number)),
        rule: "clusters by complete linkage, every pair inside correlates at least 0.7; trials that do not vary are one",
        sr0: note("sr0", expected.map(|expected| expected.sharpe())),
        dsr: note("dsr", expected.and_then(|expected| dsr(&best?, &expected, DsrForm::default()))),
        mean_correlation: note("mean_correlation", correlations.and_then(Correlations::mean)),
        by_mean_correlation: note("by_mean_correlation", correlations.and_then(Correlations::by_mean)),
        by_participation_ratio: note(
            "by_participation_ratio",
            correlations.and_then(Correlations::by_participation),
        ),
        undefined,
    }
}

fn pbo_figures(series: &[&[f64]], blocks: usize) -> PboFigures {
    let mut undefined = Reasons::new();
    let found = noted(&mut undefined, "value", pbo(series, blocks));
    let line = found.and_then(|found| noted(&mut undefined, "degradation", found.degradation));
    PboFigures {
        value: found.map(|found| found.pbo),
        blocks,
        block_rows: found.map(|found| found.block_rows),
        dropped_rows: found.map(|found| found.dropped_rows),
        halves: found.map(|found| found.halves),
        probability_of_loss: found.map(|found| found.probability_of_loss),
        degradation: line.map_or_else(Line::default, |line| Line {
            slope: Some(line.slope),
            intercept: Some(line.intercept),
            r_squared: Some(line.r_squared),
        }),
        dominance: found.map(|found| DominanceFigures {
            first_order: found.dominance.first_order,
            second_order: found.dominance.second_order,
            first_order_gap: found.dominance.first_order_gap,
            second_order_gap: found.dominance.second_order_gap,
        }),
        undefined,
    }
}

fn spa_figures(found: Result<gauntlet_quant::inference::PValues, Undefined>) -> SpaFigures {
    let mut undefined = Reasons::new();
    let mut note = |name, value: Result<f64, Undefined>| noted(&mut undefined, name, value);
    SpaFigures {
        statistic: note("statistic", found.map(|found| found.statistic)),
        lower: note("lower", found.map(|found| found.lower)),
        consistent: note("consistent", found.map(|found| found.consistent)),
        upper: note("upper", found.map(|found| found.upper)),
        monte_carlo_error: note(
            "monte_carlo_error",
            found.map(|found| monte_carlo_error(found.consistent, REPLICATES)),
        ),
        undefined,
    }
}

fn p_value(found: Result<f64, Undefined>) -> PValue {
    let mut undefined = Reasons::new();
    let p_value = noted(&mut undefined, "p_value", found);
    PValue { p_value, monte_carlo_error: p_value.map(|p| monte_carlo_error(p, REPLICATES)), undefined }
}

/// The best after each adjustment. A trial without a Sharpe ratio was tried too: it counts with a p-value of one.
fn haircuts(
    estimates: &[Result<SharpeEstimate, Undefined>],
    best: Option<usize>,
) -> BTreeMap<&'static str, HaircutFigures> {
    let p = |of: &Result<SharpeEstimate, Undefined>| {
        of.and_then(|of| two_sided_p(of.sharpe, of.observations)).unwrap_or(1.0)
    };
    let p_values: Vec<f64> = estimates.iter().map(p).collect();
    let adjustments = [
        ("bonferroni", Adjustment::Bonferroni),
        ("holm", Adjustment::Holm),
        ("bh", Adjustment::BenjaminiHochberg),
        ("bhy", Adjustment::BenjaminiYekutieli),
    ];
    let figures = adjustments.into_iter().map(|(name, adjustment)| {
        let at = best.ok_or(Undefined::NotTestable);
        let adjusted = at.and_then(|at| Ok(adjusted_p_values(&p_values, adjustment)?[at]));
        let left = at.and_then(|at| {
            let of = estimates[at]?;
            haircut(of.sharpe, of.observations, adjusted?)
        });
        let mut undefined = Reasons::new();
        let mut note = |name, value: Result<f64, Undefined>| noted(&mut undefined, name, value);
        let figures = HaircutFigures {
            p_value: note("p_value", adjusted),
            sharpe: note("sharpe", left.map(|left| left.sharpe)),
            haircut: note("haircut", left.map(|left| left.haircut)),
            undefined,
        };
        (name, figures)
    });
    figures.collect()
}
