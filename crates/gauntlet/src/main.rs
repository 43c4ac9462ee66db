//! `gauntlet`: the one binary. Reads the command line and the configuration, hands the request to a node here or to one that
//! runs elsewhere, and prints the answer. Nothing is decided here.

/// Arguments and the requests that they make.
mod args;
/// The command line.
mod cli;
/// Arguments of `data`.
mod data_args;
/// Arguments of `config diff`.
mod diff_args;
/// Arguments of `feed`.
mod feed_args;
/// Lists, printed while they are read.
mod listing;
/// Completions and man pages.
mod manuals;
/// Opening what a command works on.
mod open;
/// The one list of processors.
mod processors;
#[cfg(test)]
mod processors_tests;
/// Progress on stderr.
mod progress;
/// Arguments of what reads.
mod read_args;
/// Arguments about how a file is written.
mod reading_args;
/// Commands for a node that runs elsewhere.
mod remote;
/// Answers as text.
mod render;
/// What is printed.
mod report;
/// What others scrape.
mod scrape;
/// What a process serves over HTTP.
mod serve;
/// Questions in SQL.
mod sql_command;
/// Tables for people.
mod table;
/// Arguments of `token`.
mod token_args;
/// Processors in one process.
mod up;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use clap::Parser;
use cli::{
    Cli, Command, ConfigCommand, DlqCommand, InstrumentCommand, PolicyCommand, SchemasCommand,
    SnapshotCommand, TopicsCommand, ViewsCommand,
};
use gauntlet_config::model::LogFormat;
use gauntlet_config::{Config, Resolved, Sources, load};
use gauntlet_feed::definition::stamp as named_stamp;
use gauntlet_operations::attempts::CancelRequest;
use gauntlet_operations::backtest::BacktestRequest;
use gauntlet_operations::browse::{List, ListRequest};
use gauntlet_operations::feed::{FeedRequest, file_name};
use gauntlet_operations::instruments::InstrumentRequest;
use gauntlet_operations::integrity::VerifyRequest;
use gauntlet_operations::ledger::LedgerRequest;
use gauntlet_operations::policy::{PolicyRequest, gate_cards};
use gauntlet_operations::refusal::unreadable;
use gauntlet_operations::replay::ReplayRequest;
use gauntlet_operations::runs::ExportRequest;
use gauntlet_operations::search::search;
use gauntlet_operations::sensitivity::sensitivity;
use gauntlet_operations::services::require_used;
use gauntlet_operations::strategies::strategies;
use gauntlet_operations::waive::WaiveRequest;
use gauntlet_operations::{
    Access, Answer, Progress, Refusal, Request, Role, SetupRequest, Silent, ToolRequest, configuration,
    services,
};
use listing::Unprinted;
use open::{Opened, Opener};
use processors::processors;
use progress::OnStderr;
use report::Report;
use table::{Layout, set_layout};

/// Events come and go by the million in small pieces, on one thread here and on another there. With its feature `no_thp`:
/// transparent huge pages make more memory resident than is used, and nothing was faster with them (`docs/measurements.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Signals to stop that have come.
static SIGNALS: AtomicUsize = AtomicUsize::new(0);

#[allow(clippy::print_stderr)]
fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return bad_usage(&error),
    };
    set_layout(Layout::of_stdout(cli.wide));
    let json = cli.json;
    let (refusal, is_document_due) = match run(cli) {
        Ok(report) => match report::print(&report, json) {
            Ok(()) => return ExitCode::from(report.code),
            Err(refusal) => (refusal, false),
        },
        Err(refusal) => (refusal, json),
    };
    let (code, words) = (report::exit_code(&refusal), report::words(&refusal));
    eprintln!("gauntlet: {words}");
    if is_document_due {
        print_error(code, &words);
    }
    ExitCode::from(code)
}

/// What clap says. Help and version are answers, everything else is bad usage.
fn bad_usage(error: &clap::Error) -> ExitCode {
    let code = if error.use_stderr() { 2 } else { 0 };
    // It goes where it belongs; who does not read it has the code.
    let _ = error.print();
    if code != 0 && std::env::args_os().any(|arg| arg == "--json") {
        print_error(code, error.to_string().trim());
    }
    ExitCode::from(code)
}

/// An error as the one document of a command.
fn print_error(code: u8, words: &str) {
    let json = serde_json::json!({ "error": words });
    // It was said on stderr already.
    let _ = report::print(&Report { code, json, text: String::new() }, true);
}

