//! `bars`, `backtest`, `metrics`: the pipeline's own code on files, without log or server.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use gauntlet_backtest::{Bars, ExitReason, Target};
use gauntlet_config::read_experiment;
use gauntlet_domain::market::{Bar, FeedCompleted};
use gauntlet_domain::spec::ExperimentSpec;
use gauntlet_domain::{BarSpec, ContentHash, Event, Input, InstrumentId, SnapshotId, Timestamp};
use gauntlet_experiments::{
    plan,
    validate::{self, validate},
};
use gauntlet_feed::definition::{empty_bars, stamp};
use gauntlet_feed::{BarRules, Block, Options};
use gauntlet_market_data::MarketData;
use gauntlet_processor::machine::Machine;
use gauntlet_quant::metrics::{self, Inputs};
use gauntlet_walkforward::{Model, Segments, model};
use serde_json::{Map, Value as Json, json};

use super::feed::{format, utc_offset};
use crate::report::{Refusal, Report, unreadable};
use crate::table::{number, table};

/// What to aggregate.
#[derive(Debug, Clone, clap::Args)]
pub struct BarsArgs {
    /// A file of ticks.
    pub path: PathBuf,
    /// Which bars, such as time:1m.
    #[arg(long)]
    pub spec: String,
    /// lean-quote, csv, parquet, binance-jsonl, or auto.
    #[arg(long, default_value = "auto")]
    pub format: String,
    /// The file's clock against UTC, such as -05:00.
    #[arg(long, default_value = "+00:00", allow_hyphen_values = true)]
    pub utc_offset: String,
    /// Symbol, where the file holds several.
    #[arg(long)]
    pub instrument: Option<String>,
    /// Market, where the file holds several.
    #[arg(long)]
    pub market: Option<String>,
    /// close or open.
    #[arg(long, default_value = "close")]
    pub stamp: String,
    /// skip or fill.
    #[arg(long, default_value = "skip")]
    pub empty: String,
    /// Trading hours in UTC, such as 22:00-21:00.
    #[arg(long)]
    pub session: Option<String>,
    /// Writes the bars to a file, .csv or .parquet.
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// Aggregates a file of ticks, with the same cleaning as in the pipeline.
pub fn bars(args: &BarsArgs) -> Result<Report, Refusal> {
    let spec: BarSpec = args.spec.parse().map_err(Refusal::input)?;
    let read = read_ticks(args, spec)?;
    if let Some(out) = &args.out {
        write_bars(out, &read.bars, spec)?;
    }
    let listed: Vec<Json> = read.bars.iter().map(bar_json).collect();
    let json = json!({
        "spec": spec, "read": read.rows, "accepted": read.accepted, "rejected": read.rejected,
        "corrected": read.corrected, "gaps": read.gaps, "bars": listed,
    });
    let mut text = table(
        &["time", "open", "high", "low", "close", "volume", "ticks"],
        read.bars.iter().take(20).map(|bar| {
            let prices = [bar.open, bar.high, bar.low, bar.close].map(|price| price.to_string());
            let ends = [bar.volume.to_string(), bar.ticks.to_string()];
            std::iter::once(bar.time.to_string()).chain(prices).chain(ends).collect()
        }),
    );
    let _ = write!(text, "\n{} bars of {} rows, {} accepted", read.bars.len(), read.rows, read.accepted);
    Ok(Report::done(json, text))
}

struct Read {
    bars: Vec<Bar>,
    rows: i64,
    accepted: i64,
    rejected: Map<String, Json>,
    corrected: Map<String, Json>,
    gaps: i64,
}

fn read_ticks(args: &BarsArgs, spec: BarSpec) -> Result<Read, Refusal> {
    let symbol = args.instrument.clone().unwrap_or_else(|| "FILE".into());
    let instrument = InstrumentId::new(&symbol, "LOCAL").map_err(Refusal::input)?;
    let mut options = Options::new(instrument.clone());
    options.format = format(&args.format)?;
    options.utc_offset_seconds = utc_offset(&args.utc_offset)?;
    options.market = args.market.clone();
    let rules = rules(args, spec)?;
    let mut source = gauntlet_feed::open(&args.path, &options)?;
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
            step(gauntlet_feed::definition(&instrument, source.format(), &block, &rules).into());
        }
        blocks += 1;
        match block {
            Block::Ticks(block) => {
                rows += block.len() as i64;
                step(block.into());
            }
            Block::Bars(_) => {
                let path = args.path.display();
                return Err(Refusal::BadInput(format!("{path} holds bars already: give a file of ticks")));
            }
        }
    }
    let end = FeedCompleted {
        instrument: instrument.as_str().into(),
        source: hash,
        name: source.name().into(),
        rows,
        blocks,
    };
    step(end.into());
    bars.extend(machine.finish().into_iter().filter(|bar| bar.spec == spec));
    let counts = |reasons: &[gauntlet_domain::market::ReasonCount]| {
        reasons.iter().map(|r| (r.reason.clone(), json!(r.count))).collect::<Map<_, _>>()
    };
    let Some(cleaned) = cleaned else { return Err(Refusal::Broken("cleaning gave no counts".into())) };
    Ok(Read {
        bars,
        rows: i64::try_from(source.rows_read()).unwrap_or(i64::MAX),
        accepted: cleaned.accepted,
        rejected: counts(&cleaned.rejected),
        corrected: counts(&cleaned.corrected),
        gaps: cleaned.gaps,
    })
}

