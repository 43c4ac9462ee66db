//! What is asked for: of a node, of the pure tools, of a cluster's services. Each is serialisable, so that whoever holds a
//! node can take requests of others.

use gauntlet_domain::Timestamp;
use gauntlet_runtime::Running;
use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::as_of::AsOf;
use crate::attempts::{self, CancelRequest};
use crate::backtest::{BacktestRequest, backtest};
use crate::bars::{BarsRequest, bars};
use crate::browse::{self, ListRequest};
use crate::config_diff::{DiffRequest, diff};
use crate::dead_letters::{self, ListDeadLetters, ReplayDeadLetters};
use crate::feed::dry_run::{dry_run, dry_run_on};
use crate::feed::{self, FeedRequest};
use crate::instruments::{InstrumentRequest, instruments};
use crate::integrity::{self, VerifyRequest};
use crate::ledger::{LedgerRequest, ledger};
use crate::metrics::{MetricsRequest, metrics};
use crate::node::Node;
use crate::policy::{PolicyRequest, policies};
use crate::progress::Progress;
use crate::ran_with;
use crate::range::{RangeRequest, range};
use crate::refusal::Refusal;
use crate::replay::{self, ReplayRequest};
use crate::risk::{RiskRequest, risk};
use crate::runs::{self, ExportRequest, RunPart};
use crate::services::Access;
use crate::snapshot::{self, SnapshotRequest};
use crate::stats::{StatsRequest, stats};
use crate::submit::{self, SubmitRequest};
use crate::tokens::{TokenRequest, tokens};
use crate::waive::{WaiveRequest, waive};

/// What a node answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// Publish files of ticks or bars.
    Feed(FeedRequest),
    /// Say what files are understood as, of an instrument as it is defined here; publish nothing.
    DryRun(FeedRequest),
    /// Define, show or list instruments.
    Instrument(InstrumentRequest),
    /// Seal the bars of a range.
    CreateSnapshot(SnapshotRequest),
    /// Re-hash the snapshot with this id.
    VerifySnapshot(String),
    /// Publish an experiment.
    Submit(SubmitRequest),
    /// Cancel an experiment.
    Cancel(CancelRequest),
    /// Register, show or list policies.
    Policy(PolicyRequest),
    /// Set the refusal of a gate aside.
    Waive(WaiveRequest),
    /// Make, list or take back tokens.
    Token(TokenRequest),
    /// List rows of a view.
    List(ListRequest),
    /// Show whatever has this id.
    Show(String),
    /// Show the document that whatever has this id ran with.
    ShowDocument(String),
    /// Show numbers of the run with this id.
    ShowRun(String, RunPart),
    /// Write a run's numbers to a file.
    Export(ExportRequest),
    /// Bars or ticks of a range.
    Range(RangeRequest),
    /// Show what a mandate has tried.
    Ledger(LedgerRequest),
    /// Put the things with these ids side by side.
    Compare(Vec<String>),
    /// Compare what two things ran with.
    Diff(DiffRequest),
    /// Hash all topics and views.
    Digest,
    /// Re-execute and compare.
    Replay(ReplayRequest),
    /// Check log, snapshots, models and views against each other.
    Verify(VerifyRequest),
    /// List records that were set aside.
    ListDeadLetters(ListDeadLetters),
    /// Show the dead letter of this name.
    ShowDeadLetter(String),
    /// Put dead letters back.
    ReplayDeadLetters(ReplayDeadLetters),
    /// Make the views again from the log.
    RebuildViews,
    /// Compare the views with what the log makes of them.
    VerifyViews,
    /// What a request that reads is answered as of a recorded time that has passed.
    AsOf(Timestamp, Box<Request>),
}

impl Request {
    /// Whether processors have to run for the answer.
    pub fn needs_processors(&self) -> bool {
        match self {
            Request::Feed(_) | Request::CreateSnapshot(_) | Request::Waive(_) => true,
            Request::Submit(request) => request.wait,
            _ => false,
        }
    }

    /// What is done with the directory for the answer.
    pub fn access(&self) -> Access {
        match self {
            Request::Feed(_)
            | Request::CreateSnapshot(_)
            | Request::Submit(_)
            | Request::Cancel(_)
            | Request::Waive(_)
            | Request::Policy(PolicyRequest::Set { .. })
            | Request::Token(TokenRequest::Issue { .. } | TokenRequest::Revoke { .. })
            | Request::Instrument(InstrumentRequest::Set { .. })
            | Request::ReplayDeadLetters(_)
            | Request::RebuildViews => Access::Write,
            _ => Access::Read,
        }
    }

