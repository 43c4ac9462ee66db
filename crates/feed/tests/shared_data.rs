//! Every file of the shared market data is read whole, and what is known of each comes out.

use std::collections::BTreeMap;
use std::path::PathBuf;

use gauntlet_domain::market::{BarBlock, ROWS_PER_BLOCK, TickBlock, TickKind};
use gauntlet_domain::{InstrumentId, Scale, Timestamp};
use gauntlet_feed::{Block, FeedError, Format, Options, Source, open};

fn data() -> PathBuf {
    let place = std::env::var_os("GAUNTLET_SHARED_DATA").map(PathBuf::from);
    let place =
        place.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"));
    assert!(
        place.join("MANIFEST.csv").is_file(),
        "no market data at {}: set GAUNTLET_SHARED_DATA to the folder of MANIFEST.csv",
        place.display()
    );
    place
}

/// Path, rows and SHA-256 of the files below a folder.
fn manifest(folder: &str) -> Vec<(String, u64, String)> {
    let text = std::fs::read_to_string(data().join("MANIFEST.csv")).unwrap();
    let files: Vec<_> = text
        .lines()
        .skip(1)
        .map(|line| line.split(',').collect::<Vec<_>>())
        .filter(|fields| fields[0].starts_with(folder))
        .map(|fields| (fields[0].to_owned(), fields[1].parse().unwrap(), fields[3].to_owned()))
        .collect();
    assert!(!files.is_empty(), "nothing below {folder} in the manifest");
    files
}

fn options(symbol: &str, venue: &str) -> Options {
    Options::new(InstrumentId::new(symbol, venue).unwrap())
}

fn source(path: &str, options: &Options) -> Source {
    open(&data().join(path), options).unwrap()
}

fn blocks(source: &mut Source) -> Vec<Block> {
    std::iter::from_fn(|| source.next_block().unwrap()).collect()
}

/// All blocks, and rows read.
fn ticks(path: &str, options: &Options) -> (Vec<TickBlock>, u64) {
    let mut source = source(path, options);
    let blocks: Vec<TickBlock> = blocks(&mut source)
        .into_iter()
        .map(|block| match block {
            Block::Ticks(block) => block,
            Block::Bars(_) => panic!("{path} has ticks"),
        })
        .collect();
    for (number, block) in blocks.iter().enumerate() {
        assert_eq!(block.block, number as i64);
        assert!(block.len() == ROWS_PER_BLOCK || number + 1 == blocks.len());
        for column in [&block.sequences, &block.asks, &block.sizes, &block.ask_sizes] {
            assert!(column.is_empty() || column.len() == block.len());
        }
        assert_eq!(
            (block.rows.len(), block.kinds.len(), block.prices.len()),
            (block.len(), block.len(), block.len())
        );
    }
    if source.format() != Format::Parquet {
        assert_eq!(source.bytes_read() / 1024, source.bytes_total() / 1024, "{path}");
    }
    (blocks, source.rows_read())
}

fn bars(path: &str, options: &Options) -> (Vec<BarBlock>, u64) {
    let mut source = source(path, options);
    let blocks = blocks(&mut source).into_iter().map(|block| match block {
        Block::Bars(block) => block,
        Block::Ticks(_) => panic!("{path} has bars"),
    });
    (blocks.collect(), source.rows_read())
}

fn length(blocks: &[TickBlock]) -> u64 {
    blocks.iter().map(|block| block.len() as u64).sum()
}

fn kinds(blocks: &[TickBlock]) -> BTreeMap<TickKind, usize> {
    let mut counts = BTreeMap::new();
    for code in blocks.iter().flat_map(|block| &block.kinds) {
        *counts.entry(TickKind::from_code(*code).unwrap()).or_default() += 1;
    }
    counts
}

fn bar_length(blocks: &[BarBlock]) -> u64 {
    blocks.iter().map(|block| block.rows.len() as u64).sum()
}

fn time(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().0
}

fn price(text: &str) -> i64 {
    Scale::USUAL.parse_price(text.as_bytes()).unwrap().0
}

