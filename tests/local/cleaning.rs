//! Real data through `feed`: every fault that the data's README lists is found, counted and shown, and bars are what an
//! independent tool makes of the same quotes.

use std::path::Path;
use std::time::Duration;

use gauntlet_domain::market::Bar;
use gauntlet_domain::topics::{MARKET_BARS, MARKET_BARS_V2};
use gauntlet_domain::{Event, Timestamp};
use gauntlet_log::{EventLog, LocalLog, Positions, TopicPartition};
use gauntlet_tests::{Dir, Json, bundled, digest_of, gauntlet, number, repository, shared};
use gauntlet_wire::Codec;

/// Feeds a file or folder as an instrument `SYMBOL.VENUE`.
fn feed(dir: &Dir, path: &Path, instrument: &str, more: &[&str]) -> Json {
    let (symbol, venue) = instrument.split_once('.').unwrap();
    let mut args = vec!["feed", path.to_str().unwrap(), "--instrument", symbol, "--venue", venue];
    args.extend(more);
    gauntlet(args).on(dir).ok()
}

/// Reads, accepts, gaps, then counts by reason; what is not named has to be absent.
fn check(what: &str, report: &Json, read: i64, gaps: i64, reasons: &[(&str, i64)]) {
    assert_eq!(number(report, "read"), read, "{what}: {report}");
    assert_eq!(number(report, "gaps"), gaps, "{what}: {report}");
    let mut expected = serde_json::json!({ "rejected": {}, "corrected": {} });
    for (reason, count) in reasons {
        let (group, name) = reason.split_once('.').unwrap();
        expected[group][name] = (*count).into();
    }
    for group in ["rejected", "corrected"] {
        assert_eq!(report[group], expected[group], "{what}, {group}");
    }
    let rejected: i64 = report["rejected"].as_object().unwrap().values().filter_map(Json::as_i64).sum();
    assert!(number(report, "accepted") > 0, "{what}: nothing was accepted");
    let answered: i64 =
        report["sources"].as_array().unwrap().iter().map(|s| number(s, "accepted")).sum::<i64>() + rejected;
    let published: i64 = number(report, "published");
    assert_eq!(answered, published, "{what}: every published row is accepted or rejected");
    eprintln!("{what}: {read} rows read, {published} of the instrument, {rejected} rejected");
}

#[test]
fn eurusd_of_fxcm_is_crossed_and_locked_as_listed() {
    let dir = Dir::new();
    let folder = shared("ticks/eurusd_fxcm");
    let first = feed(&dir, &folder, "EURUSD.FXCM", &["--utc-offset", "-05:00"]);
    let reasons = [
        ("rejected.crossed", 116_871),
        ("rejected.outlier", 2),
        ("corrected.locked", 142_462),
        ("corrected.level_shift", 53),
    ];
    check("EURUSD.FXCM", &first, 1_144_807, 2, &reasons);

    // The spike at the payrolls of 2 May, 12:30 UTC, is those two rows: the clock's offset was heeded.
    let filter = "reason == 'outlier'";
    let outliers = gauntlet(["ls", "quality", "--filter", filter]).on(&dir).ok();
    let [first_outlier, second] = outliers.as_array().unwrap().as_slice() else { panic!("{outliers}") };
    for outlier in [first_outlier, second] {
        assert!(outlier["time"].as_str().unwrap().starts_with("2014-05-02T12:30:01.74"), "{outlier}");
        assert_eq!(outlier["action"], "rejected");
    }

    let before = digest_of(&dir.node());
    let again = feed(&dir, &folder, "EURUSD.FXCM", &["--utc-offset", "-05:00"]);
    assert_eq!(number(&again, "published"), 0);
    for count in ["read", "accepted", "rejected", "corrected", "gaps"] {
        assert_eq!(again[count], first[count], "{count}");
    }
    assert!(again["sources"].as_array().unwrap().iter().all(|source| source["already_there"] == true));
    digest_of(&dir.node()).assert_equals(&before, "the same files twice");
}

