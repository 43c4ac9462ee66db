//! Ticks to minute bars on a broker beside it, exactly once, one partition: one record a tick, and blocks of 1,000.
//!
//! `cargo bench -p gauntlet-kafka-log --bench ticks`. Beside it in the same run: what the bare client library reads, and
//! Kafka Streams on the same records (`benches/kafka-streams`; needs a JDK and Maven). All are watched from outside in the
//! same way: the time in which the committed position goes from a tenth of the topic to its end, so that nobody's start
//! is counted. `GAUNTLET_BENCH_ONLY=client` leaves Kafka Streams out, `singles` the blocks too.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gauntlet_domain::market::{Quote, TickBlock, TickKind};
use gauntlet_domain::{Event, InstrumentId, Price, Timestamp};
use gauntlet_feed::Block;
use gauntlet_kafka_log::{KafkaLog, KafkaSettings};
use gauntlet_log::{Cleanup, EventLog, NewRecord, TopicConfig, TopicPartition};
use gauntlet_processor::data::Ports;
use gauntlet_runtime::events::{self, Cause};
use gauntlet_runtime::{Options, Parts, clock};
use gauntlet_servers::Kafka;
use gauntlet_wire::Codec;
use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const INSTRUMENT: &str = "XAUUSD.OANDA";
const TICKS: &str = "market.ticks.v1";
const WEEK_NANOS: i64 = 7 * 86_400 * 1_000_000_000;
/// The week of gold so many times, each a week later.
const WEEKS_AS_TICKS: i64 = 4;
const WEEKS_AS_BLOCKS: i64 = 12;
const BLOCK: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(300);
/// For how long a rate is taken at most.
const LONGEST: Duration = Duration::from_secs(60);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Columns of the 917,876 quotes of a week: time, bid, ask.
fn week() -> Vec<(i64, i64, i64)> {
    let options = gauntlet_feed::Options::new(InstrumentId::new("XAUUSD", "OANDA").unwrap());
    let mut quotes = Vec::new();
    for day in 4..=9 {
        let path = root().join(format!("data/gold/2014050{day}_quote.zip"));
        let mut source = gauntlet_feed::open(&path, &options).unwrap();
        while let Some(Block::Ticks(block)) = source.next_block().unwrap() {
            quotes.extend((0..block.len()).map(|i| (block.times[i], block.prices[i], block.asks[i])));
        }
    }
    quotes
}

fn quotes(week: &[(i64, i64, i64)], weeks: i64) -> impl Iterator<Item = Quote> {
    let again = (0..weeks)
        .flat_map(move |n| week.iter().map(move |(time, bid, ask)| (time + n * WEEK_NANOS, bid, ask)));
    again.zip(1..).map(|((time, bid, ask), sequence)| Quote {
        scale: gauntlet_domain::Scale::USUAL,
        instrument: INSTRUMENT.into(),
        source: "bench".into(),
        sequence,
        time: Timestamp(time),
        bid: Price(*bid),
        ask: Price(*ask),
        bid_size: None,
        ask_size: None,
        received: None,
    })
}

fn block(number: i64, quotes: &[Quote]) -> TickBlock {
    TickBlock {
        instrument: INSTRUMENT.into(),
        source: "bench".into(),
        block: number,
        rows: quotes.iter().map(|quote| quote.sequence).collect(),
        kinds: vec![TickKind::Quote as u8; quotes.len()],
        times: quotes.iter().map(|quote| quote.time.0).collect(),
        prices: quotes.iter().map(|quote| quote.bid.0).collect(),
        asks: quotes.iter().map(|quote| quote.ask.0).collect(),
        ..TickBlock::default()
    }
}

/// Topics with records on them.
struct Filled {
    broker: String,
    prefix: &'static str,
    log: Arc<dyn EventLog>,
    codec: Codec,
    records: u64,
    ticks: u64,
}

