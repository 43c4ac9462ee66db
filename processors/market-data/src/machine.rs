//! The machine: one instrument's definition, cleaner, bars and waiting snapshots, for every instrument of a partition.

use std::collections::{BTreeMap, BTreeSet};

use gauntlet_domain::market::{
    Bar, BarBlock, CreateSnapshot, FeedAborted, FeedCompleted, InstrumentDefined, PriceBasis, Quote, Reason,
    SnapshotDue, SourceCleaned, TickKind, Trade,
};
use gauntlet_domain::topics::{
    DATA_COMMANDS, DATA_REQUESTS, MARKET_BARS, MARKET_BARS_V2, MARKET_QUALITY, MARKET_TICKS, MARKET_TICKS_V2,
};
use gauntlet_domain::{BarSpec, Event, EventId, Input, Scale, SnapshotId};
use gauntlet_processor::ended::EndedIds;
use gauntlet_processor::machine::{Definition, Inputs, Machine, Output, StateError};
use serde::{Deserialize, Serialize};

use crate::bars::TimeBars;
use crate::clean::{Clean, Cleaner};
use crate::hours::outside;
use crate::known::KnownInstrument;
use crate::ledger::{Ledger, reason_counts};
use crate::ready::ReadyBars;
use crate::rows::{Row, rows_of};
use crate::rules::Rules;
use crate::sources::{Source, Sources};

/// Market data for the runtime.
pub const DEFINITION: Definition = Definition {
    name: "market-data",
    version: "4",
    reads: &[&MARKET_TICKS, &MARKET_TICKS_V2, &DATA_COMMANDS],
    inputs: Inputs::CoPartitioned,
    writes: &[&MARKET_BARS, &MARKET_BARS_V2, &MARKET_QUALITY, &DATA_REQUESTS],
    races_on: &[],
    recalls: &[],
    create: || Box::new(MarketData::default()),
};

/// A size of which a billion trades in a bar are more than its volume can hold.
const LARGE: i64 = i64::MAX / 1_000_000_000;

/// All instruments of one partition.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MarketData {
    instruments: BTreeMap<String, Instrument>,
}

/// One instrument.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Instrument {
    definition: InstrumentDefined,
    /// Fixed by the first definition, or by the first data where there was none.
    #[serde(default)]
    scale: Option<Scale>,
    /// Every definition that was taken in: one that comes again must not undo the one after it.
    #[serde(default)]
    defined: BTreeSet<EventId>,
    /// How far event time had come for a spec when a definition was replaced. It never goes back: what is final stays so
    /// when a spec is dropped or ticks may be later than before.
    #[serde(default)]
    passed: BTreeMap<BarSpec, i64>,
    cleaner: Cleaner,
    /// The time before which no further tick comes: no bar closes and no snapshot falls due ahead of one that waits.
    settled: i64,
    /// The last session that was found, in nanoseconds.
    #[serde(default)]
    session: (i64, i64),
    building: Vec<TimeBars>,
    ready: BTreeMap<BarSpec, ReadyBars>,
    sources: Sources,
    /// Snapshots asked for that are not due yet.
    asked: BTreeMap<SnapshotId, CreateSnapshot>,
    /// Those that have been due: a repeated command does nothing.
    finished: EndedIds,
}

impl Machine for MarketData {
    fn step(&mut self, input: Input<'_>) -> Vec<Output> {
        let events = match input.event {
            Event::Quote(quote) => {
                self.of(&quote.instrument).rows(&quote.source, quote.sequence, quote.scale, quote_row(quote))
            }
            Event::Trade(trade) => {
                self.of(&trade.instrument).rows(&trade.source, trade.sequence, trade.scale, trade_row(trade))
            }
            Event::TickBlock(block) => {
                self.of(&block.instrument).rows(&block.source, block.block, block.scale, rows_of(block))
            }
            Event::InstrumentDefined(definition) => self.of(&definition.instrument).define(definition),
            Event::BarBlock(block) => self.of(&block.instrument).ready_bars(block),
            Event::FeedCompleted(feed) => self.of(&feed.instrument).complete(feed),
            Event::FeedAborted(feed) => self.of(&feed.instrument).abort(feed),
            Event::CreateSnapshot(command) => self.of(&command.instrument).ask(command),
            _ => Vec::new(),
        };
        events.into_iter().map(Output::new).collect()
    }