fn rules(args: &BarsArgs, spec: BarSpec) -> Result<BarRules, Refusal> {
    Ok(BarRules {
        specs: vec![spec],
        stamp: stamp(&args.stamp).map_err(Refusal::input)?,
        empty_bars: empty_bars(&args.empty).map_err(Refusal::input)?,
        session: args.session.as_deref().map(session).transpose()?,
    })
}

/// `HH:MM-HH:MM` in UTC.
fn session(text: &str) -> Result<gauntlet_domain::market::Session, Refusal> {
    let bad = || Refusal::BadInput(format!("--session '{text}' is not known: write it like 22:00-21:00"));
    let second = |part: &str| -> Option<i64> {
        let (hour, minute) = part.split_once(':')?;
        let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
        ((0..=24).contains(&hour) && (0..60).contains(&minute)).then_some(hour * 3600 + minute * 60)
    };
    let (open, close) = text.split_once('-').ok_or_else(bad)?;
    match (second(open), second(close)) {
        (Some(open_second @ 0..86_400), Some(close_second @ 0..=86_400)) => {
            Ok(gauntlet_domain::market::Session { open_second, close_second })
        }
        _ => Err(bad()),
    }
}

fn bar_json(bar: &Bar) -> Json {
    json!({
        "time": bar.time.to_string(), "open_time": bar.open_time.to_string(), "close_time": bar.close_time.to_string(),
        "open": bar.open.to_f64(), "high": bar.high.to_f64(), "low": bar.low.to_f64(), "close": bar.close.to_f64(),
        "open_spread": bar.open_spread.map(|s| s.to_f64()), "close_spread": bar.close_spread.map(|s| s.to_f64()),
        "volume": bar.volume.to_f64(), "ticks": bar.ticks,
    })
}