#[test]
fn every_other_file_of_quotes_has_its_listed_faults() {
    let dir = Dir::new();
    let nzdusd = feed(&dir, &shared("ticks/nzdusd_fxcm"), "NZDUSD.FXCM", &["--utc-offset", "-05:00"]);
    let reasons = [
        ("rejected.crossed", 3_755),
        ("rejected.outlier", 6),
        ("corrected.locked", 2_540),
        ("corrected.level_shift", 16),
    ];
    check("NZDUSD.FXCM", &nzdusd, 174_686, 2, &reasons);
    let eurusd = feed(&dir, &shared("ticks/eurusd_oanda"), "EURUSD.OANDA", &[]);
    let reasons = [("rejected.duplicate", 1), ("corrected.level_shift", 6)];
    check("EURUSD.OANDA", &eurusd, 532_903, 2, &reasons);
    let gold = feed(&dir, &shared("ticks/xauusd_oanda"), "XAUUSD.OANDA", &[]);
    let reasons = [("rejected.outlier", 5), ("corrected.level_shift", 2)];
    check("XAUUSD.OANDA", &gold, 917_876, 4, &reasons);
    // The daily break of 46 minutes is four gaps of a five-day week.
    let gaps = gauntlet(["ls", "quality", "--filter", "reason == 'gap' and instrument == 'XAUUSD.OANDA'"]);
    let gaps = gaps.on(&dir).ok();
    assert_eq!(gaps.as_array().unwrap().len(), 4, "{gaps}");
    assert!(gaps.as_array().unwrap().iter().all(|gap| gap["until"].is_string()), "{gaps}");
}

#[test]
fn recordings_of_binance_are_put_in_order() {
    let dir = Dir::new();
    let usdm = feed(&dir, &shared("ticks/binance_raw/usdm_btcusdt_20240808.gz"), "BTCUSDT.BINANCE_USDM", &[]);
    let reasons = [("corrected.out_of_order", 7_264), ("corrected.level_shift", 8)];
    check("BTCUSDT usdm", &usdm, 93_954, 0, &reasons);
    // 28,040 best quotes have no time of the venue; 13,208 messages have one.
    let spot = feed(&dir, &shared("ticks/binance_raw/spot_btcusdt_20240808.gz"), "BTCUSDT.BINANCE_SPOT", &[]);
    let reasons =
        [("corrected.out_of_order", 2_168), ("rejected.wide_spread", 3), ("corrected.level_shift", 5)];
    check("BTCUSDT spot", &spot, 41_249, 0, &reasons);
    assert_eq!(number(&spot, "published"), 28_040 + 13_208);
    let next = feed(&dir, &shared("ticks/binance_raw/spot_btcusdt_20240809.gz"), "BTCUSDT.BINANCE_SPOT", &[]);
    check("BTCUSDT spot, the next day", &next, 58_325, 0, &[("corrected.out_of_order", 272)]);
    let listed =
        gauntlet(["ls", "quality", "--filter", "reason == 'out_of_order' and action == 'corrected'"]);
    let listed = listed.on(&dir).ok();
    assert_eq!(listed.as_array().unwrap().len(), 7_264 + 2_168 + 272);
}

#[test]
fn parquet_files_of_several_markets_give_one_of_them() {
    let dir = Dir::new();
    let trades = shared("ticks/binance_trades.parquet");
    let usdm = feed(&dir, &trades, "BTCUSDT.BINANCE_USDM", &["--market", "usdm"]);
    check("usdm trades", &usdm, 78_638, 0, &[("corrected.level_shift", 3)]);
    assert_eq!(number(&usdm, "published"), 21_313);
    let quotes = shared("ticks/binance_best_quotes.parquet");
    let usdm = feed(&dir, &quotes, "BTCUSDT.BINANCE_USDM_BOOK", &["--market", "usdm"]);
    check("usdm quotes", &usdm, 335_931, 0, &[("corrected.level_shift", 5)]);
    assert_eq!(number(&usdm, "published"), 66_089);
}

