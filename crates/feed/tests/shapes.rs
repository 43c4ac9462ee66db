//! Files in the shapes that vendors write are read right, or refused with the cell and what to do.

use std::io::Write;

use gauntlet_domain::decimal::{Price, Quantity};
use gauntlet_domain::market::{TickBlock, TickKind};
use gauntlet_domain::{InstrumentId, Timestamp};
use gauntlet_feed::{Ambiguous, Block, DateOrder, Encoding, Options, Reading, open};

fn options(reading: Reading) -> Options {
    Options { reading, ..Options::new(InstrumentId::new("X", "TEST").unwrap()) }
}

fn ticks_of(bytes: &[u8], options: &Options) -> Result<TickBlock, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    std::fs::write(&path, bytes).unwrap();
    let mut source = open(&path, options).map_err(|error| error.to_string())?;
    let mut all: Option<TickBlock> = None;
    while let Some(block) = source.next_block().map_err(|error| error.to_string())? {
        let Block::Ticks(block) = block else { return Err("bars".to_owned()) };
        match &mut all {
            None => all = Some(block),
            Some(all) => all.times.extend(block.times),
        }
    }
    Ok(all.unwrap_or_default())
}

fn ticks(text: &str) -> TickBlock {
    ticks_of(text.as_bytes(), &options(Reading::default())).unwrap()
}

fn refusal(text: &str) -> String {
    ticks_of(text.as_bytes(), &options(Reading::default())).unwrap_err()
}

fn times(block: &TickBlock) -> Vec<String> {
    block.times.iter().map(|time| Timestamp(*time).to_string()).collect()
}

#[test]
fn the_whole_file_settles_whether_the_day_or_the_month_is_first() {
    let block = ticks("time,price\n02/01/2017,1\n13/01/2017,1\n");
    assert_eq!(times(&block), ["2017-01-02T00:00:00Z", "2017-01-13T00:00:00Z"]);
    let open = "time,price\n02/01/2017,1\n03/01/2017,1\n";
    let why = refusal(open);
    assert!(why.contains("line 2, column time: '02/01/2017' may have the day or the month first"), "{why}");
    assert!(why.ends_with("write --day-first or --month-first"), "{why}");
    let asked = options(Reading { date_order: Some(DateOrder::DayFirst), ..Reading::default() });
    assert_eq!(times(&ticks_of(open.as_bytes(), &asked).unwrap())[1], "2017-01-03T00:00:00Z");
    let contradicted = ticks_of(b"time,price\n01/13/2017,1\n", &asked).unwrap_err();
    assert!(
        contradicted.contains("'01/13/2017' is no date of that order: write --month-first"),
        "{contradicted}"
    );
    let both = refusal("time,price\n13/01/2017,1\n01/14/2017,1\n");
    assert!(both.contains("'13/01/2017' has the day first, but '01/14/2017' in line 3 the month"), "{both}");
}

#[test]
fn a_contradiction_anywhere_in_the_file_refuses_it_before_its_first_block() {
    let mut text = String::from("time,price\n13/01/2017,1\n");
    (0..100_000).for_each(|_| text.push_str("14/01/2017,1\n"));
    text.push_str("01/15/2017,1\n");
    let why = refusal(&text);
    assert!(
        why.contains(
            "line 2, column time: '13/01/2017' has the day first, but '01/15/2017' in line 100003 the month"
        ),
        "{why}"
    );
    let mut text = String::from("time,price\n");
    (0..100_000).for_each(|_| text.push_str("2017-01-02,999.5\n"));
    let why = refusal(&(text.clone() + "2017-01-02,\"999,5\"\n"));
    assert!(why.contains("line 100002, column price: '999,5' has a decimal comma"), "{why}");
    // What is no number in any way stays a row with a fault.
    assert_eq!(
        ticks_of((text + "Total,1\n").as_bytes(), &options(Reading::default())).unwrap().times.len(),
        100_001
    );
}

#[test]
fn thousands_and_decimal_commas_are_told_apart_by_all_cells() {
    assert_eq!(
        ticks("time,price\n2017-01-02,999\n2017-01-02,\"1,000\"\n").prices,
        [999_000_000_000, 1_000_000_000_000]
    );
    assert_eq!(ticks("time;price\n2017-01-02;1.234,5\n").prices, [1_234_500_000_000]);
    assert_eq!(ticks("time,price\n2017-01-02,$1.20\n").prices, [1_200_000_000]);
    let why = refusal("time,price\n2017-01-02,\"1,234\"\n2017-01-02,\"1,235\"\n");
    assert!(
        why.contains("'1,234' may be a thousand or a decimal comma") && why.contains("--decimal"),
        "{why}"
    );
    let asked = options(Reading { decimal: Some(','), ..Reading::default() });
    assert_eq!(ticks_of(b"time,price\n2017-01-02,\"1,234\"\n", &asked).unwrap().prices, [1_234_000_000]);
}

#[test]
fn numbers_that_are_no_epoch_are_dates_or_refused() {
    assert_eq!(times(&ticks("time,price\n201701022200,1\n")), ["2017-01-02T22:00:00Z"]);
    assert!(refusal("time,price\n201701022200,1\n169392960128,1\n").contains("--time-format %Y%m%d%H%M"));
    assert!(
        refusal("time,price\n34200.5,1\n34201.5,1\n")
            .contains("'34200.5' is no date: it may be seconds of a day")
    );
    assert!(refusal("time,price\n42737.9166,1\n").contains("day number of a spreadsheet"));
    assert!(refusal("time,price\n2017010222,1\n").contains("--time-format %Y%m%d%H"));
    assert!(refusal("time,price\n1.7356E+12,1\n").contains("drops the last digits"));
    let switched = ticks("time,price\n1735689599900,1\n1735689600000000,1\n");
    assert_eq!(times(&switched), ["2024-12-31T23:59:59.9Z", "2025-01-01T00:00:00Z"]);
}

