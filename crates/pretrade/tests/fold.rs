//! The fold: what events change, what they refuse, and that a saved state goes on as it was.

use gauntlet_domain::{InstrumentId, ModelId, Scale, Timestamp};
use gauntlet_pretrade::{Event, Fact, Money, PretradeError, Request, Scope, State, Terms, TradingState};

use crate::desk::*;

/// Every fact that is refused leaves the state as it was.
fn refused(desk: &mut Desk, fact: Fact) -> PretradeError {
    let before = desk.state.clone();
    let error = desk.try_apply(fact).unwrap_err();
    assert_eq!(desk.state, before, "{error}");
    assert!(!error.retry_helps());
    error
}

fn fill_of(order: u64) -> Fact {
    Fact::Filled {
        order: order_id(order),
        strategy: strategy(),
        instrument: gold(),
        side: gauntlet_pretrade::Side::Buy,
        quantity: units(1),
        price: cents(10_000),
        fee: Money::whole(0),
    }
}

#[test]
fn time_that_goes_back_is_refused_and_the_same_time_is_not() {
    let mut desk = Desk::new();
    assert_eq!(desk.state.now(), Timestamp(NOON));
    desk.pays_in(1);
    desk.time -= 1;
    let error = refused(&mut desk, Fact::Paid { amount: Money::whole(1) });
    assert_eq!(
        error.to_string(),
        "an event of 1970-01-01T11:59:59.999999999Z comes after one of 1970-01-01T12:00:00Z: \
         give events in the order of event time"
    );
}

#[test]
fn what_is_unknown_or_contradicts_itself_is_refused() {
    let mut desk = Desk::new();
    let order = desk.accepts(buy(2));
    let nowhere = InstrumentId::new("NOBODY", "KNOWS").unwrap();
    let quote = Fact::Quoted { instrument: nowhere, bid: cents(1), ask: cents(2) };
    assert!(matches!(refused(&mut desk, quote), PretradeError::Unknown { what: "instrument", .. }));
    for fact in [
        Fact::Amended { order: order_id(9) },
        Fact::AmendmentRejected { order: order_id(9) },
        Fact::Cancelled { order: order_id(9) },
        Fact::CancelRejected { order: order_id(9) },
    ] {
        assert!(matches!(refused(&mut desk, fact), PretradeError::Unknown { what: "order", .. }));
    }
    let again = desk.message(order, Request::Submit(buy(2)));
    let again = Fact::Accepted { message: again, interval_nanos: None };
    assert!(matches!(refused(&mut desk, again), PretradeError::DuplicateOrder { .. }));
    let fill = |instrument, strategy, quantity, price| {
        let (order, side, fee) = (order_id(1), gauntlet_pretrade::Side::Buy, Money::default());
        Fact::Filled {
            order,
            strategy,
            instrument,
            side,
            quantity: units(quantity),
            price: cents(price),
            fee,
        }
    };
    for bad in [
        fill(gold(), strategy(), 0, 10_000),
        fill(gold(), strategy(), 1, 0),
        fill(stock(), strategy(), 1, 10_000),
        fill(gold(), other_strategy(), 1, 10_000),
    ] {
        assert!(matches!(refused(&mut desk, bad), PretradeError::BadFill { .. }));
    }
}

#[test]
fn terms_have_steps_one_currency_and_one_scale() {
    let mut desk = Desk::new();
    let list = |terms: Terms| Fact::Listed { instrument: gold(), terms: Box::new(terms) };
    for (step, bad) in
        [("tick", Terms { tick: cents(0), ..terms() }), ("lot", Terms { lot: units(-1), ..terms() })]
    {
        assert!(
            refused(&mut desk, list(bad)).to_string().starts_with(&format!("the {step} of XAUUSD.OANDA"))
        );
    }
    let euro = Terms { currency: "EUR".into(), ..terms() };
    assert!(matches!(refused(&mut desk, list(euro)), PretradeError::ForeignCurrency { .. }));
    let finer = Terms { scale: Scale { price_exponent: -12, size_exponent: 0 }, ..terms() };
    assert!(matches!(refused(&mut desk, list(finer)), PretradeError::OtherScale { .. }));
    // Other hours are no other instrument: what is held and quoted stays.
    desk.trades(buy(3));
    desk.happens(list(Terms { lot: units(2), ..terms() }));
    assert_eq!(desk.state.position(&gold()), i128::from(units(3).0));
    assert_eq!(desk.denies(buy(3)), Some(gauntlet_pretrade::Reason::BadLot));
}