fn run(cli: Cli) -> Result<Report, Refusal> {
    let quiet = cli.json;
    let sources = sources(&cli);
    if let Command::Search(args) = &cli.command {
        let request = args.clone().try_into()?;
        search(&request, std::io::stdin().lock(), std::io::stdout().lock())?;
        return Ok(Report::silent());
    }
    if let Command::Sensitivity(args) = &cli.command {
        let request = args.clone().try_into()?;
        sensitivity(&request, std::io::stdin().lock(), std::io::stdout().lock())?;
        return Ok(Report::silent());
    }
    if let Command::Completions { shell } = &cli.command {
        return manuals::completions(*shell);
    }
    if let Command::Man { out } = &cli.command {
        return manuals::man_pages(out.as_deref());
    }
    if let Some(answer) = without_configuration(&cli.command, &sources) {
        let answer = answer?;
        say(answer.notes());
        return Report::of(&answer);
    }
    let resolved = load(sources)?;
    match &cli.command {
        Command::Config(ConfigCommand::Explain { key }) => {
            return Report::of(&Answer::Configuration(configuration::explain(&resolved, key.as_deref())?));
        }
        Command::Config(ConfigCommand::Diff(args)) if args.a.is_none() => {
            return Report::of(&Answer::Changes(configuration::diff(&resolved)?));
        }
        _ => {}
    }
    start_logging(&resolved);
    if matches!(cli.command, Command::Up { .. } | Command::Run { .. } | Command::Demo { no_serve: false, .. })
    {
        scrape::start()?;
    }
    let interrupted = on_signals()?;
    let opener = Opener { config: &resolved.config, interrupted };
    on_pipeline(cli.command, &opener, quiet)
}

/// What works on a directory or a cluster.
fn on_pipeline(command: Command, opener: &Opener<'_>, quiet: bool) -> Result<Report, Refusal> {
    let config = opener.config;
    let open = |role: Role| opener.open(role, Access::Write);
    match command {
        Command::Up { .. } => sound(opener, || up::up(open(Role::Resident)?, processors().names(), quiet)),
        Command::Run { processors: names, .. } => {
            let here = processors().named(&names)?;
            services::require_shared(
                config,
                "run shares the work of a cluster, and kafka.bootstrap_servers is empty: use --profile cluster, or \
                 gauntlet up for one machine",
            )?;
            sound(opener, || up::up(open(Role::Resident)?, here.clone(), quiet))
        }
        Command::Demo { no_serve, .. } => sound(opener, || up::demo(open(Role::Visitor)?, no_serve, quiet)),
        Command::Link => remote::link(&config.dir),
        Command::Sql { statement, format, as_of } => {
            sql_command::sql(opener, &statement, format, as_of.time()?, quiet)
        }
        Command::Topics(TopicsCommand::Plan) => set_up(config, SetupRequest::PlanTopics),
        Command::Topics(TopicsCommand::Apply) => set_up(config, SetupRequest::ApplyTopics),
        Command::Schemas(command) => {
            let only_check = matches!(command, SchemasCommand::Check);
            set_up(config, SetupRequest::RegisterSchemas { only_check })
        }
        Command::Views(ViewsCommand::Migrate) => set_up(config, SetupRequest::MigrateViews),
        Command::Ls(args) => {
            let as_of = args.as_of.clone();
            let request = ListRequest::try_from(args)?;
            if as_of.is_given() {
                return on_node(opener, &as_of.of(Request::List(request))?, quiet);
            }
            sound(opener, || list(opener, request.clone(), quiet))
        }
        // Where nothing is, two documents can be compared still.
        Command::Config(ConfigCommand::Diff(args)) => {
            let request = args.request()?.ok_or_else(|| Refusal::input("give two things to compare"))?;
            match require_used(config) {
                Err(_) if request.is_of_documents() => Report::of(&ToolRequest::Diff(request).answer()?),
                _ => on_node(opener, &Request::Diff(request), quiet),
            }
        }
        // What the instrument is defined as is known where something was fed or set before.
        Command::Feed(args) if args.dry_run => {
            let request = feed_request(args)?;
            match require_used(config) {
                Ok(()) => on_node(opener, &Request::DryRun(request), quiet),
                Err(_) => Report::of(&ToolRequest::DryRun(request).answer()?),
            }
        }
        command => on_node(opener, &request(command)?, quiet),
    }
}

/// What to feed, once it is said what is left out of it.
fn feed_request(args: feed_args::FeedArgs) -> Result<FeedRequest, Refusal> {
    say(&args.notes()?);
    args.try_into()
}

#[allow(clippy::print_stderr)]
fn say(notes: &[String]) {
    notes.iter().for_each(|note| eprintln!("gauntlet: {note}"));
}