#[test]
fn csv_files_of_trades_are_taken_symbol_by_symbol() {
    let dir = Dir::new();
    let btc = feed(&dir, &shared("ticks/questdb/btc_trades.csv"), "BTC-USD.COINBASE", &[]);
    check("BTC-USD", &btc, 5_882, 0, &[("corrected.level_shift", 3)]);
    let nasdaq = shared("ticks/questdb/nasdaq_trades.csv.gz");
    let of_symbol: [(&str, i64, &[(&str, i64)]); 9] = [
        ("AAPL", 1_981, &[("corrected.level_shift", 1)]),
        ("AMD", 2_395, &[]),
        ("AMZN", 1_757, &[]),
        ("AVGO", 275, &[]),
        ("GOOGL", 1_262, &[]),
        ("META", 1_122, &[("rejected.total_decreased", 1)]),
        ("MSFT", 1_320, &[]),
        ("NVDA", 1_973, &[]),
        ("TSLA", 2_757, &[]),
    ];
    let mut rows = 0;
    for (symbol, published, reasons) in of_symbol {
        let report = feed(&dir, &nasdaq, &format!("{symbol}.NASDAQ"), &[]);
        let gaps = number(&report, "gaps");
        check(symbol, &report, 14_842, gaps, reasons);
        assert_eq!(number(&report, "published"), published, "{symbol}");
        rows += published;
    }
    assert_eq!(rows, 14_842, "every row belongs to one symbol");
}

#[test]
fn bars_that_were_bought_have_their_listed_faults() {
    let dir = Dir::new();
    for side in ["bid", "ask"] {
        let path = shared(&format!("bars/gbpusd_1m_{side}_201202.csv.gz"));
        check(side, &feed(&dir, &path, &format!("GBPUSD{side}.FXCM"), &[]), 30_117, 111, &[]);
    }
    let btc = feed(&dir, &shared("bars/btcusd_coinbase_daily_trade.zip"), "BTCUSD.COINBASE", &[]);
    check("BTCUSD daily", &btc, 1_318, 8, &[]);
    for symbol in ["AAPL", "MSFT"] {
        let stock = feed(&dir, &shared("bars/us_stocks_daily.csv.gz"), &format!("{symbol}.US"), &[]);
        check(symbol, &stock, 6_540, 709, &[]);
        assert_eq!(number(&stock, "published"), 3_270);
    }
    let bac = feed(&dir, &shared("bars/us_stocks_adjclose_10.csv.gz"), "BAC.US", &[]);
    check("BAC closes", &bac, 8_313, 1_798, &[]);
    let sp500 = feed(&dir, &shared("bars/sp500_index_daily.csv.gz"), "SP500.INDEX", &[]);
    check("S&P 500", &sp500, 5_031, 1_090, &[]);
    let wti = feed(&dir, &shared("bars/wti_oil_daily.csv.gz"), "WTI.FRED", &[]);
    check("WTI", &wti, 8_611, 1_772, &[("rejected.not_a_number", 290)]);
    let perp = feed(&dir, &shared("bars/btc_perp_1m_202201.csv.gz"), "BTC.PERP", &[]);
    check("BTC perpetual, no gap", &perp, 45_031, 0, &[]);
    let gold = feed(&dir, &shared("bars/xauusd_oanda_hour.zip"), "XAUUSD.OANDA", &[]);
    check("gold hours", &gold, 76_499, 1_524, &[]);

    let missing =
        gauntlet(["ls", "quality", "--filter", "reason == 'not_a_number'", "--sort", "row", "--limit", "2"]);
    let missing = missing.on(&dir).ok();
    let [first, second] = missing.as_array().unwrap().as_slice() else { panic!("{missing}") };
    assert_eq!((number(first, "row"), first["time"].as_str()), (33, Some("1986-02-17T00:00:00Z")), "{first}");
    assert_eq!((number(second, "row"), second["instrument"].as_str()), (62, Some("WTI.FRED")), "{second}");
}

#[test]
fn a_bar_off_by_a_hundred_is_an_outlier_and_a_level_that_lasts_is_flagged() {
    let dir = Dir::new();
    let cases: [(&str, i64, &[(&str, i64)]); 8] = [
        // Ten days a hundred times as high, after four days on end at one price.
        ("AET-L-1d-100x-error", 23, &[("corrected.level_shift", 1)]),
        ("SSW-JO-1d-100x-error", 29, &[("rejected.inconsistent_bar", 4), ("corrected.level_shift", 1)]),
        ("SSW-JO-1d-100x-error-fixed", 29, &[("rejected.inconsistent_bar", 4)]),
        ("ASAI-L-1h-bad-unit", 20, &[("rejected.outlier", 1)]),
        ("ASAI-L-1h-bad-unit-fixed", 20, &[]),
        ("4063-T-1d-bad-stock-split", 22, &[("corrected.level_shift", 1)]),
        ("4063-T-1d-bad-stock-split-fixed", 22, &[]),
        ("SPM-MI-1d-bad-stock-split-fixed", 22, &[]),
    ];
    for (name, bars, expected) in cases {
        let path = shared(&format!("dirty_bars/{name}.csv"));
        let report = feed(&dir, &path, &format!("{}.YAHOO", name.replace('-', "")), &[]);
        check(name, &report, bars, number(&report, "gaps"), expected);
    }
    for name in ["AV-L-1wk-bad-stock-split", "AV-L-1wk-bad-stock-split-fixed"] {
        let path = shared(&format!("dirty_bars/{name}.csv"));
        let feed = ["feed", path.to_str().unwrap(), "--instrument", "AV", "--venue", "YAHOO"];
        gauntlet(feed).on(&dir).refused(2, &[name, "longer than a day", "time:1s to time:1d"]);
    }
}