/// Reads every quote file of a folder; returns all blocks.
fn quote_folder(folder: &str, symbol: &str, venue: &str, utc_offset_seconds: i32) -> Vec<TickBlock> {
    let options = Options { utc_offset_seconds, ..options(symbol, venue) };
    let mut all = Vec::new();
    for (path, rows, hash) in manifest(folder) {
        let opened = source(&path, &options);
        assert_eq!(
            (opened.identity().file.to_string(), opened.format()),
            (hash.clone(), Format::LeanQuote),
            "{path}"
        );
        assert!(path.ends_with(opened.name()));
        let (blocks, read) = ticks(&path, &options);
        assert_eq!((read, length(&blocks)), (rows, rows), "{path}");
        let source = opened.source_hash().to_string();
        assert!(blocks.iter().all(|block| block.source == source && block.sizes.is_empty()), "{path}");
        let numbers = blocks.iter().flat_map(|block| &block.rows).copied();
        assert!(numbers.eq(1..=rows as i64), "{path}");
        all.extend(blocks);
    }
    assert_eq!(kinds(&all).keys().collect::<Vec<_>>(), [&TickKind::Quote]);
    all
}

#[test]
fn fxcm_quotes_are_moved_to_utc_and_keep_their_faults() {
    let blocks = quote_folder("ticks/eurusd_fxcm/", "EURUSD", "FXCM", -5 * 3600);
    let (mut crossed, mut locked) = (0, 0);
    for (bid, ask) in blocks.iter().flat_map(|block| block.prices.iter().zip(&block.asks)) {
        crossed += u32::from(bid > ask);
        locked += u32::from(bid == ask);
    }
    assert_eq!((crossed, locked), (116_871, 142_462));
    let (sunday, _) = ticks(
        "ticks/eurusd_fxcm/20140504_quote.zip",
        &Options { utc_offset_seconds: -5 * 3600, ..options("EURUSD", "FXCM") },
    );
    assert_eq!(sunday[0].times[0], time("2014-05-04T19:00:51.815Z"));
    assert_eq!((sunday[0].prices[0], sunday[0].asks[0]), (price("1.387"), price("1.3879")));
}

#[test]
fn nzdusd_quotes_are_read() {
    let blocks = quote_folder("ticks/nzdusd_fxcm/", "NZDUSD", "FXCM", -5 * 3600);
    let pairs = blocks.iter().flat_map(|block| block.prices.iter().zip(&block.asks));
    assert_eq!(pairs.filter(|(bid, ask)| bid > ask).count(), 3_755);
}

#[test]
fn oanda_quotes_are_utc_already() {
    let blocks = quote_folder("ticks/eurusd_oanda/", "EURUSD", "OANDA", 0);
    assert_eq!(length(&blocks), 532_903);
    assert_eq!(blocks[0].times[0] / 86_400_000_000_000, time("2014-05-01") / 86_400_000_000_000);
}

#[test]
fn gold_quotes_keep_fractions_of_a_millisecond() {
    let blocks = quote_folder("ticks/xauusd_oanda/", "XAUUSD", "OANDA", 0);
    assert_eq!(length(&blocks), 917_876);
    assert_eq!(
        blocks[0].times[..2],
        [time("2014-05-04T22:00:00.579427Z"), time("2014-05-04T22:00:00.6130668Z")]
    );
    let last = blocks.iter().rfind(|block| block.times.first() < Some(&time("2014-05-05"))).unwrap();
    assert_eq!(*last.times.last().unwrap(), time("2014-05-04T23:59:57.3891722Z"));
    assert_eq!((last.prices.last(), last.asks.last()), (Some(&price("1300.34")), Some(&price("1300.792"))));
}

#[test]
fn coinbase_trades_have_sides_and_sizes() {
    let (blocks, read) = ticks("ticks/questdb/btc_trades.csv", &options("BTC-USD", "COINBASE"));
    assert_eq!((read, length(&blocks)), (5_882, 5_882));
    assert_eq!(kinds(&blocks).into_keys().collect::<Vec<_>>(), [TickKind::Buy, TickKind::Sell]);
    let block = &blocks[0];
    assert_eq!(block.kinds[0], TickKind::Sell as u8);
    assert_eq!((block.times[0], block.prices[0]), (time("2023-09-05T16:00:01.281719Z"), price("25741.02")));
    assert_eq!(block.sizes[..3], [2_188_038, 184_646, 3_844]);
    assert!(block.asks.is_empty() && block.ask_sizes.is_empty() && block.sequences.is_empty());
}