    /// Whether an answer needs something that was there before.
    pub fn needs_data(&self) -> bool {
        let begins = matches!(
            self,
            Request::Submit(_)
                | Request::Instrument(InstrumentRequest::Set { .. })
                | Request::Policy(PolicyRequest::Set { .. })
                | Request::Token(TokenRequest::Issue { .. })
        );
        !self.needs_processors() && !begins
    }

    /// Answers on a node, starting the processors for it where they are needed.
    pub fn answer_alone(&self, node: &Node, progress: &dyn Progress) -> Result<Answer, Refusal> {
        if !self.needs_processors() {
            return self.answer(node, None, progress);
        }
        let running = node.start()?;
        let answer = self.answer(node, Some(&running), progress);
        // A failure of a processor is the better explanation of an answer that did not come.
        match (running.stop(), answer) {
            (Err(failure), Err(Refusal::Interrupted) | Ok(_)) => Err(failure.into()),
            (_, answer) => answer,
        }
    }

    /// Answers on a node whose processors run, or do not.
    pub fn answer(
        &self,
        node: &Node,
        running: Option<&Running>,
        progress: &dyn Progress,
    ) -> Result<Answer, Refusal> {
        // What was set aside is in no view, what a file is understood as is not asked of one, and views that are made again may be
        // of another log.
        let needs_views =
            !self.is_about_dead_letters() && !matches!(self, Request::DryRun(_) | Request::RebuildViews);
        if running.is_none() && needs_views {
            node.catch_up()?;
        }
        let answer = self.answer_on(node, running, progress)?;
        // What was not read to its end is no answer, whatever was made of it.
        match self {
            Request::Verify(_) | Request::VerifyViews | Request::VerifySnapshot(_) | Request::Replay(_)
                if node.is_interrupted() =>
            {
                Err(Refusal::Interrupted)
            }
            _ => Ok(answer),
        }
    }

    fn answer_on(
        &self,
        node: &Node,
        running: Option<&Running>,
        progress: &dyn Progress,
    ) -> Result<Answer, Refusal> {
        let needed = || running.ok_or_else(|| Refusal::Broken("the processors do not run".into()));
        Ok(match self {
            Request::Feed(request) => Answer::Fed(feed::feed(node, needed()?, request, progress)?),
            Request::DryRun(request) => Answer::DryRun(dry_run_on(node, request)?),
            Request::Instrument(request) => Answer::Instruments(instruments(node, request)?),
            Request::CreateSnapshot(request) => Answer::Snapshot(snapshot::create(node, needed()?, request)?),
            Request::VerifySnapshot(id) => Answer::VerifiedSnapshot(snapshot::verify(node, id)?),
            Request::Submit(request) => {
                let submitted = submit::submit(node, request)?;
                match running {
                    Some(running) if request.wait => {
                        Answer::Waited(submit::wait(node, running, submitted.experiment_id, progress)?)
                    }
                    _ => Answer::Submitted(submitted),
                }
            }
            Request::Cancel(request) => Answer::Cancelling(attempts::cancel(node, request)?),
            Request::Policy(request) => Answer::Policies(policies(node, running, request)?),
            Request::Waive(request) => Answer::Waived(waive(node, needed()?, request)?),
            Request::Token(request) => Answer::Tokens(tokens(node, running, request)?),
            Request::List(request) => Answer::Listing(browse::list(node, request)?),
            Request::Show(id) => Answer::Shown(browse::show(node, id)?),
            Request::ShowDocument(id) => Answer::Document(ran_with::document_of(node, id)?),
            Request::ShowRun(id, part) => Answer::RunNumbers(runs::numbers(node, id, *part)?),
            Request::Export(request) => Answer::Exported(runs::export(node, request)?),
            Request::Range(request) => Answer::Ranged(range(node, request)?),
            Request::Ledger(request) => Answer::Ledger(ledger(node, request)?),
            Request::Compare(ids) => Answer::Comparison(browse::compare(node, ids)?),
            Request::Diff(request) => Answer::Diff(diff(Some(node), request)?),
            Request::Digest => Answer::Digests(integrity::digest(node)?),
            Request::Replay(request) => Answer::Replayed(replay::replay(node, request, progress)?),
            Request::Verify(request) => Answer::Verified(integrity::verify(node, request)?),
            Request::ListDeadLetters(request) => Answer::DeadLetters(dead_letters::list(node, request)?),
            Request::ShowDeadLetter(id) => Answer::DeadLetter(dead_letters::show(node, id)?),
            Request::ReplayDeadLetters(request) => Answer::PutBack(dead_letters::replay(node, request)?),
            Request::AsOf(time, request) => request.answer_as_of(node, *time, progress)?,
            Request::VerifyViews => Answer::VerifiedViews(integrity::verify_views_alone(node)?),
            Request::RebuildViews if running.is_some() => {
                let what = "views cannot be rebuilt while up is running: stop it first";
                return Err(Refusal::BadInput(what.into()));
            }
            Request::RebuildViews => Answer::RebuiltViews(integrity::rebuild_views(node)?),
        })
    }