    fn refuses(&self, input: Input<'_>) -> Option<String> {
        let (instrument, scale) = match input.event {
            Event::BarBlock(block) => {
                if let Err(error) = block.spec.parse::<BarSpec>() {
                    return Some(format!("bars of {}: {error}", block.instrument));
                }
                (&block.instrument, block.scale)
            }
            Event::InstrumentDefined(definition) => (&definition.instrument, definition.scale),
            Event::TickBlock(block) => (&block.instrument, block.scale),
            Event::Quote(quote) => (&quote.instrument, quote.scale),
            Event::Trade(trade) => (&trade.instrument, trade.scale),
            _ => return None,
        };
        let fixed = self.instruments.get(instrument)?.scale?;
        (scale != fixed)
            .then(|| format!("{instrument} has {fixed} since it was first defined, this has {scale}"))
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        Ok(serde_json::to_vec(self)?)
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        *self = serde_json::from_slice(bytes)?;
        Ok(())
    }
}

impl MarketData {
    /// The instrument of that name; one that nobody has defined begins with the plainest definition.
    fn of(&mut self, name: &str) -> &mut Instrument {
        entry(&mut self.instruments, name, Instrument::new)
    }

    /// What is known of an instrument; none where no input of it was taken in.
    pub(crate) fn known(&self, instrument: &str) -> Option<KnownInstrument> {
        let Instrument { definition, defined, cleaner, .. } = self.instruments.get(instrument)?;
        let has_ticks = *cleaner != Cleaner::default();
        Some(KnownInstrument { definition: (!defined.is_empty()).then(|| definition.clone()), has_ticks })
    }

    /// The definitions in force, but for instruments that nobody has defined.
    pub(crate) fn definitions(&self) -> Vec<InstrumentDefined> {
        let defined = self.instruments.values().filter(|instrument| !instrument.defined.is_empty());
        defined.map(|instrument| instrument.definition.clone()).collect()
    }

    /// Closes every bar under construction, for tools that end with their input; a pipeline never does.
    pub fn finish(&mut self) -> Vec<Bar> {
        let mut bars = Vec::new();
        for instrument in self.instruments.values_mut() {
            for building in &mut instrument.building {
                building.close(&instrument.definition, i64::MAX, &mut bars);
            }
        }
        bars
    }
}

impl Instrument {
    fn new(name: &str) -> Instrument {
        let specs = vec![BarSpec::Time { seconds: 60 }];
        Instrument {
            building: specs.iter().copied().map(TimeBars::new).collect(),
            definition: InstrumentDefined::new(name, specs, PriceBasis::Quotes),
            scale: None,
            defined: BTreeSet::new(),
            passed: BTreeMap::new(),
            cleaner: Cleaner::default(),
            settled: i64::MIN,
            session: (0, 0),
            ready: BTreeMap::new(),
            sources: Sources::default(),
            asked: BTreeMap::new(),
            finished: EndedIds::default(),
        }
    }

    /// A definition governs what comes after it, once; bars under construction of a spec that stays go on.
    fn define(&mut self, definition: &InstrumentDefined) -> Vec<Event> {
        if !self.is_of_scale(definition.scale) || !self.defined.insert(Event::from(definition.clone()).id()) {
            return Vec::new();
        }
        if self.definition != *definition {
            for spec in &self.definition.bars {
                self.passed.insert(*spec, self.event_time(*spec));
            }
            self.building.retain(|bars| definition.bars.contains(&bars.spec()));
            for spec in &definition.bars {
                if !self.building.iter().any(|bars| bars.spec() == *spec) {
                    let mut bars = TimeBars::new(*spec);
                    if let Some((close_time, close)) = self.ready.get(spec).and_then(ReadyBars::latest) {
                        bars.yield_to(close_time, close);
                    }
                    self.building.push(bars);
                }
            }
            self.definition = definition.clone();
            self.session = (0, 0);
        }
        self.due()
    }

