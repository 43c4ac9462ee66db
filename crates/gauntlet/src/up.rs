//! `up`, `run` and `demo`: processors in one process that serves until it is stopped.

use std::sync::Arc;

use gauntlet_operations::{Answer, Node, Refusal};
use gauntlet_runtime::Running;

use crate::report::Report;
use crate::serve::{Listeners, serve};

/// Runs until a signal or a failure.
#[allow(clippy::print_stderr)]
pub fn up(node: Node, processors: Vec<&'static str>, quiet: bool) -> Result<Report, Refusal> {
    let node = Arc::new(node);
    let listeners = Listeners::bind(&node.config)?;
    let running = Arc::new(node.start_only(processors)?);
    serve(&node, &running, listeners, |address| {
        if !quiet {
            eprintln!("up: {address} (the link is good once; Ctrl-C stops)");
        }
    })?;
    let running = Arc::into_inner(running);
    match running.map(Running::stop) {
        Some(Err(failure)) => Err(failure.into()),
        _ => Ok(Report {
            code: 0,
            json: serde_json::json!({ "stopped": true }),
            text: "stopped; everything acknowledged is kept".into(),
        }),
    }
}

/// Runs the demo; serves afterwards unless told not to.
#[allow(clippy::print_stderr)]
pub fn demo(node: Node, no_serve: bool, json: bool) -> Result<Report, Refusal> {
    let node = Arc::new(node);
    let listeners = if no_serve { None } else { Some(Listeners::bind(&node.config)?) };
    // Whoever stays archives too.
    let running = Arc::new(if no_serve { node.start()? } else { node.start_only(node.processors.names())? });
    let answer = gauntlet_operations::demo::demo(&node, &running, crate::watching(json))?;
    let report = Report::of(&Answer::Demonstrated(answer))?;
    if let Some(listeners) = listeners {
        crate::report::print(&report, json)?;
        serve(&node, &running, listeners, |address| {
            eprintln!("serving {address} (the link is good once; Ctrl-C stops)");
        })?;
    }
    match Arc::into_inner(running).map(Running::stop) {
        Some(Err(failure)) => Err(failure.into()),
        _ if no_serve => Ok(report),
        _ => Ok(Report::silent()),
    }
}