#[test]
fn stock_trades_take_their_sizes_from_the_day_volume() {
    let symbols =
        ["AAPL", "AMD", "AMZN", "AVGO", "GOOGL", "INTC", "META", "MSFT", "NVDA", "TSLA", "NFLX", "GOOG"];
    let (mut found, mut rows, mut decreased) = (0, 0, 0);
    for symbol in symbols {
        let mut source = source("ticks/questdb/nasdaq_trades.csv.gz", &options(symbol, "NASDAQ"));
        loop {
            match source.next_block() {
                Ok(Some(Block::Ticks(block))) => {
                    found += i32::from(block.block == 0);
                    rows += block.len();
                    decreased +=
                        block.kinds.iter().filter(|kind| **kind == TickKind::TotalDecreased as u8).count();
                }
                Ok(Some(Block::Bars(_))) => panic!("stock trades are ticks"),
                Ok(None) => break assert_eq!(source.rows_read(), 14_842),
                Err(FeedError::NoMatch { found, .. }) => break assert!(found.contains("TSLA"), "{found}"),
                Err(error) => panic!("{error}"),
            }
        }
    }
    assert_eq!((found, rows, decreased), (9, 14_842, 1));
    let (blocks, _) = ticks("ticks/questdb/nasdaq_trades.csv.gz", &options("AMD", "NASDAQ"));
    assert_eq!(blocks[0].rows[..2], [2, 3]);
    assert_eq!(blocks[0].sizes[..2], [0, (29_585_630 - 29_575_824) * 100_000_000]);
    assert_eq!(blocks[0].prices[0], price("110.241096497"));
}

#[test]
fn recordings_make_trades_and_quotes_in_order_of_arrival() {
    // Spot sends no time with its quotes; they have the recorder's, whose clock is 1.27 s behind that of the trades.
    // `behind` are the rows behind the venue's latest time, as the data's README counts them.
    for (path, venue, depth, quotes, trades, behind) in [
        ("ticks/binance_raw/usdm_btcusdt_20240808.gz", "BINANCE_USDM", 6_552, 66_089, 21_313, 7_264),
        ("ticks/binance_raw/spot_btcusdt_20240808.gz", "BINANCE_SPOT", 3_451, 28_040, 9_757, 2_168),
        ("ticks/binance_raw/spot_btcusdt_20240809.gz", "BINANCE_SPOT", 3_044, 45_134, 10_147, 272),
    ] {
        let (blocks, read) = ticks(path, &options("BTCUSDT", venue));
        let listed = manifest(path)[0].1;
        let counts = kinds(&blocks);
        let of_quotes = if venue == "BINANCE_USDM" { TickKind::Quote } else { TickKind::ReceivedQuote };
        assert_eq!(read, listed, "{path}");
        assert_eq!(counts[&TickKind::Book], depth, "{path}");
        assert_eq!(counts[&of_quotes], quotes, "{path}");
        assert_eq!(counts[&TickKind::Buy] + counts[&TickKind::Sell], trades, "{path}");
        assert_eq!(counts.len(), 4, "{path}");
        let mut latest = i64::MIN;
        let venue_times = blocks.iter().flat_map(|block| {
            let kinds = block.kinds.iter().map(|kind| *kind != TickKind::ReceivedQuote as u8);
            block.times.iter().zip(kinds).filter(|(_, is_venues)| *is_venues).map(|(time, _)| *time)
        });
        let late = venue_times.filter(|time| {
            latest = latest.max(*time);
            *time < latest
        });
        assert_eq!(late.count(), behind, "{path}");
        // Each stream by itself is in order, in time and in number.
        for is_quote in [true, false] {
            let of_stream = |block: &TickBlock, column: &[i64]| -> Vec<i64> {
                let stream = if is_quote { [of_quotes; 2] } else { [TickKind::Buy, TickKind::Sell] };
                let kinds = block.kinds.iter().map(|kind| stream.iter().any(|of| *kind == *of as u8));
                column.iter().zip(kinds).filter(|(_, wanted)| *wanted).map(|(value, _)| *value).collect()
            };
            assert!(blocks.iter().flat_map(|block| of_stream(block, &block.times)).is_sorted(), "{path}");
            let numbers: Vec<i64> =
                blocks.iter().flat_map(|block| of_stream(block, &block.sequences)).collect();
            assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{path}");
        }
    }
}

