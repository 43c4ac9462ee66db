//! Arguments of `feed`.

use std::path::{Path, PathBuf};

use clap::Args;
use gauntlet_domain::BarSpec;
use gauntlet_feed::definition::stamp;
use gauntlet_operations::Refusal;
use gauntlet_operations::feed::{FeedRequest, file_name, files};

use crate::reading_args::{ReadingArgs, format, lateness, utc_offset};

/// Names that one line has room for.
const NAMED: usize = 5;

/// What to feed.
#[derive(Debug, Clone, Args)]
pub struct FeedArgs {
    /// Files, or folders whose files are taken in the order of their names.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Symbol, such as XAUUSD.
    #[arg(long)]
    pub instrument: String,
    /// Venue, such as OANDA.
    #[arg(long)]
    pub venue: String,
    /// lean-quote, csv, parquet, binance-jsonl, bars-csv, lean-bar, or auto.
    #[arg(long, default_value = "auto")]
    pub format: String,
    /// The file's clock against UTC, such as -05:00.
    #[arg(long, default_value = "+00:00", allow_hyphen_values = true)]
    pub utc_offset: String,
    /// Bars to build from ticks, separated by commas; without a document of the instrument time:1m,time:1h,time:1d.
    #[arg(long)]
    pub bars: Option<String>,
    /// Spec of ready-made bars whose spacing cannot be told from the file.
    #[arg(long)]
    pub spec: Option<String>,
    /// Which end of its bars the times of a file of ready-made bars are: open or close.
    #[arg(long, default_value = "open")]
    pub stamp: String,
    /// Market of a file that holds several: spot, usdm, cm.
    #[arg(long)]
    pub market: Option<String>,
    /// max, or a multiple of real time such as 60x.
    #[arg(long, default_value = "max")]
    pub speed: String,
    /// Seconds by which a row may lie behind the latest one and still be put in its place.
    #[arg(long)]
    pub lateness: Option<String>,
    /// Says what the files are understood as and what would come of them; publishes nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Goes on however many rows are refused.
    #[arg(long)]
    pub accept_losses: bool,
    /// How the files are written.
    #[command(flatten)]
    pub reading: ReadingArgs,
}

impl FeedArgs {
    /// What a person should know of the folders among the paths: which of their files are left out.
    pub fn notes(&self) -> Result<Vec<String>, Refusal> {
        let names: Vec<String> = files(&self.paths)?.1.iter().map(|path| file_name(path)).collect();
        let skipped = || format!("skipped, by their names no data: {}", shortlist(&names));
        Ok((!names.is_empty()).then(skipped).into_iter().collect())
    }
}

impl TryFrom<FeedArgs> for FeedRequest {
    type Error = Refusal;

    fn try_from(args: FeedArgs) -> Result<FeedRequest, Refusal> {
        let standard_input =
            |path: &PathBuf| if path == Path::new("-") { "/dev/stdin".into() } else { path.clone() };
        let paths: Vec<PathBuf> = args.paths.iter().map(standard_input).collect();
        let (mut paths, _) = files(&paths)?;
        // The node may run in another folder.
        for path in &mut paths {
            *path = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
        }
        let bars = args.bars.iter().flat_map(|bars| bars.split(','));
        let bars = bars.map(|spec| spec.trim().parse()).collect::<Result<Vec<_>, _>>();
        Ok(FeedRequest {
            paths,
            instrument: args.instrument,
            venue: args.venue,
            format: format(&args.format)?,
            utc_offset_seconds: utc_offset(&args.utc_offset)?,
            bars: bars.map_err(Refusal::input)?,
            spec: args.spec.as_deref().map(str::parse::<BarSpec>).transpose().map_err(Refusal::input)?,
            stamp: stamp(&args.stamp).map_err(Refusal::input)?,
            market: args.market,
            speed: speed(&args.speed)?,
            lateness_nanos: args.lateness.as_deref().map(lateness).transpose()?,
            reading: args.reading.try_into()?,
            accept_losses: args.accept_losses,
        })
    }
}

fn speed(text: &str) -> Result<Option<f64>, Refusal> {
    if text == "max" {
        return Ok(None);
    }
    let factor = text.strip_suffix('x').and_then(|factor| factor.parse::<f64>().ok());
    match factor {
        Some(factor) if factor.is_finite() && factor > 0.0 => Ok(Some(factor)),
        _ => Err(Refusal::BadInput(format!(
            "--speed '{text}' is not known: use max, 1x, 60x or another multiple"
        ))),
    }
}

/// The first of many names, and how many more there are.
fn shortlist(names: &[String]) -> String {
    let named = names[..names.len().min(NAMED)].join(", ");
    if names.len() > NAMED { format!("{named} and {} more", names.len() - NAMED) } else { named }
}
