//! The machine as a whole: sources, snapshots, and the properties of every machine.
#![allow(clippy::unwrap_used)]

use gauntlet_domain::market::*;
use gauntlet_domain::{BarSpec, Event, InstrumentId, Timestamp};
use gauntlet_market_data::{KnownInstrument, MarketData, known_instrument};
use gauntlet_processor::harness::{Partitions, check_interleavings, check_properties, given, recorded, run};
use gauntlet_processor::machine::Machine;
use proptest::prelude::*;

const INSTRUMENT: &str = "XAUUSD.OANDA";
const SECOND: i64 = 1_000_000_000;

fn block(number: i64, quotes: &[(i64, i64)]) -> Event {
    TickBlock {
        instrument: INSTRUMENT.into(),
        source: "file".into(),
        block: number,
        rows: (0..quotes.len() as i64).map(|i| number * 100 + i + 1).collect(),
        kinds: vec![1; quotes.len()],
        times: quotes.iter().map(|q| q.0 * SECOND).collect(),
        prices: quotes.iter().map(|q| q.1).collect(),
        asks: quotes.iter().map(|q| q.1 + 2).collect(),
        ..TickBlock::default()
    }
    .into()
}

fn hours(number: i64, opens: &[i64]) -> Event {
    let n = opens.len();
    BarBlock {
        instrument: INSTRUMENT.into(),
        source: "hours".into(),
        block: number,
        spec: "time:1h".into(),
        rows: (1..=n as i64).collect(),
        kinds: vec![1; n],
        open_times: opens.iter().map(|hour| hour * 3600 * SECOND).collect(),
        opens: vec![10; n],
        highs: vec![12; n],
        lows: vec![9; n],
        closes: vec![11; n],
        ..BarBlock::default()
    }
    .into()
}

fn completed(rows: i64) -> Event {
    FeedCompleted {
        scale: gauntlet_domain::Scale::USUAL,
        instrument: INSTRUMENT.into(),
        source: "file".into(),
        name: "f.zip".into(),
        rows,
        blocks: 2,
    }
    .into()
}

fn ask(spec: &str, from: i64, to: i64) -> CreateSnapshot {
    let instrument = InstrumentId::new("XAUUSD", "OANDA").unwrap();
    CreateSnapshot::new(&instrument, spec.parse().unwrap(), Timestamp(from * SECOND), Timestamp(to * SECOND))
}

fn is_due(event: &Event) -> bool {
    matches!(event, Event::SnapshotDue(_))
}

fn history() -> Vec<Event> {
    let quotes: Vec<(i64, i64)> = (0..200).map(|i| (i * 7, 100_000_000 + (i % 5) * 20)).collect();
    let mut history = vec![ask("time:1m", 0, 600).into(), hours(0, &[0, 1, 2, 4])];
    history.extend(quotes.chunks(50).enumerate().map(|(i, chunk)| block(i as i64, chunk)));
    history.extend([completed(200), ask("time:1h", 0, 3 * 3600).into()]);
    history
}

#[test]
fn it_has_the_properties_of_every_machine() {
    assert!(check_properties::<MarketData>(&history()) > 20);
}

fn define(bars: &[&str], lateness_seconds: i64) -> Event {
    let bars = bars.iter().map(|spec| spec.parse().unwrap()).collect();
    let mut definition = InstrumentDefined::new(INSTRUMENT, bars, PriceBasis::Quotes);
    definition.cleaning.lateness_nanos = lateness_seconds * SECOND;
    definition.into()
}