#[test]
fn a_zone_is_asked_for_by_name_and_never_guessed_from_letters() {
    let text = "time,price\n2017-07-03 10:00:00 EDT,1\n";
    let why = refusal(text);
    assert!(why.contains("has the letters of a time zone") && why.contains("--zone"), "{why}");
    let zone = |name: &str| options(Reading { zone: Some(name.to_owned()), ..Reading::default() });
    assert_eq!(
        times(&ticks_of(text.as_bytes(), &zone("America/New_York")).unwrap()),
        ["2017-07-03T14:00:00Z"]
    );
    assert!(
        ticks_of(text.as_bytes(), &zone("Mars"))
            .unwrap_err()
            .contains("--zone Mars is not in the time zone database")
    );
    let contradicted = Options { utc_offset_seconds: 3600, ..zone("America/New_York") };
    let why = ticks_of(b"time,price\n2017-07-03 10:00,1\n", &contradicted).unwrap_err();
    assert!(why.contains("leave --utc-offset away"), "{why}");
    let double = "time,price\n2013-11-03 01:10:00,1\n2013-11-03 04:00:00,1\n2013-11-03 05:00:00,1\n";
    let why = ticks_of(double.as_bytes(), &zone("America/Chicago")).unwrap_err();
    assert!(why.contains("line 2") && why.contains("an hour that the zone has twice"), "{why}");
}

#[test]
fn an_hour_that_a_zone_has_twice_is_told_apart_by_the_order_of_rows_or_asked_for() {
    let zone = |ambiguous: Option<Ambiguous>| {
        options(Reading { zone: Some("Europe/Berlin".to_owned()), ambiguous, ..Reading::default() })
    };
    let hours = |text: &str, options: &Options| {
        let options = Options { bar_spec: "time:1h".parse().ok(), ..options.clone() };
        let bars = bars_of(text.as_bytes(), &options)?;
        Ok::<_, String>(bars.into_iter().map(|(time, _)| time[11..16].to_owned()).collect::<Vec<_>>())
    };
    let row = |clock: &str| format!("27.10.2024 {clock},1,1,1,1\n");
    let bars = |clocks: &[&str]| {
        let rows: String = clocks.iter().map(|clock| row(clock)).collect();
        format!("Date,Open,High,Low,Close\n{rows}")
    };
    let whole = ["22:00", "23:00", "00:00", "01:00", "02:00", "03:00"];
    let twice = ["00:00", "01:00", "02:00", "02:00", "03:00", "04:00"];
    assert_eq!(hours(&bars(&twice), &zone(None)).unwrap(), whole);
    let mut turned = twice;
    turned.reverse();
    assert_eq!(hours(&bars(&turned), &zone(None)).unwrap(), whole, "newest first");
    // Minutes, where the clock goes back within the hour.
    let minutes: Vec<String> = (0..2).flat_map(|_| (0..60).map(|minute| format!("02:{minute:02}"))).collect();
    let minutes = bars(&minutes.iter().map(String::as_str).collect::<Vec<_>>());
    let read =
        bars_of(minutes.as_bytes(), &Options { bar_spec: "time:1m".parse().ok(), ..zone(None) }).unwrap();
    assert_eq!(
        (read.len(), &read[60].0[..], &read[119].0[..]),
        (120, "2024-10-27T01:00:00Z", "2024-10-27T01:59:00Z")
    );
    // Once: nothing shows which.
    let once = bars(&["00:00", "01:00", "02:00", "03:00", "04:00"]);
    let why = hours(&once, &zone(None)).unwrap_err();
    let words = "line 4, column Date: '27.10.2024 02:00' is in an hour that the zone has twice";
    assert!(why.contains(words) && why.contains("--ambiguous earlier or --ambiguous later"), "{why}");
    let earlier = hours(&once, &zone(Some(Ambiguous::Earlier))).unwrap();
    assert_eq!(earlier, ["22:00", "23:00", "00:00", "02:00", "03:00"]);
    let later = hours(&once, &zone(Some(Ambiguous::Later))).unwrap();
    assert_eq!(later, ["22:00", "23:00", "01:00", "02:00", "03:00"]);
    assert_eq!(
        hours(&bars(&twice), &zone(Some(Ambiguous::Later))).unwrap(),
        whole,
        "what the file shows counts"
    );
    // Opening and closing times in one row.
    let both = "open_time,close_time,open,high,low,close\n2024-10-27 01:00,2024-10-27 02:00,1,1,1,1\n\
                2024-10-27 02:00,2024-10-27 02:00,1,1,1,1\n2024-10-27 02:00,2024-10-27 03:00,1,1,1,1\n\
                2024-10-27 03:00,2024-10-27 04:00,1,1,1,1\n";
    let read = bars_of(both.as_bytes(), &zone(None)).unwrap();
    assert_eq!(
        read.iter().map(|bar| &bar.0[11..16]).collect::<Vec<_>>(),
        ["23:00", "00:00", "01:00", "02:00"]
    );
    // Ticks, of which the wanted ones alone show it.
    let ticks = "time,symbol,price\n2024-10-27 02:10,X,1\n2024-10-27 02:50,X,1\n2024-10-27 02:10,Y,1\n2024-10-27 03:10,X,1\n";
    let why = ticks_of(ticks.as_bytes(), &zone(None)).unwrap_err();
    assert!(why.contains("line 2") && why.contains("--ambiguous earlier"), "{why}");
    let block = ticks_of(ticks.as_bytes(), &zone(Some(Ambiguous::Later))).unwrap();
    assert_eq!(times(&block), ["2024-10-27T01:10:00Z", "2024-10-27T01:50:00Z", "2024-10-27T02:10:00Z"]);
    // Two trades of one second are no second hour where other rows have one time too.
    let dense = "time,price\n2024-10-27 01:59:59,1\n2024-10-27 01:59:59,1\n2024-10-27 02:00:00,1\n2024-10-27 02:00:00,1\n\
                 2024-10-27 02:00:01,1\n2024-10-27 02:00:00,1\n2024-10-27 03:00:00,1\n";
    assert!(ticks_of(dense.as_bytes(), &zone(None)).unwrap_err().contains("line 4"));
}

