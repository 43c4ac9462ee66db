//! What a strategy is: one rule over the columns that it declares. Both of its forms follow from it, whole columns for
//! backtests and bar by bar for live trading.

use std::fmt;

use gauntlet_quant::indicators::{Column, Indicator, Stream};

use super::indicator_cache::IndicatorCache;
use super::{STOP_PARAMETERS, StrategySpec};
use crate::bars::BarRow;
use crate::error::BacktestError;
use crate::params::{ParamSpec, Params, Resolved, resolve};
use crate::signal::{AtrStop, Target};

/// A rule over so many columns. It is copied before the first bar of every run, so what it remembers in its fields
/// belongs to that run.
pub(crate) trait Rule<const COLUMNS: usize>: Clone + Send + Sync + 'static {
    /// The rule with these parameters.
    fn new(values: &Resolved) -> Self;
    /// What it looks at.
    fn columns(&self) -> [Column; COLUMNS];
    /// What is wanted after a bar at which all columns are defined. `held` is what was wanted before, `now` the columns
    /// at this bar, `before` at the one before it; none at the first bar.
    fn decide(&mut self, held: Target, now: &[f64; COLUMNS], before: Option<&[f64; COLUMNS]>) -> Target;
}

/// A row of the table of strategies.
#[derive(Clone, Copy)]
pub struct Definition {
    /// The name in an experiment.
    pub name: &'static str,
    /// When it holds what, in words.
    pub summary: &'static str,
    /// Its own parameters; it takes those of the stop besides.
    own: &'static [ParamSpec],
    rule: fn(&Resolved) -> Box<dyn Forms>,
}

impl Definition {
    /// The row of a rule.
    pub(super) const fn of<R: Rule<COLUMNS>, const COLUMNS: usize>(
        name: &'static str,
        summary: &'static str,
        own: &'static [ParamSpec],
    ) -> Definition {
        Definition { name, summary, own, rule: |values| Box::new(Ruled(R::new(values))) }
    }

    /// The parameters that it takes.
    pub fn parameters(&self) -> Vec<&'static ParamSpec> {
        self.own.iter().chain(&STOP_PARAMETERS).collect()
    }

    /// The strategy with these parameters; unknown names and values out of bounds are refused.
    pub fn build(&'static self, params: &Params) -> Result<StrategySpec, BacktestError> {
        let values = resolve(self.name, &self.parameters(), params)?;
        let multiple = values.float("stop_atr");
        let stop = (multiple > 0.0).then(|| AtrStop { multiple, period: values.int("atr_period") });
        Ok(StrategySpec { definition: self, values, stop })
    }

    /// The first bar, from 0, at which all its columns are defined with these parameters.
    pub(super) fn warm_up(&self, values: &Resolved) -> usize {
        self.rule(values).warm_up()
    }

    /// The rule in both forms.
    pub(super) fn rule(&self, values: &Resolved) -> Box<dyn Forms> {
        (self.rule)(values)
    }
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Definition {
    fn eq(&self, other: &Definition) -> bool {
        self.name == other.name
    }
}

impl Eq for Definition {}

