//! Every way a file can be wrong gives a message that names the file, what is wrong and what to do.

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use gauntlet_domain::InstrumentId;
use gauntlet_domain::market::{ROWS_PER_BLOCK, TickBlock, TickKind};
use gauntlet_feed::{Block, FeedError, Format, Options, open};
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn write(folder: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn zipped(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in entries {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

fn options(format: Option<Format>) -> Options {
    Options { format, ..Options::new(InstrumentId::new("EURUSD", "TEST").unwrap()) }
}

/// Blocks before the end or the error.
fn read(path: &Path, options: &Options) -> (Vec<Block>, Option<FeedError>) {
    let mut blocks = Vec::new();
    let mut source = match open(path, options) {
        Ok(source) => source,
        Err(error) => return (blocks, Some(error)),
    };
    loop {
        match source.next_block() {
            Ok(Some(block)) => blocks.push(block),
            Ok(None) => return (blocks, None),
            Err(error) => return (blocks, Some(error)),
        }
    }
}

/// The message, which has to begin with the path.
fn message(path: &Path, format: Option<Format>) -> String {
    let (_, error) = read(path, &options(format));
    let message = error.unwrap_or_else(|| panic!("{} is read without an error", path.display())).to_string();
    let rest = message.strip_prefix(&format!("{}: ", path.display()));
    rest.unwrap_or_else(|| panic!("'{message}' does not begin with the file")).to_owned()
}

fn ticks(path: &Path, options: &Options) -> TickBlock {
    match read(path, options) {
        (blocks, None) => match blocks.into_iter().next() {
            Some(Block::Ticks(block)) => block,
            other => panic!("no ticks but {other:?}"),
        },
        (_, Some(error)) => panic!("{error}"),
    }
}

fn quotes(rows: usize) -> String {
    // Digits that do not compress away, so that a cut falls among the rows.
    (0..rows)
        .map(|row| format!("{},1.{:05},1.{:05}\n", row * 37, row * 7919 % 99_991, row * 104_729 % 99_991))
        .collect()
}

#[test]
fn what_is_no_file_with_bytes_is_named() {
    let folder = folder();
    assert_eq!(message(&folder.path().join("absent.zip"), None), "no such file: check the path");
    assert!(message(folder.path(), None).starts_with("is a directory: name the files in it"));
    assert_eq!(message(&write(&folder, "empty.csv", ""), None), "is empty, not one byte: fetch it again");
    assert_eq!(
        message(&write(&folder, "empty.csv.gz", gzipped("")), None),
        "is empty, not one line: fetch it again"
    );
    for (header, format) in [("time,price\n", Format::Csv), ("Date,Open,High,Low,Close\n", Format::BarsCsv)] {
        let path = write(&folder, "header.csv", header);
        assert_eq!(message(&path, Some(format)), "is empty, it has no data row: fetch it again");
        assert_eq!(message(&path, None), "is empty, it has no data row: fetch it again");
    }
}

#[test]
fn a_zip_must_hold_one_csv() {
    let folder = folder();
    let none = write(&folder, "20140501_quote.zip", zipped(&[("readme.txt", "hello")]));
    assert_eq!(message(&none, None), "a zip without a CSV, only readme.txt: put the CSV in it");
    let two = write(&folder, "20140502_quote.zip", zipped(&[("a.csv", "1,2,3"), ("b.CSV", "1,2,3")]));
    assert_eq!(message(&two, None), "a zip with 2 CSVs, a.csv, b.CSV: unzip it and feed them one by one");
    let empty = write(&folder, "20140503_quote.zip", zipped(&[]));
    assert_eq!(message(&empty, None), "a zip without any file: fetch it again");
    let beside = write(&folder, "20140504_quote.zip", zipped(&[("a.csv", "1,2,3"), ("__MACOSX/a.csv", "x")]));
    assert_eq!(ticks(&beside, &options(None)).prices, [2_000_000_000]);
}

#[test]
fn what_is_cut_off_or_damaged_says_so_behind_the_blocks_before_it() {
    let folder = folder();
    let text = quotes(30_000);
    let mut zip = zipped(&[("20140501_quote.csv", text.as_str())]);
    let cut = write(&folder, "20140501_quote.zip", &zip[..zip.len() / 2]);
    assert!(message(&cut, None).starts_with("cannot be read beyond row 0: zip: "));
    let middle = zip.len() / 2;
    zip[middle..middle + 4].copy_from_slice(&[0xff; 4]);
    let damaged = write(&folder, "20140501_quote.zip", &zip);
    let (blocks, error) = read(&damaged, &options(None));
    let error = error.unwrap();
    assert!(matches!(&error, FeedError::Damaged { row, .. } if *row > 0), "{error}");
    assert!(blocks.iter().all(|block| matches!(block, Block::Ticks(block) if block.len() == ROWS_PER_BLOCK)));

    let gzip = gzipped(&text);
    let cut = write(&folder, "20140501_quote.csv.gz", &gzip[..gzip.len() / 2]);
    let (blocks, error) = read(&cut, &options(None));
    let error = error.unwrap().to_string();
    assert!(
        !blocks.is_empty() && error.contains("the file is cut off or damaged, fetch it again"),
        "{error}"
    );
    let tail_less = write(&folder, "20140502_quote.csv.gz", &gzip[..gzip.len() - 8]);
    assert!(message(&tail_less, None).starts_with("cannot be read beyond row 30000: "));
    let mut flipped = gzip.clone();
    let crc = flipped.len() - 8;
    flipped[crc] ^= 1;
    let flipped = write(&folder, "20140503_quote.csv.gz", &flipped);
    assert!(message(&flipped, None).starts_with("cannot be read beyond row 30000: "));

    let parquet = write(&folder, "a.parquet", b"PAR1 and then nothing");
    assert!(message(&parquet, None).starts_with("cannot be read beyond row 0: "));
}

#[test]
fn a_zip_whose_checksum_differs_is_damaged() {
    let folder = folder();
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("20140501_quote.csv", stored).unwrap();
    zip.write_all(b"1,2.5,3\n4,5.5,6\n").unwrap();
    let mut bytes = zip.finish().unwrap().into_inner();
    let good = write(&folder, "20140501_quote.zip", &bytes);
    assert_eq!(ticks(&good, &options(None)).prices, [2_500_000_000, 5_500_000_000]);
    let at = bytes.windows(3).position(|three| three == b"5.5").unwrap();
    bytes[at] = b'7';
    let bad = write(&folder, "20140501_quote.zip", &bytes);
    assert!(
        message(&bad, None).starts_with("cannot be read beyond row 2: checksum differs from the zip's: ")
    );
}

#[test]
fn another_format_than_the_one_named_is_told_apart() {
    let folder = folder();
    let hour =
        zipped(&[("xauusd.csv", "20060320 00:00,552.8,554.7,552.4,554.2,0,555.3,557.2,554.9,556.7,0\n")]);
    let bars = message(&write(&folder, "20060320_quote.zip", hour), Some(Format::LeanQuote));
    assert!(bars.starts_with("not a lean-quote file (milliseconds since midnight, bid, ask): "), "{bars}");
    assert!(bars.contains("looks like a bar file of Lean with 11 columns: use --format lean-bar"), "{bars}");
    let trades = zipped(&[("20140501_btcusd_tick_trade.csv", "5,100.5,0.25\n")]);
    let trades = message(&write(&folder, "20140501_trade.zip", trades), Some(Format::LeanQuote));
    assert!(trades.contains("a trade file of Lean with 3 columns, which is not read"), "{trades}");
    let five = zipped(&[("20140501_btcusd_tick_quote.csv", "5,100.5,0.25,100.7,0.1\n")]);
    let five = message(&write(&folder, "20140501_quote.zip", five), Some(Format::LeanQuote));
    assert!(five.contains("a row of 5 numbers without a header"), "{five}");
    let csv = write(&folder, "ticks.csv", "time,price\n2014-05-01,1\n");
    for format in [Format::LeanQuote, Format::LeanBar, Format::Parquet, Format::BinanceJsonl] {
        let message = message(&csv, Some(format));
        assert!(message.starts_with(&format!("not a {format} file (")), "{message}");
        assert!(message.ends_with("looks like the header of ticks: use --format csv"), "{message}");
    }
    let parquet = write(&folder, "a.parquet", b"PAR1");
    assert!(message(&parquet, Some(Format::Csv)).ends_with("it is a Parquet file: use --format parquet"));
    let unknown = message(&write(&folder, "poem.txt", "roses are red\nviolets are blue\n"), None);
    assert!(unknown.starts_with(
        "cannot tell its format, its first line is 'roses are red': name its columns with --column"
    ));
    assert!(unknown.ends_with("or name it with --format"), "{unknown}");
}

#[test]
fn missing_columns_are_listed_with_those_found() {
    let folder = folder();
    let csv = message(&write(&folder, "a.csv", "when,price\n1,2\n"), Some(Format::Csv));
    assert!(csv.starts_with("a csv file needs columns for a time (timestamp, time,"), "{csv}");
    assert!(csv.contains("has only when, price"), "{csv}");
    let bars = message(&write(&folder, "b.csv", "time,open,high,low,close\n1,2,3,4,5\n"), Some(Format::Csv));
    assert!(bars.ends_with("or use --format bars-csv if these are bars"), "{bars}");
    let ticks = message(&write(&folder, "c.csv", "time,bid,ask\n1,2,3\n"), Some(Format::BarsCsv));
    assert!(ticks.ends_with("or use --format csv if these are ticks"), "{ticks}");
}

#[test]
fn a_lean_file_needs_one_date() {
    let folder = folder();
    let none = message(&write(&folder, "quotes.csv", "5,1,2\n"), None);
    assert!(
        none.starts_with("no date at the beginning of its name: name the file YYYYMMDD_quote.zip"),
        "{none}"
    );
    let two =
        message(&write(&folder, "20140501_quote.zip", zipped(&[("20140502_quote.csv", "5,1,2\n")])), None);
    assert!(two.starts_with("its name and that of the 20140502_quote.csv in it differ"), "{two}");
    let inside = write(&folder, "quotes.zip", zipped(&[("20140502_eurusd_tick_quote.csv", "5,1,2\n")]));
    assert_eq!(ticks(&inside, &options(None)).times, [1_398_988_800_005_000_000]);
}

#[test]
fn mostly_unreadable_rows_at_the_beginning_are_another_format() {
    let folder = folder();
    let mut text = String::from("time,price\n");
    (0..200).for_each(|row| text.push_str(if row % 3 == 0 { "2014-05-01,1\n" } else { "2014-05-01,one\n" }));
    let bad = message(&write(&folder, "a.csv", &text), None);
    assert!(bad.starts_with("66 of the first 100 rows are not a time and a price"), "{bad}");
    assert!(
        bad.contains("the first at line 3: '2014-05-01,one', 'one' in column price: say how it is written"),
        "{bad}"
    );
    let garbage = "\u{1}\u{2}binary\n".repeat(5);
    let bad = message(&write(&folder, "20140501.bin", &garbage), Some(Format::BinanceJsonl));
    assert!(bad.starts_with("5 of the first 5 rows are not nanoseconds, a space, one JSON message"), "{bad}");
    let missing =
        write(&folder, "wti.csv", "Date,WTI\n2014-05-01,.\n2014-05-02,.\n2014-05-03,1\n2014-05-04,2\n");
    assert!(read(&missing, &options(None)).1.is_none(), "a missing value is no sign of another format");
}

#[test]
fn unreadable_rows_stay_in_the_block_under_their_fault() {
    let folder = folder();
    let text = "5,1.1,1.2\n6,NaN,1.2\nx,1.1,1.2\n7,99999999999,1.2\n\n8,1.1,1.2\n9,1.1,1.2\n";
    let block = ticks(&write(&folder, "20140501_quote.csv", text), &options(None));
    let code = |kind: TickKind| kind as u8;
    assert_eq!(
        block.kinds,
        [
            TickKind::Quote,
            TickKind::NotANumber,
            TickKind::BadTime,
            TickKind::OutOfRange,
            TickKind::Quote,
            TickKind::Quote
        ]
        .map(code)
    );
    assert_eq!(block.rows, [1, 2, 3, 4, 5, 6]);
    // A fault keeps its own time where that can be read, else the time of the row before.
    let start = block.times[0] - 5_000_000;
    assert_eq!(
        block.times.iter().map(|time| (time - start) / 1_000_000).collect::<Vec<_>>(),
        [5, 6, 6, 7, 8, 9]
    );
    assert_eq!((block.prices[1], block.asks[1], block.prices[3]), (0, 0, 0));
}

#[test]
fn a_broken_message_is_a_fault_under_its_line_number() {
    let folder = folder();
    let quote = |number: u32| {
        format!(
            r#"172316125408789{number:04} {{"stream":"eurusd@bookTicker","data":{{"u":{number},"s":"EURUSD","b":"1.5","B":"1","a":"1.6","A":"1"}}}}"#
        )
    };
    let text = [quote(1), quote(2), quote(3).replace("}}", ""), quote(4)].join("\n");
    let block = ticks(&write(&folder, "a.jsonl", &text), &options(None));
    assert_eq!(block.rows, [1, 2, 3, 4]);
    assert_eq!(block.kinds, [TickKind::ReceivedQuote as u8, 7, TickKind::NotANumber as u8, 7]);
    assert_eq!(block.times[2], block.times[1]);
    assert_eq!(block.sequences, [1, 2, 0, 4]);
}

#[test]
fn rows_of_other_symbols_count_but_make_no_tick() {
    let folder = folder();
    let text = "symbol;time;price;size;side;seq\nGBPUSD;1700000000;1.2;1;buy;7\nEUR/USD;1700000001;1.1;2;S;8\neurusd;1700000002;1.1;3;;9\n";
    let path = write(&folder, "a.csv", text);
    let block = ticks(&path, &options(None));
    assert_eq!((block.rows, block.sequences), (vec![2, 3], vec![8, 9]));
    assert_eq!(block.kinds, [TickKind::Sell as u8, TickKind::Trade as u8]);
    let other = Options { symbol: Some("IBM".into()), ..options(None) };
    let error = read(&path, &other).1.unwrap().to_string();
    assert!(
        error.contains("no row of IBM, but of GBPUSD, EUR/USD, eurusd: pick one with --only symbol=GBPUSD"),
        "{error}"
    );
}

#[test]
fn a_line_that_never_ends_is_refused() {
    let folder = folder();
    let text = format!("time,price\n{}", "1".repeat(17 << 20));
    let path = write(&folder, "a.csv", text);
    assert_eq!(
        message(&path, None),
        "line 2 is longer than 16 MiB: not a text file of rows: unpack or convert it"
    );
}

#[test]
fn one_bar_does_not_tell_its_length() {
    let folder = folder();
    let path = write(&folder, "a.csv", "Date,Open,High,Low,Close\n2014-05-01,1,1,1,1\n");
    let error = message(&path, None);
    assert!(
        error.starts_with("its rows do not tell how long its bars are: say which bars they are"),
        "{error}"
    );
    let spec = Options { bar_spec: Some("time:1d".parse().unwrap()), ..options(None) };
    assert!(matches!(&read(&path, &spec).0[0], Block::Bars(block) if block.spec == "time:1d"));
}

#[test]
fn bars_of_another_length_than_said_are_refused_with_the_file() {
    let folder = folder();
    let days: String = (1..=28).map(|day| format!("2014-05-{day:02},1,1,1,1\n")).collect();
    let path = write(&folder, "a.csv", format!("Date,Open,High,Low,Close\n{days}"));
    let with = |spec: &str| read(&path, &Options { bar_spec: Some(spec.parse().unwrap()), ..options(None) });
    let (blocks, error) = with("time:1h");
    let error = error.unwrap().to_string();
    assert!(blocks.is_empty() && error.starts_with(&path.display().to_string()), "{error}");
    assert!(
        error.contains("usually 1 day apart, no two of them 1 hour, and cannot be time:1h bars"),
        "{error}"
    );
    assert!(error.contains("say time:1d"), "{error}");
    assert!(matches!(with("time:1d"), (blocks, None) if blocks.len() == 1));
    // The name of Lean's folder says a spec too.
    let lean: String = (1..=28).map(|day| format!("201405{day:02} 00:00,1,1,1,1,5\n")).collect();
    std::fs::create_dir(folder.path().join("hour")).unwrap();
    let lean = message(&write(&folder, "hour/xauusd.csv", lean), Some(Format::LeanBar));
    assert!(lean.starts_with("its bars are usually 1 day apart"), "{lean}");
}
