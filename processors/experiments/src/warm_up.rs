//! How many bars a rule needs before it can want a position, over the points of its space, beside the bars that there are:
//! a rule that never warms up trades nothing, and nothing of it is defined.

use gauntlet_backtest::params::Params;
use gauntlet_backtest::strategy;
use gauntlet_domain::spec::ExperimentSpec;

use crate::validate::{extremes, param_value, space};

/// Corners of a space that are looked at. One with more has long lists, whose ends say enough.
const MOST_CORNERS: usize = 4_096;

/// The warm-up of a document's rule: the first bar, from 0, at which it can want a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarmUp {
    /// The rule.
    pub strategy: String,
    /// With the parameters that need the fewest bars.
    pub least: usize,
    /// With the parameters that need the most.
    pub most: usize,
    /// Bars between a bar's close and the opening at which its signal fills.
    latency: usize,
}

impl WarmUp {
    /// Of a document; `None` where its strategy is no rule. More bars in an average never need fewer to warm up, so the
    /// corners of the space say it. Conditions are not looked at: they only leave points out.
    pub fn of(spec: &ExperimentSpec, latency_bars: i64) -> Option<WarmUp> {
        let rule = strategy::by_name(&spec.model.strategy).ok()?;
        let needs = corners(spec)?.into_iter().filter_map(|point| Some(rule.build(&point).ok()?.warm_up()));
        let needs: Vec<usize> = needs.collect();
        Some(WarmUp {
            strategy: spec.model.strategy.clone(),
            least: *needs.iter().min()?,
            most: *needs.iter().max()?,
            latency: usize::try_from(latency_bars).unwrap_or(usize::MAX),
        })
    }

    /// Whether the point that needs the fewest bars can trade in the first `bars`: what it wants fills at the opening of a
    /// later one.
    pub fn can_trade(&self, bars: usize) -> bool {
        self.fills(self.least) < bars
    }

    /// What to tell where some points, or all, cannot trade in the first `bars`.
    pub fn warning(&self, bars: usize) -> Option<String> {
        let what =
            if self.can_trade(bars) { "parameters that need more never trade" } else { "it never trades" };
        (self.fills(self.most) >= bars).then(|| format!("{self}, and there are {bars}: {what}"))
    }

    fn fills(&self, warm_up: usize) -> usize {
        warm_up.saturating_add(1).saturating_add(self.latency)
    }
}

/// `ma-cross warms up for 59 to 999 bars`.
impl std::fmt::Display for WarmUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let WarmUp { strategy, least, most, .. } = self;
        if least == most {
            write!(f, "{strategy} warms up for {least} bars")
        } else {
            write!(f, "{strategy} warms up for {least} to {most} bars, by its parameters")
        }
    }
}

/// The points at the ends of every range; `None` where the space cannot be read.
fn corners(spec: &ExperimentSpec) -> Option<Vec<Params>> {
    let mut corners = vec![Params::new()];
    for parameter in space(spec).ok()?.parameters() {
        let mut values = extremes(&parameter.domain).iter().map(param_value).collect::<Option<Vec<_>>>()?;
        if corners.len() * values.len() > MOST_CORNERS {
            values = [values.first(), values.last()].into_iter().flatten().cloned().collect();
        }
        let with = |corner: &Params| {
            let each = values.iter().map(|value| (parameter.name.clone(), value.clone()));
            each.map(|pair| corner.iter().map(|(n, v)| (n.clone(), v.clone())).chain([pair]).collect())
                .collect::<Vec<Params>>()
        };
        corners = corners.iter().flat_map(with).collect();
    }
    Some(corners)
}
