//! `backtest`: a strategy or model with fixed parameters over a file of bars or ticks; no log, no server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gauntlet_backtest::{Bars, ExitReason, Target, Trade};
use gauntlet_config::ExperimentDocument;
use gauntlet_domain::experiment::{DataRef, DeniedOrders, Metrics, Parameters};
use gauntlet_domain::market::{Bar, BarStamp, FeedCompleted};
use gauntlet_domain::spec::ExperimentSpec;
use gauntlet_domain::{ContentHash, Event, Input, SnapshotId, Timestamp};
use gauntlet_experiments::plan;
use gauntlet_experiments::validate;
use gauntlet_feed::{BarRules, Block, Options, Reading};
use gauntlet_market_data::MarketData;
use gauntlet_processor::machine::Machine;
use gauntlet_search::{Domain, Space};
use gauntlet_walkforward::{Model, Segments, model};
use serde::{Deserialize, Serialize};

use crate::feed::file_name;
use crate::refusal::{Refusal, unreadable};
use crate::rows::as_text;
use crate::submit::refuse;

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BacktestRequest {
    /// An experiment document whose `data` also names a `path`.
    pub spec: PathBuf,
    /// How that file is written, where it does not settle that itself.
    #[serde(default)]
    pub reading: Reading,
    /// Which end of its bars the times of a bars file are.
    pub stamp: BarStamp,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Backtested {
    /// Trades in the order of their ends.
    pub trades: Vec<TradeLine>,
    /// Times and the equity at them.
    pub equity: Vec<EquityPoint>,
    /// Metrics by their canonical names.
    pub metrics: Metrics,
    /// Orders that `account.limits` denied, by reason.
    pub denied: DeniedOrders,
    /// Rows of the file that were left out, by reason.
    pub left_out: BTreeMap<String, usize>,
    /// What the file does not have that the document asks for, for a person.
    pub warnings: Vec<String>,
    /// Bars traded.
    #[serde(skip)]
    pub bars: usize,
    /// Capital to begin with.
    #[serde(skip)]
    pub capital: f64,
}

/// A trade.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TradeLine {
    /// Opening of the bar at which it was opened.
    #[serde(serialize_with = "as_text")]
    pub entry_time: Timestamp,
    /// When it was closed.
    #[serde(serialize_with = "as_text")]
    pub exit_time: Timestamp,
    /// `long` or `short`.
    pub side: &'static str,
    /// Units, always positive.
    pub quantity: f64,
    /// Fill price, spread and slippage included.
    pub entry_price: f64,
    /// Fill price, spread and slippage included.
    pub exit_price: f64,
    /// Commissions of both fills.
    pub fees: f64,
    /// Profit after all costs.
    pub pnl: f64,
    /// Why it was closed.
    pub exit_reason: ExitReason,
}

impl From<&Trade> for TradeLine {
    fn from(trade: &Trade) -> TradeLine {
        TradeLine {
            entry_time: Timestamp(trade.entry_time),
            exit_time: Timestamp(trade.exit_time),
            side: if trade.side == Target::Short { "short" } else { "long" },
            quantity: trade.quantity,
            entry_price: trade.entry_price,
            exit_price: trade.exit_price,
            fees: trade.fees,
            pnl: trade.pnl,
            exit_reason: trade.exit_reason,
        }
    }
}

/// Equity at a time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EquityPoint(#[serde(serialize_with = "as_text")] pub Timestamp, pub f64);

/// Runs a strategy or model with fixed parameters over a file of bars or ticks.
///
/// The document is an experiment whose `data` also names a `path`; a learned model is trained on all but the last
/// `validation.holdout` of the bars and trades those.
pub fn backtest(request: &BacktestRequest) -> Result<Backtested, Refusal> {
    let path = request.spec.as_path();
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    let name = file_name(path);
    let (document, file) = ExperimentDocument::read_with_path(&text, &name)?;
    let file = file.ok_or_else(|| {
        Refusal::BadInput(format!(
            "{}: data.path is missing: name the file of bars or ticks, data: {{ path: … }}",
            document.place("data.path")
        ))
    })?;
    refuse(&document, &validate::of_backtest(&document.spec))?;
    let spec = document.spec;
    let file = path.parent().unwrap_or(Path::new(".")).join(file);
    let Read { bars, left_out, warnings } = read(&spec, &file, request)?;
    if bars.is_empty() {
        let (from, to) = (spec.data.from.0, spec.data.to.0);
        return Err(Refusal::BadInput(format!(
            "{}: no {} bar between {from} and {to}: choose a period with data",
            file.display(),
            spec.data.bars
        )));
    }
    let mut answer = run(&spec, &bars, &name)?;
    answer.warnings.splice(0..0, warnings);
    Ok(Backtested { left_out, ..answer })
}

/// What a file has for the period.
struct Read {
    bars: Vec<Bar>,
    /// Rows that were left out, by reason.
    left_out: BTreeMap<String, usize>,
    /// What a person should know of how the file was read.
    warnings: Vec<String>,
}