    /// Whether it can be asked as of a time that has passed: it reads views, bars or ticks and nothing else.
    fn has_history(&self) -> bool {
        matches!(
            self,
            Request::List(_)
                | Request::Show(_)
                | Request::ShowDocument(_)
                | Request::ShowRun(..)
                | Request::Export(_)
                | Request::Range(_)
                | Request::Ledger(_)
                | Request::Compare(_)
        )
    }

    /// The answer as of a time that has passed.
    fn answer_as_of(
        &self,
        node: &Node,
        as_of: Timestamp,
        progress: &dyn Progress,
    ) -> Result<Answer, Refusal> {
        if !self.has_history() {
            return Err(Refusal::BadInput(
                "only lists, single things, comparisons, ledgers, bars and ticks are answered as of a time"
                    .into(),
            ));
        }
        let answer = self.answer_on(&node.as_of(as_of)?, None, progress)?;
        Ok(Answer::AsOf(Box::new(AsOf { as_of: as_of.to_string(), answer })))
    }

    fn is_about_dead_letters(&self) -> bool {
        matches!(
            self,
            Request::ListDeadLetters(_) | Request::ShowDeadLetter(_) | Request::ReplayDeadLetters(_)
        )
    }
}

/// What the pipeline's own code answers about files, without a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToolRequest {
    /// What files to feed would be understood as.
    DryRun(FeedRequest),
    /// Bars from a file of ticks.
    Bars(BarsRequest),
    /// A strategy or model with fixed parameters over a file.
    Backtest(BacktestRequest),
    /// Every metric of a series.
    Metrics(MetricsRequest),
    /// Risk of a series, and tests of forecasts of it.
    Risk(RiskRequest),
    /// Inference over the returns of many trials.
    Stats(StatsRequest),
    /// Which keys of two documents differ.
    Diff(DiffRequest),
}

impl ToolRequest {
    /// Answers.
    pub fn answer(&self) -> Result<Answer, Refusal> {
        Ok(match self {
            ToolRequest::DryRun(request) => Answer::DryRun(dry_run(request)?),
            ToolRequest::Bars(request) => Answer::MadeBars(bars(request)?),
            ToolRequest::Backtest(request) => Answer::Backtested(backtest(request)?),
            ToolRequest::Metrics(request) => Answer::Measured(metrics(request)?),
            ToolRequest::Risk(request) => Answer::Risk(risk(request)?),
            ToolRequest::Stats(request) => Answer::Stats(stats(request)?),
            ToolRequest::Diff(request) => Answer::Diff(diff(None, request)?),
        })
    }
}

