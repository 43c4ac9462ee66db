//! `gauntlet`: the one binary. Reads the command line and the configuration, hands the command to a node here, to one
//! that runs elsewhere, or to a pure tool, and prints the answer. Nothing is decided here.

/// The command line.
mod cli;
/// The services of a cluster.
mod cluster;
/// The commands.
mod commands;
/// What workers read and store.
mod data;
/// A directory and what runs over it.
mod node;
/// Progress on stderr.
mod progress;
/// The projector over the embedded views.
mod projecting;
/// Publishing from outside.
mod publish;
/// Commands for a node that runs elsewhere.
mod remote;
/// Answers and refusals.
mod report;
/// What others scrape.
mod scrape;
/// Tables for people.
mod table;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;
use cli::{Cli, Command, ConfigCommand, SchemasCommand, SnapshotCommand, TopicsCommand, ViewsCommand};
use commands::browse::LsArgs;
use commands::submit::Submission;
use commands::{config, demo, feed, research, up};
use gauntlet_config::model::LogFormat;
use gauntlet_config::{Resolved, Sources, load, parse_override};
use node::{Node, Role};
use remote::Request;
use report::{Refusal, Report};

/// Events come and go by the million in small pieces, on one thread here and on another there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[allow(clippy::print_stderr)]
fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, everything else is bad usage; clap prints each where it belongs.
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let json = cli.json;
    match run(cli) {
        Ok(report) => {
            report::print(&report, json);
            ExitCode::from(report.code)
        }
        Err(refusal) => {
            eprintln!("gauntlet: {refusal}");
            if json {
                let json = serde_json::json!({ "error": refusal.to_string() });
                report::print(&Report { code: refusal.code(), json, text: String::new() }, true);
            }
            ExitCode::from(refusal.code())
        }
    }
}

fn run(cli: Cli) -> Result<Report, Refusal> {
    let quiet = cli.json;
    let sources = sources(&cli);
    // Pure tools need no configuration and no directory.
    match &cli.command {
        Command::Bars(args) => return research::bars(args),
        Command::Backtest { spec } => return research::backtest(spec),
        Command::Metrics(args) => return research::metrics(args),
        Command::Config(ConfigCommand::Schema { experiment }) => return Ok(config::schema(*experiment)),
        Command::Config(ConfigCommand::Validate { file }) => return config::validate(file, &sources),
        _ => {}
    }
    let resolved = load(sources)?;
    match &cli.command {
        Command::Config(ConfigCommand::Explain) => return Ok(config::explain(&resolved)),
        Command::Config(ConfigCommand::Diff) => return config::diff(&resolved),
        _ => {}
    }
    start_logging(&resolved);
    if matches!(cli.command, Command::Up { .. } | Command::Run { .. } | Command::Demo { no_serve: false, .. })
    {
        scrape::start()?;
    }
    let interrupted = on_signals()?;
    let config = &resolved.config;
    match cli.command {
        Command::Up { .. } => {
            let node = Node::open(config, Role::Resident, interrupted)?;
            let all = node::processors();
            up::up(node, all, quiet)
        }
        Command::Run { processors, .. } => {
            let here = chosen(&processors)?;
            if !Node::is_cluster(config) {
                return Err(Refusal::BadInput(
                    "run shares the work of a cluster, and kafka.bootstrap_servers is empty: use --profile cluster, or \
                     gauntlet up for one machine"
                        .into(),
                ));
            }
            up::up(Node::open(config, Role::Resident, interrupted)?, here, quiet)
        }
        Command::Demo { no_serve, .. } => {
            demo::demo(Node::open(config, Role::Visitor, interrupted)?, no_serve, quiet)
        }
        Command::Topics(command) => {
            let topics = gauntlet_runtime::topics(config.topics.partitions);
            let cluster = cluster_of(config)?;
            match command {
                TopicsCommand::Plan => cluster.plan_topics(&topics),
                TopicsCommand::Apply => cluster.apply_topics(&topics),
            }
        }
        Command::Schemas(command) => {
            cluster::register_schemas(config, matches!(command, SchemasCommand::Check))
        }
        Command::Views(ViewsCommand::Migrate) => cluster::migrate_views(config),
        command => on_node(&resolved, interrupted, &request(command)?, quiet),
    }
}

