//! Records that were set aside: listed with their reasons, shown, and put back once when they can be read after all.

use gauntlet_domain::market::{CreateSnapshot, Quote};
use gauntlet_domain::{Event, InstrumentId, Price, Timestamp};
use gauntlet_log::{EventLog, LocalLog, NewRecord, Positions, Record, TopicPartition};
use gauntlet_runtime::events::{self, Cause};
use gauntlet_tests::{Dir, Json, digest_of, gauntlet, mini, number};
use gauntlet_wire::Codec;

const COMMANDS: &str = "data.commands.v1";

fn log(dir: &Dir) -> LocalLog {
    LocalLog::open(&dir.node().join("log.redb")).unwrap()
}

fn instrument() -> InstrumentId {
    InstrumentId::new("XAUUSD", "OANDA").unwrap()
}

fn command(to: &str) -> (String, NewRecord) {
    let command = CreateSnapshot::new(
        &instrument(),
        "time:1h".parse().unwrap(),
        "2011-01-01T00:00:00Z".parse().unwrap(),
        to.parse().unwrap(),
    );
    let id = command.snapshot_id.to_string();
    (id, events::record(&Codec::default(), &command.into(), Cause::outside("gateway", Timestamp(0))).unwrap())
}

/// As a build leaves it that cannot read the record.
fn letter(record: NewRecord) -> NewRecord {
    let mut headers = record.headers;
    for (name, value) in [
        ("topic", record.topic.as_ref()),
        ("partition", "0"),
        ("offset", "7"),
        ("connector.name", "market-data"),
        ("exception.class.name", "gauntlet.wire.WireError.ForeignSchema"),
        ("exception.message", "schema id 900 is none of Gauntlet's records"),
    ] {
        headers.push((format!("__connect.errors.{name}").into(), value.as_bytes().to_vec()));
    }
    NewRecord { topic: format!("{}.dlq", record.topic).into(), headers, ..record }
}

/// Everything on a topic, partition by partition.
fn records(dir: &Dir, topic: &str) -> Vec<Record> {
    let log = log(dir);
    let mut all = Vec::new();
    for partition in 0..log.partitions(topic).unwrap() {
        let place = TopicPartition::new(topic, partition);
        let (start, end) = log.bounds(&place).unwrap();
        let mut tail = log.tail(&Positions::from([(place, start)])).unwrap();
        let wanted = all.len() + (end - start) as usize;
        while all.len() < wanted {
            all.extend(tail.poll(100, std::time::Duration::from_secs(5)).unwrap());
        }
    }
    all
}

fn texts<'a>(rows: &'a Json, name: &str) -> Vec<&'a str> {
    rows.as_array().unwrap().iter().map(|row| row[name].as_str().unwrap()).collect()
}

/// Lets the processors take in what is new.
fn work(dir: &Dir) {
    let create =
        ["snapshot", "create", "--instrument", "XAUUSD", "--bars", "time:1h", "--from", "2011-01-01"];
    gauntlet(create.into_iter().chain(["--to", "2011-02-01"])).on(dir).ok();
}

#[test]
fn what_cannot_be_read_is_listed_with_its_reason_and_stays_where_it_is() {
    let dir = Dir::copy_of(mini());
    assert_eq!(gauntlet(["dlq", "ls"]).on(&dir).ok(), serde_json::json!([]));
    let (_, good) = command("2012-01-01T00:00:00Z");
    let mut cut = good.clone();
    cut.value.as_mut().unwrap().truncate(20);
    let null = NewRecord { value: None, ..good.clone() };
    let mut magic = good;
    magic.value.as_mut().unwrap()[0] = 1;
    log(&dir).append(vec![cut, null, magic]).unwrap();
    work(&dir);
    let listed = gauntlet(["dlq", "ls"]).on(&dir).ok();
    let mut reasons = texts(&listed, "reason");
    reasons.sort_unstable();
    assert_eq!(reasons, ["Malformed", "NullValue", "WrongMagic"], "{listed}");
    for row in listed.as_array().unwrap() {
        assert_eq!((&row["topic"], &row["processor"]), (&COMMANDS.into(), &"market-data".into()), "{row}");
        assert_eq!(row["readable"], false, "{row}");
        assert!(row["offset"].is_u64() && !row["message"].as_str().unwrap().is_empty(), "{row}");
    }
    let one = gauntlet(["dlq", "ls", COMMANDS, "--reason", "WrongMagic"]).on(&dir).ok();
    assert_eq!(one.as_array().unwrap().len(), 1);
    let id = one[0]["id"].as_str().unwrap();
    let shown = gauntlet(["dlq", "show", id]).on(&dir).ok();
    assert_eq!(&shown["value_hex"].as_str().unwrap()[..2], "01");
    assert!(shown["says"].as_str().unwrap().starts_with("cannot be read: "), "{shown}");
    assert_eq!(shown["headers"]["__connect.errors.stage"], "VALUE_CONVERTER");
    assert_eq!(number(&gauntlet(["dlq", "ls", "--limit", "2"]).on(&dir).ok()[1], "bytes"), 0, "no value");

    let before = digest_of(&dir.node());
    let run = gauntlet(["dlq", "replay", "--all"]).on(&dir).run();
    assert_eq!(run.code, Some(1), "{run}");
    assert_eq!(
        (run.json()["left"].as_array().unwrap().len(), &run.json()["replayed"]),
        (3, &serde_json::json!([]))
    );
    digest_of(&dir.node()).assert_equals(&before, "nothing was put back");
    for (args, words) in [
        (vec!["dlq", "show", "data.commands.v1"], "names no dead letter: write it as gauntlet dlq ls does"),
        (vec!["dlq", "show", "data.commands.v1/0=99"], "there is no dead letter data.commands.v1/0=99"),
        (vec!["dlq", "show", "data.commands.v1/99=0"], "there is no dead letter data.commands.v1/99=0"),
        (vec!["dlq", "ls", "data.command"], "did you mean data.commands.v1?"),
        (vec!["dlq", "replay"], "required arguments were not provided"),
    ] {
        gauntlet(args).on(&dir).refused(2, &[words]);
    }
}

