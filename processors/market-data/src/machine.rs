//! The machine: every instrument of a partition.

use std::collections::BTreeMap;

use gauntlet_domain::market::{Bar, InstrumentDefined, Quote, TickKind, Trade};
use gauntlet_domain::topics::{
    DATA_COMMANDS, DATA_REQUESTS, MARKET_BARS, MARKET_BARS_V2, MARKET_QUALITY, MARKET_TICKS, MARKET_TICKS_V2,
};
use gauntlet_domain::{BarSpec, Event, Input};
use gauntlet_processor::machine::{Definition, Inputs, Machine, Output, StateError};
use serde::{Deserialize, Serialize};

use crate::instrument::Instrument;
use crate::known::KnownInstrument;
use crate::rows::Row;

/// Market data for the runtime.
pub const DEFINITION: Definition = Definition {
    name: "market-data",
    version: "5",
    reads: &[&MARKET_TICKS, &MARKET_TICKS_V2, &DATA_COMMANDS],
    inputs: Inputs::CoPartitioned,
    writes: &[&MARKET_BARS, &MARKET_BARS_V2, &MARKET_QUALITY, &DATA_REQUESTS],
    races_on: &[],
    recalls: &[],
    create: || Box::new(MarketData::default()),
};

/// All instruments of one partition.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MarketData {
    /// Boxed, because a map has room for eleven values where there are six.
    instruments: BTreeMap<String, Box<Instrument>>,
}

impl Machine for MarketData {
    fn step(&mut self, input: Input<'_>) -> Vec<Output> {
        let events = match input.event {
            Event::Quote(quote) => {
                self.of(&quote.instrument).tick(&quote.source, quote.sequence, quote.scale, quote_row(quote))
            }
            Event::Trade(trade) => {
                self.of(&trade.instrument).tick(&trade.source, trade.sequence, trade.scale, trade_row(trade))
            }
            Event::TickBlock(block) => self.of(&block.instrument).tick_block(block),
            Event::InstrumentDefined(definition) => self.of(&definition.instrument).define(definition),
            Event::BarBlock(block) => self.of(&block.instrument).bar_block(block),
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
        let fixed = self.instruments.get(instrument)?.scale()?;
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
        // The name is copied only for a new one.
        if !self.instruments.contains_key(name) {
            self.instruments.insert(name.to_owned(), Box::new(Instrument::new(name)));
        }
        self.instruments.get_mut(name).expect("invariant: it was there or has just been put there")
    }

    /// What is known of an instrument; none where no input of it was taken in.
    pub(crate) fn known(&self, instrument: &str) -> Option<KnownInstrument> {
        Some(self.instruments.get(instrument)?.known())
    }

    /// The definitions in force, but for instruments that nobody has defined.
    pub(crate) fn definitions(&self) -> Vec<InstrumentDefined> {
        self.instruments.values().filter_map(|instrument| instrument.defined()).cloned().collect()
    }

    /// Closes every bar under construction, for tools that end with their input; a pipeline never does.
    pub fn finish(&mut self) -> Vec<Bar> {
        let mut bars = Vec::new();
        self.instruments.values_mut().for_each(|instrument| instrument.finish(&mut bars));
        bars
    }
}

fn quote_row(quote: &Quote) -> Row {
    Row {
        row: quote.sequence,
        kind: TickKind::Quote as u8,
        time: quote.time.0,
        price: quote.bid.0,
        ask: quote.ask.0,
        size: quote.bid_size.map(|size| size.0),
        ask_size: quote.ask_size.map(|size| size.0),
        sequence: None,
        received: quote.received.map(|time| time.0),
    }
}

fn trade_row(trade: &Trade) -> Row {
    let kind = match trade.side.as_deref() {
        Some("buy") => TickKind::Buy,
        Some("sell") => TickKind::Sell,
        _ => TickKind::Trade,
    };
    Row {
        row: trade.sequence,
        kind: kind as u8,
        time: trade.time.0,
        price: trade.price.0,
        size: Some(trade.size.0),
        received: trade.received.map(|time| time.0),
        ..Row::default()
    }
}