#[test]
fn dates_and_times_in_two_columns_are_joined() {
    let block = ticks("<DATE>\t<TIME>\t<BID>\t<ASK>\n2017.01.02\t10:00:00.100\t1\t2\n");
    assert_eq!(times(&block), ["2017-01-02T10:00:00.1Z"]);
    let why = refusal("time,price\n10:00:00,1\n");
    assert!(
        why.contains("is a time of day without a date: name the column of dates with --column date=NAME"),
        "{why}"
    );
    let columns = vec![("date".to_owned(), "Tag".to_owned())];
    let named = options(Reading { columns, ..Reading::default() });
    let block = ticks_of(b"Tag,time,price\n2017-01-02,10:00:00,1\n", &named).unwrap();
    assert_eq!(times(&block), ["2017-01-02T10:00:00Z"]);
}

#[test]
fn columns_are_named_by_whoever_knows_them() {
    let columns = |pairs: &[(&str, &str)]| {
        let columns = pairs.iter().map(|(what, name)| ((*what).to_owned(), (*name).to_owned())).collect();
        options(Reading { columns, ..Reading::default() })
    };
    let german = b"Zeit,Kurs,Menge\n2017-01-02,5,7\n";
    let block =
        ticks_of(german, &columns(&[("time", "Zeit"), ("price", "Kurs"), ("size", "Menge")])).unwrap();
    assert_eq!((block.prices, block.sizes), (vec![5_000_000_000], vec![700_000_000]));
    let why = ticks_of(german, &columns(&[("time", "Zeit"), ("price", "Preis")])).unwrap_err();
    assert!(why.contains("--column price=Preis: there is no such column, only Zeit, Kurs, Menge"), "{why}");
    let why = ticks_of(german, &columns(&[("when", "Zeit")])).unwrap_err();
    assert!(why.contains("when is not known, use one of time, date, price"), "{why}");
    // A price that is named makes trades of rows that have quotes too.
    let both = b"time,price,bid,ask\n2017-01-02,5,4,6\n";
    assert_eq!(ticks_of(both, &columns(&[("price", "price")])).unwrap().prices, [5_000_000_000]);
    let lean = b"20141201 00:00,300,370,300,370,0.05\n";
    let why = ticks_of(lean, &columns(&[("price", "x")])).unwrap_err();
    assert!(why.contains("--column and --decimal are not for lean-bar files"), "{why}");
    let headless = b"1709546400,65000.1,0.01\n1709546401,65000.2,0.01\n";
    let block = ticks_of(headless, &columns(&[("time", "1"), ("price", "2"), ("size", "3")])).unwrap();
    assert_eq!(block.prices, [65_000_100_000_000, 65_000_200_000_000]);
    let why = ticks_of(headless, &options(Reading::default())).unwrap_err();
    assert!(
        why.ends_with(
            "such as --column time=1 --column price=2 --column size=3, or put a header before them"
        ),
        "{why}"
    );
}

#[test]
fn a_file_that_is_newest_first_is_turned_round_under_its_own_row_numbers() {
    let block = ticks("time,price\n2017-01-04,3\n2017-01-03,2\n2017-01-02,1\n");
    assert_eq!(
        (block.rows, block.prices),
        (vec![3, 2, 1], vec![1_000_000_000, 2_000_000_000, 3_000_000_000])
    );
    let mut large = String::from("time,price\n");
    (0..1_200_000).rev().for_each(|second| large.push_str(&format!("17000{second:07}.00,1\n")));
    assert!(refusal(&large).ends_with("sort it oldest first"));
}

#[test]
fn the_sign_of_a_size_is_its_side_where_many_have_one() {
    let block = ticks("time,price,size\n2017-01-02,1,10\n2017-01-02,1,-30\n2017-01-02,1,-20\n");
    assert_eq!(block.kinds, [TickKind::Buy as u8, TickKind::Sell as u8, TickKind::Sell as u8]);
    assert_eq!(block.sizes, [1_000_000_000, 3_000_000_000, 2_000_000_000]);
    let mut text = String::from("time,price,size\n2017-01-02,1,-30\n");
    (0..100).for_each(|_| text.push_str("2017-01-02,1,10\n"));
    assert_eq!(ticks(&text).sizes[0], -3_000_000_000, "one of a hundred is a fault, which cleaning finds");
}

