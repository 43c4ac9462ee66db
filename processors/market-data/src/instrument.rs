//! One instrument: its definition, its sources, what has come of their rows, and the snapshots that wait for more.

use std::collections::{BTreeMap, BTreeSet};

use gauntlet_domain::market::{
    Bar, BarBlock, CreateSnapshot, FeedAborted, FeedCompleted, InstrumentDefined, PriceBasis, SnapshotDue,
    SourceCleaned, TickBlock,
};
use gauntlet_domain::{BarSpec, Event, EventId, Scale, SnapshotId, Timestamp};
use gauntlet_processor::ended::EndedIds;
use serde::{Deserialize, Serialize};

use crate::bars::TimeBars;
use crate::beside::{Beside, is_beside};
use crate::from_ticks::FromTicks;
use crate::known::KnownInstrument;
use crate::ledger::{Ledger, reason_counts};
use crate::ready::{Checked, ReadyBars};
use crate::revisions::{Made, Publishing, Revisions};
use crate::rows::{Row, rows_of};
use crate::sources::{Source, Sources};

/// One instrument.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instrument {
    definition: InstrumentDefined,
    /// Fixed by the first definition, or by the first data where there was none.
    scale: Option<Scale>,
    /// Every definition that was taken in: one that comes again must not undo the one after it.
    defined: BTreeSet<EventId>,
    /// How far event time had come for a spec when a definition was replaced. It never goes back: what is final stays so
    /// when a spec is dropped or ticks may be later than before.
    passed: BTreeMap<BarSpec, i64>,
    taken: Taken,
    revisions: Revisions,
    /// The source whose blocks came last, as long as those of no other came between.
    under_way: Option<UnderWay>,
    sources: Sources,
    /// Snapshots asked for that are not due yet.
    asked: BTreeMap<SnapshotId, CreateSnapshot>,
    /// Those that have been due: a repeated command does nothing.
    finished: EndedIds,
}

/// What has come of all rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Taken {
    ticks: FromTicks,
    beside: Option<Box<Beside>>,
    ready: BTreeMap<BarSpec, Box<ReadyBars>>,
}

/// A source that may be given up: what had come of all rows before its first one, and what it has made since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct UnderWay {
    source: u32,
    before: Box<Taken>,
    made: Made,
}

impl Instrument {
    /// One that nobody has defined begins with the plainest definition.
    pub fn new(name: &str) -> Instrument {
        let specs = vec![BarSpec::Time { seconds: 60 }];
        let taken = Taken { ticks: FromTicks::new(&specs), beside: None, ready: BTreeMap::new() };
        Instrument {
            definition: InstrumentDefined::new(name, specs, PriceBasis::Quotes),
            scale: None,
            defined: BTreeSet::new(),
            passed: BTreeMap::new(),
            taken,
            revisions: Revisions::default(),
            under_way: None,
            sources: Sources::default(),
            asked: BTreeMap::new(),
            finished: EndedIds::default(),
        }
    }

    /// What is known of it.
    pub fn known(&self) -> KnownInstrument {
        KnownInstrument { definition: self.defined().cloned(), has_ticks: self.taken.ticks.has_begun() }
    }

    /// The definition in force; `None` where nobody has defined it.
    pub fn defined(&self) -> Option<&InstrumentDefined> {
        (!self.defined.is_empty()).then_some(&self.definition)
    }

    /// Its scale, where it is fixed.
    pub fn scale(&self) -> Option<Scale> {
        self.scale
    }

    /// Closes every bar under construction.
    pub fn finish(&mut self, bars: &mut Vec<Bar>) {
        self.taken.ticks.finish(&self.definition, bars);
    }

