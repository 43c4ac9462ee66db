//! Buckets of tokens and exposures against libraries that were not written here (`oracles/pretrade_oracle.py`).

use gauntlet_domain::{InstrumentId, Price};
use gauntlet_pretrade::{
    Decision, Fact, Figure, Limits, Money, Order, Rate, Reason, Request, Side, State, Terms,
};
use serde_json::Value;

use crate::desk::*;

fn oracle() -> Value {
    serde_json::from_str(include_str!("oracles/pretrade_oracle.json")).unwrap()
}

fn integers(of: &Value) -> Vec<i64> {
    of.as_array().unwrap().iter().map(|one| one.as_i64().unwrap()).collect()
}

#[test]
fn a_bucket_lets_pass_what_the_library_lets_pass() {
    let (mut messages, mut refused) = (0, 0);
    for bucket in oracle()["buckets"].as_array().unwrap() {
        let rate = bucket["rate_per_second"].as_f64().unwrap();
        let mut desk = Desk::new();
        desk.limits.account.submit_rate = Some(Rate {
            burst: bucket["capacity"].as_i64().unwrap(),
            interval_nanos: (SECOND as f64 / rate) as i64,
        });
        let taken = bucket["taken"].as_array().unwrap();
        for (tick, taken) in integers(&bucket["ticks"]).into_iter().zip(taken) {
            desk.time = NOON + tick * (SECOND / 512);
            let message = desk.new_order(buy(1));
            let passes = desk.sends(&message) == Decision::Accept;
            assert_eq!(passes, taken.as_bool().unwrap(), "rate {rate} at tick {tick}");
            messages += 1;
            refused += u64::from(!passes);
        }
    }
    eprintln!("{messages} messages, {refused} of them refused");
    assert!(messages == 1_440 && refused > 300, "{refused}");
}

/// A desk that holds what a case holds, all of it bought and sold at its mid, and the order of the case.
fn desk_of(case: &Value) -> (Desk, Order) {
    let ids: Vec<InstrumentId> =
        ["A", "B", "C"].iter().map(|of| InstrumentId::new(of, "X").unwrap()).collect();
    let mut desk = Desk::new();
    (desk.state, desk.limits) = (State::new("USD"), Limits::default());
    desk.limits.strategies.insert(strategy(), Default::default());
    desk.happens(Fact::Paid { amount: Money::whole(case["paid_in"].as_i64().unwrap()) });
    let quotes = case["quotes_in_quarters"].as_array().unwrap();
    let held = integers(&case["held"]);
    for (number, (instrument, (quote, held))) in ids.iter().zip(quotes.iter().zip(held)).enumerate() {
        let [bid, ask] = integers(quote)[..] else { panic!("bid and ask") };
        let quarter = Price(250_000_000).0;
        desk.limits.instruments.insert(instrument.clone(), Default::default());
        let listed = Terms { tick: Price(1), ..terms() };
        desk.happens(Fact::Listed { instrument: instrument.clone(), terms: Box::new(listed) });
        let (bid, ask) = (Price(bid * quarter), Price(ask * quarter));
        desk.happens(Fact::Quoted { instrument: instrument.clone(), bid, ask });
        desk.happens(Fact::Filled {
            order: order_id(number as u64),
            strategy: strategy(),
            instrument: instrument.clone(),
            side: if held > 0 { Side::Buy } else { Side::Sell },
            quantity: units(held.abs()),
            price: Price((bid.0 + ask.0) / 2),
            fee: Money::default(),
        });
    }
    let order = &case["order"];
    let signed = order["signed_quantity"].as_i64().unwrap();
    let instrument = ids[order["instrument"].as_u64().unwrap() as usize].clone();
    let side = if signed > 0 { Side::Buy } else { Side::Sell };
    (desk, Order { instrument, ..market(side, signed.abs()) })
}

/// What a denial by a limit of zero says was observed.
fn observed(desk: &Desk, order: &Order, reason: Reason) -> Figure {
    let mut desk = desk.clone();
    match reason {
        Reason::MaxGross => desk.limits.account.max_gross = Some(Money::default()),
        Reason::MaxNet => desk.limits.account.max_net = Some(Money::default()),
        _ => desk.limits.account.max_leverage_bps = Some(0),
    }
    let message = desk.message(order_id(99), Request::Submit(order.clone()));
    match desk.asks(&message) {
        Decision::Deny(denial) if denial.reason == reason => denial.observed.unwrap(),
        other => panic!("{other:?} in the place of {reason}"),
    }
}

#[test]
fn exposures_and_leverage_are_those_of_the_library() {
    let oracle = oracle();
    let cases = oracle["exposures"].as_array().unwrap();
    let mut compared = 0;
    for case in cases {
        let (desk, order) = desk_of(case);
        let equity = desk.state.equity().unwrap();
        assert_eq!(equity, Money::whole(case["paid_in"].as_i64().unwrap()));
        let (gross, net) =
            (case["gross_leverage"].as_f64().unwrap(), case["net_exposure"].as_f64().unwrap().abs());
        for (reason, expected) in [(Reason::MaxGross, gross), (Reason::MaxNet, net)] {
            let Figure::Money(amount) = observed(&desk, &order, reason) else { panic!("no money") };
            let share = amount.0 as f64 / equity.0 as f64;
            assert!((share / expected - 1.0).abs() < 1e-13, "{reason}: {share} and {expected}");
            compared += 1;
        }
        let Figure::BasisPoints(points) = observed(&desk, &order, Reason::MaxLeverage) else {
            panic!("no share")
        };
        // Rounded up; no case is within a billionth of a whole basis point.
        assert!((gross * 1e4 - (gross * 1e4).round()).abs() > 1e-9);
        assert_eq!(points, (gross * 1e4).ceil() as i128);
        compared += 1;
    }
    eprintln!("{compared} figures");
    assert_eq!(compared, 120);
}