#[test]
fn trades_in_parquet_are_picked_by_symbol_and_market() {
    let path = "ticks/binance_trades.parquet";
    let listed = manifest(path)[0].1;
    let (usdm, read) = ticks(path, &options("BTCUSDT", "BINANCE_USDM"));
    assert_eq!(read, listed);
    let (spot, _) = ticks(path, &Options { market: Some("spot".into()), ..options("BTCUSDT", "BINANCE") });
    let all = length(&usdm) + length(&spot);
    assert!(0 < length(&usdm) && 0 < length(&spot) && all < listed);
    // The same trades as in the recordings, to the last digit.
    for (path, venue) in [
        ("ticks/binance_raw/usdm_btcusdt_20240808.gz", "BINANCE_USDM"),
        ("ticks/binance_raw/spot_btcusdt_20240808.gz", "BINANCE_SPOT"),
    ] {
        let recorded = trades(&ticks(path, &options("BTCUSDT", venue)).0);
        let tabled = trades(if venue.ends_with("USDM") { &usdm } else { &spot });
        assert_eq!(tabled[..recorded.len()], recorded, "{path}");
    }
    let error = open(&data().join(path), &options("BTCUSDT", "BINANCE")).err().unwrap();
    assert!(matches!(&error, FeedError::SeveralMarkets { .. }), "{error}");
    let error = open(&data().join(path), &options("IBM", "BINANCE_SPOT")).err().unwrap();
    assert!(error.to_string().contains("no row of IBM in market spot, but of "), "{error}");
}

/// Sequence, time, kind, price and size of all trades.
fn trades(blocks: &[TickBlock]) -> Vec<(i64, i64, u8, i64, i64)> {
    let mut trades = Vec::new();
    for block in blocks {
        for row in 0..block.len() {
            if [TickKind::Buy as u8, TickKind::Sell as u8].contains(&block.kinds[row]) {
                trades.push((
                    block.sequences[row],
                    block.times[row],
                    block.kinds[row],
                    block.prices[row],
                    block.sizes[row],
                ));
            }
        }
    }
    trades
}

#[test]
fn quotes_in_parquet_take_the_recorders_time_where_the_venue_sends_none() {
    let path = "ticks/binance_best_quotes.parquet";
    let listed = manifest(path)[0].1;
    let (usdm, read) = ticks(path, &options("BTCUSDT", "BINANCE_USDM"));
    assert_eq!(read, listed);
    let (spot, _) = ticks(path, &options("BTCUSDT", "BINANCE_SPOT"));
    assert_eq!(length(&spot), 28_040 + 45_134);
    assert!(
        usdm.iter().chain(&spot).all(|block| block.kinds.iter().all(|kind| *kind == TickKind::Quote as u8))
    );
    assert_eq!(spot[0].times[0], 1_723_161_254_087_891_268);
    assert_eq!((spot[0].prices[0], spot[0].asks[0]), (price("61837.63"), price("61837.64")));
    assert_eq!((spot[0].sizes[0], spot[0].ask_sizes[0]), (378_826_000, 154_698_000));
    assert_eq!((usdm[0].times[0], usdm[0].sequences[0]), (1_723_161_256_313_000_000, 5_123_107_839_020));
}

#[test]
fn gold_hours_are_bars_of_the_mid() {
    let (blocks, read) = bars("bars/xauusd_oanda_hour.zip", &options("XAUUSD", "OANDA"));
    assert_eq!((read, bar_length(&blocks)), (76_499, 76_499));
    let first = &blocks[0];
    assert_eq!((first.spec.as_str(), first.open_times[0]), ("time:1h", time("2006-03-20")));
    assert_eq!((first.opens[0], first.closes[0]), (price("554.05"), price("555.45")));
    assert_eq!((first.open_spreads[0], first.close_spreads[0]), (price("2.5"), price("2.5")));
    assert!(first.volumes.is_empty());
    let last = blocks.last().unwrap();
    assert_eq!(*last.open_times.last().unwrap(), time("2019-02-25T23:00:00Z"));
    assert_eq!(*last.highs.last().unwrap(), price("1327.939"));
}