#[test]
fn files_in_the_wrong_order_are_late_and_said_so() {
    let (in_order, reversed) = (Dir::new(), Dir::new());
    let (first, second) = (bundled("20140504_quote.zip"), bundled("20140505_quote.zip"));
    feed(&in_order, &first, "XAUUSD.OANDA", &[]);
    feed(&in_order, &second, "XAUUSD.OANDA", &[]);
    feed(&reversed, &second, "XAUUSD.OANDA", &[]);
    let late = feed(&reversed, &first, "XAUUSD.OANDA", &[]);
    assert_eq!((number(&late, "read"), number(&late, "accepted")), (9_889, 0), "{late}");
    assert_eq!(number(&late, "rejected.late"), 9_889, "{late}");
    let text = gauntlet(
        ["feed", first.to_str().unwrap(), "--instrument", "XAUUSD", "--venue", "OANDA", "--dir"]
            .map(std::ffi::OsString::from)
            .into_iter()
            .chain([reversed.node().into()]),
    )
    .run();
    assert_eq!(text.code, Some(0), "{text}");
    assert!(text.stdout.contains("feed history before newer data"), "a person is told what to do: {text}");
    // A folder is fed in the order of its names, so nobody meets this by accident.
    assert_ne!(digest_of(&in_order.node()).all, digest_of(&reversed.node()).all);
}

/// Bars of `gauntlet bars` against pandas, recorded by `oracles/bars_oracle.py`.
#[test]
fn bars_are_what_pandas_makes_of_the_same_quotes() {
    let oracle = std::fs::read_to_string(repository().join("tests/oracles/bars.json")).unwrap();
    let oracle: Json = serde_json::from_str(&oracle).unwrap();
    let path = bundled(oracle["file"].as_str().unwrap());
    let mut compared = 0;
    for (spec, expected) in oracle["specs"].as_object().unwrap() {
        let made = gauntlet(["bars", path.to_str().unwrap(), "--spec", spec, "--json"]).ok();
        assert_eq!(made["read"], oracle["read"]);
        assert_eq!(made["rejected"], oracle["rejected"]);
        let billionths = |bar: &Json, name: &str| (bar[name].as_f64().unwrap() * 1e9).round() as i64;
        let line = |bar: &Json| {
            let prices =
                ["open", "high", "low", "close"].map(|name| billionths(bar, name).to_string()).join(",");
            let open_time: Timestamp = bar["open_time"].as_str().unwrap().parse().unwrap();
            format!("{},{prices},{}", open_time.0, number(bar, "ticks"))
        };
        let lines: Vec<String> = made["bars"].as_array().unwrap().iter().map(line).collect();
        let every = number(expected, "every") as usize;
        let sampled: Vec<&String> = lines.iter().step_by(every).collect();
        let wanted: Vec<&str> =
            expected["lines"].as_array().unwrap().iter().map(|l| l.as_str().unwrap()).collect();
        assert_eq!(sampled, wanted, "{spec}: one bar in {every}");
        assert_eq!(lines.len() as i64, number(expected, "bars"), "{spec}");
        let hash = gauntlet_domain::ContentHash::of(lines.join("\n").as_bytes());
        assert_eq!(
            hash.to_string(),
            expected["sha256"].as_str().unwrap(),
            "{spec}: all {} bars",
            lines.len()
        );
        compared += lines.len();
    }
    eprintln!("{compared} bars equal those of pandas {}", oracle["made_with"]["pandas"]);
    assert!(compared > 30_000, "{compared} bars compared");
}