#[test]
fn orders_are_no_trades_and_ids_no_symbols() {
    let block = ticks("ts_event,action,price,size\n1709546400000000000,A,1,1\n1709546400000000001,T,2,1\n");
    assert_eq!(block.kinds, [TickKind::Book as u8, TickKind::Trade as u8]);
    let ids = "id,time,price\n7f3c00aa-1,2017-01-02,1\n7f3c00aa-2,2017-01-02,2\n";
    assert_eq!(ticks(ids).prices.len(), 2);
    let why = refusal("id,time,price\nTSLA,2017-01-02,1\nAAPL,2017-01-02,2\n");
    assert!(why.contains("no row of X, but of TSLA, AAPL: pick one with --only id=TSLA"), "{why}");
}

#[test]
fn titles_and_comments_before_the_header_are_no_rows() {
    let block = ticks("# made by a tool\nwww.example.com\ntime,price\n2017-01-02,1\n");
    assert_eq!((block.rows, block.prices), (vec![1], vec![1_000_000_000]));
    assert_eq!(ticks("#time,price\n2017-01-02,1\n").prices.len(), 1);
    assert!(refusal("2017-01-02,1\ntime,price\n2017-01-02,1\n").contains("cannot tell its format"));
}

#[test]
fn a_row_with_other_fields_than_the_header_is_never_read_by_position() {
    let why = refusal("time,price,size\n2017-01-02,100,5,1\n2017-01-02,100,6,1\n");
    assert!(
        why.contains("the first at line 2: '2017-01-02,100,5,1', 4 fields where there are 3 columns"),
        "{why}"
    );
    let block =
        ticks("time,price,size\n2017-01-02,1,1,\n2017-01-02,1,1,,\n2017-01-02,1,1,7\n2017-01-02,1,1\n");
    assert_eq!(block.kinds.iter().filter(|kind| **kind == TickKind::NotANumber as u8).count(), 1);
    let cut = ticks("time,size,price,side\n2017-01-02,1,100.5,buy\n2017-01-02,1,100.5,sell\n2017-01-02,1,10");
    assert_eq!(cut.kinds, [TickKind::Buy as u8, TickKind::Sell as u8, TickKind::NotANumber as u8]);
}

#[test]
fn a_double_hour_at_the_end_of_a_file_stays_open() {
    let zone = options(Reading { zone: Some("America/Chicago".to_owned()), ..Reading::default() });
    let why = ticks_of(b"time,price\n2013-11-03 01:10:00,1\n", &zone).unwrap_err();
    assert!(why.contains("line 2") && why.contains("is in an hour that the zone has twice"), "{why}");
}

#[test]
fn an_unreadable_file_names_the_cell() {
    let why = refusal("time,price\nyesterday,1\ntoday,1\n");
    assert!(why.contains("the first at line 2: 'yesterday,1', 'yesterday' in column time"), "{why}");
    assert!(why.contains("--time-format"), "{why}");
}

#[test]
fn every_usual_packing_is_unpacked_and_damage_is_said() {
    let text = "time,price\n".to_owned() + &"2017-01-02,1\n".repeat(20_000);
    let zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(text.as_bytes()).unwrap();
    for packed in [zstd, bzip2.finish().unwrap()] {
        assert_eq!(ticks_of(&packed, &options(Reading::default())).unwrap().times.len(), 20_000);
        let why = ticks_of(&packed[..packed.len() - 5], &options(Reading::default())).unwrap_err();
        assert!(why.contains("cut off or damaged"), "{why}");
    }
    let utf16: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(ticks_of(&utf16, &options(Reading::default())).unwrap().times.len(), 20_000);
    assert!(refusal("time,price\n2017-01-02\0,1\n").contains("save it as UTF-8"));
    assert!(refusal("7z\u{bc}").contains("cannot tell"));
}

#[test]
fn a_row_is_found_again_by_its_number_with_its_line_and_its_text() {
    let folder = tempfile::tempdir().unwrap();
    let found = |name: &str, text: &str, symbol: &str, row: i64| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let options = Options::new(InstrumentId::new(symbol, "Y").unwrap());
        open(&path, &options).unwrap().text_of(row).unwrap()
    };
    let titled = "# from a vendor\ntime,price\n\n1700000000,1\n\n1700000001,2\n";
    assert_eq!(found("titled.csv", titled, "X", 2), Some((6, "1700000001,2".to_owned())));
    assert_eq!(found("titled.csv", titled, "X", 3), None);
    let implied = "EUR/USD,20240304 10:00:00.123,1.08510,1.08512\n";
    assert_eq!(found("implied.csv", implied, "EURUSD", 1), Some((1, implied.trim_end().to_owned())));
    let quotes = "1,1.1,1.2\n2,1.1,1.3\n";
    assert_eq!(found("20240304_quote.csv", quotes, "X", 2), Some((2, "2,1.1,1.3".to_owned())));
    let newest_first = "time,price\n1700000009,3\n1700000005,2\n1700000001,1\n";
    assert_eq!(found("newest.csv", newest_first, "X", 1), Some((2, "1700000009,3".to_owned())));
}