    /// A definition governs what comes after it, once; bars under construction of a spec that stays go on.
    pub fn define(&mut self, definition: &InstrumentDefined) -> Vec<Event> {
        if !self.is_of_scale(definition.scale) || !self.defined.insert(Event::from(definition.clone()).id()) {
            return Vec::new();
        }
        if self.definition != *definition {
            for spec in &self.definition.bars {
                self.passed.insert(*spec, self.event_time(*spec));
            }
            let Taken { ticks, ready, .. } = &mut self.taken;
            ticks.define(&definition.bars, |spec| {
                let mut bars = TimeBars::new(spec);
                if let Some((close_time, close)) = ready.get(&spec).and_then(|ready| ready.latest()) {
                    bars.yield_to(close_time, close);
                }
                bars
            });
            self.definition = definition.clone();
            self.under_way = None;
        }
        self.due()
    }

    /// Takes in the row of a live tick, once.
    pub fn tick(&mut self, source: &str, number: i64, scale: Scale, row: Row) -> Vec<Event> {
        let Some((source, _)) = self.source(source, number, scale) else { return Vec::new() };
        self.under_way = None;
        let (mut ledger, mut bars) = (Ledger::default(), Vec::new());
        self.taken.ticks.rows(&self.definition, source, [row].into_iter(), &mut ledger, &mut bars);
        self.publish(source, ledger, |publishing| publishing.closed(bars))
    }

    /// Takes in the rows of a block, once.
    pub fn tick_block(&mut self, block: &TickBlock) -> Vec<Event> {
        let Some((source, is_first)) = self.source(&block.source, block.block, block.scale) else {
            return Vec::new();
        };
        self.goes_on(source, is_first, None);
        let (mut ledger, mut bars, mut quoted) = (Ledger::default(), Vec::new(), Vec::new());
        let Taken { ticks, beside, .. } = &mut self.taken;
        if is_first && is_beside(&self.definition, block, ticks.settled()) {
            let before = beside.take().map(|before| *before);
            *beside = Some(Box::new(Beside::begin(before, &self.definition, source, ticks.settled())));
        }
        match beside.as_mut().filter(|beside| beside.is_of(source)) {
            Some(beside) => {
                let others = beside.take(block, &mut ledger, &mut quoted);
                ticks.rows(&self.definition, source, others.into_iter(), &mut ledger, &mut bars);
            }
            None => ticks.rows(&self.definition, source, rows_of(block), &mut ledger, &mut bars),
        }
        self.publish(source, ledger, |publishing| {
            publishing.closed(bars);
            quoted.iter().for_each(|bar| publishing.spreads(bar));
        })
    }

    /// Checks ready-made bars, once, and passes on those that are right.
    pub fn bar_block(&mut self, block: &BarBlock) -> Vec<Event> {
        // Refused by name before; a restore does not ask.
        let Ok(spec) = block.spec.parse::<BarSpec>() else { return Vec::new() };
        let Some((source, is_first)) = self.source(&block.source, block.block, block.scale) else {
            return Vec::new();
        };
        self.goes_on(source, is_first, Some(spec));
        let passed = self.event_time(spec);
        self.ready(source, spec, |ready, definition, ledger, checked| {
            ready.block(definition, spec, source, block, passed, ledger, checked);
        })
    }

    fn ready(
        &mut self,
        source: u32,
        spec: BarSpec,
        check: impl FnOnce(&mut ReadyBars, &InstrumentDefined, &mut Ledger, &mut Vec<Checked>),
    ) -> Vec<Event> {
        let (mut ledger, mut checked) = (Ledger::default(), Vec::new());
        let Taken { ticks, ready, .. } = &mut self.taken;
        let ready = ready.entry(spec).or_default();
        check(ready, &self.definition, &mut ledger, &mut checked);
        if let (Some(building), Some((close_time, close))) = (ticks.building(spec), ready.latest()) {
            building.yield_to(close_time, close);
        }
        self.publish(source, ledger, |publishing| {
            for bar in checked {
                match bar {
                    Checked::New(bar) => publishing.closed(vec![bar]),
                    Checked::Revision(bar) => publishing.revised(bar),
                }
            }
        })
    }