/// Answers of what needs no configuration and no directory; `None` for everything else.
fn without_configuration(command: &Command, sources: &Sources) -> Option<Result<Answer, Refusal>> {
    Some(match command {
        Command::Bars(args) => args.clone().try_into().and_then(|args| ToolRequest::Bars(args).answer()),
        Command::Backtest { spec, stamp, reading } => {
            named_stamp(stamp).map_err(Refusal::input).and_then(|stamp| {
                let reading = reading.clone().try_into()?;
                ToolRequest::Backtest(BacktestRequest { spec: spec.clone(), stamp, reading }).answer()
            })
        }
        Command::Metrics(args) => {
            args.clone().try_into().and_then(|args| ToolRequest::Metrics(args).answer())
        }
        Command::Risk(args) => args.clone().try_into().and_then(|args| ToolRequest::Risk(args).answer()),
        Command::Stats(args) => ToolRequest::Stats(args.clone().into()).answer(),
        Command::Policy(PolicyCommand::Gates) => Ok(Answer::Gates(gate_cards())),
        Command::Strategies { name } => strategies(name.as_deref()).map(Answer::Strategies),
        Command::Config(ConfigCommand::Schema { experiment }) => {
            Ok(Answer::Schema(configuration::schema(*experiment)))
        }
        Command::Config(ConfigCommand::Validate { file }) => {
            configuration::validate(file, sources).map(Answer::Valid)
        }
        _ => return None,
    })
}

/// Prepares the services of a cluster.
fn set_up(config: &Config, request: SetupRequest) -> Result<Report, Refusal> {
    Report::of(&request.answer(config, &processors())?)
}

/// Who watches the progress of a command.
fn watching(quiet: bool) -> &'static dyn Progress {
    if quiet { &Silent } else { &OnStderr }
}

/// Layers of configuration that the command line adds to.
fn sources(cli: &Cli) -> Sources {
    let mut sources = Sources::of_process();
    sources.profile = cli.profile.clone();
    sources.file = cli.config.clone();
    let mut put = |key: &str, value: String| sources.overrides.push((key.to_owned(), value));
    if let Some(dir) = &cli.dir {
        put("dir", dir.display().to_string());
    }
    if let Some(milliseconds) = cli.lock_timeout {
        put("lock_timeout_ms", milliseconds.to_string());
    }
    if let Some(workers) = cli.workers {
        put("workers", workers.to_string());
    }
    if let Command::Up { listen: Some(listen) }
    | Command::Demo { listen: Some(listen), .. }
    | Command::Run { listen: Some(listen), .. } = &cli.command
    {
        put("listen", listen.clone());
    }
    if let Command::Run { instance: Some(instance), .. } = &cli.command {
        put("runtime.instance", instance.to_string());
    }
    sources
}

/// The request that a command makes of a node.
fn request(command: Command) -> Result<Request, Refusal> {
    Ok(match command {
        Command::Feed(args) => Request::Feed(feed_request(args)?),
        Command::Instrument(InstrumentCommand::Set { file }) => {
            let text = std::fs::read_to_string(&file).map_err(|error| unreadable(&file, &error))?;
            Request::Instrument(InstrumentRequest::Set { text, name: file_name(&file) })
        }
        Command::Instrument(InstrumentCommand::Show { instrument }) => {
            Request::Instrument(InstrumentRequest::Show(instrument))
        }
        Command::Instrument(InstrumentCommand::Ls) => Request::Instrument(InstrumentRequest::List),
        Command::Snapshot(SnapshotCommand::Create(args)) => Request::CreateSnapshot(args.try_into()?),
        Command::Snapshot(SnapshotCommand::Ls) => {
            Request::List(ListRequest { what: List::Snapshots, filter: None, sort: None, limit: None })
        }
        Command::Snapshot(SnapshotCommand::Show { id }) => Request::Show(id),
        Command::Show(args) => read_args::show(args)?,
        Command::Export { id, out } => {
            // Whoever holds the directory may run elsewhere.
            let out = std::path::absolute(&out).map_err(|error| unreadable(&out, &error))?;
            Request::Export(ExportRequest { id, out })
        }
        Command::Snapshot(SnapshotCommand::Verify { id }) => Request::VerifySnapshot(id),
        Command::Submit(args) => Request::Submit(args.try_into()?),
        Command::Cancel { id, reason } => Request::Cancel(CancelRequest { id, reason }),
        Command::Policy(PolicyCommand::Set { file, author }) => {
            let text = std::fs::read_to_string(&file).map_err(|error| unreadable(&file, &error))?;
            Request::Policy(PolicyRequest::Set { text, name: file_name(&file), author })
        }
        Command::Policy(PolicyCommand::Show { mandate, name }) => {
            Request::Policy(PolicyRequest::Show { mandate, name })
        }
        Command::Policy(PolicyCommand::Ls) => Request::Policy(PolicyRequest::List),
        Command::Token(command) => Request::Token(token_args::token(command)?),
        Command::Data(command) => data_args::range(command)?,
        Command::Waive { model, gate, author, reason, expires, hash } => {
            let expires =
                expires.parse().map_err(|error| Refusal::BadInput(format!("--expires: {error}")))?;
            Request::Waive(WaiveRequest { model, gate, author, reason, expires, hash })
        }
        Command::Ledger { mandate, trials, as_of } => {
            as_of.of(Request::Ledger(LedgerRequest { mandate, trials }))?
        }
        Command::Compare { ids, as_of } => as_of.of(Request::Compare(ids))?,
        Command::Replay { id, .. } => Request::Replay(ReplayRequest { experiment: id, workers: None }),
        Command::Verify { heads } => {
            let heads = heads.as_deref().map(args::heads).transpose()?;
            Request::Verify(VerifyRequest { heads })
        }
        Command::Digest => Request::Digest,
        Command::Dlq(DlqCommand::Ls(args)) => Request::ListDeadLetters(args.into()),
        Command::Dlq(DlqCommand::Show { id }) => Request::ShowDeadLetter(id),
        Command::Dlq(DlqCommand::Replay(args)) => Request::ReplayDeadLetters(args.into()),
        Command::Views(ViewsCommand::Rebuild) => Request::RebuildViews,
        Command::Views(ViewsCommand::Verify) => Request::VerifyViews,
        _ => return Err(Refusal::Broken("this command needs no node".into())),
    })
}