#[test]
fn what_can_be_read_after_all_is_put_back_once_and_taken_in() {
    let dir = Dir::copy_of(mini());
    let [(first_id, first), (second_id, second)] =
        ["2012-01-01T00:00:00Z", "2013-01-01T00:00:00Z"].map(command);
    let (headers, value) = (first.headers.clone(), first.value.clone());
    log(&dir).append(vec![letter(first), letter(second)]).unwrap();
    let listed = gauntlet(["dlq", "ls", "--processor", "market-data"]).on(&dir).ok();
    assert_eq!(
        (texts(&listed, "reason"), &listed[0]["readable"]),
        (vec!["ForeignSchema"; 2], &Json::Bool(true))
    );
    let ids = texts(&listed, "id");

    let sealed = |id: &str| gauntlet(["snapshot", "ls"]).on(&dir).ok().to_string().contains(id);
    let replay = |args: &[&str]| gauntlet([&["dlq", "replay"], args].concat()).on(&dir).ok();
    assert_eq!(replay(&ids[..1])["replayed"], serde_json::json!([ids[0]]));
    work(&dir);
    assert!(sealed(&first_id) && !sealed(&second_id));
    let all = replay(&["--all"]);
    assert_eq!(
        (&all["already"], &all["replayed"]),
        (&serde_json::json!([ids[0]]), &serde_json::json!([ids[1]]))
    );
    assert_eq!(replay(&["--all"])["already"], serde_json::json!(ids));
    work(&dir);
    assert!(sealed(&second_id));

    let back: Vec<Record> =
        records(&dir, COMMANDS).into_iter().filter(|record| record.value == value).collect();
    let [back] = back.as_slice() else { panic!("{} records", back.len()) };
    let (own, more) = back.headers.split_at(headers.len());
    assert_eq!((own, more.len()), (&*headers, 1), "as it was, and which letter it was");
    assert_eq!(more[0].1, ids[0].as_bytes());
    assert_eq!(gauntlet(["verify"]).on(&dir).ok()["ok"], true);
    assert_eq!(gauntlet(["replay", "--all"]).on(&dir).ok()["identical"], true);
}

#[test]
fn ticks_behind_what_their_source_has_come_to_stay_with_the_reason() {
    let dir = Dir::copy_of(mini());
    let quote = |sequence| {
        let quote = Quote {
            scale: gauntlet_domain::Scale::USUAL,
            instrument: instrument().as_str().into(),
            source: "a live feed".into(),
            sequence,
            time: Timestamp(1_400_000_000_000_000_000 + sequence),
            bid: Price(1_300_000_000_000),
            ask: Price(1_300_100_000_000),
            bid_size: None,
            ask_size: None,
            received: None,
        };
        events::record(&Codec::default(), &Event::from(quote), Cause::outside("feed", Timestamp(0))).unwrap()
    };
    // The source has come to 5; one tick before it and two behind it were set aside.
    log(&dir).append(vec![quote(5), letter(quote(3)), letter(quote(6)), letter(quote(7))]).unwrap();
    let run = gauntlet(["dlq", "replay", "--all"]).on(&dir).run();
    assert_eq!(run.code, Some(1), "{run}");
    assert_eq!(run.json()["replayed"].as_array().unwrap().len(), 2);
    let left = &run.json()["left"];
    assert_eq!(left.as_array().unwrap().len(), 1, "{left}");
    assert!(left[0]["why"].as_str().unwrap().contains("has gone on to 5"), "{left}");
}
