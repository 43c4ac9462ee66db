//! Bars that have closed and are known better later. A bar is published once and never changed; what comes of it afterwards
//! is a revision, counted for each spec from 1.

use std::collections::{BTreeMap, BTreeSet};

use gauntlet_domain::market::{Bar, BarRevised};
use gauntlet_domain::{BarSpec, Event, Scale, Timestamp};
use serde::{Deserialize, Serialize};

/// The revisions of an instrument.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revisions(BTreeMap<BarSpec, OfSpec>);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct OfSpec {
    /// The newest revision.
    number: i64,
    /// Event time had come so far before a source was given up. It never goes back: up to here bars are final, and one that
    /// comes later is a revision.
    final_until: Option<i64>,
}

/// What a source has made so far, as long as it may be given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// First open time and last close time of bars by spec.
    bars: BTreeMap<BarSpec, (i64, i64)>,
    /// The revisions that there were before it.
    before: Revisions,
}

impl Made {
    fn add(&mut self, bar: &Bar) {
        let (open_time, close_time) = (bar.open_time.0, bar.close_time.0);
        let (from, to) = self.bars.entry(bar.spec).or_insert((open_time, close_time));
        (*from, *to) = (open_time.min(*from), close_time.max(*to));
    }
}

/// How bars leave the machine within one step.
pub struct Publishing<'a> {
    /// The revisions so far.
    pub revisions: &'a mut Revisions,
    /// The source that makes them.
    pub source: &'a str,
    /// What it has made.
    pub made: Option<&'a mut Made>,
    /// Where they go.
    pub out: Vec<Event>,
}

impl Publishing<'_> {
    /// Bars that have closed.
    pub fn closed(&mut self, bars: Vec<Bar>) {
        for bar in bars {
            if self.revisions.final_until(bar.spec).is_some_and(|until| bar.close_time.0 <= until) {
                self.revised(bar);
                continue;
            }
            if let Some(made) = &mut self.made {
                made.add(&bar);
            }
            self.out.push(bar.into());
        }
    }

    /// A bar in place of the one of its time.
    pub fn revised(&mut self, bar: Bar) {
        let revised = self.revisions.next(&bar.instrument, bar.spec, self.source, bar.scale);
        let (from, to) = (bar.open_time, bar.close_time);
        self.out.push(BarRevised { from, to, bar: Some(bar), ..revised }.into());
    }

    /// Spreads of a bar that has closed.
    pub fn spreads(&mut self, of: &Bar) {
        let revised = self.revisions.next(&of.instrument, of.spec, self.source, of.scale);
        let (open_spread, close_spread) = (of.open_spread, of.close_spread);
        let (from, to) = (of.open_time, of.close_time);
        self.out.push(BarRevised { from, to, open_spread, close_spread, ..revised }.into());
    }
}

impl Revisions {
    /// The newest revision of a spec; 0 without any.
    pub fn number(&self, spec: BarSpec) -> i64 {
        self.0.get(&spec).map_or(0, |of| of.number)
    }

    /// A source begins that may be given up.
    pub fn begin(&self) -> Made {
        Made { bars: BTreeMap::new(), before: self.clone() }
    }

    /// The time up to which bars are final, where a source was given up that had come further than the others.
    pub fn final_until(&self, spec: BarSpec) -> Option<i64> {
        self.0.get(&spec)?.final_until
    }

    /// Event time had come so far for a spec before a source was given up.
    pub fn keep_final(&mut self, spec: BarSpec, until: i64) {
        let of = self.0.entry(spec).or_default();
        of.final_until = of.final_until.max(Some(until));
    }

    /// Withdraws all that a source has made.
    pub fn withdraw(&mut self, made: &Made, instrument: &str, source: &str, scale: Scale) -> Vec<Event> {
        let revised = self.0.iter().filter(|(spec, of)| of.number > made.before.number(**spec));
        let specs: BTreeSet<BarSpec> =
            made.bars.keys().copied().chain(revised.map(|(spec, _)| *spec)).collect();
        let withdraw = |spec: BarSpec| {
            let since = Some(made.before.number(spec));
            let revised = self.next(instrument, spec, source, scale);
            let (from, to) = made.bars.get(&spec).copied().unwrap_or_default();
            BarRevised { from: Timestamp(from), to: Timestamp(to), since, ..revised }.into()
        };
        specs.into_iter().map(withdraw).collect()
    }

    fn next(&mut self, instrument: &str, spec: BarSpec, source: &str, scale: Scale) -> BarRevised {
        let of = self.0.entry(spec).or_default();
        of.number += 1;
        BarRevised {
            instrument: instrument.to_owned(),
            spec,
            revision: of.number,
            source: source.to_owned(),
            from: Timestamp(0),
            to: Timestamp(0),
            bar: None,
            open_spread: None,
            close_spread: None,
            since: None,
            scale,
        }
    }
}