    /// Takes in the rows of a block or of one live tick, once.
    fn rows(
        &mut self,
        source: &str,
        number: i64,
        scale: Scale,
        rows: impl IntoIterator<Item = Row>,
    ) -> Vec<Event> {
        if !self.is_of_scale(scale) {
            return Vec::new();
        }
        let source = self.sources.number(source);
        if !self.sources.get_mut(source).is_some_and(|source| source.moves_to(number)) {
            return Vec::new();
        }
        self.clean(|cleaner, rules, ledger, keep| cleaner.rows(rules, source, rows.into_iter(), ledger, keep))
    }

    /// Cleans, and makes bars of what passes.
    fn clean(
        &mut self,
        clean: impl FnOnce(&mut Cleaner, &Rules<'_>, &mut Ledger, &mut dyn FnMut(Clean, i64, &mut Ledger)),
    ) -> Vec<Event> {
        let Instrument { definition, session, building, settled, cleaner, sources, .. } = self;
        let (mut ledger, mut bars, rules) = (Ledger::default(), Vec::new(), Rules::of(definition));
        clean(cleaner, &rules, &mut ledger, &mut |tick, until, ledger| {
            *settled = until.max(*settled);
            close(definition, building, *settled, &mut bars);
            take_in(definition, session, building, *settled, &tick, ledger);
        });
        if let Some(until) = cleaner.settled(&rules) {
            *settled = until.max(*settled);
        }
        close(definition, building, *settled, &mut bars);
        let mut events: Vec<Event> = bars.into_iter().map(Event::from).collect();
        events.extend(ledger.into_events(&definition.instrument, sources));
        if !self.asked.is_empty() {
            events.extend(self.due());
        }
        events
    }

    fn ready_bars(&mut self, block: &BarBlock) -> Vec<Event> {
        if !self.is_of_scale(block.scale) {
            return Vec::new();
        }
        // Refused by name before; a restore does not ask.
        let Ok(spec) = block.spec.parse::<BarSpec>() else { return Vec::new() };
        let passed = self.event_time(spec);
        let source = self.sources.number(&block.source);
        if !self.sources.get_mut(source).is_some_and(|source| source.moves_to(block.block)) {
            return Vec::new();
        }
        self.ready(spec, |ready, definition, ledger, bars| {
            ready.block(definition, spec, source, block, passed, ledger, bars);
        })
    }

    /// Checks ready-made bars, and passes on those that are right.
    fn ready(
        &mut self,
        spec: BarSpec,
        check: impl FnOnce(&mut ReadyBars, &InstrumentDefined, &mut Ledger, &mut Vec<Bar>),
    ) -> Vec<Event> {
        let (mut ledger, mut bars) = (Ledger::default(), Vec::new());
        let ready = self.ready.entry(spec).or_default();
        check(ready, &self.definition, &mut ledger, &mut bars);
        if let (Some(building), Some((close_time, close))) =
            (self.building.iter_mut().find(|bars| bars.spec() == spec), ready.latest())
        {
            building.yield_to(close_time, close);
        }
        let mut events: Vec<Event> = bars.into_iter().map(Event::from).collect();
        events.extend(ledger.into_events(&self.definition.instrument, &mut self.sources));
        events.extend(self.due());
        events
    }

    fn complete(&mut self, feed: &FeedCompleted) -> Vec<Event> {
        self.end(&feed.source, &feed.name, feed.rows, "")
    }

    /// A source that was given up ends as any other: what waits is decided, and what came of its rows is said, with why.
    fn abort(&mut self, feed: &FeedAborted) -> Vec<Event> {
        self.end(&feed.source, &feed.name, feed.rows, &feed.reason)
    }

    fn end(&mut self, source: &str, name: &str, rows: i64, aborted: &str) -> Vec<Event> {
        let number = self.sources.number(source);
        let is_first = |source: &mut Source| !std::mem::replace(&mut source.completed, true);
        if !self.sources.get_mut(number).is_some_and(is_first) {
            return Vec::new();
        }
        let mut events = self.clean(|cleaner, rules, ledger, keep| cleaner.flush(rules, ledger, keep));
        for spec in self.ready.keys().copied().collect::<Vec<_>>() {
            events.extend(self.ready(spec, |ready, definition, ledger, bars| {
                ready.flush(definition, spec, ledger, bars);
            }));
        }
        let Some(Source { counts, .. }) = self.sources.get_mut(number) else { return events };
        events.push(
            SourceCleaned {
                instrument: self.definition.instrument.clone(),
                source: source.to_owned(),
                name: name.to_owned(),
                rows,
                accepted: counts.accepted,
                rejected: reason_counts(&counts.rejected),
                corrected: reason_counts(&counts.corrected),
                gaps: counts.gaps,
                aborted: aborted.to_owned(),
            }
            .into(),
        );
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

    fn ask(&mut self, command: &CreateSnapshot) -> Vec<Event> {
        if !self.finished.contains(command.snapshot_id.0.as_bytes()) {
            self.asked.entry(command.snapshot_id).or_insert_with(|| command.clone());
        }
        self.due()
    }

    /// How far event time has come for a spec: the latest ready-made bar, the ticks' watermark where ticks make it, and
    /// what an earlier definition had come to.
    fn event_time(&self, spec: BarSpec) -> i64 {
        let ready =
            self.ready.get(&spec).and_then(ReadyBars::latest).map_or(i64::MIN, |(close_time, _)| close_time);
        let ready = self.passed.get(&spec).map_or(ready, |passed| ready.max(*passed));
        if self.definition.bars.contains(&spec) { ready.max(self.settled) } else { ready }
    }

    /// Snapshots whose end event time has passed: their bars are final.
    fn due(&mut self) -> Vec<Event> {
        let ready: Vec<SnapshotId> = self
            .asked
            .values()
            .filter(|command| self.event_time(command.spec) >= command.to.0)
            .map(|command| command.snapshot_id)
            .collect();
        let due = ready.iter().filter_map(|id| {
            self.finished.insert(id.0.as_bytes());
            let CreateSnapshot { snapshot_id, instrument, spec, from, to } = self.asked.remove(id)?;
            Some(SnapshotDue { snapshot_id, instrument, spec, from, to }.into())
        });
        due.collect()
    }
}

/// The value of a name, made if there is none; the name is copied only then.
fn entry<'a, V>(map: &'a mut BTreeMap<String, V>, name: &str, make: impl FnOnce(&str) -> V) -> &'a mut V {
    if !map.contains_key(name) {
        map.insert(name.to_owned(), make(name));
    }
    map.get_mut(name).expect("invariant: it was there or has just been put there")
}

