//! Starts the servers that suites share, prints how `GAUNTLET_TEST_SERVERS` names them, and stops them when its standard
//! input ends.
#![allow(clippy::print_stdout)]

use std::io::{Read, Write};

use gauntlet_servers::shared::Servers;

fn main() -> std::io::Result<()> {
    let servers = Servers::start();
    println!("{}", servers.names());
    std::io::stdout().flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
