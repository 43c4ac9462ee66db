//! Simulated series of kinds that percentages get wrong: genuine rows pass, and faults planted in them are found.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use gauntlet_domain::Event;
use gauntlet_domain::market::{FeedCompleted, InstrumentDefined, PriceBasis, TickBlock, TickKind};
use gauntlet_market_data::MarketData;
use gauntlet_processor::harness::run;
use gauntlet_search::rng::Stream;

const SECOND: i64 = 1_000_000_000;
const ROWS: usize = 60_000;

/// What a series is like: its first price and its tick in billionths, and its steps in ticks.
struct Kind {
    name: &'static str,
    price: i64,
    tick: i64,
    step: i64,
    /// What holds it where it is: prices are not let go below.
    lowest: i64,
}

const KINDS: [Kind; 5] = [
    Kind { name: "penny", price: 1_200_000_000, tick: 10_000_000, step: 1, lowest: 1_000_000_000 },
    Kind { name: "18 dollars", price: 18_000_000_000, tick: 10_000_000, step: 3, lowest: 15_000_000_000 },
    Kind { name: "sub-penny", price: 4_200_000, tick: 100_000, step: 1, lowest: 3_000_000 },
    Kind { name: "spread", price: 0, tick: 250_000_000, step: 2, lowest: i64::MIN },
    Kind { name: "negative", price: -37_000_000_000, tick: 10_000_000, step: 4, lowest: i64::MIN },
];

/// A whole number from 0 to below a limit.
fn below(random: &mut Stream, limit: i64) -> i64 {
    (random.bits() % limit as u64) as i64
}

#[derive(Clone, Copy)]
struct Trade {
    number: i64,
    time: i64,
    price: i64,
}

/// A walk with bounces between bid and ask, with rows some seconds apart and nights in between.
fn series(kind: &Kind, random: &mut Stream) -> Vec<Trade> {
    let (mut level, mut time) = (kind.price, 0);
    let mut trades = Vec::new();
    for number in 1..=ROWS as i64 {
        time += 1 + below(random, 3 * SECOND);
        if below(random, 5_000) == 0 {
            time += 30_000 * SECOND;
        }
        if below(random, 3) == 0 {
            level += (below(random, 2 * kind.step + 1) - kind.step) * kind.tick;
            level = level.max(kind.lowest);
        }
        trades.push(Trade { number, time, price: level + below(random, 2) * kind.tick });
    }
    trades
}

/// Rows, from 1, that were left out.
fn rejected(trades: &[Trade]) -> BTreeSet<usize> {
    let instrument = "A.B".to_owned();
    let specs = vec!["time:1m".parse().unwrap()];
    let mut events: Vec<Event> = vec![InstrumentDefined::new(&instrument, specs, PriceBasis::Trades).into()];
    for (number, block) in trades.chunks(4096).enumerate() {
        let first = number * 4096 + 1;
        events.push(
            TickBlock {
                instrument: instrument.clone(),
                source: "s".into(),
                block: number as i64,
                rows: (first..first + block.len()).map(|row| row as i64).collect(),
                sequences: block.iter().map(|trade| trade.number).collect(),
                kinds: vec![TickKind::Trade as u8; block.len()],
                times: block.iter().map(|trade| trade.time).collect(),
                prices: block.iter().map(|trade| trade.price).collect(),
                sizes: vec![100_000_000; block.len()],
                ..TickBlock::default()
            }
            .into(),
        );
    }
    let (rows, blocks) = (trades.len() as i64, trades.len().div_ceil(4096) as i64);
    events.push(
        FeedCompleted {
            scale: gauntlet_domain::Scale::USUAL,
            instrument,
            source: "s".into(),
            name: "s".into(),
            rows,
            blocks,
        }
        .into(),
    );
    let rows = run::<MarketData>(&events).into_iter().filter_map(|event| match event {
        Event::TickRejected(rejected) => Some(rejected.rows),
        _ => None,
    });
    rows.flatten().map(|row| row as usize).collect()
}

/// Plants a fault about every 150 rows; gives what comes of it and the rows, from 1, that are at fault.
fn planted(kind: &Kind, genuine: &[Trade], random: &mut Stream) -> (Vec<Trade>, BTreeSet<usize>) {
    let (mut rows, mut faults) = (Vec::new(), BTreeSet::new());
    let mut until_next = 100;
    for (at, trade) in genuine.iter().enumerate() {
        until_next -= 1;
        rows.push(*trade);
        if until_next > 0 || at + 10 > genuine.len() {
            continue;
        }
        until_next = 100 + below(random, 100);
        match below(random, 5) {
            // A price ten times as large or as small, alone or in a pair of prints.
            which @ 0..=2 => {
                let price = if which == 1 { trade.price / 10 } else { trade.price * 10 };
                // Beyond 12 ticks and 12 usual moves, and not traded lately: or it is as good as another.
                let is_far = (price - trade.price).abs() > 13 * kind.tick * kind.step;
                let lately = genuine[at.saturating_sub(400)..=at].iter().map(|trade| trade.price);
                if is_far && !(lately.clone().min().unwrap()..=lately.max().unwrap()).contains(&price) {
                    for _ in 0..if which == 2 { 2 } else { 1 } {
                        rows.push(Trade { number: 1_000_000 + rows.len() as i64, price, ..*trade });
                        faults.insert(rows.len());
                    }
                }
            }
            3 => {
                let time = trade.time + if below(random, 2) == 0 { 7_200 } else { -7_200 } * SECOND;
                rows.push(Trade { number: 1_000_000 + rows.len() as i64, time, ..*trade });
                faults.insert(rows.len());
            }
            _ => {
                rows.push(genuine[at.saturating_sub(below(random, 500) as usize)]);
                faults.insert(rows.len());
            }
        }
    }
    (rows, faults)
}

#[test]
fn genuine_rows_pass_and_planted_faults_are_found() {
    for kind in &KINDS {
        let mut random = Stream::new(7);
        let genuine = series(kind, &mut random);
        let lost = rejected(&genuine).len();
        assert!(lost * 1_000 <= ROWS, "{}: {lost} genuine rows of {ROWS} are refused", kind.name);
        let (rows, faults) = planted(kind, &genuine, &mut random);
        assert!(faults.len() > 200, "{}: {} faults", kind.name, faults.len());
        let found = rejected(&rows);
        let missed: Vec<&usize> = faults.difference(&found).collect();
        assert!(
            missed.is_empty(),
            "{}: {} of {} faults, first {:?}",
            kind.name,
            missed.len(),
            faults.len(),
            missed[0]
        );
        let lost = found.difference(&faults).count();
        assert!(lost * 1_000 <= ROWS, "{}: {lost} genuine rows among faults are refused", kind.name);
        eprintln!(
            "{}: {} faults found, {lost} genuine rows of {ROWS} refused beside them",
            kind.name,
            faults.len()
        );
    }
}