/// Answers here, or on the `up` that holds the directory.
fn on_node(opener: &Opener<'_>, request: &Request, quiet: bool) -> Result<Report, Refusal> {
    if request.needs_data() {
        require_used(opener.config)?;
    }
    let ask = || elsewhere(opener, request, quiet);
    let answer = || match opener.open_or(Role::Visitor, request.access(), ask)? {
        Opened::Node(node) => Report::of(&request.answer_alone(&node, watching(quiet))?),
        Opened::Elsewhere(answer) => answer,
    };
    sound(opener, answer)
}

/// Works on a directory. When its views prove damaged, they are put aside at the next opening: so it works once more, and
/// nothing stops for them.
fn sound<T>(opener: &Opener<'_>, work: impl Fn() -> Result<T, Refusal>) -> Result<T, Refusal> {
    match work() {
        Err(_) if services::has_damaged_views(&opener.config.dir) => work(),
        answered => answered,
    }
}

/// The answer of the `up` that has the directory open; `None` where there is none.
fn elsewhere(opener: &Opener<'_>, request: &Request, quiet: bool) -> Option<Result<Report, Refusal>> {
    match remote::check(request) {
        Ok(()) => {
            remote::send(&opener.config.dir, request, watching(quiet), || SIGNALS.load(Ordering::Relaxed))
        }
        Err(refusal) => Some(Err(refusal)),
    }
}

/// Prints a list while it is read, or has the `up` that holds the directory answer it.
fn list(opener: &Opener<'_>, request: ListRequest, json: bool) -> Result<Report, Refusal> {
    require_used(opener.config)?;
    let node = match opener
        .open_or(Role::Visitor, Access::Read, || elsewhere(opener, &Request::List(request.clone()), json))?
    {
        Opened::Node(node) => node,
        Opened::Elsewhere(answer) => return answer,
    };
    let printed = node.catch_up().map_err(|refusal| Unprinted { refusal, begun: false });
    match printed.and_then(|()| listing::print(&node, &request, json)) {
        Ok(()) => Ok(Report::silent()),
        Err(Unprinted { refusal, begun: false }) => Err(refusal),
        // Part of a document is on stdout: the error has no place there any more.
        Err(Unprinted { refusal, begun: true }) => {
            say(&[refusal.to_string()]);
            Ok(Report { code: report::exit_code(&refusal), ..Report::silent() })
        }
    }
}

/// SIGINT and SIGTERM raise a flag; the command in hand comes to a safe end.
fn on_signals() -> Result<Arc<AtomicBool>, Refusal> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = interrupted.clone();
    ctrlc::set_handler(move || {
        flag.store(true, Ordering::Relaxed);
        SIGNALS.fetch_add(1, Ordering::Relaxed);
    })
    .map_err(|error| Refusal::Outside(format!("cannot listen for signals: {error}")))?;
    Ok(interrupted)
}

fn start_logging(resolved: &Resolved) {
    use gauntlet_config::model::LogLevel;
    let level = match resolved.config.logging.level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
        LogLevel::Trace => tracing::Level::TRACE,
    };
    let lines =
        tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_target(false);
    // Already set only in tests that run the binary's parts in one process.
    let _ = match resolved.config.logging.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
}
