//! Ticks to bars: in memory on one core (decode, clean, aggregate), and from the file over the durable log.
//!
//! `cargo run --release -p gauntlet-benches --bin ticks [FILES…]`; without files the bundled week of gold. In memory the shares of
//! decoding and of the machine are told apart, of these files and of simulated trades without and with quotes.
#![allow(clippy::print_stdout, clippy::expect_used)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gauntlet_benches::{hardware, rate};
use gauntlet_domain::market::{
    FeedCompleted, InstrumentDefined, PriceBasis, ROWS_PER_BLOCK, TickBlock, TickKind,
};
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

/// The rows of the files, in blocks.
fn gold() -> Vec<TickBlock> {
    let mut blocks = Vec::new();
    for path in files() {
        let mut source = gauntlet_feed::open(&path, &options()).expect("the file opens");
        while let Some(Block::Ticks(block)) = source.next_block().expect("the file reads") {
            blocks.push(block);
        }
    }
    blocks
}

/// A walk of trades, one in a thousand late, one in ten thousand ten times the price; with quotes around each where asked for.
fn simulated(rows: usize, with_quotes: bool) -> Vec<TickBlock> {
    let (mut state, mut time, mut price) = (7_u64, 1_700_000_000_000_000_000, 50_000_i64);
    let mut random = |of: i64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as i64) % of
    };
    let mut next = |row: usize, block: &mut TickBlock| {
        let is_quote = with_quotes && !row.is_multiple_of(3);
        time += random(40_000_000);
        price += random(5) - 2;
        let wrong = if random(10_000) == 0 { 10 } else { 1 };
        let late = if random(1_000) == 0 { random(2_000_000_000) } else { 0 };
        block.rows.push(row as i64 + 1);
        block.kinds.push(if is_quote { TickKind::Quote } else { TickKind::Trade } as u8);
        block.times.push(time - late);
        block.prices.push(price * wrong * 10_000_000);
        block.asks.extend(with_quotes.then(|| if is_quote { (price * wrong + 1) * 10_000_000 } else { 0 }));
        block.sizes.push((1 + random(1_000)) * 100_000);
        block.ask_sizes.extend(with_quotes.then_some(100_000));
    };
    let of = |number: usize| TickBlock {
        instrument: "XAUUSD.OANDA".into(),
        source: "simulated".into(),
        block: number as i64,
        ..TickBlock::default()
    };
    let mut blocks = Vec::new();
    for number in 0..rows / ROWS_PER_BLOCK {
        let mut block = of(number);
        (0..ROWS_PER_BLOCK).for_each(|row| next(number * ROWS_PER_BLOCK + row, &mut block));
        blocks.push(block);
    }
    blocks
}

/// The shortest of five runs.
fn shortest(mut run: impl FnMut()) -> Duration {
    let timed = |_| {
        let began = Instant::now();
        run();
        began.elapsed()
    };
    (0..5).map(timed).min().unwrap_or_default()
}

/// On this thread alone: records to blocks, blocks to bars, and both.
fn in_memory(codec: &Codec, what: &str, price: PriceBasis, blocks: Vec<TickBlock>) {
    let ticks = blocks.iter().map(|block| block.len() as u64).sum();
    let events: Vec<Event> = blocks.into_iter().map(Event::from).collect();
    let frames: Vec<Vec<u8>> =
        events.iter().map(|event| codec.encode(event).expect("a block encodes")).collect();
    let decoded = |frame: &Vec<u8>| codec.decode(Some(frame)).expect("a block decodes");
    let begun = || {
        let mut machine = MarketData::default();
        machine.step(recorded(InstrumentDefined { price, ..definition() }).input());
        machine
    };
    let step = |machine: &mut MarketData, event: &Event| machine.step(Input { event, writer: "feed" }).len();
    let decode = shortest(|| frames.iter().for_each(|frame| drop(std::hint::black_box(decoded(frame)))));
    rate(&format!("{what}: decode alone"), ticks, decode);
    let clean = shortest(|| {
        let mut machine = begun();
        let outputs: usize = events.iter().map(|event| step(&mut machine, event)).sum();
        assert!(outputs > 100, "bars were built");
    });
    rate(&format!("{what}: the machine alone (clean + aggregate)"), ticks, clean);
    let both = shortest(|| {
        let mut machine = begun();
        let outputs: usize = frames.iter().map(|frame| step(&mut machine, &decoded(frame))).sum();
        assert!(outputs > 100, "bars were built");
    });
    rate(&format!("{what}: tick -> bar in memory, one core (decode + clean + aggregate)"), ticks, both);
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
        upkeep: vec![],
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
    in_memory(&codec, "quotes, gold", PriceBasis::Quotes, gold());
    in_memory(&codec, "trades, simulated", PriceBasis::Trades, simulated(1_000_000, false));
    in_memory(&codec, "trades and quotes, simulated", PriceBasis::Quotes, simulated(1_000_000, true));
    for _ in 0..3 {
        over_the_log(&codec);
    }
}