/// The cluster that the configuration names.
fn cluster_of(config: &gauntlet_config::Config) -> Result<cluster::Cluster, Refusal> {
    if !Node::is_cluster(config) {
        return Err(Refusal::BadInput(
            "kafka.bootstrap_servers is empty, and the embedded log makes its topics itself: use --profile cluster".into(),
        ));
    }
    cluster::Cluster::connect(config, Role::Visitor)
}

/// Processors by name; `all` stands for every one.
fn chosen(names: &[String]) -> Result<Vec<&'static str>, Refusal> {
    let all = node::processors();
    if names.iter().any(|name| name == "all") {
        return Ok(all);
    }
    let find = |name: &String| {
        all.iter().copied().find(|known| known == name).ok_or_else(|| {
            let hint = gauntlet_config::nearest(name, all.iter().copied());
            let hint = hint.map_or_else(
                || format!("there are {}", all.join(", ")),
                |near| format!("did you mean {near}?"),
            );
            Refusal::BadInput(format!("there is no processor '{name}': {hint}"))
        })
    };
    names.iter().map(find).collect()
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
        Command::Feed(mut args) => {
            // The node may run in another folder.
            args.paths = feed::files(&args.paths)?;
            for path in &mut args.paths {
                *path = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
            }
            Request::Feed(args)
        }
        Command::Snapshot(SnapshotCommand::Create(args)) => Request::SnapshotCreate(args),
        Command::Snapshot(SnapshotCommand::Ls) => {
            Request::Ls(LsArgs { what: "snapshots".into(), filter: None, sort: None, limit: None })
        }
        Command::Snapshot(SnapshotCommand::Show { id }) | Command::Show { id } => Request::Show(id),
        Command::Snapshot(SnapshotCommand::Verify { id }) => Request::SnapshotVerify(id),
        Command::Submit { file, set, wait } => {
            let text = std::fs::read_to_string(&file).map_err(|error| report::unreadable(&file, &error))?;
            let name = feed::file_name(&file);
            let overrides = set.iter().map(|pair| parse_override(pair)).collect::<Result<Vec<_>, _>>()?;
            // What is wrong with the document is said before a directory is touched.
            commands::submit::check(&text, &name, &overrides)?;
            Request::Submit(Submission { text, name, overrides, wait })
        }
        Command::Cancel { id, reason } => Request::Cancel { id, reason },
        Command::Ls(args) => Request::Ls(args),
        Command::Compare { ids } => Request::Compare(ids),
        Command::Replay { id, .. } => Request::Replay { id, workers: None },
        Command::Verify { heads } => {
            Request::Verify { heads: heads.map(|path| std::path::absolute(&path).unwrap_or(path)) }
        }
        Command::Digest => Request::Digest,
        Command::Dlq(command) => Request::Dlq(command),
        Command::Views(ViewsCommand::Rebuild) => Request::ViewsRebuild,
        Command::Views(ViewsCommand::Verify) => Request::ViewsVerify,
        _ => return Err(Refusal::Broken("this command needs no node".into())),
    })
}

/// Answers here, or on the `up` that holds the directory.
fn on_node(
    resolved: &Resolved,
    interrupted: Arc<AtomicBool>,
    request: &Request,
    quiet: bool,
) -> Result<Report, Refusal> {
    let config = &resolved.config;
    let is_empty = || !Node::is_cluster(config) && !Node::exists(&config.dir);
    if !request.needs_processors() && !matches!(request, Request::Submit(_)) && is_empty() {
        return Err(Refusal::BadInput(format!(
            "there is nothing in {}: run gauntlet demo or gauntlet feed first, or name another directory with --dir",
            config.dir.display()
        )));
    }
    let node = match Node::open(config, Role::Visitor, interrupted) {
        Ok(node) => node,
        Err(refusal) => {
            // In use: whoever holds the directory may take commands.
            return match remote::send(&config.dir, request) {
                Some(answer) if matches!(refusal, Refusal::Outside(_)) => answer,
                _ => Err(refusal),
            };
        }
    };
    if !request.needs_processors() {
        return request.answer(&node, None, quiet);
    }
    let running = node.start()?;
    let answer = request.answer(&node, Some(&running), quiet);
    // A failure of a processor is the better explanation of an answer that did not come.
    match (running.stop(), answer) {
        (Err(failure), Err(Refusal::Interrupted) | Ok(_)) => Err(failure.into()),
        (_, answer) => answer,
    }
}

/// SIGINT and SIGTERM raise a flag; the command in hand comes to a safe end.
fn on_signals() -> Result<Arc<AtomicBool>, Refusal> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = interrupted.clone();
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))
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