/// Finer bars add up to coarser ones, from a second to a day; stamps, empty bars and sessions as asked.
#[test]
fn bars_of_all_lengths_add_up_and_follow_their_options() {
    let path = bundled("20140505_quote.zip");
    let bars = |spec: &str, more: &[&str]| -> Vec<Json> {
        let mut args = vec!["bars", path.to_str().unwrap(), "--spec", spec, "--json"];
        args.extend(more);
        gauntlet(args).ok()["bars"].as_array().unwrap().clone()
    };
    let ticks = |bars: &[Json]| bars.iter().map(|bar| number(bar, "ticks")).sum::<i64>();
    let extreme = |bars: &[Json], name: &str, pick: fn(f64, f64) -> f64| {
        bars.iter().map(|bar| bar[name].as_f64().unwrap()).reduce(pick).unwrap()
    };
    let mut last = usize::MAX;
    for spec in ["time:1s", "time:5s", "time:1m", "time:15m", "time:1h", "time:4h", "time:1d"] {
        let made = bars(spec, &[]);
        assert_eq!(ticks(&made), 186_204, "{spec}: every accepted tick is in one bar");
        assert_eq!(
            (made[0]["open"].as_f64(), made.last().unwrap()["close"].as_f64()),
            (Some(1300.567), {
                let day = bars("time:1d", &[]);
                day[0]["close"].as_f64()
            })
        );
        let (high, low) = (extreme(&made, "high", f64::max), extreme(&made, "low", f64::min));
        let day = bars("time:1d", &[]);
        assert_eq!((day[0]["high"].as_f64(), day[0]["low"].as_f64()), (Some(high), Some(low)), "{spec}");
        assert!(made.len() < last, "{spec}: fewer bars than the finer ones");
        last = made.len();
    }
    assert_eq!(last, 1);
    let (close, open) = (bars("time:1h", &[]), bars("time:1h", &["--stamp", "open"]));
    assert!(close.iter().all(|bar| bar["time"] == bar["close_time"]));
    assert!(open.iter().all(|bar| bar["time"] == bar["open_time"]));
    let (skip, fill) = (bars("time:1s", &[]), bars("time:1s", &["--empty", "fill"]));
    let (empty, full): (Vec<&Json>, Vec<&Json>) = fill.iter().partition(|bar| number(bar, "ticks") == 0);
    assert_eq!(full.len(), skip.len());
    assert!(
        !empty.is_empty() && empty.iter().all(|bar| bar["open"] == bar["close"]),
        "flat at the last close"
    );
    let session = bars("time:1h", &["--session", "08:00-16:00"]);
    assert_eq!(session.len(), 8);
    assert!(session[0]["open_time"] == "2014-05-05T08:00:00Z", "{}", session[0]);
    assert!(ticks(&session) < 186_204);
}

/// Bars of one length that the pipeline has put on the log, in order.
fn bars_on_the_log(dir: &Dir, spec: &str) -> Vec<Bar> {
    let mut bars = all_bars_on_the_log(dir);
    bars.retain(|bar| bar.spec.to_string() == spec);
    bars
}

/// Bars that the pipeline has put on the log, in order.
pub(crate) fn all_bars_on_the_log(dir: &Dir) -> Vec<Bar> {
    let log = LocalLog::open(&dir.node().join("log.redb")).unwrap();
    let mut bars = Vec::new();
    for topic in [MARKET_BARS, MARKET_BARS_V2] {
        for partition in 0..log.partitions(topic.name).unwrap() {
            let place = TopicPartition::new(topic.name, partition);
            let (start, end) = log.bounds(&place).unwrap();
            let mut tail = log.tail(&Positions::from([(place, start)])).unwrap();
            let mut left = end - start;
            while left > 0 {
                for record in tail.poll(1000, Duration::from_secs(5)).unwrap() {
                    left -= 1;
                    let event = gauntlet_runtime::events::decode(&Codec::default(), &record).unwrap();
                    if let Event::Bar(bar) = event {
                        bars.push(bar);
                    }
                }
            }
        }
    }
    bars.sort_by_key(|bar| bar.open_time);
    bars
}

/// What both ways of making a bar say about it.
fn line(bar: &Bar) -> Json {
    serde_json::json!({
        "time": bar.time.to_string(), "open": bar.scale.price(bar.open), "high": bar.scale.price(bar.high), "low": bar.scale.price(bar.low),
        "close": bar.scale.price(bar.close), "open_spread": bar.open_spread.map(|s| bar.scale.price(s)),
        "close_spread": bar.close_spread.map(|s| bar.scale.price(s)), "volume": bar.scale.size(bar.volume), "ticks": bar.ticks,
    })
}