/// Definitions that change which bars there are and how late a tick may be, snapshots that are asked for on the other
/// topic, ticks out of order, live ticks, a source that ends.
fn changing_definitions() -> Vec<Event> {
    let quotes: Vec<(i64, i64)> =
        (0..400).map(|i| (i * 7 - (i % 6) * 5, 100_000_000 + (i % 5) * 20)).collect();
    let blocks: Vec<Event> = quotes.chunks(50).enumerate().map(|(i, chunk)| block(i as i64, chunk)).collect();
    let live = |sequence: i64| -> Event {
        Quote {
            scale: gauntlet_domain::Scale::USUAL,
            instrument: INSTRUMENT.into(),
            source: "live".into(),
            sequence,
            time: Timestamp((3000 + sequence * 30) * SECOND),
            bid: gauntlet_domain::Price(100_000_000),
            ask: gauntlet_domain::Price(100_000_020),
            bid_size: None,
            ask_size: None,
            received: (sequence % 2 == 0).then(|| Timestamp((3000 + sequence * 30) * SECOND)),
        }
        .into()
    };
    let mut history = vec![ask("time:1m", 0, 600).into(), ask("time:5m", 0, 600).into()];
    history.extend([define(&["time:1m", "time:5m"], 0), blocks[0].clone(), blocks[1].clone()]);
    history.extend([hours(0, &[0, 1]), define(&["time:1m", "time:1h"], 120), blocks[2].clone()]);
    history.extend([ask("time:1m", 600, 1200).into(), ask("time:1h", 0, 2 * 3600).into()]);
    history.extend(blocks[3..].iter().cloned());
    history.extend([define(&["time:5m", "time:1h"], 600), completed(400)]);
    history.extend((0..5).map(live));
    history.extend([ask("time:1m", 0, 1200).into(), ask("time:5m", 0, 300).into()]);
    history
}

/// A feed that knows the present ends the evening with the first row of the morning; one that does not waits for more.
#[test]
fn a_live_row_with_the_recorders_time_closes_the_last_bar_at_once() {
    let quote = |sequence: i64, second: i64, received: Option<i64>| -> Event {
        Quote {
            scale: gauntlet_domain::Scale::USUAL,
            instrument: INSTRUMENT.into(),
            source: "live".into(),
            sequence,
            time: Timestamp(second * SECOND),
            bid: gauntlet_domain::Price(100_000_000),
            ask: gauntlet_domain::Price(100_000_020),
            bid_size: None,
            ask_size: None,
            received: received.map(|second| Timestamp(second * SECOND)),
        }
        .into()
    };
    let after = |is_live: bool, morning: &[(i64, i64)]| {
        let evening = (1..=20).map(|n| (n, n));
        let rows = evening.chain(morning.iter().copied()).zip(1..);
        let rows = rows.map(|((second, at), number)| quote(number, second, is_live.then_some(at)));
        let events = run::<MarketData>(&rows.collect::<Vec<_>>());
        let reasons: Vec<String> = events
            .iter()
            .filter_map(|event| match event {
                Event::TickRejected(rejected) => Some(rejected.reason.clone()),
                _ => None,
            })
            .collect();
        (events.iter().filter(|event| matches!(event, Event::Bar(_))).count(), reasons)
    };
    assert_eq!(after(true, &[(40_000, 40_000)]), (1, vec![]));
    assert_eq!(after(false, &[(40_000, 40_000)]), (0, vec![]), "it waits");
    // A clock that is wrong closes nothing, and is said at once.
    assert_eq!(after(true, &[(40_000, 21)]), (0, vec!["clock_ahead".to_owned()]));
}

#[test]
fn changing_definitions_have_the_properties_of_every_machine_too() {
    assert!(check_properties::<MarketData>(&changing_definitions()) > 20);
}

/// Ticks and commands are two topics: a snapshot may be asked for before, between and after the ticks that it waits for.
#[test]
fn ticks_and_commands_in_any_order_give_the_same() {
    let of = |event: &Event| match event {
        Event::CreateSnapshot(_) => "commands".to_owned(),
        _ => "ticks".to_owned(),
    };
    let partitions = Partitions { of: &of, is_possible: &|_, _| true };
    for history in [history(), changing_definitions()] {
        assert!(check_interleavings::<MarketData>(&history, &partitions, 100) > 2000);
    }
}

#[test]
fn a_definition_that_comes_again_late_does_not_bring_the_old_rules_back() {
    let (first, second) = (define(&["time:1m"], 0), define(&["time:5m"], 0));
    let ticks: Vec<(i64, i64)> = (0..100).map(|i| (i * 10, 100_000_000 + i % 3 * 20)).collect();
    let history = [first.clone(), second, first, block(0, &ticks)];
    let bars = run::<MarketData>(&history);
    let lengths = bars.iter().filter_map(|event| match event {
        Event::Bar(bar) => Some(bar.spec.to_string()),
        _ => None,
    });
    assert_eq!(lengths.collect::<Vec<_>>(), ["time:5m"; 3]);
}

