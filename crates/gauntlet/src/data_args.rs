//! Arguments of `data`.

use std::path::PathBuf;

use clap::Args;
use gauntlet_domain::Timestamp;
use gauntlet_operations::range::{RangeRequest, Series, format_of_file};
use gauntlet_operations::refusal::unreadable;
use gauntlet_operations::{Refusal, Request};

use crate::cli::DataCommand;
use crate::read_args::AsOfArgs;

/// Of what, and from when to when.
#[derive(Debug, Args)]
pub struct RangeArgs {
    /// `SYMBOL.VENUE`, or a symbol that one venue alone has.
    #[arg(long)]
    pub instrument: String,
    /// First time: a date or RFC 3339; the first one when left out.
    #[arg(long)]
    pub from: Option<String>,
    /// The time before which a tick lies, and by which a bar has closed; the last one when left out.
    #[arg(long)]
    pub to: Option<String>,
    /// A file that ends in .csv, .parquet or .arrow.
    #[arg(long)]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub as_of: AsOfArgs,
}

/// What is asked for.
pub fn range(command: DataCommand) -> Result<Request, Refusal> {
    let (series, range) = match command {
        DataCommand::Bars { bars, range } => {
            let bars = bars.as_ref().map(|bars| bars.parse()).transpose();
            (Series::Bars(bars.map_err(|error| Refusal::BadInput(format!("--bars: {error}")))?), range)
        }
        DataCommand::Ticks { range } => (Series::Ticks, range),
    };
    let time = |option: &str, text: Option<String>, without: i64| match text {
        None => Ok(Timestamp(without)),
        Some(text) => text.parse().map_err(|error| Refusal::BadInput(format!("{option}: {error}"))),
    };
    if let Some(out) = &range.out {
        format_of_file(out)?;
    }
    // Whoever holds the directory may run elsewhere.
    let out = range
        .out
        .map(|out| std::path::absolute(&out).map_err(|error| unreadable(&out, &error)))
        .transpose()?;
    range.as_of.of(Request::Range(RangeRequest {
        instrument: range.instrument,
        series,
        from: time("--from", range.from, i64::MIN)?,
        to: time("--to", range.to, i64::MAX)?,
        out,
    }))
}