fn filled(broker: &Kafka, prefix: &'static str, events: impl Iterator<Item = Event>, ticks: u64) -> Filled {
    let log = KafkaLog::connect(KafkaSettings::new(broker.bootstrap(), prefix), 1).unwrap();
    log.create_topics(&gauntlet_runtime::topics(1)).unwrap();
    let codec = Codec::default();
    let record = |event: Event| {
        let record = events::record(&codec, &event, Cause::outside("bench", clock::now())).unwrap();
        // Ticks are named by their bodies; a live feed writes no headers.
        NewRecord { headers: Vec::new(), ..record }
    };
    // Undefined, an instrument has minute bars made of quotes.
    let (mut records, mut batch, mut bytes) = (0, Vec::new(), 0);
    for event in events {
        let next = record(event);
        bytes += next.value.as_ref().map_or(0, Vec::len);
        batch.push(next);
        records += 1;
        if bytes > 4 << 20 {
            log.append(std::mem::take(&mut batch)).unwrap();
            bytes = 0;
        }
    }
    log.append(batch).unwrap();
    Filled { broker: broker.bootstrap(), prefix, log: Arc::new(log), codec, records, ticks }
}

impl Filled {
    fn end(&self) -> u64 {
        self.log.bounds(&TopicPartition::new(TICKS, 0)).unwrap().1
    }

