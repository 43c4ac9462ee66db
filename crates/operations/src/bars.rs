//! `bars`: bars from a file of ticks, with the same cleaning as in the pipeline; no log, no server.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use gauntlet_domain::market::{
    Bar, BarStamp, EmptyBars, FeedCompleted, InstrumentDefined, ReasonCount, Session,
};
use gauntlet_domain::{BarSpec, Event, Input, InstrumentId, Price};
use gauntlet_feed::{BarRules, Block, Format, Options, Reading};
use gauntlet_market_data::MarketData;
use gauntlet_processor::machine::Machine;
use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

/// What to aggregate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BarsRequest {
    /// A file of ticks.
    pub path: PathBuf,
    /// Which bars.
    pub spec: BarSpec,
    /// The file's format; told from the file when left out.
    pub format: Option<Format>,
    /// The file's clock against UTC.
    pub utc_offset_seconds: i32,
    /// Symbol, where the file holds several.
    pub instrument: Option<String>,
    /// Market, where the file holds several.
    pub market: Option<String>,
    /// Which end of its interval stamps a bar.
    pub stamp: BarStamp,
    /// What an interval without ticks gives.
    pub empty: EmptyBars,
    /// Trading hours.
    pub session: Option<Session>,
    /// A file to write the bars to, .csv or .parquet.
    pub out: Option<PathBuf>,
    /// Nanoseconds by which a row may lie behind the latest one; the format's own when left out.
    #[serde(default)]
    pub lateness_nanos: Option<i64>,
    /// How the file is written, where it does not settle that itself.
    #[serde(default)]
    pub reading: Reading,
    /// What the instrument is, by a document.
    #[serde(default)]
    pub definition: Option<InstrumentDefined>,
}

/// The bars of a file, and what cleaning made of its ticks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MadeBars {
    /// Which bars.
    pub spec: BarSpec,
    /// Rows read.
    pub read: i64,
    /// Rows that went into bars.
    pub accepted: i64,
    /// Rows left out, by reason.
    pub rejected: BTreeMap<String, i64>,
    /// Rows put right or flagged, by reason; they are among the accepted.
    pub corrected: BTreeMap<String, i64>,
    /// Gaps found.
    pub gaps: i64,
    /// The bars.
    #[serde(serialize_with = "as_numbers")]
    pub bars: Vec<Bar>,
}

/// Aggregates a file of ticks.
pub fn bars(request: &BarsRequest) -> Result<MadeBars, Refusal> {
    let made = read_ticks(request)?;
    if let Some(out) = &request.out {
        write_bars(out, &made.bars, request.spec)?;
    }
    Ok(made)
}

/// How the file is read, and what bars are made of it.
fn reading(request: &BarsRequest) -> Result<(Options, BarRules), Refusal> {
    let symbol = request.instrument.clone().unwrap_or_else(|| "FILE".into());
    // The file's own name of an instrument may have what an id has not: BTC/USDT.
    let id = symbol.replace(['/', '.', ' ', ':'], "-");
    let mut options = Options::new(InstrumentId::new(&id, "LOCAL").map_err(Refusal::input)?);
    options.symbol = Some(symbol);
    options.reading = request.reading.clone();
    options.format = request.format;
    options.utc_offset_seconds = request.utc_offset_seconds;
    options.market = request.market.clone();
    options.scale = request.definition.as_ref().map(|definition| definition.scale);
    let rules = BarRules {
        specs: vec![request.spec],
        stamp: request.stamp,
        empty_bars: request.empty,
        session: request.session,
        lateness_nanos: request.lateness_nanos,
    };
    Ok((options, rules))
}

