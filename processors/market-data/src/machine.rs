//! The machine: one instrument's definition, cleaner, bars and waiting snapshots, for every instrument of a partition.

use std::collections::BTreeMap;

use gauntlet_domain::market::{
    Bar, BarBlock, CreateSnapshot, FeedCompleted, InstrumentDefined, PriceBasis, Quote, SnapshotDue,
    SourceCleaned, TickBlock, TickKind, Trade,
};
use gauntlet_domain::{BarSpec, Event, Recorded, SnapshotId};
use gauntlet_processor::machine::{Definition, Inputs, Machine, Output, StateError};
use serde::{Deserialize, Serialize};

use crate::bars::TimeBars;
use crate::clean::{Clean, Cleaner};
use crate::ledger::{Counts, Ledger, reason_counts};
use crate::ready::ReadyBars;

/// Market data for the runtime.
pub const DEFINITION: Definition = Definition {
    name: "market-data",
    version: "1",
    topics: &["market.ticks.v1", "data.commands.v1"],
    inputs: Inputs::CoPartitioned,
    races_on: &[],
    create: || Box::new(MarketData::default()),
};

/// All instruments of one partition.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MarketData {
    instruments: BTreeMap<String, Instrument>,
}

/// One instrument.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Instrument {
    definition: InstrumentDefined,
    cleaner: Cleaner,
    /// Latest event time among the ticks that passed. A tick that is held back has not moved it, so no bar closes and
    /// no snapshot falls due ahead of it.
    latest: i64,
    building: Vec<TimeBars>,
    ready: BTreeMap<BarSpec, ReadyBars>,
    sources: BTreeMap<String, Source>,
    /// Snapshots asked for; an entry stays with `None` once it is due, so that a repeated command does nothing.
    snapshots: BTreeMap<SnapshotId, Option<CreateSnapshot>>,
}

/// How far a source has been taken in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Source {
    /// Number of the next block or live tick; lower ones have been taken in already.
    next: i64,
    completed: bool,
    counts: Counts,
}