/// A CSV of quotes as a recorder writes it: some rows lie half a second behind the one before.
fn late_quotes() -> String {
    let row = |i: i64| {
        let millis = 1_700_000_000_000 + i * 700 - (i % 5 / 4) * 1_200;
        format!("{millis},{}.5,{}.7\n", 100 + i % 3, 100 + i % 3)
    };
    std::iter::once("time,bid,ask\n".to_owned()).chain((0..2_000).map(row)).collect()
}

/// The same file is cleaned the same way by `feed`, by `bars` and by `backtest`, whatever its format.
#[test]
fn a_file_is_cleaned_the_same_way_by_all_who_read_it() {
    let own = Dir::new();
    let late = own.write("quotes.csv", late_quotes());
    let cases: [(&str, &Path, &str, &[&str]); 6] = [
        ("lean-quote", &bundled("20140505_quote.zip"), "XAUUSD", &[]),
        ("csv", &late, "XAUUSD", &[]),
        ("csv", &shared("ticks/questdb/btc_trades.csv"), "BTC-USD", &[]),
        ("parquet", &shared("ticks/binance_best_quotes.parquet"), "BTCUSDT", &["--market", "usdm"]),
        ("parquet", &shared("ticks/binance_trades.parquet"), "BTCUSDT", &["--market", "usdm"]),
        (
            "binance-jsonl",
            &shared("ticks/binance_raw/usdm_btcusdt_20240808.gz"),
            "BTCUSDT",
            &["--market", "usdm"],
        ),
    ];
    let mut corrected_late = 0;
    for (format, path, symbol, more) in cases {
        let what = format!("{format}, {}", path.display());
        let dir = Dir::new();
        let more: Vec<&str> = more.iter().copied().chain(["--format", format]).collect();
        let fed = feed(&dir, path, &format!("{symbol}.LOCAL"), &[&more[..], &["--bars", "time:1s"]].concat());
        let args = ["bars", path.to_str().unwrap(), "--spec", "time:1s", "--instrument", symbol, "--json"];
        let made = gauntlet(args.into_iter().chain(more)).ok();
        for count in ["read", "accepted", "rejected", "corrected", "gaps"] {
            assert_eq!(made[count], fed[count], "{what}: {count}");
        }
        let on_log = bars_on_the_log(&dir, "time:1s");
        let made = made["bars"].as_array().unwrap();
        // The log has what is certain to be complete: the last seconds may not be.
        assert!(
            (made.len() - 3..=made.len()).contains(&on_log.len()),
            "{what}: {} {}",
            made.len(),
            on_log.len()
        );
        for (bar, made) in on_log.iter().zip(made) {
            let expected = line(bar);
            for (field, value) in expected.as_object().unwrap() {
                assert_eq!(&made[field], value, "{what}: {field} of {}", bar.open_time);
            }
        }
        eprintln!("{what}: {} bars are the same", on_log.len());
        if path == late {
            corrected_late = number(&fed, "corrected.out_of_order");
        }
    }
    assert!(corrected_late > 300, "{corrected_late}: a recording may be late");
}

