//! The binary itself answers. That this test exists also makes `cargo test` build it: the suites in `tests/` run it.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::process::Command;

#[test]
fn the_binary_says_what_it_is_and_what_it_can_do() {
    let run = |argument: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_gauntlet")).arg(argument).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{argument}");
        String::from_utf8(output.stdout).unwrap()
    };
    // And the commit, where it is built from one.
    let version = run("--version");
    let rest = version.trim().strip_prefix(concat!("gauntlet ", env!("CARGO_PKG_VERSION")));
    let rest = rest.unwrap_or_else(|| panic!("{version}"));
    assert!(rest.is_empty() || (rest.starts_with(" (") && rest.ends_with(')')), "{version}");
    let help = run("--help");
    for command in ["demo", "up", "feed", "submit", "ls", "show", "replay", "verify", "digest"] {
        assert!(
            help.lines().any(|line| line.trim_start().starts_with(command)),
            "{command} is not in: {help}"
        );
    }
}