    /// A source has ended.
    pub fn complete(&mut self, feed: &FeedCompleted) -> Vec<Event> {
        let Some(source) = self.ends(&feed.source) else { return Vec::new() };
        self.end(source, &feed.name, feed.rows, "")
    }

    /// A source was given up: what has come of its rows is undone. Where rows of another came between that cannot be, and it
    /// ends as any other, with why.
    pub fn abort(&mut self, feed: &FeedAborted) -> Vec<Event> {
        let Some(source) = self.ends(&feed.source) else { return Vec::new() };
        let Some(UnderWay { before, made, .. }) =
            self.under_way.take_if(|under_way| under_way.source == source)
        else {
            return self.end(source, &feed.name, feed.rows, &feed.reason);
        };
        for spec in self.specs() {
            self.revisions.keep_final(spec, self.event_time(spec));
        }
        self.taken = *before;
        let InstrumentDefined { instrument, scale, .. } = &self.definition;
        let mut events = self.revisions.withdraw(&made, instrument, &feed.source, *scale);
        if let Some(Source { counts, .. }) = self.sources.get_mut(source) {
            counts.undo(feed.rows);
        }
        events.extend(self.cleaned(source, &feed.name, feed.rows, &feed.reason));
        events.extend(self.due());
        events
    }

    /// Decides on what waits, and says what came of the rows of a source.
    fn end(&mut self, source: u32, name: &str, rows: i64, aborted: &str) -> Vec<Event> {
        // What waits of others is decided as well: there is no way back before it.
        self.under_way = None;
        let (mut ledger, mut bars, mut quoted) = (Ledger::default(), Vec::new(), Vec::new());
        let Taken { ticks, beside, .. } = &mut self.taken;
        ticks.flush(&self.definition, &mut ledger, &mut bars);
        if let Some(beside) = beside.as_mut().filter(|beside| beside.is_of(source)) {
            beside.end(&mut ledger, &mut quoted);
        }
        let mut events = self.publish(source, ledger, |publishing| {
            publishing.closed(bars);
            quoted.iter().for_each(|bar| publishing.spreads(bar));
        });
        for spec in self.taken.ready.keys().copied().collect::<Vec<_>>() {
            events.extend(self.ready(source, spec, |ready, definition, ledger, checked| {
                ready.flush(definition, spec, ledger, checked);
            }));
        }
        events.extend(self.cleaned(source, name, rows, aborted));
        events
    }

    fn cleaned(&mut self, source: u32, name: &str, rows: i64, aborted: &str) -> Option<Event> {
        let Source { name: id, counts, bars, .. } = self.sources.get_mut(source)?;
        let cleaned = SourceCleaned {
            instrument: self.definition.instrument.clone(),
            source: id.clone(),
            name: name.to_owned(),
            rows,
            accepted: counts.accepted,
            rejected: reason_counts(&counts.rejected),
            corrected: reason_counts(&counts.corrected),
            gaps: counts.gaps,
            aborted: aborted.to_owned(),
            first: counts.times.map(|(first, _)| Timestamp(first)),
            last: counts.times.map(|(_, last)| Timestamp(last)),
            bars: bars.iter().copied().collect(),
        };
        Some(cleaned.into())
    }

    /// The number of a source of which a block or live tick is new, and whether it is the first one.
    fn source(&mut self, name: &str, number: i64, scale: Scale) -> Option<(u32, bool)> {
        if !self.is_of_scale(scale) {
            return None;
        }
        let source = self.sources.number(name);
        let of = self.sources.get_mut(source)?;
        let is_first = of.is_new();
        of.moves_to(number).then_some((source, is_first))
    }

    /// The number of a source that ends now, and not for the second time.
    fn ends(&mut self, name: &str) -> Option<u32> {
        let number = self.sources.number(name);
        let source = self.sources.get_mut(number)?;
        (!std::mem::replace(&mut source.completed, true)).then_some(number)
    }