/// Bars that `bars --out` wrote come back at their own times, by `feed` and by `backtest`, and with their spreads.
#[test]
fn bars_written_to_a_file_are_read_back_as_they_were() {
    let own = Dir::new();
    let quotes = bundled("20140505_quote.zip");
    for name in ["bars.csv", "bars.parquet"] {
        let out = own.write("document.yaml", "").with_file_name(name);
        let paths = [&quotes, &out].map(|path| path.to_str().unwrap());
        let made = gauntlet(["bars", paths[0], "--spec", "time:1m", "--out", paths[1], "--json"]).ok();
        let values = ["time", "open", "high", "low", "close", "open_spread", "close_spread", "volume"];
        let written: Vec<Json> = made["bars"]
            .as_array()
            .unwrap()
            .iter()
            .map(|bar| values.iter().map(|name| bar[*name].clone()).collect())
            .collect();
        let dir = Dir::new();
        feed(&dir, &out, "XAUUSD.OANDA", &[]);
        let read: Vec<Json> = bars_on_the_log(&dir, "time:1m")
            .iter()
            .map(line)
            .map(|bar| values.iter().map(|name| bar[*name].clone()).collect())
            .collect();
        assert!(read.len() > 1_000, "{name}: {}", read.len());
        assert!(read == written, "{name}: {:?} and {:?}", read.first(), written.first());
        let document = format!(
            "name: same\ndata: {{ path: {name}, instrument: XAUUSD, venue: OANDA, bars: \"time:1m\", from: 2000-01-01, \
             to: 2015-01-01 }}\nmodel: {{ strategy: ma-cross, parameters: {{ fast: 2, slow: 5 }} }}\nvalidation: {{ folds: 1 }}\n"
        );
        let document = own.write("document.yaml", document);
        let tested = gauntlet(["backtest", document.to_str().unwrap(), "--json"]).ok();
        let traded: Vec<&Json> = tested["equity"].as_array().unwrap().iter().map(|point| &point[0]).collect();
        assert_eq!(traded, read.iter().map(|bar| &bar[0]).collect::<Vec<_>>(), "{name}");
        assert_eq!(tested["left_out"], serde_json::json!({}), "{name}");
    }
}

/// A price a day is no bar: what cannot be seen in it is said, by `feed` and by `backtest`.
#[test]
fn one_price_a_row_is_said() {
    let own = Dir::new();
    let days: String = (1..=28).map(|day| format!("2012-05-{day:02},{}\n", 10 + day % 5)).collect();
    let path = own.write("closes.csv", format!("date,close\n{days}"));
    let said = "one price a row (close) and no open, high and low";
    let fed = feed(&Dir::new(), &path, "X.Y", &[]);
    assert!(fed["sources"][0]["warnings"].to_string().contains(said), "{fed}");
    let document = "name: same\ndata: { path: closes.csv, instrument: X, venue: Y, bars: \"time:1d\", from: 2000-01-01, \
        to: 2015-01-01 }\nmodel: { strategy: ma-cross, parameters: { fast: 2, slow: 5 } }\nvalidation: { folds: 1 }\n";
    let document = own.write("document.yaml", document);
    let tested = gauntlet(["backtest", document.to_str().unwrap(), "--json"]).ok();
    assert!(tested["warnings"].to_string().contains(said), "{}", tested["warnings"]);
}

/// Ready-made bars and ticks: what a backtest of a file trades on is what the pipeline makes of the file.
#[test]
fn a_backtest_sees_the_bars_that_the_pipeline_makes_of_the_file() {
    let own = Dir::new();
    let late = own.write("quotes.csv", late_quotes());
    let cases: [(&Path, &str, &str, &str); 4] = [
        (&bundled("xauusd_oanda_hour_20060320_20140501.zip"), "XAUUSD", "time:1h", "2014-04-30"),
        (&shared("dirty_bars/ASAI-L-1h-bad-unit.csv"), "ASAI", "time:1h", "2030-01-01"),
        (&bundled("20140505_quote.zip"), "XAUUSD", "time:1m", "2014-05-05T23:00:00Z"),
        (&late, "XAUUSD", "time:1s", "2023-11-14T22:30:00Z"),
    ];
    for (path, symbol, spec, to) in cases {
        let dir = Dir::new();
        feed(&dir, path, &format!("{symbol}.OANDA"), &["--bars", spec]);
        let document = format!(
            "name: same\ndata: {{ path: {}, instrument: {symbol}, venue: OANDA, bars: \"{spec}\", from: 2000-01-01, to: {to} }}\n\
             model: {{ strategy: ma-cross, parameters: {{ fast: 2, slow: 5 }} }}\nvalidation: {{ folds: 1 }}\n",
            path.display()
        );
        let document = own.write("backtest.yaml", document);
        let tested = gauntlet(["backtest", document.to_str().unwrap(), "--json"]).ok();
        let to: Timestamp = to.parse().unwrap();
        let close_times: Vec<String> = bars_on_the_log(&dir, spec)
            .iter()
            .filter(|bar| bar.close_time <= to)
            .map(|bar| bar.close_time.to_string())
            .collect();
        let traded: Vec<&str> =
            tested["equity"].as_array().unwrap().iter().map(|point| point[0].as_str().unwrap()).collect();
        assert!(close_times.len() > 15, "{}: {}", path.display(), close_times.len());
        assert_eq!(traded, close_times, "{}", path.display());
    }
}