/// The two forms of a rule, whatever it is.
pub(super) trait Forms {
    /// The first bar at which all columns are defined.
    fn warm_up(&self) -> usize;
    /// What is wanted at each bar.
    fn targets(&self, cache: &mut IndicatorCache<'_>) -> Vec<Target>;
    /// The bars at which something else is wanted than at the bar before, in order.
    fn changes(&self, cache: &mut IndicatorCache<'_>) -> Vec<Change>;
    /// Before its first bar.
    fn live(&self) -> Box<dyn LiveRule + Send>;
}

/// From this bar on another position is wanted than before; before the first change, none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The bar at whose close it is decided.
    pub bar: usize,
    /// The position that is wanted.
    pub target: Target,
}

/// A rule that is fed bar by bar.
pub(super) trait LiveRule {
    fn on_bar(&mut self, row: &BarRow) -> Target;
}

struct Ruled<R, const COLUMNS: usize>(R);

impl<R: Rule<COLUMNS>, const COLUMNS: usize> Ruled<R, COLUMNS> {
    /// Runs the rule over whole columns and shows what is wanted at each bar from the first on at which all are defined.
    #[inline]
    fn play(&self, cache: &mut IndicatorCache<'_>, mut show: impl FnMut(usize, Target)) {
        let columns = self.0.columns().map(|column| cache.get(&column));
        let first = columns.iter().map(|series| series.first).max().unwrap_or_default();
        let bars = cache.bars().len().saturating_sub(first);
        let columns: [&[f64]; COLUMNS] =
            std::array::from_fn(|place| &columns[place].values[first - columns[place].first..][..bars]);
        let mut rule = self.0.clone();
        let (mut held, mut before) = (Target::Flat, None);
        for bar in 0..bars {
            let now = columns.map(|column| column[bar]);
            held = rule.decide(held, &now, before.as_ref());
            before = Some(now);
            show(first + bar, held);
        }
    }
}

impl<R: Rule<COLUMNS>, const COLUMNS: usize> Forms for Ruled<R, COLUMNS> {
    fn warm_up(&self) -> usize {
        let columns = self.0.columns();
        columns.iter().map(|column| column.indicator.first()).max().unwrap_or_default()
    }

    fn targets(&self, cache: &mut IndicatorCache<'_>) -> Vec<Target> {
        let mut targets = vec![Target::Flat; cache.bars().len()];
        self.play(cache, |bar, target| targets[bar] = target);
        targets
    }

    fn changes(&self, cache: &mut IndicatorCache<'_>) -> Vec<Change> {
        let (mut changes, mut held) = (Vec::new(), Target::Flat);
        self.play(cache, |bar, target| {
            if target != held {
                changes.push(Change { bar, target });
                held = target;
            }
        });
        changes
    }

    fn live(&self) -> Box<dyn LiveRule + Send> {
        let mut feeds: Vec<Feed> = Vec::new();
        let places = self.0.columns().map(|Column { indicator, output }| {
            let known = feeds.iter().position(|feed| feed.indicator == indicator);
            let feed = known.unwrap_or_else(|| {
                feeds.push(Feed::new(indicator));
                feeds.len() - 1
            });
            (feed, output)
        });
        Box::new(Live { rule: self.0.clone(), feeds, places, held: Target::Flat, before: None })
    }
}

/// An indicator that is fed bar by bar.
struct Feed {
    indicator: Indicator,
    stream: Box<dyn Stream>,
    inputs: Vec<f64>,
    outputs: Vec<f64>,
    defined: bool,
}

impl Feed {
    fn new(indicator: Indicator) -> Feed {
        let (inputs, outputs) = (vec![0.0; indicator.inputs().len()], vec![0.0; indicator.outputs().len()]);
        Feed { stream: indicator.stream(), indicator, inputs, outputs, defined: false }
    }

    fn update(&mut self, row: &BarRow) {
        let names = self.indicator.inputs();
        names.iter().zip(&mut self.inputs).for_each(|(name, input)| *input = row.input(*name));
        self.defined = self.stream.update(&self.inputs, &mut self.outputs);
    }
}

/// A rule and the indicators that it looks at, each fed once.
struct Live<R, const COLUMNS: usize> {
    rule: R,
    feeds: Vec<Feed>,
    /// Where each column comes from: feed and output.
    places: [(usize, usize); COLUMNS],
    held: Target,
    before: Option<[f64; COLUMNS]>,
}

impl<R: Rule<COLUMNS>, const COLUMNS: usize> LiveRule for Live<R, COLUMNS> {
    fn on_bar(&mut self, row: &BarRow) -> Target {
        self.feeds.iter_mut().for_each(|feed| feed.update(row));
        if self.feeds.iter().all(|feed| feed.defined) {
            let now = self.places.map(|(feed, output)| self.feeds[feed].outputs[output]);
            self.held = self.rule.decide(self.held, &now, self.before.as_ref());
            self.before = Some(now);
        }
        self.held
    }
}