fn read(spec: &ExperimentSpec, file: &Path, request: &BacktestRequest) -> Result<Read, Refusal> {
    let instrument = spec.instrument().map_err(Refusal::input)?;
    let mut options = Options::new(instrument.clone());
    options.bar_spec = Some(spec.data.bars);
    options.bar_stamp = request.stamp;
    options.reading = request.reading.clone();
    let mut source = gauntlet_feed::open(file, &options)?;
    let mut machine = MarketData::default();
    let (mut bars, mut left_out) = (Vec::new(), BTreeMap::<String, usize>::new());
    let mut step = |event: Event| {
        for output in machine.step(Input { event: &event, writer: "local" }) {
            match output.event {
                Event::Bar(bar) => bars.push(bar),
                Event::TickRejected(report) => {
                    *left_out.entry(report.reason.to_string()).or_default() += report.rows.len();
                }
                _ => {}
            }
        }
    };
    let rules = BarRules::new(vec![spec.data.bars]);
    let mut blocks = 0;
    while let Some(block) = source.next_block()? {
        if blocks == 0 {
            step(gauntlet_feed::definition(&instrument, &source, &rules, None).into());
        }
        blocks += 1;
        step(match block {
            Block::Ticks(block) => block.into(),
            Block::Bars(block) => block.into(),
        });
    }
    let warnings = source.warnings();
    let (scale, hash) = (source.scale(), source.source_hash().to_string());
    let (instrument, source) = (instrument.as_str().to_owned(), hash);
    let name = String::new();
    step(FeedCompleted { instrument, source, name, rows: 0, blocks, scale }.into());
    bars.extend(machine.finish());
    let (from, to) = (spec.data.from.0, spec.data.to.0);
    bars.retain(|bar| bar.spec == spec.data.bars && bar.open_time >= from && bar.close_time <= to);
    bars.sort_by_key(|bar| bar.open_time);
    Ok(Read { bars, left_out, warnings })
}

fn run(spec: &ExperimentSpec, rows: &[Bar], name: &str) -> Result<Backtested, Refusal> {
    let bars: Bars = rows.iter().collect();
    let data = DataRef {
        snapshot_id: SnapshotId::derive(&[name.as_bytes()]),
        content_hash: ContentHash::of(&[]),
        instrument: spec.instrument().map_err(Refusal::input)?.as_str().into(),
        spec: spec.data.bars,
        from: spec.data.from.0,
        to: spec.data.to.0,
        rows: rows.len() as i64,
    };
    // There is a bar: that was asked before.
    let (first, last) = (&rows[0], &rows[rows.len() - 1]);
    let periods = plan::periods_per_year(spec, data.rows, first.open_time, last.close_time);
    let quoted = rows.iter().filter(|bar| bar.open_spread.is_some() && bar.close_spread.is_some()).count();
    let mut warnings = plan::warnings(spec, data.rows, Some(quoted as i64));
    warnings.extend(plan::warm_up(spec).and_then(|warm_up| warm_up.warning(rows.len())));
    if periods.is_none() {
        let why = "the bars cover less than a year, in which bars in a year cannot be counted: what is annual is undefined";
        warnings.push(format!("{why}; state account.periods_per_year"));
    }
    let whole = plan::trial_plan(spec, data, periods.unwrap_or(0.0), Vec::new());
    let space = validate::space(spec).map_err(Refusal::input)?;
    let parameters = fixed(&space)?;
    let bad = |error: gauntlet_backtest::BacktestError| Refusal::BadInput(format!("{name}: {error}"));
    let begin = match Model::of(&whole, &parameters).map_err(bad)? {
        Model::Rule(_) => 0,
        Model::Learned(_) => (rows.len() as f64 * (1.0 - spec.validation.holdout.0)) as usize,
    };
    let held = gauntlet_walkforward::hold_out(&whole, &parameters, &bars, begin).map_err(bad)?;
    let mut segments = Segments::of(&whole);
    segments.push(&bars, held.range.clone(), &held.outcome);
    let metrics = segments.all_metrics();
    let times = held.range.clone().map(|bar| Timestamp(bars.close_time[bar]));
    Ok(Backtested {
        trades: held.outcome.trades.iter().map(TradeLine::from).collect(),
        equity: times.zip(&held.outcome.equity).map(|(time, value)| EquityPoint(time, *value)).collect(),
        metrics,
        denied: segments.denied_orders(),
        left_out: BTreeMap::new(),
        warnings,
        bars: held.range.len(),
        capital: model::account(&whole.account).capital,
    })
}

/// The one point of a space in which nothing is left to search.
fn fixed(space: &Space) -> Result<Parameters, Refusal> {
    let mut parameters = Parameters::new();
    for parameter in space.parameters() {
        let Domain::Fixed(value) = &parameter.domain else {
            let name = &parameter.name;
            return Err(Refusal::BadInput(format!(
                "model.parameters.{name} is a range: a backtest takes one value, write {name}: 20"
            )));
        };
        parameters.insert(parameter.name.clone(), value.clone());
    }
    Ok(parameters)
}