fn write_bars(out: &Path, bars: &[Bar], spec: BarSpec) -> Result<(), Refusal> {
    let failed = |error: &dyn std::fmt::Display| Refusal::Outside(format!("{}: {error}", out.display()));
    match out.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => {
            let mut text = String::from("time,open_time,close_time,open,high,low,close,volume,ticks\n");
            for bar in bars {
                let _ = writeln!(
                    text,
                    "{},{},{},{},{},{},{},{},{}",
                    bar.time,
                    bar.open_time,
                    bar.close_time,
                    bar.open,
                    bar.high,
                    bar.low,
                    bar.close,
                    bar.volume,
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

/// Runs a strategy or model with fixed parameters over a file of bars or ticks.
///
/// The document is an experiment whose `data` also names a `path`; a learned model is trained on all but the last
/// `validation.holdout` of the bars and trades those.
pub fn backtest(path: &Path) -> Result<Report, Refusal> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    let name = super::feed::file_name(path);
    let (document, file) = without_path(&text, &name)?;
    let spec = read_experiment(&document, &name, &[])?;
    let problems = validate(&spec);
    if !problems.is_empty() {
        let lines: Vec<String> = problems.iter().map(|problem| format!("{name}: {problem}")).collect();
        return Err(Refusal::BadInput(lines.join("\n")));
    }
    let file = path.parent().unwrap_or(Path::new(".")).join(file);
    let bars = bars_of(&spec, &file)?;
    if bars.is_empty() {
        let (from, to) = (spec.data.from.0, spec.data.to.0);
        return Err(Refusal::BadInput(format!(
            "{}: no {} bar between {from} and {to}: choose a period with data",
            file.display(),
            spec.data.bars
        )));
    }
    report_backtest(&spec, &bars, &name)
}

/// Takes `path:` out of the `data` section, which an experiment on the log does not have.
fn without_path(text: &str, name: &str) -> Result<(String, String), Refusal> {
    let missing = || {
        Refusal::BadInput(format!(
            "{name}: data.path is missing: name the file of bars or ticks, data: {{ path: … }}"
        ))
    };
    let mut document: Json =
        serde_saphyr::from_str(text).map_err(|error| Refusal::BadInput(format!("{name}: {error}")))?;
    let data = document.get_mut("data").and_then(Json::as_object_mut).ok_or_else(missing)?;
    let file = data.remove("path").and_then(|path| path.as_str().map(str::to_owned)).ok_or_else(missing)?;
    // JSON is YAML; the checked reading below names fields, no longer lines.
    Ok((document.to_string(), file))
}

fn bars_of(spec: &ExperimentSpec, file: &Path) -> Result<Vec<Bar>, Refusal> {
    let instrument = spec.instrument().map_err(Refusal::input)?;
    let mut options = Options::new(instrument.clone());
    options.bar_spec = Some(spec.data.bars);
    let mut source = gauntlet_feed::open(file, &options)?;
    let mut machine = MarketData::default();
    let mut bars = Vec::new();
    let mut step = |event: Event| {
        let outputs = machine.step(Input { event: &event, writer: "local" });
        bars.extend(outputs.into_iter().filter_map(|output| match output.event {
            Event::Bar(bar) => Some(bar),
            _ => None,
        }));
    };
    let rules = BarRules::new(vec![spec.data.bars]);
    let mut blocks = 0;
    while let Some(block) = source.next_block()? {
        if blocks == 0 {
            step(gauntlet_feed::definition(&instrument, source.format(), &block, &rules).into());
        }
        blocks += 1;
        step(match block {
            Block::Ticks(block) => block.into(),
            Block::Bars(block) => block.into(),
        });
    }
    let (instrument, source) = (instrument.as_str().to_owned(), source.source_hash().to_string());
    step(FeedCompleted { instrument, source, name: String::new(), rows: 0, blocks }.into());
    bars.extend(machine.finish());
    let (from, to) = (spec.data.from.0, spec.data.to.0);
    bars.retain(|bar| bar.spec == spec.data.bars && bar.open_time >= from && bar.close_time <= to);
    bars.sort_by_key(|bar| bar.open_time);
    Ok(bars)
}

fn report_backtest(spec: &ExperimentSpec, rows: &[Bar], name: &str) -> Result<Report, Refusal> {
    let bars: Bars = rows.iter().collect();
    let data = gauntlet_domain::experiment::DataRef {
        snapshot_id: SnapshotId::derive(&[name.as_bytes()]),
        content_hash: ContentHash::of(&[]),
        instrument: spec.instrument().map_err(Refusal::input)?.as_str().into(),
        spec: spec.data.bars,
        from: spec.data.from.0,
        to: spec.data.to.0,
        rows: rows.len() as i64,
    };
    let whole =
        plan::trial_plan(spec, data).map_err(|error| Refusal::BadInput(format!("{name}: {error}")))?;
    let space = validate::space(spec).map_err(Refusal::input)?;
    let parameters = fixed(&space)?;
    let bad = |error: gauntlet_backtest::BacktestError| Refusal::BadInput(format!("{name}: {error}"));
    let begin = match Model::of(&whole, &parameters).map_err(bad)? {
        Model::Rule(_) => 0,
        Model::Learned(_) => (rows.len() as f64 * (1.0 - spec.validation.holdout.0)) as usize,
    };
    let held = gauntlet_walkforward::hold_out(&whole, &parameters, &bars, begin).map_err(bad)?;
    let mut segments = Segments::default();
    segments.push(&bars, held.range.clone(), &held.outcome);
    let metrics = segments.all_metrics(whole.periods_per_year, whole.account.has_benchmark());
    let account = model::account(&whole.account);
    let trades: Vec<Json> = held.outcome.trades.iter().map(trade_json).collect();
    let times = held.range.clone().map(|bar| Timestamp(bars.close_time[bar]).to_string());
    let equity: Vec<Json> =
        times.zip(&held.outcome.equity).map(|(time, value)| json!([time, value])).collect();
    let rows = metrics.iter().map(|(name, value)| vec![name.clone(), number(*value)]);
    let text = format!(
        "{} trades over {} bars, {} to {}\n{}",
        trades.len(),
        held.range.len(),
        account.capital,
        held.outcome.equity.last().copied().unwrap_or(account.capital),
        table(&["metric", "value"], rows)
    );
    Ok(Report::done(json!({ "trades": trades, "equity": equity, "metrics": metrics }), text))
}

/// The one point of a space in which nothing is left to search.
fn fixed(space: &gauntlet_search::Space) -> Result<gauntlet_domain::experiment::Parameters, Refusal> {
    let mut parameters = gauntlet_domain::experiment::Parameters::new();
    for parameter in space.parameters() {
        let gauntlet_search::Domain::Fixed(value) = &parameter.domain else {
            let name = &parameter.name;
            return Err(Refusal::BadInput(format!(
                "model.parameters.{name} is a range: a backtest takes one value, write {name}: 20"
            )));
        };
        parameters.insert(parameter.name.clone(), value.clone());
    }
    Ok(parameters)
}

fn trade_json(trade: &gauntlet_backtest::Trade) -> Json {
    let exit = match trade.exit_reason {
        ExitReason::Signal => "signal",
        ExitReason::Stop => "stop",
        ExitReason::EndOfRange => "end_of_range",
    };
    json!({
        "entry_time": Timestamp(trade.entry_time).to_string(), "exit_time": Timestamp(trade.exit_time).to_string(),
        "side": if trade.side == Target::Short { "short" } else { "long" }, "quantity": trade.quantity,
        "entry_price": trade.entry_price, "exit_price": trade.exit_price, "fees": trade.fees, "pnl": trade.pnl,
        "exit_reason": exit,
    })
}

/// What to measure.
#[derive(Debug, Clone, clap::Args)]
pub struct MetricsArgs {
    /// A CSV: one column of numbers, or a date first.
    pub path: PathBuf,
    /// returns or equity.
    #[arg(long, default_value = "returns")]
    pub kind: String,
    /// A CSV of the same kind to compare with.
    #[arg(long)]
    pub benchmark: Option<PathBuf>,
    /// Periods in a year.
    #[arg(long, default_value_t = 252.0)]
    pub periods_per_year: f64,
    /// Annual risk-free rate.
    #[arg(long, default_value_t = 0.0, allow_hyphen_values = true)]
    pub risk_free: f64,
}

/// Every metric of a series by its canonical name.
pub fn metrics(args: &MetricsArgs) -> Result<Report, Refusal> {
    if !(args.periods_per_year.is_finite() && args.periods_per_year > 0.0) {
        return Err(Refusal::BadInput(format!(
            "--periods-per-year {} is not positive",
            args.periods_per_year
        )));
    }
    if !(args.risk_free.is_finite() && args.risk_free > -1.0) {
        return Err(Refusal::BadInput(format!("--risk-free {} is not a rate above -1", args.risk_free)));
    }
    let returns = series(&args.path, &args.kind)?;
    let benchmark = args.benchmark.as_deref().map(|path| series(path, &args.kind)).transpose()?;
    if let Some(benchmark) = benchmark.as_ref().filter(|benchmark| benchmark.len() != returns.len()) {
        let (a, b) = (returns.len(), benchmark.len());
        return Err(Refusal::BadInput(format!(
            "the series has {a} returns, the benchmark {b}: give the same dates"
        )));
    }
    let inputs = Inputs {
        returns: &returns,
        benchmark: benchmark.as_deref(),
        trade_pnls: None,
        positions: None,
        periods_per_year: args.periods_per_year,
        risk_free: args.risk_free,
    };
    let all = metrics::all(&inputs);
    let json: Map<String, Json> =
        all.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let rows = all.iter().map(|(name, value)| {
        let summary = metrics::by_name(name).map_or("", |definition| definition.summary);
        vec![(*name).to_owned(), number(*value), summary.to_owned()]
    });
    Ok(Report::done(Json::Object(json), table(&["metric", "value", "what it is"], rows)))
}

/// Returns from a CSV: the last column of each row; a first line that is no number is a header.
fn series(path: &Path, kind: &str) -> Result<Vec<f64>, Refusal> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    let mut values = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let cell = line.rsplit(',').next().unwrap_or_default().trim();
        match cell.parse::<f64>() {
            Ok(value) if value.is_finite() => values.push(value),
            Ok(_) => return Err(Refusal::BadInput(format!("{name}:{}: '{cell}' is not finite", index + 1))),
            Err(_) if index == 0 => {}
            Err(_) => {
                return Err(Refusal::BadInput(format!("{name}:{}: '{cell}' is not a number", index + 1)));
            }
        }
    }
    if values.is_empty() {
        return Err(Refusal::BadInput(format!(
            "{name}: there is no number in it: give a CSV with a value a line"
        )));
    }
    match kind {
        "returns" => Ok(values),
        "equity" => {
            if let Some(at) = values.iter().position(|value| *value <= 0.0) {
                let value = values[at];
                return Err(Refusal::BadInput(format!(
                    "{name}: equity {value} is not positive: give --kind returns?"
                )));
            }
            Ok(values.windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect())
        }
        other => Err(Refusal::BadInput(format!("--kind '{other}' is not known: use returns or equity"))),
    }
}