#[test]
fn what_a_file_was_understood_as_is_said_for_each_kind() {
    let folder = tempfile::tempdir().unwrap();
    let understood = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let options = Options::new(InstrumentId::new("X", "Y").unwrap());
        let mut source = open(&path, &options).unwrap();
        while source.next_block().unwrap().is_some() {}
        source.understood()
    };
    let quotes = understood("20240304_quote.csv", "1,1.1,1.2\n2,1.1,1.3\n");
    assert_eq!((quotes.holds, quotes.header_line, quotes.price_basis), ("quotes", None, "the mid of quotes"));
    assert_eq!(quotes.columns.iter().map(|column| column.what).collect::<Vec<_>>(), ["time", "bid", "ask"]);
    let bars =
        understood("b.csv", "Date\tOpen\tHigh\tLow\tClose\n2024-03-04\t1\t1\t1\t1\n2024-03-05\t1\t1\t1\t1\n");
    assert_eq!((bars.holds, bars.delimiter.as_deref(), bars.stamp), ("bars", Some("tab"), Some("open")));
    assert_eq!(
        (bars.spec.as_deref(), bars.spec_by),
        (Some("time:1d"), Some("certain from the distances of its rows"))
    );
    assert!(bars.choices.iter().any(|choice| choice.option == "--stamp close"), "{bars:?}");
    let signed =
        understood("s.csv", "time,price,size,note\n1700000000,1,-5,a\n1700000001,1,5,b\n1700000002,1,-1,c\n");
    assert_eq!(
        (signed.sides, signed.unread),
        (Some("by the sign of sizes: sold below zero"), vec!["note".to_owned()])
    );
    assert_eq!((signed.clock.as_str(), signed.newest_first), ("UTC, by the times themselves", false));
    let newest =
        understood("n.csv", "time,price\n01/15/2024 10:00,3\n01/14/2024 10:00,2\n01/13/2024 10:00,1\n");
    assert_eq!((newest.newest_first, newest.date_order), (true, Some(DateOrder::MonthFirst)));
}

/// Trades with conditions, and what their kinds are by what was said.
fn kinds(text: &str, volume_only: &[&str], auction: &[&str]) -> Result<Vec<TickKind>, String> {
    let list = |codes: &[&str]| codes.iter().map(|code| (*code).to_owned()).collect();
    let reading = Reading { volume_only: list(volume_only), auction: list(auction), ..Reading::default() };
    let block = ticks_of(text.as_bytes(), &options(reading))?;
    Ok(block.kinds.iter().map(|kind| TickKind::from_code(*kind).unwrap()).collect())
}

#[test]
fn conditions_are_read_as_somebody_says_and_never_guessed() {
    use TickKind::{Auction, Buy, Trade, VolumeOnly};
    let text = "time,price,size,side,Sale Condition\n\
                2024-03-04,1,1,buy,@\n2024-03-04,1,1,buy,@ W\n2024-03-04,1,1,buy,\"[W,O]\"\n2024-03-04,1,1,buy,'O'\n\
                2024-03-04,1,1,,w\n2024-03-04,1,1,buy,\n";
    assert_eq!(kinds(text, &["W"], &["O"]).unwrap(), [Buy, VolumeOnly, VolumeOnly, Auction, Trade, Buy]);
    assert_eq!(kinds(text, &[], &["O"]).unwrap(), [Buy, Buy, Auction, Auction, Trade, Buy]);
    assert_eq!(kinds(text, &[], &[]).unwrap(), [Buy, Buy, Buy, Buy, Trade, Buy]);
    let without = kinds("time,price,size\n2024-03-04,1,1\n", &["W"], &[]).unwrap_err();
    let needs = "--volume-only needs a column of conditions";
    assert!(without.contains(needs) && without.contains("only time, price, size: name it"), "{without}");
    let quotes = kinds("time,bid,ask,cond\n2024-03-04,1,2,W\n", &["W"], &[]).unwrap_err();
    assert!(quotes.contains("--volume-only is for trades, and these are quotes"), "{quotes}");
    let bars = kinds("date,open,high,low,close,cond\n2024-03-04,1,1,1,1,W\n", &[], &["W"]).unwrap_err();
    assert!(bars.contains("--auction is for trades in CSV and Parquet"), "{bars}");
}

#[test]
fn a_column_of_conditions_that_is_not_read_is_named_with_its_codes_and_is_part_of_no_source() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let opened = |text: &str, reading: Reading| {
        std::fs::write(&path, text).unwrap();
        open(&path, &options(reading)).unwrap()
    };
    let text = "time,price,size,flags\n2024-03-04,1,1,@ W\n2024-03-04,1,1,@\n";
    assert_eq!(opened(text, Reading::default()).warnings(), [""; 0], "nobody has said what flags are");
    let named = Reading { columns: vec![("conditions".into(), "flags".into())], ..Reading::default() };
    let source = opened(text, named.clone());
    let [warning] = &source.warnings()[..] else { panic!("{:?}", source.warnings()) };
    assert!(warning.contains("(flags) is not read") && warning.contains("@ (2), W (1): name"), "{warning}");
    let it = source.understood();
    assert!(it.unread.contains(&"flags".to_owned()));
    assert!(it.choices.iter().any(|choice| choice.option == "--volume-only CODES"));
    let codes = ["W", "4", "W"].map(String::from).to_vec();
    let source = opened(text, Reading { volume_only: codes, auction: vec!["O".into()], ..named });
    assert_eq!(source.warnings(), [""; 0]);
    let it = source.understood();
    assert_eq!(it.reading, "auction=O; column.conditions=flags; volume_only=4,W");
    assert!(it.columns.iter().any(|column| (column.what, &*column.name) == ("conditions", "flags")));
}