/// Adds a tick to the bars under construction, or enters in the ledger why not.
#[inline]
fn take_in(
    definition: &InstrumentDefined,
    session: &mut (i64, i64),
    building: &mut [TimeBars],
    settled: i64,
    tick: &Clean,
    ledger: &mut Ledger,
) {
    if tick.of.time < settled {
        // Its bar may be final already.
        ledger.reject(Reason::Late, tick.of);
    } else if let Some(reason) = outside(definition, session, tick.of.time) {
        ledger.reject(reason, tick.of);
    } else if tick.size > LARGE && !building.iter().all(|spec| spec.holds(tick)) {
        ledger.reject(Reason::OutOfRange, tick.of);
    } else {
        building.iter_mut().for_each(|spec| spec.push(definition, tick));
        tick.enter(ledger);
    }
}

/// Closes the bars whose end nothing can come before any more.
#[inline]
fn close(definition: &InstrumentDefined, building: &mut [TimeBars], settled: i64, bars: &mut Vec<Bar>) {
    for spec in building.iter_mut().filter(|spec| spec.is_due(settled)) {
        spec.close(definition, settled, bars);
    }
}

fn quote_row(quote: &Quote) -> [Row; 1] {
    [Row {
        row: quote.sequence,
        kind: TickKind::Quote as u8,
        time: quote.time.0,
        price: quote.bid.0,
        ask: quote.ask.0,
        size: quote.bid_size.map(|size| size.0),
        ask_size: quote.ask_size.map(|size| size.0),
        sequence: None,
        received: quote.received.map(|time| time.0),
    }]
}

fn trade_row(trade: &Trade) -> [Row; 1] {
    let kind = match trade.side.as_deref() {
        Some("buy") => TickKind::Buy,
        Some("sell") => TickKind::Sell,
        _ => TickKind::Trade,
    };
    [Row {
        row: trade.sequence,
        kind: kind as u8,
        time: trade.time.0,
        price: trade.price.0,
        size: Some(trade.size.0),
        received: trade.received.map(|time| time.0),
        ..Row::default()
    }]
}