/// What prepares the services of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SetupRequest {
    /// What [`SetupRequest::ApplyTopics`] would do, and the rights that each processor needs.
    PlanTopics,
    /// Create missing topics and refuse those that differ.
    ApplyTopics,
    /// Register every version of every record.
    RegisterSchemas {
        /// Ask whether they would fit, and register nothing.
        only_check: bool,
    },
    /// Make the keyspace of the views and its tables, or add what they lack.
    MigrateViews,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;
    use std::fmt::Debug;

    use gauntlet_domain::market::{BarStamp, EmptyBars, Session};
    use gauntlet_feed::{DateOrder, Format, Reading};
    use serde::de::DeserializeOwned;

    use super::*;
    use crate::browse::{List, Sort};
    use crate::config_diff::Operand;
    use crate::metrics::{RiskFree, SeriesKind};
    use crate::range::Series;
    use crate::tokens::Scope;

    fn reading() -> Reading {
        Reading {
            zone: Some("Europe/Paris".into()),
            date_order: Some(DateOrder::DayFirst),
            ambiguous: Some(gauntlet_feed::Ambiguous::Later),
            columns: vec![("price".into(), "Last".into())],
            only: Some(("Name".into(), "AAPL".into())),
            encoding: Some(gauntlet_feed::Encoding::Latin1),
            skip_lines: 2,
            price_digits: Some(9),
            time_format: Some("%s".into()),
            decimal: Some(','),
            volume_only: vec!["W".into()],
            auction: vec!["O".into()],
        }
    }

    fn feed() -> FeedRequest {
        FeedRequest {
            paths: vec!["ticks".into()],
            instrument: "XAUUSD".into(),
            venue: "OANDA".into(),
            format: Some(Format::BinanceJsonl),
            utc_offset_seconds: -18_000,
            bars: vec!["time:1m".parse().unwrap()],
            spec: Some("time:1h".parse().unwrap()),
            stamp: BarStamp::Close,
            market: Some("usdm".into()),
            speed: Some(60.0),
            lateness_nanos: Some(1),
            reading: reading(),
            accept_losses: true,
        }
    }

    fn policy() -> Request {
        let (text, name, author) = ("name: x\n".into(), "x.yaml".into(), "ann".into());
        Request::Policy(PolicyRequest::Set { text, name, author })
    }

    fn waive() -> Request {
        Request::Waive(WaiveRequest {
            model: "id".into(),
            gate: "pbo".into(),
            author: "ben".into(),
            reason: "seen".into(),
            expires: Timestamp(9),
            hash: Some("0a".into()),
        })
    }

    fn token() -> Request {
        Request::Token(TokenRequest::Issue {
            name: "nightly".into(),
            person: "ann".into(),
            scopes: vec![Scope::Read, Scope::Submit, Scope::Ingest, Scope::Operate],
            lasts_nanos: i64::MAX,
            author: "ben".into(),
        })
    }

    fn range_of_bars() -> Request {
        Request::Range(RangeRequest {
            instrument: "XAUUSD".into(),
            series: Series::Bars(Some("time:1h".parse().unwrap())),
            from: Timestamp(i64::MIN),
            to: Timestamp(i64::MAX),
            out: Some("ticks.parquet".into()),
        })
    }

    fn documents() -> DiffRequest {
        let (a, text, name) = (Operand::Called("id".into()), "name: x\n".into(), "x.yaml".into());
        DiffRequest { a, b: Operand::Document { text, name }, all: true }
    }

    /// Requests of every kind, with every field filled.
    fn requests() -> Vec<Request> {
        let text = |text: &str| Some(text.to_owned());
        vec![
            Request::Feed(feed()),
            Request::DryRun(feed()),
            Request::Instrument(InstrumentRequest::Set { text: "class: fx\n".into(), name: "x.yaml".into() }),
            Request::CreateSnapshot(SnapshotRequest {
                instrument: "XAUUSD".into(),
                venue: text("OANDA"),
                bars: "time:1h".parse().unwrap(),
                from: Some(Timestamp(1)),
                to: Some(Timestamp(i64::MAX)),
                as_of: Some(Timestamp(-1)),
            }),
            Request::VerifySnapshot("id".into()),
            range_of_bars(),
            Request::Submit(SubmitRequest {
                text: "name: x\n".into(),
                name: "x.yaml".into(),
                overrides: vec![("tuning.trials".into(), "5".into())],
                wait: true,
                ahead: true,
                again: true,
                author: text("ann"),
            }),
            Request::Cancel(CancelRequest { id: "id".into(), reason: "enough".into() }),
            policy(),
            waive(),
            token(),
            Request::List(ListRequest {
                what: List::Quality,
                filter: text("rows > 1"),
                sort: Some(Sort { column: "rows".into(), descending: true }),
                limit: Some(3),
            }),
            Request::Show("id".into()),
            Request::ShowDocument("id".into()),
            Request::ShowRun("id".into(), RunPart::Equity),
            Request::Export(ExportRequest { id: "id".into(), out: "/f.csv".into() }),
            Request::Compare(vec!["a".into(), "b".into()]),
            Request::Ledger(LedgerRequest { mandate: "m".into(), trials: 3 }),
            Request::Diff(documents()),
            Request::Digest,
            Request::Replay(ReplayRequest { experiment: text("id"), workers: Some(2) }),
            Request::Verify(VerifyRequest { heads: Some([("chain".into(), "head".into())].into()) }),
            Request::ListDeadLetters(ListDeadLetters {
                topic: text("market.ticks.v1"),
                processor: text("market-data"),
                reason: text("Malformed"),
                limit: Some(1),
            }),
            Request::ShowDeadLetter("market.ticks.v1.dlq/0=3".into()),
            Request::ReplayDeadLetters(ReplayDeadLetters::Named(vec!["a".into()])),
            Request::ReplayDeadLetters(ReplayDeadLetters::All),
            Request::RebuildViews,
            Request::VerifyViews,
            Request::AsOf(Timestamp(1), Box::new(Request::Digest)),
        ]
    }

    fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(sent: &T) {
        let text = serde_json::to_string(sent).unwrap();
        assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), sent, "{text}");
    }

    #[test]
    fn every_request_comes_back_as_it_was_sent() {
        let requests = requests();
        requests.iter().for_each(comes_back);
        // One for each kind; a new one that has no example here does not compile.
        let kinds = requests.iter().map(|request| match request {
            Request::Feed(_) => 0,
            Request::CreateSnapshot(_) => 1,
            Request::VerifySnapshot(_) => 2,
            Request::Submit(_) => 3,
            Request::Cancel(_) => 4,
            Request::List(_) => 5,
            Request::Show(_) => 6,
            Request::Compare(_) => 7,
            Request::Digest => 8,
            Request::Replay(_) => 9,
            Request::Verify(_) => 10,
            Request::ListDeadLetters(_) => 11,
            Request::ShowDeadLetter(_) => 12,
            Request::ReplayDeadLetters(_) => 13,
            Request::RebuildViews => 14,
            Request::VerifyViews => 15,
            Request::ShowRun(..) => 16,
            Request::Export(_) => 17,
            Request::Instrument(_) => 18,
            Request::DryRun(_) => 19,
            Request::Ledger(_) => 20,
            Request::Policy(_) => 21,
            Request::Waive(_) => 22,
            Request::ShowDocument(_) => 23,
            Request::Diff(_) => 24,
            Request::Token(_) => 25,
            Request::Range(_) => 26,
            Request::AsOf(..) => 27,
        });
        assert_eq!(kinds.collect::<BTreeSet<i32>>().len(), 28, "a kind of request has no example");
    }

    #[test]
    fn every_request_of_tools_and_services_comes_back_as_it_was_sent() {
        if let Some(Request::Feed(request)) = requests().into_iter().next() {
            comes_back(&ToolRequest::DryRun(request));
        }
        comes_back(&ToolRequest::Bars(BarsRequest {
            path: "ticks.csv".into(),
            spec: "time:1h".parse().unwrap(),
            format: Some(Format::LeanQuote),
            utc_offset_seconds: 3_600,
            instrument: Some("X".into()),
            market: Some("spot".into()),
            stamp: BarStamp::Open,
            empty: EmptyBars::Fill,
            session: Some(Session { open_second: 1, close_second: 2 }),
            out: Some("bars.csv".into()),
            lateness_nanos: Some(1),
            reading: reading(),
            definition: None,
        }));
        comes_back(&ToolRequest::Backtest(BacktestRequest {
            spec: "spec.yaml".into(),
            stamp: BarStamp::Close,
            reading: reading(),
        }));
        comes_back(&ToolRequest::Metrics(MetricsRequest {
            path: "returns.csv".into(),
            kind: SeriesKind::Equity,
            benchmark: Some("benchmark.csv".into()),
            periods_per_year: Some(252.5),
            risk_free: RiskFree::Rate(0.01),
        }));
        comes_back(&ToolRequest::Risk(RiskRequest {
            path: "returns.csv".into(),
            kind: SeriesKind::Returns,
            alpha: 0.05,
            forecasts: Some("forecasts.csv".into()),
        }));
        comes_back(&ToolRequest::Stats(StatsRequest {
            path: "returns.csv".into(),
            blocks: 16,
            benchmark: Some("market".into()),
            seed: 7,
            periods_per_year: Some(252.0),
        }));
        comes_back(&ToolRequest::Diff(documents()));
        comes_back(&SetupRequest::PlanTopics);
        comes_back(&SetupRequest::ApplyTopics);
        comes_back(&SetupRequest::RegisterSchemas { only_check: true });
        comes_back(&SetupRequest::MigrateViews);
    }

    #[test]
    fn only_what_waits_for_the_pipeline_needs_processors() {
        for request in requests() {
            let expected = matches!(
                request,
                Request::Feed(_) | Request::CreateSnapshot(_) | Request::Submit(_) | Request::Waive(_)
            );
            assert_eq!(request.needs_processors(), expected, "{request:?}");
        }
    }
}