#[test]
fn files_of_bars_are_read_whole() {
    for (path, symbol, spec, rows, faults) in [
        ("bars/btc_perp_1m_202201.csv.gz", "BTCPERP", "time:1m", 45_031, 0),
        ("bars/btcusd_coinbase_daily_trade.zip", "BTCUSD", "time:1d", 1_318, 0),
        ("bars/gbpusd_1m_ask_201202.csv.gz", "GBPUSD-ASK", "time:1m", 30_117, 0),
        ("bars/gbpusd_1m_bid_201202.csv.gz", "GBPUSD-BID", "time:1m", 30_117, 0),
        ("bars/sp500_index_daily.csv.gz", "SP500", "time:1d", 5_031, 0),
        ("bars/us_stocks_adjclose_10.csv.gz", "JPM", "time:1d", 8_313, 0),
        ("bars/us_stocks_daily.csv.gz", "AAPL", "time:1d", 3_270, 0),
        ("bars/wti_oil_daily.csv.gz", "WTI", "time:1d", 8_611, 290),
    ] {
        let (blocks, read) = bars(path, &options(symbol, "TEST"));
        assert_eq!((read, bar_length(&blocks)), (manifest(path)[0].1, rows), "{path}");
        assert!(blocks.iter().all(|block| block.spec == spec), "{path}");
        assert!(blocks.iter().flat_map(|block| &block.open_times).is_sorted(), "{path}");
        let bad = blocks.iter().flat_map(|block| &block.kinds).filter(|kind| **kind != 1).count();
        assert_eq!(bad, faults, "{path}");
    }
    let (jpm, _) = bars("bars/us_stocks_adjclose_10.csv.gz", &options("JPM", "NYSE"));
    assert_eq!(
        (jpm[0].opens[0], jpm[0].lows[0], jpm[0].open_times[0]),
        (price("3.394"), price("3.394"), time("1990-01-02"))
    );
    let (msft, _) = bars("bars/us_stocks_daily.csv.gz", &options("MSFT", "NASDAQ"));
    assert_eq!(msft[0].rows[0], 3_271);
    let (sp500, _) = bars("bars/sp500_index_daily.csv.gz", &options("SP500", "SP"));
    assert_eq!((sp500[0].opens[0], sp500[0].open_times[0]), (price("1229.22998"), time("1999-01-04")));
    assert_eq!(sp500[0].volumes[0], 877_000_000 * 100_000_000);
}

#[test]
fn repaired_and_unrepaired_bars_come_oldest_first() {
    let mut weekly = 0;
    for (path, rows, _) in manifest("dirty_bars/") {
        let mut options = options("X", "YAHOO");
        if path.contains("-1wk-") {
            let error = source(&path, &options).next_block().unwrap_err();
            let words = "longer than a day: bars go from time:1s to time:1d, feed finer ones";
            assert!(error.to_string().ends_with(words), "{error}");
            weekly += 1;
            // Said to be days, they would be traded before their weeks are over.
            options.bar_spec = Some("time:1d".parse().unwrap());
            let error = source(&path, &options).next_block().unwrap_err();
            assert!(error.to_string().contains("usually 7 days apart"), "{error}");
            continue;
        }
        let (blocks, read) = bars(&path, &options);
        assert_eq!((read, bar_length(&blocks)), (rows, rows), "{path}");
        let expected = if path.contains("-1h-") { "time:1h" } else { "time:1d" };
        assert_eq!(blocks[0].spec, expected, "{path}");
        assert!(blocks[0].kinds.iter().all(|kind| *kind == 1), "{path}");
        assert!(blocks[0].open_times.is_sorted(), "{path}");
    }
    assert_eq!(weekly, 2);
    let (hours, _) = bars("dirty_bars/ASAI-L-1h-bad-unit.csv", &options("ASAI", "LSE"));
    assert_eq!(hours[0].open_times[0], time("2024-10-21T09:00:00Z"));
    let (turned, _) = bars("dirty_bars/4063-T-1d-bad-stock-split.csv", &options("4063", "TSE"));
    assert_eq!((turned[0].rows[0], turned[0].open_times[0]), (22, time("2023-03-14T15:00:00Z")));
}
