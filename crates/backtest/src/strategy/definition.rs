//! What a strategy is: one rule over the columns that it declares. Both of its forms follow from it, whole columns for
//! backtests and bar by bar for live trading.

use std::fmt;
use std::rc::Rc;

use gauntlet_quant::indicators::{Column, Indicator, Series, Stream};

use super::StrategySpec;
use super::indicator_cache::IndicatorCache;
use super::target_bits::{TargetBits, WORD, Word};
use crate::bars::BarRow;
use crate::error::BacktestError;
use crate::params::{ParamSpec, Params, Resolved, resolve};
use crate::signal::{AtrStop, STOP_PARAMETERS, Target};
use crate::wide::widest;

/// A rule over so many columns. It remembers nothing but what it wanted at the bar before, so many bars can be looked at
/// at once for the next one at which it wants something else.
pub(crate) trait Rule<const COLUMNS: usize>: Copy + Send + Sync + 'static {
    /// The rule with these parameters.
    fn new(values: &Resolved) -> Self;
    /// What it looks at.
    fn columns(&self) -> [Column; COLUMNS];
    /// What is wanted after a bar at which all columns are defined. `held` is what was wanted before, `now` the columns
    /// at this bar, `before` at the one before it; none at the first bar.
    fn decide(&self, held: Target, now: &[f64; COLUMNS], before: Option<&[f64; COLUMNS]>) -> Target;
}

/// Whether an average or a band is above another value by more than the running sums behind it may have rounded: prices
/// that are equal stay equal, whatever they were added to before.
#[inline(always)]
pub(crate) fn is_above(one: f64, other: f64) -> bool {
    one - other > ROUNDING * other.abs()
}

/// Relative error of an average over a long series; less than what one tick makes in the longest averages.
const ROUNDING: f64 = 1e-12;

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
        let stop = AtrStop::of(&values);
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
    fn targets(&self, cache: &mut IndicatorCache<'_>) -> TargetBits;
    /// Before its first bar.
    fn live(&self) -> Box<dyn LiveRule + Send>;
}

/// A rule that is fed bar by bar.
pub(super) trait LiveRule {
    fn on_bar(&mut self, row: &BarRow) -> Target;
}

struct Ruled<R, const COLUMNS: usize>(R);

impl<R: Rule<COLUMNS>, const COLUMNS: usize> Ruled<R, COLUMNS> {
    /// Decides at the bars of a word, from one change of what is wanted to the next. Gives what is wanted at the last.
    #[inline(always)]
    fn fill(
        &self,
        word: &mut Word,
        mut held: Target,
        now: Chunks<'_, COLUMNS>,
        before: Chunks<'_, COLUMNS>,
    ) -> Target {
        let (mut short, mut flat, mut long) = (None, None, None);
        let mut ahead = u64::MAX;
        loop {
            // The target is named thrice, so that the compiler sees three loops over one known target each.
            let leaving = match held {
                Target::Short => *short.get_or_insert_with(|| self.leaving(Target::Short, now, before)),
                Target::Flat => *flat.get_or_insert_with(|| self.leaving(Target::Flat, now, before)),
                Target::Long => *long.get_or_insert_with(|| self.leaving(Target::Long, now, before)),
            } & ahead;
            if leaving == 0 {
                word.want(held, ahead);
                return held;
            }
            let bar = leaving.trailing_zeros() as usize;
            word.want(held, ahead & !(u64::MAX << bar));
            held =
                self.0.decide(held, &now.map(|column| column[bar]), Some(&before.map(|column| column[bar])));
            word.want(held, 1 << bar);
            ahead = !1 << bar;
        }
    }

    /// Decides at every bar.
    #[inline(always)]
    fn decide(&self, targets: &mut TargetBits, Defined { first, columns }: Defined<'_, COLUMNS>) {
        let bars = columns.first().map_or(0, |column| column.len());
        let (mut bar, mut held) = (0, Target::Flat);
        while bar < bars {
            let word = targets.word_mut((first + bar) / WORD);
            let before = bar.checked_sub(1);
            // The first bar has none before it, and the last bars may not fill a word.
            let of_word = before.filter(|_| (first + bar).is_multiple_of(WORD));
            let chunks = of_word.and_then(|before| Some((chunks(&columns, bar)?, chunks(&columns, before)?)));
            if let Some((now, before)) = chunks {
                held = self.fill(word, held, now, before);
                bar += WORD;
            } else {
                let before = before.map(|before| columns.map(|column| column[before]));
                held = self.0.decide(held, &columns.map(|column| column[bar]), before.as_ref());
                word.want(held, 1 << ((first + bar) % WORD));
                bar += 1;
            }
        }
    }

    /// The bars of a word at which one who holds `held` wants something else.
    #[inline(always)]
    fn leaving(&self, held: Target, now: Chunks<'_, COLUMNS>, before: Chunks<'_, COLUMNS>) -> u64 {
        let mut leaving = 0;
        for bar in 0..WORD {
            let (now, before) = (now.map(|column| column[bar]), before.map(|column| column[bar]));
            leaving |= if self.0.decide(held, &now, Some(&before)) == held { 0 } else { BITS[bar] };
        }
        leaving
    }
}

/// The values of the bars of a word.
type Chunks<'a, const COLUMNS: usize> = [&'a [f64; WORD]; COLUMNS];

/// The values of each column from a bar on; none where they do not fill a word.
fn chunks<'a, const COLUMNS: usize>(
    columns: &[&'a [f64]; COLUMNS],
    bar: usize,
) -> Option<Chunks<'a, COLUMNS>> {
    let filled = columns.iter().all(|column| column.len() >= bar + WORD);
    filled.then(|| {
        columns.map(|column| column[bar..].first_chunk().expect("invariant: a word of values is left"))
    })
}

/// The bit of each bar of a word; a table, since SSE2 cannot shift the lanes of a register by different amounts.
static BITS: [u64; WORD] = {
    let mut bits = [1; WORD];
    let mut bar = 1;
    while bar < WORD {
        bits[bar] = bits[bar - 1] << 1;
        bar += 1;
    }
    bits
};

/// Columns from the first bar on at which all are defined.
struct Defined<'a, const COLUMNS: usize> {
    first: usize,
    columns: [&'a [f64]; COLUMNS],
}

impl<const COLUMNS: usize> Defined<'_, COLUMNS> {
    fn of(columns: &[Rc<Series>; COLUMNS], bars: usize) -> Defined<'_, COLUMNS> {
        let first = columns.iter().map(|series| series.first).max().unwrap_or_default();
        let bars = bars.saturating_sub(first);
        let cut = |place: usize| &columns[place].values[first - columns[place].first..][..bars];
        Defined { first, columns: std::array::from_fn(cut) }
    }
}

impl<R: Rule<COLUMNS>, const COLUMNS: usize> Forms for Ruled<R, COLUMNS> {
    fn warm_up(&self) -> usize {
        let columns = self.0.columns();
        columns.iter().map(|column| column.indicator.first()).max().unwrap_or_default()
    }

    fn targets(&self, cache: &mut IndicatorCache<'_>) -> TargetBits {
        let columns = self.0.columns().map(|column| cache.get(&column));
        let defined = Defined::of(&columns, cache.bars().len());
        let mut targets = TargetBits::flat(cache.bars().len());
        widest(
            #[inline(always)]
            || self.decide(&mut targets, defined),
        );
        targets
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
        Box::new(Live { rule: self.0, feeds, places, held: Target::Flat, before: None })
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