    /// Ticks a second between a tenth of the way and the end, or as far as it comes in a minute, told by `position`.
    fn rate(&self, mut position: impl FnMut() -> u64) -> f64 {
        let (tenth, end) = (self.end() / 10, self.end());
        let until = Instant::now() + PATIENCE;
        let mut began: Option<(Instant, u64)> = None;
        loop {
            let at = position();
            match began {
                None if at >= tenth => began = Some((Instant::now(), at)),
                Some((began, from)) if at >= end || began.elapsed() > LONGEST => {
                    let share = (at - from) as f64 / end as f64;
                    return share * self.ticks as f64 / began.elapsed().as_secs_f64();
                }
                _ => {}
            }
            assert!(Instant::now() < until, "{at} of {end} after {PATIENCE:?}");
            // Not more often: the question costs the broker something too.
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn committed(&self, group: &str) -> u64 {
        let positions = self.log.committed(group).unwrap();
        positions.get(&TopicPartition::new(TICKS, 0)).copied().unwrap_or(0)
    }

    /// What the client library reads and gives to nobody.
    fn bare(&self) -> f64 {
        let consumer: BaseConsumer = rdkafka::ClientConfig::new()
            .set("bootstrap.servers", &self.broker)
            .set("group.id", "bare")
            .set("isolation.level", "read_committed")
            // As our own readers: at its defaults it rests for a second whenever its queue is full.
            .set("queued.min.messages", "10000000")
            .set("fetch.queue.backoff.ms", "2")
            .create()
            .unwrap();
        let mut list = rdkafka::TopicPartitionList::new();
        list.add_partition_offset(&format!("{}{TICKS}", self.prefix), 0, Offset::Beginning).unwrap();
        consumer.assign(&list).unwrap();
        let (mut count, mut bytes, mut began) = (0, 0, None);
        while count < self.records {
            let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
            count += 1;
            bytes += message.payload_len();
            if count == self.records / 10 {
                began = Some(Instant::now());
            }
        }
        assert!(bytes > 0);
        0.9 * self.ticks as f64 / began.unwrap().elapsed().as_secs_f64()
    }

    /// The runtime with the market-data processor.
    fn ours(&self) -> (f64, u64) {
        let parts = Parts {
            log: self.log.clone(),
            codec: self.codec.clone(),
            definitions: vec![gauntlet_market_data::DEFINITION],
            workers: vec![],
            data: Ports::closed(),
            only: None,
            elsewhere: None,
            projections: vec![],
            upkeep: vec![],
            spans: None,
        };
        let running = gauntlet_runtime::start(parts, Options::default()).unwrap();
        let rate = self.rate(|| {
            assert!(running.failure().is_none(), "{:?}", running.failure());
            self.committed("market-data")
        });
        running.stop().unwrap();
        let bars = self.log.bounds(&TopicPartition::new("market.bars.v1", 0)).unwrap().1;
        assert!(bars > 1_000, "bars were built");
        (rate, bars)
    }

    /// Kafka Streams.
    fn streams(&self, guarantee: &str, store: &str) -> f64 {
        let out = format!("streams-{guarantee}-{store}");
        let topic = TopicConfig { name: out.clone(), partitions: 1, cleanup: Cleanup::Keep };
        self.log.create_topics(&[topic]).unwrap();
        let state = tempfile::tempdir().unwrap();
        let child = Command::new("java")
            .args(["-Xmx1g", "-jar"])
            .arg(
                PathBuf::from(std::env::var_os("HOME").unwrap())
                    .join(".cache/gauntlet/benches/minute-bars/minute-bars.jar"),
            )
            .args([&self.broker, &format!("{}{out}", self.prefix), &format!("{}{TICKS}", self.prefix)])
            .args([&format!("{}{out}", self.prefix), guarantee])
            .arg(root().join("schemas/market/Quote.avsc"))
            .arg(state.path())
            .arg(store)
            .spawn()
            .unwrap();
        let mut running = Ended(child);
        let rate = self.rate(|| {
            assert!(running.0.try_wait().unwrap().is_none(), "kafka streams has ended");
            self.committed(&out)
        });
        let bars = self.log.bounds(&TopicPartition::new(out, 0)).unwrap().1;
        assert!(bars > 1_000, "bars were built");
        rate
    }
}

/// Killed when dropped.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn main() {
    let only = std::env::var("GAUNTLET_BENCH_ONLY").unwrap_or_default();
    let is_alone = !only.is_empty();
    let broker = Kafka::start();
    let week = week();

    let count = week.len() as u64 * WEEKS_AS_TICKS as u64;
    let singles = filled(&broker, "one.", quotes(&week, WEEKS_AS_TICKS).map(Event::from), count);
    let show = |what: &str, rate: f64, ours: f64| {
        println!("{what}: {:.3} M ticks/s; ours {:.2} times that", rate / 1e6, ours / rate);
    };
    println!("one record a tick, {count} ticks");
    let (ours, bars) = singles.ours();
    println!("gauntlet, exactly once: {:.3} M ticks/s, {bars} records on market.bars.v1", ours / 1e6);
    show("bare client library", singles.bare(), ours);
    if !is_alone {
        let built = Command::new("mvn")
            .args(["-q", "-B", "-f"])
            .arg(root().join("benches/kafka-streams/pom.xml"))
            .arg("package")
            .status();
        assert!(built.is_ok_and(|status| status.success()), "mvn could not build benches/kafka-streams");
        for guarantee in ["exactly_once_v2", "at_least_once"] {
            for store in ["default", "disk", "memory"] {
                let rate = singles.streams(guarantee, store);
                show(&format!("kafka streams 4.1.1, {guarantee}, windows: {store}"), rate, ours);
            }
        }
    }

    if only == "singles" {
        return;
    }
    let count = week.len() as u64 * WEEKS_AS_BLOCKS as u64;
    let all: Vec<Quote> = quotes(&week, WEEKS_AS_BLOCKS).collect();
    let blocks = all.chunks(BLOCK).zip(1..).map(|(quotes, number)| block(number, quotes).into());
    let blocks = filled(&broker, "block.", blocks, count);
    println!("blocks of {BLOCK}, {count} ticks");
    let (ours, bars) = blocks.ours();
    println!("gauntlet, exactly once: {:.3} M ticks/s, {bars} records on market.bars.v1", ours / 1e6);
    show("bare client library", blocks.bare(), ours);
}
