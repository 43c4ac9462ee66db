//! Reads a file again and again and prints rows a second: `throughput FILE [SECONDS]`.
#![allow(clippy::print_stdout)] // a measurement to be read off

use std::time::{Duration, Instant};

use gauntlet_domain::InstrumentId;
use gauntlet_feed::{FeedError, Options, open};

fn main() -> Result<(), FeedError> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_default();
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(2);
    let symbol = arguments.next().unwrap_or_else(|| "BTCUSDT".to_owned());
    let venue = arguments.next().unwrap_or_else(|| "BINANCE_USDM".to_owned());
    let instrument = InstrumentId::new(&symbol, &venue).expect("a symbol and a venue");
    let options = Options::new(instrument);
    let (mut rows, start) = (0, Instant::now());
    while start.elapsed() < Duration::from_secs(seconds) {
        let mut source = open(path.as_ref(), &options)?;
        while source.next_block()?.is_some() {}
        rows += source.rows_read();
    }
    println!("{:.2} million rows a second", rows as f64 / start.elapsed().as_secs_f64() / 1e6);
    Ok(())
}
