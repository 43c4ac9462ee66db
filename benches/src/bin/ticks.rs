//! Ticks to bars: in memory on one core (decode, clean, aggregate), and from the file over the durable log.
//!
//! `cargo run --release -p gauntlet-benches --bin ticks [FILES…]`; without files the bundled week of gold, five times
//! over as five sources would be for the first figure. The second figure uses each file once.
#![allow(clippy::print_stdout, clippy::expect_used)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use gauntlet_benches::{hardware, rate};
use gauntlet_domain::market::{FeedCompleted, InstrumentDefined, PriceBasis};
use gauntlet_domain::{BarSpec, Event, Input, InstrumentId};
use gauntlet_feed::{Block, Options};
use gauntlet_log::{EventLog, LocalLog};
use gauntlet_market_data::MarketData;
use gauntlet_processor::data::Ports;
use gauntlet_processor::harness::recorded;
use gauntlet_processor::machine::Machine;
use gauntlet_runtime::events::{self, Cause};
use gauntlet_runtime::{Options as RuntimeOptions, Parts, clock};
use gauntlet_wire::Codec;

fn files() -> Vec<PathBuf> {
    let given: Vec<PathBuf> = std::env::args().skip(1).map(PathBuf::from).collect();
    if !given.is_empty() {
        return given;
    }
    let gold = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../data/gold");
    (4..=9).map(|day| gold.join(format!("2014050{day}_quote.zip"))).collect()
}

fn definition() -> InstrumentDefined {
    InstrumentDefined::new("XAUUSD.OANDA", vec![BarSpec::Time { seconds: 60 }], PriceBasis::Quotes)
}

fn options() -> Options {
    Options::new(InstrumentId::new("XAUUSD", "OANDA").expect("a valid name"))
}

/// Decode, clean and aggregate, on this thread alone.
fn in_memory(codec: &Codec) {
    let mut frames = Vec::new();
    let mut ticks = 0;
    for path in files() {
        let mut source = gauntlet_feed::open(&path, &options()).expect("the file opens");
        while let Some(Block::Ticks(block)) = source.next_block().expect("the file reads") {
            ticks += block.len() as u64;
            frames.push(codec.encode(&block.into()).expect("a block encodes"));
        }
    }
    let mut best = None;
    for _ in 0..5 {
        let mut machine = MarketData::default();
        machine.step(recorded(definition()).input());
        let began = Instant::now();
        let mut outputs = 0;
        for frame in &frames {
            let event = codec.decode(Some(frame)).expect("a block decodes");
            outputs += machine.step(Input { event: &event, writer: "feed" }).len();
        }
        let took = began.elapsed();
        assert!(outputs > 1000, "bars were built");
        best = Some(best.map_or(took, |best: std::time::Duration| best.min(took)));
    }
    rate("tick -> bar in memory, one core (decode + clean + aggregate)", ticks, best.expect("it ran"));
}

/// File to durable log to durable minute bars, feeding and building at the same time.
fn over_the_log(codec: &Codec) {
    let dir = tempfile::tempdir().expect("a folder");
    let log: Arc<dyn EventLog> =
        Arc::new(LocalLog::open(&dir.path().join("log.redb")).expect("the log opens"));
    let parts = Parts {
        log: log.clone(),
        codec: codec.clone(),
        definitions: vec![gauntlet_market_data::DEFINITION],
        workers: vec![],
        data: Ports::closed(),
        only: None,
        elsewhere: None,
        projections: vec![],
        spans: None,
    };
    log.create_topics(&gauntlet_runtime::topics(1)).expect("topics");
    let running = gauntlet_runtime::start(parts, RuntimeOptions::default()).expect("it starts");
    let append = |events: Vec<Event>| {
        let record = |event: &Event| {
            events::record(codec, event, Cause::outside("feed", clock::now())).expect("an event encodes")
        };
        log.append(events.iter().map(record).collect()).expect("it appends");
    };
    let began = Instant::now();
    append(vec![definition().into()]);
    let mut ticks = 0;
    for path in files() {
        let mut source = gauntlet_feed::open(&path, &options()).expect("the file opens");
        let (mut waiting, mut rows) = (Vec::new(), 0);
        while let Some(Block::Ticks(block)) = source.next_block().expect("the file reads") {
            rows += block.len() as u64;
            waiting.push(block.into());
            if waiting.len() == 16 {
                append(std::mem::take(&mut waiting));
            }
        }
        let (source_hash, name) = (source.source_hash().to_string(), source.name().to_owned());
        waiting.push(
            FeedCompleted {
                scale: gauntlet_domain::Scale::USUAL,
                instrument: "XAUUSD.OANDA".into(),
                source: source_hash,
                name,
                rows: rows as i64,
                blocks: 0,
            }
            .into(),
        );
        append(waiting);
        ticks += rows;
    }
    assert!(running.wait_quiet(|| true).expect("it runs"), "{:?}", running.failure());
    rate("file -> log -> minute bars, one instrument, durable", ticks, began.elapsed());
    running.stop().expect("it stops");
}

fn main() {
    hardware();
    let codec = Codec::default();
    in_memory(&codec);
    for _ in 0..3 {
        over_the_log(&codec);
    }
}