fn read_ticks(request: &BarsRequest) -> Result<MadeBars, Refusal> {
    let spec = request.spec;
    let (options, rules) = reading(request)?;
    let instrument = options.instrument.clone();
    let known = request.definition.clone().map(|definition| InstrumentDefined {
        instrument: instrument.as_str().to_owned(),
        bars: vec![spec],
        ..definition
    });
    let mut source = gauntlet_feed::open(&request.path, &options)?;
    if source.has_bars() {
        let path = request.path.display();
        return Err(Refusal::BadInput(format!("{path} holds bars already: give a file of ticks")));
    }
    let hash = source.source_hash().to_string();
    let mut machine = MarketData::default();
    let (mut bars, mut cleaned) = (Vec::new(), None);
    let mut step = |event: Event| {
        for output in machine.step(Input { event: &event, writer: "local" }) {
            match output.event {
                Event::Bar(bar) if bar.spec == spec => bars.push(bar),
                Event::SourceCleaned(counts) => cleaned = Some(counts),
                _ => {}
            }
        }
    };
    let (mut rows, mut blocks) = (0, 0);
    while let Some(block) = source.next_block()? {
        if blocks == 0 {
            step(gauntlet_feed::definition(&instrument, &source, &rules, known.as_ref()).into());
        }
        blocks += 1;
        // There are no others in a file of ticks.
        if let Block::Ticks(block) = block {
            rows += block.len() as i64;
            step(block.into());
        }
    }
    let end = FeedCompleted {
        scale: source.scale(),
        instrument: instrument.as_str().into(),
        source: hash,
        name: source.name().into(),
        rows,
        blocks,
    };
    step(end.into());
    bars.extend(machine.finish().into_iter().filter(|bar| bar.spec == spec));
    let counts = |reasons: Vec<ReasonCount>| reasons.into_iter().map(|r| (r.reason, r.count)).collect();
    let Some(cleaned) = cleaned else { return Err(Refusal::Broken("cleaning gave no counts".into())) };
    Ok(MadeBars {
        spec,
        bars,
        read: i64::try_from(source.rows_read()).unwrap_or(i64::MAX),
        accepted: cleaned.accepted,
        rejected: counts(cleaned.rejected),
        corrected: counts(cleaned.corrected),
        gaps: cleaned.gaps,
    })
}

/// Bars as documents have them: times as text, prices and volumes as numbers.
fn as_numbers<S: serde::Serializer>(bars: &[Bar], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Numbers {
        time: String,
        open_time: String,
        close_time: String,
        open: f64,
        high: f64,
        low: f64,
        close: f64,
        open_spread: Option<f64>,
        close_spread: Option<f64>,
        volume: f64,
        ticks: i64,
    }
    serializer.collect_seq(bars.iter().map(|bar| Numbers {
        time: bar.time.to_string(),
        open_time: bar.open_time.to_string(),
        close_time: bar.close_time.to_string(),
        open: bar.scale.price(bar.open),
        high: bar.scale.price(bar.high),
        low: bar.scale.price(bar.low),
        close: bar.scale.price(bar.close),
        open_spread: bar.open_spread.map(|spread| bar.scale.price(spread)),
        close_spread: bar.close_spread.map(|spread| bar.scale.price(spread)),
        volume: bar.scale.size(bar.volume),
        ticks: bar.ticks,
    }))
}

fn write_bars(out: &Path, bars: &[Bar], spec: BarSpec) -> Result<(), Refusal> {
    let failed = |error: &dyn std::fmt::Display| Refusal::Outside(format!("{}: {error}", out.display()));
    match out.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => {
            let mut text = String::from(
                "time,open_time,close_time,open,high,low,close,open_spread,close_spread,volume,ticks\n",
            );
            for bar in bars {
                let price = |price| bar.scale.price_text(price);
                let spread = |spread: Option<Price>| spread.map(price).unwrap_or_default();
                let _ = writeln!(
                    text,
                    "{},{},{},{},{},{},{},{},{},{},{}",
                    bar.time,
                    bar.open_time,
                    bar.close_time,
                    price(bar.open),
                    price(bar.high),
                    price(bar.low),
                    price(bar.close),
                    spread(bar.open_spread),
                    spread(bar.close_spread),
                    bar.scale.size_text(bar.volume),
                    bar.ticks
                );
            }
            std::fs::write(out, text).map_err(|error| failed(&error))
        }
        Some("parquet") => {
            let instrument = bars.first().map_or("FILE.LOCAL", |bar| bar.instrument.as_str());
            let scratch = out.with_extension("parquet.parts");
            let lake = gauntlet_lake::Lake::open(&scratch)?;
            let sealed = gauntlet_lake::write_snapshot(&lake, instrument, spec, bars.iter().cloned())?;
            let made = lake.locate(&gauntlet_lake::snapshot::snapshot_path(sealed.content_hash));
            std::fs::rename(made, out).map_err(|error| failed(&error))?;
            std::fs::remove_dir_all(&scratch).map_err(|error| failed(&error))
        }
        _ => Err(Refusal::BadInput(format!(
            "--out {}: give a name that ends in .csv or .parquet",
            out.display()
        ))),
    }
}
