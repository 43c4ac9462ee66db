//! Arguments of what reads: which part of a thing, and as of when.

use clap::Args;
use gauntlet_domain::Timestamp;
use gauntlet_operations::as_of::parse_time;
use gauntlet_operations::runs::RunPart;
use gauntlet_operations::{Refusal, Request};

/// As of when.
#[derive(Debug, Clone, Args)]
pub struct AsOfArgs {
    /// What was said at a recorded time that has passed: RFC 3339, a date, or "2h ago".
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
}

impl AsOfArgs {
    /// Whether a time is given.
    pub fn is_given(&self) -> bool {
        self.as_of.is_some()
    }

    /// The time, if one is given.
    pub fn time(&self) -> Result<Option<Timestamp>, Refusal> {
        let time = self.as_of.as_deref().map(parse_time).transpose();
        time.map_err(|error| Refusal::BadInput(format!("--as-of {error}")))
    }

    /// The request as of that time, or as it is.
    pub fn of(&self, request: Request) -> Result<Request, Refusal> {
        Ok(match self.time()? {
            Some(time) => Request::AsOf(time, Box::new(request)),
            None => request,
        })
    }
}

/// What to show.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// An id, or its beginning.
    id: String,
    /// The document that an experiment, a run or a model ran with, every default spelled out.
    #[arg(long, conflicts_with_all = ["trades", "equity", "folds"])]
    document: bool,
    /// The fills of a run.
    #[arg(long, conflicts_with_all = ["equity", "folds"])]
    trades: bool,
    /// The equity of a run, bar by bar.
    #[arg(long, conflicts_with = "folds")]
    equity: bool,
    /// What an experiment's walk-forward chose before each fold, and what it came to there.
    #[arg(long)]
    folds: bool,
    #[command(flatten)]
    as_of: AsOfArgs,
}

/// What is asked for.
pub fn show(args: ShowArgs) -> Result<Request, Refusal> {
    let part = [(args.trades, RunPart::Trades), (args.equity, RunPart::Equity), (args.folds, RunPart::Folds)];
    let part = part.into_iter().find_map(|(is_wanted, part)| is_wanted.then_some(part));
    args.as_of.of(match part {
        _ if args.document => Request::ShowDocument(args.id),
        Some(part) => Request::ShowRun(args.id, part),
        None => Request::Show(args.id),
    })
}