#[test]
fn a_definition_gives_its_terms_when_it_has_a_tick() {
    use gauntlet_domain::market::{InstrumentDefined, PriceBasis};
    let mut defined = InstrumentDefined::new("XAUUSD.OANDA", Vec::new(), PriceBasis::Quotes);
    assert!(Terms::of(&defined, units(1)).unwrap_err().to_string().contains("tick"));
    defined.tick_size = Some(cents(1).0);
    assert_eq!(Terms::of(&defined, units(1)).unwrap(), terms());
    assert!(Terms::of(&defined, units(0)).unwrap_err().to_string().contains("lot"));
}

#[test]
fn freer_trading_needs_a_person_and_stricter_trading_does_not() {
    let mut desk = Desk::new();
    for scope in [Scope::All, Scope::Strategy(strategy())] {
        let change = |state, person: Option<&str>| Fact::TradingStateChanged {
            scope,
            state,
            person: person.map(str::to_owned),
        };
        desk.happens(change(TradingState::Halted, None));
        assert_eq!(desk.state.trading_state(strategy()), TradingState::Halted);
        for nobody in [None, Some(""), Some(" ")] {
            let error = refused(&mut desk, change(TradingState::Reducing, nobody));
            assert!(matches!(error, PretradeError::NoPerson { .. }));
        }
        // The same once more is no change.
        desk.happens(change(TradingState::Halted, None));
        desk.happens(change(TradingState::Active, Some("ann")));
        desk.happens(change(TradingState::Active, None));
        assert_eq!(desk.state.trading_state(strategy()), TradingState::Active);
    }
    let nobody = Fact::ReEnabled { strategy: strategy(), person: String::new() };
    assert!(matches!(refused(&mut desk, nobody), PretradeError::NoPerson { .. }));
    // Of both the stricter holds.
    desk.happens(Fact::TradingStateChanged {
        scope: Scope::All,
        state: TradingState::Reducing,
        person: None,
    });
    let own = Fact::TradingStateChanged {
        scope: Scope::Strategy(strategy()),
        state: TradingState::Halted,
        person: None,
    };
    desk.happens(own);
    assert_eq!(desk.state.trading_state(strategy()), TradingState::Halted);
    assert_eq!(desk.state.trading_state(other_strategy()), TradingState::Reducing);
    assert_eq!(desk.state.trading_state(ModelId::derive(&[b"new"])), TradingState::Reducing);
}

#[test]
fn an_amendment_counts_with_the_larger_quantity_until_it_is_answered() {
    let leaves = |desk: &Desk| -> Vec<i128> {
        desk.state.open_orders().map(|(_, open)| open.leaves() / i128::from(units(1).0)).collect()
    };
    let mut desk = Desk::new();
    let order = desk.accepts(buy(5));
    desk.amends(order, 8, 10_000);
    assert_eq!(leaves(&desk), [8]);
    desk.happens(Fact::AmendmentRejected { order });
    assert_eq!(leaves(&desk), [5]);
    desk.amends(order, 2, 10_000);
    assert_eq!(leaves(&desk), [5]);
    desk.fills(order, buy(2), 2, 10_000);
    assert_eq!(leaves(&desk), [3]);
    // Filled to what it was amended to: nothing is left of it.
    desk.happens(Fact::Amended { order });
    assert!(leaves(&desk).is_empty());
    assert_eq!(desk.state.position(&gold()), i128::from(units(2).0));
}

