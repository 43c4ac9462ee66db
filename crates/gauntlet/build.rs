//! Says which commit the binary is built from, where there is a history to ask or `GAUNTLET_COMMIT` names it.

use std::process::Command;

fn main() {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok().filter(|output| output.status.success())?;
        let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        (!text.is_empty()).then_some(text)
    };
    let version = env!("CARGO_PKG_VERSION");
    let named =
        || std::env::var("GAUNTLET_COMMIT").ok().filter(|commit| commit.len() >= 12 && commit.is_ascii());
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).or_else(|| Some(named()?[..12].to_owned()));
    let version = match commit {
        Some(commit) => format!("{version} ({commit})"),
        None => version.to_owned(),
    };
    println!("cargo:rustc-env=GAUNTLET_VERSION={version}");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=GAUNTLET_COMMIT");
    // Grows with every commit.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo:rerun-if-changed={log}");
    }
}