/// Opening times, and open, high, low, close and volume as they are written.
fn bars_of(text: &[u8], options: &Options) -> Result<Vec<(String, [String; 5])>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    std::fs::write(&path, text).unwrap();
    let mut source = open(&path, options).map_err(|error| error.to_string())?;
    let mut bars = Vec::new();
    while let Some(block) = source.next_block().map_err(|error| error.to_string())? {
        let Block::Bars(block) = block else { return Err("ticks".to_owned()) };
        for at in 0..block.rows.len() {
            let price = |prices: &[i64]| block.scale.price_text(Price(prices[at]));
            let volume = block
                .volumes
                .get(at)
                .map_or_else(String::new, |volume| block.scale.size_text(Quantity(*volume)));
            bars.push((
                Timestamp(block.open_times[at]).to_string(),
                [price(&block.opens), price(&block.highs), price(&block.lows), price(&block.closes), volume],
            ));
        }
    }
    Ok(bars)
}

/// The columns that the options in a message name.
fn columns_in(message: &str) -> Vec<(String, String)> {
    let mut words = message.split_whitespace().map(|word| word.trim_end_matches(','));
    let mut columns = Vec::new();
    while let Some(word) = words.next() {
        if word == "--column" {
            let (what, name) = words.next().and_then(|pair| pair.split_once('=')).unwrap();
            columns.push((what.to_owned(), name.to_owned()));
        }
    }
    columns
}

/// Reads a text as the message that refuses it says.
fn by_the_remedy(text: &str) -> (String, Options) {
    let plain = options(Reading::default());
    let why = bars_of(text.as_bytes(), &plain).unwrap_err();
    let columns = columns_in(&why);
    assert!(!columns.is_empty(), "{why}");
    (why, options(Reading { columns, ..Reading::default() }))
}

#[test]
fn a_file_without_a_header_is_read_by_the_positions_that_its_refusal_names() {
    let histdata = "20240102 170000;1.10427;1.10429;1.10426;1.10428;0\n20240102 170100;1.10428;1.1043;1.10428;1.1043;7\n";
    let (why, options) = by_the_remedy(histdata);
    assert!(why.contains("looks like a row without a header: name its columns by their positions"), "{why}");
    let bars =
        bars_of(histdata.as_bytes(), &Options { bar_spec: "time:1m".parse().ok(), ..options }).unwrap();
    let expected = ["1.10428", "1.1043", "1.10428", "1.1043", "7"].map(str::to_owned);
    assert_eq!((bars.len(), &bars[1]), (2, &("2024-01-02T17:01:00Z".to_owned(), expected)));

    // Date and time of day apart, comments before them, and a decimal comma.
    let apart = "# EURUSD\n02.01.2024;17:00;1,1;1,2;1,0;1,15;10\n13.01.2024;17:01;1,15;1,25;1,1;1,2;20\n";
    let (_, options) = by_the_remedy(apart);
    let bars = bars_of(apart.as_bytes(), &Options { bar_spec: "time:1m".parse().ok(), ..options }).unwrap();
    let expected = ["1.15", "1.25", "1.1", "1.2", "20"].map(str::to_owned);
    assert_eq!(bars[1], ("2024-01-13T17:01:00Z".to_owned(), expected));

    // Ticks, with a symbol before them.
    let (_, options) = by_the_remedy("EUR,2024-01-02 10:00:00.5,1.5,100\nEUR,2024-01-02 10:00:01,1.6,200\n");
    let block = ticks_of(b"EUR,2024-01-02 10:00:00.5,1.5,100\nEUR,2024-01-02 10:00:01,1.6,200\n", &options);
    let block = block.unwrap();
    assert_eq!((times(&block)[0].as_str(), block.prices[0]), ("2024-01-02T10:00:00.5Z", 1_500_000_000));

    // One price a row is a bar where that is said, and positions count in a file with a header too.
    let closes = "day,whatever\n2024-01-02,5\n2024-01-03,6\n2024-01-04,7\n2024-01-05,8\n";
    let columns = [("time", "1"), ("close", "2")].map(|(what, at)| (what.to_owned(), at.to_owned())).to_vec();
    let options = self::options(Reading { columns, ..Reading::default() });
    let bars = bars_of(closes.as_bytes(), &options).unwrap();
    assert_eq!((bars.len(), bars[0].0.as_str(), bars[3].1[3].as_str()), (4, "2024-01-02T00:00:00Z", "8"));
}

#[test]
fn bars_of_binance_need_no_header() {
    let row = |at: i64| {
        let open = 1_499_040_000_000 + at * 60_000;
        format!(
            "{open},0.0163479,0.8,0.015758,0.0157771,148976.11,{},2434.19,308,1756.87,28.46,0\n",
            open + 59_999
        )
    };
    let text: String = (0..5).map(row).collect();
    let bars = bars_of(text.as_bytes(), &options(Reading::default())).unwrap();
    let expected = ["0.0163479", "0.8", "0.015758", "0.0157771", "148976.11"].map(str::to_owned);
    assert_eq!((bars.len(), &bars[4]), (5, &("2017-07-03T00:04:00Z".to_owned(), expected)));
}