    /// A block of a source comes, of ready-made bars or of ticks. What is there before its first one is kept for as long as it
    /// may be given up.
    fn goes_on(&mut self, source: u32, is_first: bool, ready: Option<BarSpec>) {
        let Instrument { definition, sources, .. } = self;
        if let Some(Source { bars, .. }) = sources.get_mut(source) {
            match ready {
                Some(spec) => bars.extend([spec]),
                None => bars.extend(&definition.bars),
            }
        }
        if is_first {
            let (before, made) = (Box::new(self.taken.clone()), self.revisions.begin());
            self.under_way = Some(UnderWay { source, before, made });
        } else {
            self.under_way = self.under_way.take().filter(|under_way| under_way.source == source);
        }
    }

    /// The events of a step: bars, what cleaning says of rows, snapshots that have become due.
    fn publish(&mut self, source: u32, ledger: Ledger, bars: impl FnOnce(&mut Publishing<'_>)) -> Vec<Event> {
        let Instrument { definition, sources, revisions, under_way, .. } = self;
        let name = sources.get_mut(source).map(|source| source.name.clone()).unwrap_or_default();
        let made = under_way.as_mut().map(|under_way| &mut under_way.made);
        let mut publishing = Publishing { revisions, source: &name, made, out: Vec::new() };
        bars(&mut publishing);
        let mut events = publishing.out;
        events.extend(ledger.into_events(&definition.instrument, sources));
        if !self.asked.is_empty() {
            events.extend(self.due());
        }
        events
    }

    /// Whether data of this scale are taken in; the first ones fix it. Others were refused by name before; a restore does not
    /// ask.
    fn is_of_scale(&mut self, scale: Scale) -> bool {
        let is_first = self.scale.is_none();
        let fixed = *self.scale.get_or_insert(scale);
        if is_first {
            self.definition.scale = fixed;
        }
        fixed == scale
    }

    /// A snapshot is asked for.
    pub fn ask(&mut self, command: &CreateSnapshot) -> Vec<Event> {
        if !self.finished.contains(command.snapshot_id.0.as_bytes()) {
            self.asked.entry(command.snapshot_id).or_insert_with(|| command.clone());
        }
        self.due()
    }

    /// How far event time has come for a spec: the latest ready-made bar, the ticks' watermark where ticks make it, and
    /// what an earlier definition had come to.
    fn event_time(&self, spec: BarSpec) -> i64 {
        let Taken { ticks, ready, .. } = &self.taken;
        let latest = ready.get(&spec).and_then(|ready| ready.latest());
        let ready = latest.map_or(i64::MIN, |(close_time, _)| close_time);
        let ready = self.passed.get(&spec).map_or(ready, |passed| ready.max(*passed));
        if self.definition.bars.contains(&spec) { ready.max(ticks.settled()) } else { ready }
    }

    /// Specs of which there may be bars.
    fn specs(&self) -> BTreeSet<BarSpec> {
        self.definition.bars.iter().chain(self.taken.ready.keys()).copied().collect()
    }

    /// Snapshots whose end event time has passed, and whose revision is there: their bars are final.
    fn due(&mut self) -> Vec<Event> {
        let is_due = |command: &&CreateSnapshot| {
            let until = self.revisions.final_until(command.spec).max(Some(self.event_time(command.spec)));
            until >= Some(command.to.0) && self.revisions.number(command.spec) >= command.revision
        };
        let ready: Vec<SnapshotId> =
            self.asked.values().filter(is_due).map(|command| command.snapshot_id).collect();
        let due = ready.iter().filter_map(|id| {
            self.finished.insert(id.0.as_bytes());
            let command = self.asked.remove(id)?;
            Some(SnapshotDue::from(&command).into())
        });
        due.collect()
    }
}