impl Machine for MarketData {
    fn step(&mut self, input: &Recorded) -> Vec<Output> {
        let key = input.event.key();
        let instrument = match self.instruments.get_mut(&key) {
            Some(instrument) => instrument,
            None => self.instruments.entry(key.clone()).or_insert_with(|| Instrument::new(&key)),
        };
        let events = match &input.event {
            Event::InstrumentDefined(definition) => instrument.define(definition),
            Event::TickBlock(block) => instrument.ticks(block, block.block),
            Event::Quote(quote) => instrument.ticks(&quote_block(quote), quote.sequence),
            Event::Trade(trade) => instrument.ticks(&trade_block(trade), trade.sequence),
            Event::BarBlock(block) => instrument.ready_bars(block),
            Event::FeedCompleted(feed) => instrument.complete(feed),
            Event::CreateSnapshot(command) => instrument.ask(command),
            _ => Vec::new(),
        };
        events.into_iter().map(Output::new).collect()
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
            cleaner: Cleaner::default(),
            latest: i64::MIN,
            ready: BTreeMap::new(),
            sources: BTreeMap::new(),
            snapshots: BTreeMap::new(),
        }
    }

    /// A definition governs what comes after it; bars under construction of a spec that stays go on.
    fn define(&mut self, definition: &InstrumentDefined) -> Vec<Event> {
        if self.definition != *definition {
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
        }
        Vec::new()
    }

    fn ticks(&mut self, block: &TickBlock, number: i64) -> Vec<Event> {
        let Some(mut source) = self.next_of(&block.source, number) else { return Vec::new() };
        let mut ledger = Ledger::default();
        let mut bars = Vec::new();
        let Instrument { definition, building, latest, cleaner, .. } = self;
        let rules = definition.cleaning;
        cleaner.block(&rules, block, &mut ledger, |tick| {
            take_in(definition, building, latest, &tick, &mut bars)
        });
        let mut events: Vec<Event> = bars.into_iter().map(Event::from).collect();
        events.extend(ledger.into_events(&self.definition.instrument, &block.source, &mut source.counts));
        self.sources.insert(block.source.clone(), source);
        events.extend(self.due());
        events
    }

    fn ready_bars(&mut self, block: &BarBlock) -> Vec<Event> {
        let Ok(spec) = block.spec.parse::<BarSpec>() else { return Vec::new() };
        let Some(mut source) = self.next_of(&block.source, block.block) else { return Vec::new() };
        let passed = self.event_time(spec);
        let mut ledger = Ledger::default();
        let mut bars = Vec::new();
        let ready = self.ready.entry(spec).or_default();
        ready.block(&self.definition, spec, block, passed, &mut ledger, &mut bars);
        if let (Some(building), Some((close_time, close))) =
            (self.building.iter_mut().find(|bars| bars.spec() == spec), ready.latest())
        {
            building.yield_to(close_time, close);
        }
        let mut events: Vec<Event> = bars.into_iter().map(Event::from).collect();
        events.extend(ledger.into_events(&self.definition.instrument, &block.source, &mut source.counts));
        self.sources.insert(block.source.clone(), source);
        events.extend(self.due());
        events
    }

    fn complete(&mut self, feed: &FeedCompleted) -> Vec<Event> {
        let mut source = self.sources.get(&feed.source).cloned().unwrap_or_default();
        if source.completed {
            return Vec::new();
        }
        let mut ledger = Ledger::default();
        let mut bars = Vec::new();
        let Instrument { definition, building, latest, cleaner, .. } = self;
        cleaner.flush(&mut ledger, |tick| take_in(definition, building, latest, &tick, &mut bars));
        let instrument = self.definition.instrument.clone();
        let mut events: Vec<Event> = bars.into_iter().map(Event::from).collect();
        events.extend(ledger.into_events(&instrument, &feed.source, &mut source.counts));
        events.push(
            SourceCleaned {
                instrument,
                source: feed.source.clone(),
                name: feed.name.clone(),
                rows: feed.rows,
                accepted: source.counts.accepted,
                rejected: reason_counts(&source.counts.rejected),
                corrected: reason_counts(&source.counts.corrected),
                gaps: source.counts.gaps,
            }
            .into(),
        );
        source.completed = true;
        self.sources.insert(feed.source.clone(), source);
        events.extend(self.due());
        events
    }

    fn ask(&mut self, command: &CreateSnapshot) -> Vec<Event> {
        self.snapshots.entry(command.snapshot_id).or_insert_with(|| Some(command.clone()));
        self.due()
    }

    /// The source's state if this block or tick has not been taken in yet, already moved past it.
    fn next_of(&self, source: &str, number: i64) -> Option<Source> {
        let mut state = self.sources.get(source).cloned().unwrap_or_default();
        if number < state.next || state.completed {
            return None;
        }
        state.next = number + 1;
        Some(state)
    }

    /// How far event time has come for a spec: the latest ready-made bar, and the ticks' watermark where ticks make it.
    fn event_time(&self, spec: BarSpec) -> i64 {
        let ready =
            self.ready.get(&spec).and_then(ReadyBars::latest).map_or(i64::MIN, |(close_time, _)| close_time);
        if self.definition.bars.contains(&spec) {
            ready.max(self.latest.saturating_sub(self.definition.cleaning.lateness_nanos))
        } else {
            ready
        }
    }

    /// Snapshots whose end event time has passed: their bars are final.
    fn due(&mut self) -> Vec<Event> {
        let ready: Vec<SnapshotId> = self
            .snapshots
            .values()
            .flatten()
            .filter(|command| self.event_time(command.spec) >= command.to.0)
            .map(|command| command.snapshot_id)
            .collect();
        let mut events = Vec::new();
        for id in ready {
            if let Some(Some(command)) = self.snapshots.insert(id, None) {
                let CreateSnapshot { snapshot_id, instrument, spec, from, to } = command;
                events.push(SnapshotDue { snapshot_id, instrument, spec, from, to }.into());
            }
        }
        events
    }
}

/// Closes the bars whose end a clean tick has reached, then adds the tick to those that stay open.
#[inline]
fn take_in(
    definition: &InstrumentDefined,
    building: &mut [TimeBars],
    latest: &mut i64,
    tick: &Clean,
    bars: &mut Vec<Bar>,
) {
    *latest = tick.time.max(*latest);
    let watermark = latest.saturating_sub(definition.cleaning.lateness_nanos);
    for spec in building.iter_mut() {
        if spec.is_due(watermark) {
            spec.close(definition, watermark, bars);
        }
        spec.push(definition, tick);
    }
}

fn quote_block(quote: &Quote) -> TickBlock {
    TickBlock {
        instrument: quote.instrument.clone(),
        source: quote.source.clone(),
        block: quote.sequence,
        rows: vec![quote.sequence],
        kinds: vec![TickKind::Quote as u8],
        times: vec![quote.time.0],
        prices: vec![quote.bid.0],
        asks: vec![quote.ask.0],
        sizes: quote.bid_size.map(|size| size.0).into_iter().collect(),
        ask_sizes: quote.ask_size.map(|size| size.0).into_iter().collect(),
        sequences: Vec::new(),
    }
}

fn trade_block(trade: &Trade) -> TickBlock {
    let kind = match trade.side.as_deref() {
        Some("buy") => TickKind::Buy,
        Some("sell") => TickKind::Sell,
        _ => TickKind::Trade,
    };
    TickBlock {
        instrument: trade.instrument.clone(),
        source: trade.source.clone(),
        block: trade.sequence,
        rows: vec![trade.sequence],
        kinds: vec![kind as u8],
        times: vec![trade.time.0],
        prices: vec![trade.price.0],
        sizes: vec![trade.size.0],
        ..TickBlock::default()
    }
}