#[test]
fn the_offset_behind_a_time_is_that_of_its_row() {
    let header = "Local time,Open,High,Low,Close,Volume\n";
    let text = format!(
        "{header}30.03.2024 23:00:00.000 GMT+0100,1,1,1,1,5\n31.03.2024 00:00:00.000 GMT+0100,1,1,1,1,5\n\
         31.03.2024 03:00:00.000 GMT+0200,1,1,1,1,5\n31.03.2024 04:00:00.000 GMT+0200,1,1,1,2,5\n"
    );
    let hourly = |options| Options { bar_spec: "time:1h".parse().ok(), ..options };
    let bars = bars_of(text.as_bytes(), &hourly(options(Reading::default()))).unwrap();
    let times: Vec<&str> = bars.iter().map(|bar| &bar.0[..16]).collect();
    assert_eq!(times, ["2024-03-30T22:00", "2024-03-30T23:00", "2024-03-31T01:00", "2024-03-31T02:00"]);
    let gmt = text.replace("Local time", "Gmt time").replace(" GMT+0100", "").replace(" GMT+0200", "");
    let bars = bars_of(gmt.as_bytes(), &hourly(options(Reading::default()))).unwrap();
    assert_eq!(bars[3].0, "2024-03-31T04:00:00Z");
    // West of it, in ticks.
    let ticks = "Local time,Ask,Bid\n31.01.2024 10:00:00.123 GMT-0500,1.2,1.1\n31.01.2024 10:00:01 UTC+5:30,1.2,1.1\n";
    let block = ticks_of(ticks.as_bytes(), &options(Reading::default())).unwrap();
    assert_eq!(self::times(&block), ["2024-01-31T15:00:00.123Z", "2024-01-31T04:30:01Z"]);
    // Local, and nobody says where.
    let local = gmt.replace("Gmt time", "Local time");
    let why = bars_of(local.as_bytes(), &options(Reading::default())).unwrap_err();
    assert!(why.contains("line 2, column Local time: '30.03.2024 23:00:00.000' is a local time"), "{why}");
    assert!(why.ends_with("name its zone, such as --zone Europe/Berlin, or --zone UTC"), "{why}");
    let zone = options(Reading { zone: Some("Europe/Berlin".to_owned()), ..Reading::default() });
    assert_eq!(bars_of(local.as_bytes(), &hourly(zone)).unwrap()[3].0, "2024-03-31T02:00:00Z");
}

#[test]
fn rows_of_one_symbol_are_picked_by_the_option_that_the_refusal_names() {
    let header = "date,open,high,low,close,Name\n";
    let row = |day: u32, price: u32, name: &str| {
        format!("2024-01-{day:02},{price},{price},{price},{price},{name}\n")
    };
    let of = |symbol: &str| Options::new(InstrumentId::new(symbol, "TEST").unwrap());
    let picked = |only: &str| {
        let (column, value) = only.split_once('=').unwrap();
        let only = Some((column.to_owned(), value.to_owned()));
        Options { reading: Reading { only, ..Reading::default() }, ..of("SAP") }
    };
    let days = |text: &str, options: &Options| {
        let options = Options { bar_spec: "time:1d".parse().ok(), ..options.clone() };
        let bars = bars_of(text.as_bytes(), &options)?;
        Ok::<_, String>(bars.into_iter().map(|(_, prices)| prices[3].clone()).collect::<Vec<_>>())
    };
    let two: String = (2..5).flat_map(|day| [row(day, 1, "SAP.DE"), row(day, 2, "BMW DE")]).collect();
    let two = format!("{header}{two}");
    let why = days(&two, &of("SAP")).unwrap_err();
    assert!(why.contains("no row of SAP, but of SAP.DE, BMW DE: pick one with --only Name=SAP.DE"), "{why}");
    assert_eq!(days(&two, &picked("Name=SAP.DE")).unwrap(), ["1"; 3]);
    assert_eq!(days(&two, &picked("Name=BMW DE")).unwrap(), ["2"; 3]);
    assert_eq!(days(&two, &of("SAPDE")).unwrap(), ["1"; 3], "by letters and digits");
    let other = days(&two, &picked("Name=VOW")).unwrap_err();
    assert!(other.contains("no row of VOW, but of SAP.DE, BMW DE"), "{other}");
    let missing = days(&two, &picked("Ticker=VOW")).unwrap_err();
    assert!(missing.contains("there is no such column, only date, open"), "{missing}");
    // A name that all rows have says nothing.
    let one: String = (2..5).map(|day| row(day, 1, "SAP SE")).collect();
    assert_eq!(days(&format!("{header}{one}"), &of("SAP")).unwrap(), ["1"; 3]);
    // Ticks, and a column that nobody knows.
    let ticks = "time,price,Stock\n1700000000,1,SAP.DE\n1700000001,2,BMW.DE\n1700000002,3,SAP.DE\n";
    let why = ticks_of(ticks.as_bytes(), &of("SAP")).unwrap_err();
    assert!(why.contains("but of SAP.DE, BMW.DE: pick one with --only Stock=SAP.DE"), "{why}");
    let block = ticks_of(ticks.as_bytes(), &picked("Stock=SAP.DE")).unwrap();
    assert_eq!(block.prices, [1_000_000_000, 3_000_000_000]);
    let unknown = ticks.replace("Stock", "Wertpapier");
    assert_eq!(ticks_of(unknown.as_bytes(), &picked("Wertpapier=BMW.DE")).unwrap().prices, [2_000_000_000]);
    let many: String = (0..12).map(|n| format!("1700000000,1,S{n}.DE\n")).collect();
    let why = ticks_of(format!("time,price,symbol\n{many}").as_bytes(), &of("SAP")).unwrap_err();
    assert!(why.contains("S7.DE: pick one with --only symbol=S0.DE") && !why.contains("S8.DE"), "{why}");
}