#[test]
fn bars_of_no_known_length_are_refused_by_name() {
    let Event::BarBlock(mut block) = hours(0, &[0, 1]) else { unreachable!() };
    block.spec = "time:1w".into();
    let event = recorded(Event::BarBlock(block));
    let mut machine = MarketData::default();
    let why = machine.refuses(event.input()).unwrap();
    assert!(why.contains("'time:1w' is not a bar spec"), "{why}");
    assert_eq!(machine.step(event.input()), []);
    assert_eq!(machine.refuses(recorded(hours(0, &[0, 1])).input()), None);
}

#[test]
fn a_source_taken_in_already_adds_nothing() {
    let again = history();
    given::<MarketData>(history()).when(again[3].clone()).then_nothing();
    given::<MarketData>(history()).when(completed(200)).then_nothing();
}

#[test]
fn a_completed_source_is_answered_with_its_counts() {
    let outputs = run::<MarketData>(&history());
    let Some(Event::SourceCleaned(cleaned)) = outputs.iter().find(|e| matches!(e, Event::SourceCleaned(_)))
    else {
        panic!("no SourceCleaned");
    };
    let rejected: i64 = cleaned.rejected.iter().map(|reason| reason.count).sum();
    assert_eq!((cleaned.rows, cleaned.accepted + rejected), (200, 200));
}

#[test]
fn a_snapshot_is_due_when_event_time_has_passed_its_end_and_not_before() {
    // The first eight wait for one another.
    let seconds = [0, 1, 2, 3, 4, 5, 6, 119].map(|second| (second, 100));
    let early = [ask("time:1m", 0, 120).into(), block(0, &seconds)];
    assert!(!run::<MarketData>(&early).iter().any(is_due));
    let passed = [ask("time:1m", 0, 120).into(), block(0, &seconds), block(1, &[(120, 100)])];
    let outputs = run::<MarketData>(&passed);
    let bar = outputs.iter().position(|e| matches!(e, Event::Bar(_))).unwrap();
    assert!(bar < outputs.iter().position(is_due).unwrap(), "its bars are there before it is due");
}

#[test]
fn when_the_command_arrives_makes_no_difference() {
    let mut expected = None;
    for place in 0..4 {
        let mut history = vec![hours(0, &[0, 1]), hours(1, &[2, 3]), hours(2, &[5])];
        history.insert(place, ask("time:1h", 0, 4 * 3600).into());
        let mut outputs = run::<MarketData>(&history);
        outputs.sort_by_key(Event::id);
        assert_eq!(*expected.get_or_insert(outputs.clone()), outputs, "command at {place}");
    }
}