#[test]
fn a_fill_counts_even_when_its_order_is_gone() {
    let mut desk = Desk::new();
    let order = desk.accepts(buy(5));
    desk.happens(Fact::Cancelled { order });
    desk.fills(order, buy(5), 2, 10_000);
    // And beyond its quantity.
    let order = desk.accepts(buy(1));
    desk.fills(order, buy(1), 3, 10_000);
    assert_eq!(desk.state.position(&gold()), i128::from(units(5).0));
    assert_eq!(desk.state.open_orders().count(), 0);
    assert_eq!(desk.state.equity(), Some(Money::whole(0)));
}

#[test]
fn equity_is_cash_and_positions_at_their_marks() {
    let mut desk = Desk::new();
    desk.pays_in(1_000);
    desk.happens(Fact::Filled {
        order: order_id(50),
        strategy: strategy(),
        instrument: gold(),
        side: gauntlet_pretrade::Side::Sell,
        quantity: units(3),
        price: cents(10_100),
        fee: "1.25".parse().unwrap(),
    });
    // 1000 + 303 − 1.25 − 3 · 100.
    assert_eq!(desk.state.equity().unwrap().to_string(), "1001.75");
    desk.quote(gold(), 9_901, 9_902);
    assert_eq!(desk.state.equity().unwrap().to_string(), "1004.705");
}

#[test]
fn a_state_is_as_large_as_what_is_open() {
    let mut desk = Desk::new();
    let size = |desk: &Desk| serde_json::to_string(&desk.state).unwrap().len();
    let mut largest = 0;
    for round in 0..2_000_i64 {
        desk.passes(20);
        desk.quote(gold(), 9_990 - round % 7, 10_010);
        let order = desk.accepts(buy(1));
        desk.fills(order, buy(1), 1, 10_000);
        let order = desk.accepts(sell(1));
        desk.fills(order, sell(1), 1, 10_000);
        let order = desk.accepts(buy(1));
        desk.cancels(order);
        desk.happens(Fact::Cancelled { order });
        if round == 200 {
            largest = size(&desk);
        }
    }
    // Numbers may grow by some digits, and no list does.
    assert!(size(&desk) < largest + 100, "{} after {largest}", size(&desk));
    assert!(largest < 10_000, "{largest} bytes");
}

#[test]
fn a_state_of_another_shape_is_refused() {
    let desk = Desk::new();
    let json = serde_json::to_string(&desk.state).unwrap();
    assert_eq!(serde_json::from_str::<State>(&json).unwrap(), desk.state);
    let with_more = json.replacen('{', "{\"unheard_of\":1,", 1);
    assert!(serde_json::from_str::<State>(&with_more).unwrap_err().to_string().contains("unheard_of"));
    assert!(serde_json::from_str::<State>(&json.replace("\"submits\"", "\"submit\"")).is_err());
}

#[test]
fn an_event_reads_back_from_json() {
    let mut desk = Desk::new();
    desk.by_hand(Some("ann"));
    let submit = desk.new_order(at(buy(1), 10_001));
    desk.limits.account.max_gross = Some(Money::whole(1));
    let decision = desk.asks(&submit);
    let facts = [
        Fact::Listed { instrument: gold(), terms: Box::new(terms()) },
        fill_of(1),
        gauntlet_pretrade::record(&submit, &decision, &desk.state, &desk.limits).fact,
        Fact::Accepted { message: submit, interval_nanos: Some(7) },
        Fact::TradingStateChanged {
            scope: Scope::Strategy(strategy()),
            state: TradingState::Halted,
            person: None,
        },
    ];
    assert!(matches!(facts[2], Fact::Denied { .. }));
    for fact in facts {
        let event = Event { time: Timestamp(1), fact };
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event, "{json}");
    }
}