#[test]
fn a_header_of_several_lines_is_skipped_and_its_columns_named_as_its_refusal_says() {
    let text = "Price,Close,High,Low,Open,Volume\nTicker,AAPL,AAPL,AAPL,AAPL,AAPL\nDate,,,,,\n\
                2024-01-02,185.5,188.5,183.8,187.1,82488700\n2024-01-03,184.2,185.8,183.4,184.2,58414500\n";
    let (why, options) = by_the_remedy(text);
    assert!(
        why.contains("the lines 1 to 3 have no values") && why.contains("--skip-lines 3 --column time=1"),
        "{why}"
    );
    let reading = Reading { skip_lines: 3, ..options.reading.clone() };
    let bars = bars_of(text.as_bytes(), &Options { reading, ..options }).unwrap();
    let expected = ["187.1", "188.5", "183.8", "185.5", "82488700"].map(str::to_owned);
    assert_eq!((bars.len(), &bars[0]), (2, &("2024-01-02T00:00:00Z".to_owned(), expected)));
    // A banner of as many fields as the header.
    let banner = "Made,by,us\nsee,our,terms\ntime,price,size\n2017-01-02,1,5\n";
    let why = refusal(banner);
    assert!(why.contains("--skip-lines"), "{why}");
    let skipped = self::options(Reading { skip_lines: 2, ..Reading::default() });
    assert_eq!(ticks_of(banner.as_bytes(), &skipped).unwrap().prices, [1_000_000_000]);
}

#[test]
fn what_is_no_utf_8_is_refused_with_its_place_and_read_by_the_encoding_that_is_named() {
    let text = "Zeit,Kurs,Gr\u{f6}\u{df}e,M\u{e4}rkt\n2017-01-02,1.5,10,\u{20ac}\n2017-01-03,1.6,20,x\n";
    let latin: Vec<u8> = text.replace('\u{20ac}', "E").chars().map(|letter| letter as u8).collect();
    let columns = [("time", "Zeit"), ("price", "Kurs"), ("size", "Gr\u{f6}\u{df}e")];
    let columns: Vec<_> =
        columns.iter().map(|(what, name)| ((*what).to_owned(), (*name).to_owned())).collect();
    let with = |encoding: Option<Encoding>| {
        options(Reading { encoding, columns: columns.clone(), ..Reading::default() })
    };
    let why = ticks_of(&latin, &with(None)).unwrap_err();
    assert!(
        why.contains("line 1, byte 13: 0xf6 is no UTF-8: name the encoding, such as --encoding windows-1252"),
        "{why}"
    );
    for encoding in [Encoding::Latin1, Encoding::Windows1252] {
        assert_eq!(ticks_of(&latin, &with(Some(encoding))).unwrap().sizes, [1_000_000_000, 2_000_000_000]);
    }
    // Far behind in the file, before anything of it is given out.
    let mut late = text.replace('\u{20ac}', "E").into_bytes();
    (0..50_000).for_each(|_| late.extend_from_slice(b"2017-01-04,1.6,20,x\n"));
    late.extend_from_slice(b"2017-01-04,1.6,20,\xe9\n");
    let why = ticks_of(&late, &with(None)).unwrap_err();
    assert!(why.contains("line 50004, byte 19: 0xe9"), "{why}");
    // UTF-16 without a mark, and a mark that says it alone.
    for (encoding, bytes) in [
        (Encoding::Utf16Le, text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()),
        (Encoding::Utf16Be, text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
    ] {
        let why = ticks_of(&bytes, &with(None)).unwrap_err();
        assert!(why.contains(&format!("--encoding {encoding}")), "{why}");
        assert_eq!(ticks_of(&bytes, &with(Some(encoding))).unwrap().sizes.len(), 2);
    }
    let marked: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(ticks_of(&marked, &with(Some(Encoding::Latin1))).unwrap().sizes.len(), 2);
}

#[test]
fn prices_of_fixed_point_are_asked_for_and_read_by_the_scale_that_is_named() {
    let with = |price_digits| options(Reading { price_digits, ..Reading::default() });
    // Databento's trades: nanoseconds, and prices in billionths. The largest number is no price.
    let text = "ts_event,action,side,price,size\n1709546400000000000,T,B,4000250000000,3\n\
                1709546400000000001,T,A,9223372036854775807,1\n1709546400000000002,T,A,-1250000000,2\n";
    let why = ticks_of(text.replace("-1250000000", "125000000000").as_bytes(), &with(None)).unwrap_err();
    assert!(
        why.contains("whole numbers from 125000000000 on") && why.contains("--price-scale 1e-9"),
        "{why}"
    );
    let block = ticks_of(text.as_bytes(), &with(Some(9))).unwrap();
    assert_eq!((block.prices[0], block.prices[2]), (4_000_250_000_000, -1_250_000_000));
    assert_eq!(block.kinds[1], TickKind::NotANumber as u8);
    let bars = "ts_event,open,high,low,close,volume\n1709546400000000000,104270000000,104290000000,104270000000,104280000000,5\n\
                1709546460000000000,104280000000,104290000000,104270000000,104280000000,5\n";
    let minutes = |options: Options| Options { bar_spec: "time:1m".parse().ok(), ..options };
    assert!(bars_of(bars.as_bytes(), &minutes(with(None))).unwrap_err().contains("--price-scale 1e-9"));
    let expected = ["104.27", "104.29", "104.27", "104.28", "5"].map(str::to_owned);
    assert_eq!(bars_of(bars.as_bytes(), &minutes(with(Some(9)))).unwrap()[0].1, expected);
    // Prices that are as high as they look: a coin in rupiah.
    let rupiah = "time,price,size\n1700000000,1500000000,1\n1700000001,1500001000,1\n";
    for price_digits in [None, Some(0)] {
        let block = ticks_of(rupiah.as_bytes(), &with(price_digits)).unwrap();
        assert_eq!(block.prices[0], 1_500_000_000_000_000_000);
    }
}