#[test]
fn bars_behind_the_event_time_of_their_spec_are_out_of_order() {
    let outputs = run::<MarketData>(&[hours(0, &[5, 6]), hours(1, &[3, 7, 7])]);
    let rejected: Vec<_> = outputs
        .iter()
        .filter_map(|event| match event {
            Event::TickRejected(e) => Some((e.reason.as_str(), e.rows.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(rejected, [("duplicate", vec![3]), ("out_of_order", vec![1])]);
}

#[test]
fn ticks_go_on_where_ready_made_bars_end() {
    let mut definition =
        InstrumentDefined::new(INSTRUMENT, vec!["time:1h".parse().unwrap()], PriceBasis::Quotes);
    definition.cleaning.gap_nanos = 0;
    let ticks = block(0, &[(3600, 100_000), (7300, 100_001), (10_900, 100_002), (10_901, 100_002)]);
    let outputs = run::<MarketData>(&[definition.into(), hours(0, &[0, 1]), ticks, completed(4)]);
    let bars: Vec<_> = outputs
        .iter()
        .filter_map(|event| match event {
            Event::Bar(bar) => Some((bar.open_time.0 / SECOND / 3600, bar.ticks)),
            _ => None,
        })
        .collect();
    assert_eq!(bars, [(0, 0), (1, 0), (2, 1)]);
}

proptest! {
    #[test]
    fn bars_do_not_depend_on_how_ticks_are_cut_into_blocks(
        steps in prop::collection::vec((0..40_i64, -300..300_i64), 1..300),
        cut in 1..50_usize,
    ) {
        let mut at = (0, 1_000_000);
        let quotes: Vec<(i64, i64)> = steps.iter().map(|(dt, dp)| { at = (at.0 + dt, at.1 + dp); at }).collect();
        let bars = |size: usize| -> Vec<Event> {
            let blocks: Vec<Event> =
                quotes.chunks(size).enumerate().map(|(i, chunk)| block(i as i64, chunk)).collect();
            run::<MarketData>(&blocks).into_iter().filter(|e| matches!(e, Event::Bar(_))).collect()
        };
        prop_assert_eq!(bars(cut), bars(1000));
    }
}

#[test]
fn a_price_that_waits_holds_event_time_where_it_is() {
    let mut quotes: Vec<(i64, i64)> = (0..12).map(|n| (n, 1_000_000 + n % 2 * 10)).collect();
    quotes.extend([(70, 1_000_000), (130, 1_010_000), (190, 1_010_000)]);
    let mut history = vec![ask("time:1m", 0, 120).into(), ask("time:1m", 0, 180).into(), block(0, &quotes)];
    let counts = |history: &[Event]| {
        let outputs = run::<MarketData>(history);
        let bars = outputs.iter().filter(|event| matches!(event, Event::Bar(_))).count();
        (bars, outputs.iter().filter(|event| is_due(event)).count())
    };
    assert_eq!(counts(&history), (2, 1), "the jump at 130 waits: what ends before it is final, no more");
    history.push(completed(15));
    assert_eq!(counts(&history), (3, 2));
}

#[test]
fn snapshots_that_have_been_due_are_kept_apart_from_those_asked_for() {
    let mut machine = MarketData::default();
    let mut step = |event: Event| machine.step(recorded(event).input());
    step(hours(0, &[0, 20_000]));
    let commands: Vec<CreateSnapshot> = (1..=10_000).map(|hour| ask("time:1h", 0, hour * 3600)).collect();
    for command in &commands {
        assert_eq!(step(command.clone().into()).len(), 1, "due at once");
    }
    let ahead = ask("time:1h", 0, 30_000 * 3600);
    assert_eq!(step(ahead.clone().into()), []);
    for repeated in commands.iter().step_by(97).chain([&ahead]) {
        assert_eq!(step(repeated.clone().into()), []);
    }
    let state: serde_json::Value = serde_json::from_slice(&machine.save().unwrap()).unwrap();
    let instrument = &state["instruments"][INSTRUMENT];
    assert_eq!(instrument["asked"].as_object().unwrap().len(), 1, "what is finished is not walked over");
    assert_eq!(instrument["finished"].as_str().unwrap().len(), 10_000 * 32);
}

/// Who asks about an instrument asks saved state, and need not read its ticks.
#[test]
fn saved_state_knows_what_is_made_of_an_instrument() {
    let after = |events: &[Event]| {
        let mut machine = MarketData::default();
        for event in events {
            machine.step(recorded(event.clone()).input());
        }
        known_instrument(&machine.save().unwrap(), INSTRUMENT).unwrap()
    };
    let day: BarSpec = "time:1d".parse().unwrap();
    let definition = InstrumentDefined::new(INSTRUMENT, vec![day], PriceBasis::Quotes);
    let defined = Event::from(definition.clone());
    assert_eq!(after(&[]), None);
    let known = |has_ticks| Some(KnownInstrument { definition: Some(definition.clone()), has_ticks });
    assert_eq!(after(&[defined.clone(), hours(0, &[1, 2])]), known(false), "ready-made bars are no ticks");
    assert_eq!(after(&[defined.clone(), block(0, &[(0, 100)])]), known(true));
    assert!(known_instrument(b"{", INSTRUMENT).is_err());
}

/// A vendor sends a bar again: the same, or corrected.
#[test]
fn a_bar_that_comes_again_is_the_same_or_a_revision() {
    let Event::BarBlock(first) = hours(0, &[0, 1, 2]) else { unreachable!() };
    let mut second = first.clone();
    second.source = "corrected".into();
    second.closes[1] = second.highs[1];
    let mut third = second.clone();
    third.source = "once more".into();
    third.volumes = vec![0, 5, 0];
    let outputs = run::<MarketData>(&[(*first).into(), (*second).into(), (*third).into()]);
    let said = outputs.iter().filter_map(|event| match event {
        Event::TickRejected(rejected) => Some((rejected.reason.as_str(), rejected.rows.clone())),
        Event::TickCorrected(corrected) => Some((corrected.reason.as_str(), corrected.rows.clone())),
        _ => None,
    });
    let of_one = [("duplicate", vec![1, 3]), ("revised", vec![2])];
    assert_eq!(said.collect::<Vec<_>>(), [of_one.clone(), of_one].concat());
    assert_eq!(outputs.iter().filter(|event| matches!(event, Event::Bar(_))).count(), 3);
    let revised: Vec<_> = outputs.iter().filter_map(revised).collect();
    let of = |revised: &BarRevised| {
        let bar = revised.bar.as_ref().unwrap();
        (revised.revision, revised.source.clone(), bar.open_time.0 / SECOND, bar.close.0, bar.volume.0)
    };
    let expected = [(1, "corrected".into(), 3600, 12, 0), (2, "once more".into(), 3600, 12, 5)];
    assert_eq!(revised.iter().map(|event| of(event)).collect::<Vec<_>>(), expected);
}

/// Of two rows of one file nobody knows which is right.
#[test]
fn two_bars_of_one_time_in_one_source_are_no_revision() {
    let Event::BarBlock(mut block) = hours(0, &[0, 1, 1]) else { unreachable!() };
    block.closes[2] = 12;
    let outputs = run::<MarketData>(&[(*block).into()]);
    assert!(outputs.iter().all(|event| revised(event).is_none()));
    assert!(outputs.iter().any(|event| matches!(event, Event::TickRejected(r) if r.reason == "revised")));
}

fn revised(event: &Event) -> Option<&BarRevised> {
    match event {
        Event::BarRevised(revised) => Some(revised),
        _ => None,
    }
}

/// Trades at every ten seconds.
fn trades(source: &str, seconds: std::ops::Range<i64>) -> Event {
    let times: Vec<i64> = seconds.step_by(10).map(|second| second * SECOND).collect();
    let n = times.len();
    TickBlock {
        instrument: INSTRUMENT.into(),
        source: source.into(),
        rows: (1..=n as i64).collect(),
        kinds: vec![TickKind::Trade as u8; n],
        prices: (0..n as i64).map(|i| 1000 + i % 3).collect(),
        sizes: vec![1; n],
        times,
        ..TickBlock::default()
    }
    .into()
}

fn ended(source: &str, rows: i64, aborted: bool) -> Event {
    let (instrument, source, name) = (INSTRUMENT.to_owned(), source.to_owned(), "f.csv".to_owned());
    let scale = gauntlet_domain::Scale::USUAL;
    if aborted {
        return FeedAborted { instrument, source, name, rows, reason: "read wrongly".into(), scale }.into();
    }
    FeedCompleted { instrument, source, name, rows, blocks: 1, scale }.into()
}

fn of_trades() -> Event {
    InstrumentDefined::new(INSTRUMENT, vec![BarSpec::Time { seconds: 60 }], PriceBasis::Trades).into()
}

/// The spreads of trades' bars become known when the quotes of the same hours are fed.
#[test]
fn quotes_that_are_fed_after_the_trades_revise_the_spreads() {
    // Quotes of the minutes 1 to 5: spread 4 at the first quote of a minute, then 6, then 2.
    let seconds: Vec<i64> = (60..360).step_by(20).collect();
    let spreads = [4, 6, 2];
    let n = seconds.len();
    let quotes = TickBlock {
        instrument: INSTRUMENT.into(),
        source: "quotes".into(),
        rows: (1..=n as i64).collect(),
        kinds: vec![TickKind::Quote as u8; n],
        prices: vec![1000; n],
        asks: (0..n).map(|i| 1000 + spreads[i % 3]).collect(),
        times: seconds.iter().map(|second| second * SECOND).collect(),
        ..TickBlock::default()
    };
    let history = [
        of_trades(),
        trades("trades", 0..300),
        ended("trades", 30, false),
        quotes.into(),
        ended("quotes", n as i64, false),
    ];
    let outputs = run::<MarketData>(&history);
    let revised: Vec<_> = outputs.iter().filter_map(revised).collect();
    let of = |revised: &BarRevised| {
        let minute = revised.from.0 / SECOND / 60;
        (
            revised.revision,
            minute,
            revised.change() == Change::Spreads([4, 2].map(|s| Some(gauntlet_domain::Price(s)))),
        )
    };
    // The trades end in minute 4, whose bar is open: its quotes come in their place.
    let expected = (1..=3).map(|minute| (minute, minute, true)).collect::<Vec<_>>();
    assert_eq!(revised.iter().map(|event| of(event)).collect::<Vec<_>>()[..3], expected);
    let cleaned = outputs.iter().filter_map(|event| match event {
        Event::SourceCleaned(cleaned) => Some((cleaned.accepted, cleaned.rejected.len())),
        _ => None,
    });
    assert_eq!(cleaned.collect::<Vec<_>>(), [(30, 0), (n as i64, 0)]);
    assert!(check_properties::<MarketData>(&history) > 0);
}

/// Quotes in several files, or in files that overlap, are one stream: a bar has the spreads of its first and last quote.
#[test]
fn quotes_in_several_files_beside_trades_count_once() {
    let quotes = |source: &str, of: &[(i64, i64)]| -> Event {
        TickBlock {
            instrument: INSTRUMENT.into(),
            source: source.into(),
            rows: (1..=of.len() as i64).collect(),
            kinds: vec![TickKind::Quote as u8; of.len()],
            times: of.iter().map(|(second, _)| second * SECOND).collect(),
            prices: vec![1000; of.len()],
            asks: of.iter().map(|(_, spread)| 1000 + spread).collect(),
            ..TickBlock::default()
        }
        .into()
    };
    let all = [(1, 2), (31, 3), (55, 4), (70, 1)];
    for files in
        [&[&all[..]][..], &[&all[..1], &all[1..]], &[&all, &all[1..]], &[&all[..2], &all], &[&all, &all]]
    {
        let mut history = vec![of_trades(), trades("trades", 0..300), ended("trades", 30, false)];
        for (n, file) in files.iter().enumerate() {
            let source = format!("quotes {n}");
            history.extend([quotes(&source, file), ended(&source, file.len() as i64, false)]);
        }
        let outputs = run::<MarketData>(&history);
        let last = outputs.iter().filter_map(revised).rfind(|revised| revised.from.0 == 0).unwrap();
        let spreads = [last.open_spread, last.close_spread].map(|spread| spread.unwrap().0);
        assert_eq!(spreads, [2, 4], "{files:?}");
        let accepted: i64 = outputs
            .iter()
            .filter_map(|event| match event {
                Event::SourceCleaned(cleaned) if cleaned.source.starts_with("quotes") => {
                    Some(cleaned.accepted)
                }
                _ => None,
            })
            .sum();
        assert_eq!(accepted, 4, "{files:?}");
    }
}

/// What came of a source that was given up is undone: the same rows, fed rightly, give the bars that they would have given.
#[test]
fn the_rows_of_a_source_that_was_given_up_count_for_nothing() {
    let before = [of_trades(), trades("first", 0..200), ended("first", 20, false)];
    let given_up = [trades("wrong", 200..500), ended("wrong", 30, true)];
    let after = [trades("again", 200..700), ended("again", 50, false)];
    let bars = |outputs: &[Event]| -> Vec<Bar> {
        let mut bars = std::collections::BTreeMap::new();
        for event in outputs {
            match event {
                Event::Bar(bar) => drop(bars.insert(bar.open_time, bar.clone())),
                Event::BarRevised(revised) => match revised.change() {
                    Change::Replaced(bar) => drop(bars.insert(bar.open_time, bar.clone())),
                    Change::Withdrawn(0) => {
                        bars.retain(|time, _| *time < revised.from || *time >= revised.to)
                    }
                    _ => unreachable!(),
                },
                _ => {}
            }
        }
        bars.into_values().collect()
    };
    let history = [&before[..], &given_up[..], &after[..]].concat();
    let (with, without) =
        (run::<MarketData>(&history), run::<MarketData>(&[&before[..], &after[..]].concat()));
    assert_eq!(bars(&with), bars(&without));
    assert_eq!(bars(&with).len(), 11);
    let cleaned = with.iter().find_map(|event| match event {
        Event::SourceCleaned(cleaned) if cleaned.source == "wrong" => Some(cleaned.clone()),
        _ => None,
    });
    let cleaned = cleaned.unwrap();
    assert_eq!((cleaned.accepted, cleaned.aborted.as_str()), (0, "read wrongly"));
    assert_eq!(cleaned.rejected, [ReasonCount { reason: "aborted".into(), count: 30 }]);
    assert!(check_properties::<MarketData>(&history) > 0);
    // What was final stays so: a snapshot that was asked for before or after the end of the source falls due.
    let partitions = Partitions {
        of: &|event| {
            if matches!(event, Event::CreateSnapshot(_)) { "commands".into() } else { "ticks".into() }
        },
        is_possible: &|_, _| true,
    };
    let asked =
        [&history[..], &[ask("time:1m", 0, 480).into(), ask("time:1m", 0, 480).at_revision(1).into()]];
    assert!(check_interleavings::<MarketData>(&asked.concat(), &partitions, 50) > 0);
}

/// Rows of another source came between: what is there stays, and is said.
#[test]
fn a_source_among_others_that_is_given_up_ends_as_any_other() {
    let history = [
        of_trades(),
        trades("wrong", 0..200),
        trades("other", 200..400),
        ended("wrong", 20, true),
        ended("other", 20, false),
    ];
    let outputs = run::<MarketData>(&history);
    assert!(outputs.iter().all(|event| revised(event).is_none()));
    let accepted = outputs.iter().filter_map(|event| match event {
        Event::SourceCleaned(cleaned) => Some((cleaned.accepted, cleaned.aborted.as_str())),
        _ => None,
    });
    assert_eq!(accepted.collect::<Vec<_>>(), [(20, "read wrongly"), (20, "")]);
}

/// The end of another source decides on what waits of all: there is no way back before it.
#[test]
fn a_source_that_is_given_up_after_the_end_of_another_undoes_nothing() {
    let history = [
        of_trades(),
        trades("other", 0..200),
        trades("wrong", 200..400),
        ended("other", 20, false),
        ended("wrong", 20, true),
    ];
    let outputs = run::<MarketData>(&history);
    assert!(outputs.iter().all(|event| revised(event).is_none()));
    let accepted = outputs.iter().filter_map(|event| match event {
        Event::SourceCleaned(cleaned) => Some(cleaned.accepted),
        _ => None,
    });
    assert_eq!(accepted.collect::<Vec<_>>(), [20, 20]);
}

/// A split of twenty to one, a bar off by a hundred, and bars about which too little is known to doubt them.
#[test]
fn a_jump_of_ready_made_bars_that_lasts_is_kept_and_a_wrong_bar_is_not() {
    let of = |closes: &[i64]| {
        let Event::BarBlock(mut block) = hours(0, &(0..closes.len() as i64).collect::<Vec<_>>()) else {
            unreachable!()
        };
        (block.opens, block.closes) = (closes.to_vec(), closes.to_vec());
        (block.highs, block.lows) = (closes.to_vec(), closes.to_vec());
        let (instrument, source, rows) = (INSTRUMENT.into(), "hours".into(), closes.len() as i64);
        let end = FeedCompleted {
            scale: gauntlet_domain::Scale::USUAL,
            instrument,
            source,
            name: "f".into(),
            rows,
            blocks: 1,
        };
        let outputs = run::<MarketData>(&[(*block).into(), end.into()]);
        let cleaned = outputs.into_iter().find_map(|event| match event {
            Event::SourceCleaned(cleaned) => Some(cleaned),
            _ => None,
        });
        let counts = |counts: &[ReasonCount]| -> Vec<(String, i64)> {
            counts.iter().map(|count| (count.reason.clone(), count.count)).collect()
        };
        let cleaned = cleaned.unwrap();
        (cleaned.accepted, counts(&cleaned.rejected), counts(&cleaned.corrected))
    };
    let once = |reason: &str| vec![(reason.to_owned(), 1)];
    assert_eq!(of(&[200_000, 201_000, 199_000, 10_000, 10_100]), (5, vec![], once("level_shift")));
    let mut closes: Vec<i64> = (0..40).map(|n| 20_000 + n % 5 * 100).collect();
    closes[20] *= 100;
    assert_eq!(of(&closes), (39, once("outlier"), vec![]));
    assert_eq!(of(&[20_000, 20_001, 20_900, 20_000, 20_001]).0, 5);
}
