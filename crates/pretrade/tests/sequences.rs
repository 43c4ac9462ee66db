//! Random sequences of messages and answers of a venue. At every step the check and the reckoning from scratch give the same
//! answer, a denial changes nothing but the time, and a state that was saved and read back goes on with the same bits.

use std::collections::BTreeMap;

use gauntlet_domain::market::Session;
use gauntlet_domain::{InstrumentId, Price, Quantity, Scale, Timestamp};
use gauntlet_pretrade::message::Amendment;
use gauntlet_pretrade::{
    AccountLimits, Decision, Event, Fact, InstrumentLimits, Limits, Message, Money, Order, PeriodCollar,
    Rate, Reason, Request, Scope, Side, Stage, State, StrategyLimits, Terms, TradingState, check, record,
};

use crate::desk::{self, SECOND, gold, other_strategy, strategy};
use crate::random::Random;
use crate::reckoning::{Past, Reckoning};

/// A contract in whole units and cents, traded for the first ten minutes after noon.
fn future() -> InstrumentId {
    InstrumentId::new("FUT", "CME").unwrap()
}

/// Cents and whole units in the scale of an instrument.
fn grid(of: &InstrumentId) -> (i64, i64) {
    if *of == gold() { (10_000_000, 100_000_000) } else { (1, 1) }
}

fn terms_of(of: &InstrumentId) -> Terms {
    if *of == gold() {
        return desk::terms();
    }
    let session = Session { open_second: 43_200, close_second: 43_200 + 600 };
    let scale = Scale { price_exponent: -2, size_exponent: 0 };
    Terms { scale, tick: Price(5), lot: Quantity(2), session: Some(session), ..desk::terms() }
}

struct Run {
    random: Random,
    history: Vec<Event>,
    state: State,
    limits: Limits,
    time: i64,
    orders: u64,
    /// How often each reason was given.
    seen: BTreeMap<Option<Reason>, u64>,
    /// No quote but the first: what was within a limit stays within it.
    is_still: bool,
}

impl Run {
    fn new(random: Random) -> Run {
        Run {
            random,
            history: Vec::new(),
            state: State::new("USD"),
            limits: Limits::default(),
            time: 0,
            orders: 0,
            seen: BTreeMap::new(),
            is_still: false,
        }
    }

    /// A new account with new limits.
    fn begin(&mut self, is_still: bool) {
        (self.history, self.state, self.time) = (Vec::new(), State::new("USD"), desk::NOON);
        self.is_still = is_still;
        self.limits = self.draw_limits();
        self.limits.validate().unwrap();
        // Some begin without money, and then a rebate is all the equity there is.
        let capital = if self.random.percent(15) { 0 } else { self.random.between(0, 20_000) };
        self.happens(Fact::Paid { amount: Money::whole(capital) });
        for instrument in [gold(), future()] {
            let terms = Box::new(terms_of(&instrument));
            self.happens(Fact::Listed { instrument: instrument.clone(), terms });
            if is_still || self.random.percent(90) {
                self.quote(instrument);
            }
        }
    }

    fn draw_limits(&mut self) -> Limits {
        let random = &mut self.random;
        let money = |amount: Option<i64>| amount.map(Money::whole);
        let mut rate = || {
            let burst = random.between(1, 6);
            random.perhaps(50, 1, 40).map(|seconds| Rate { burst, interval_nanos: seconds * SECOND + 1 })
        };
        let [submit_rate, amend_rate, cancel_rate] = [rate(), rate(), rate()];
        let account = AccountLimits {
            submit_rate,
            amend_rate,
            cancel_rate,
            // The reckoning looks at every subset of open orders.
            max_open_orders: Some(random.between(2, 8)),
            max_gross: money(random.perhaps(50, 100, 8_000)),
            max_net: money(random.perhaps(50, 100, 6_000)),
            max_leverage_bps: random.perhaps(50, 100, 40_000),
        };
        let mut limits = Limits { account, ..Limits::default() };
        for instrument in [gold(), future()] {
            let (_, unit) = grid(&instrument);
            let random = &mut self.random;
            if random.percent(5) {
                continue;
            }
            let bps = random.between(20, 600);
            let of = InstrumentLimits {
                max_quote_age_nanos: random.perhaps(50, 30, 300).map(|seconds| seconds * SECOND),
                max_quantity: random.perhaps(50, 5, 30).map(|units| Quantity(units * unit)),
                max_notional: money(random.perhaps(50, 200, 3_000)),
                collar_bps: random.perhaps(50, 20, 400),
                period_collar: random.perhaps(50, 1, 5).map(|minutes| PeriodCollar { bps, minutes }),
                max_position: random.perhaps(50, 5, 60).map(|units| Quantity(units * unit)),
            };
            limits.instruments.insert(instrument, of);
        }
        for id in [strategy(), other_strategy()] {
            let random = &mut self.random;
            if random.percent(5) {
                continue;
            }
            let step_bps = random.between(1_000, 10_001);
            let stage = money(random.perhaps(50, 500, 6_000)).map(|capital| Stage { capital, step_bps });
            limits.strategies.insert(id, StrategyLimits { max_repeats: random.perhaps(40, 3, 12), stage });
        }
        limits
    }

    fn happens(&mut self, fact: Fact) {
        let event = Event { time: Timestamp(self.time), fact };
        self.state.apply(&event).unwrap();
        self.history.push(event);
    }

    fn reckoning(&self) -> Reckoning<'_> {
        Reckoning { history: &self.history, limits: &self.limits }
    }

    fn quote(&mut self, instrument: InstrumentId) {
        let (cent, _) = grid(&instrument);
        let middle = if instrument == gold() { 10_000 } else { 5_000 };
        let bid = middle + self.random.between(-250, 250);
        // Some are crossed.
        let ask = bid + self.random.between(-2, 30).max(if self.is_still { 0 } else { -2 });
        self.happens(Fact::Quoted { instrument, bid: Price(bid * cent), ask: Price(ask * cent) });
    }

    fn step(&mut self) {
        if self.random.percent(40) {
            self.time += self.random.between(0, 30 * SECOND);
        }
        match self.random.between(0, 100) {
            0..20 if !self.is_still => {
                let instrument = self.random.one_of(&[gold(), future()]).unwrap();
                self.quote(instrument);
            }
            0..55 => self.submit(),
            55..70 => self.amend(),
            70..80 => self.cancel(),
            80..98 => self.venue_answers(),
            _ => self.a_person_acts(),
        }
    }

    fn draw_price(&mut self, instrument: &InstrumentId) -> Option<Price> {
        let (cent, _) = grid(instrument);
        let middle = if *instrument == gold() { 10_000 } else { 5_000 };
        let fraction = i64::from(self.random.percent(2));
        let price = self.random.perhaps(60, middle / 5 - 80, middle / 5 + 80)?;
        Some(Price(if self.random.percent(1) { 0 } else { price * 5 * cent + fraction }))
    }

    fn submit(&mut self) {
        let unknown = InstrumentId::new("NOBODY", "KNOWS").unwrap();
        let instrument =
            if self.random.percent(1) { unknown } else { self.random.one_of(&[gold(), future()]).unwrap() };
        let (_, unit) = grid(&instrument);
        let off_grid = i64::from(self.random.percent(2));
        let quantity = Quantity(self.random.between(1, 12) * 2 * unit + off_grid);
        let order = Order {
            strategy: self.random.one_of(&[strategy(), other_strategy()]).unwrap(),
            side: self.random.one_of(&[Side::Buy, Side::Sell]).unwrap(),
            quantity,
            limit_price: self.draw_price(&instrument),
            instrument,
        };
        self.orders += 1;
        let open = self.reckoning().open();
        let id = match self.random.one_of(&open).filter(|_| self.random.percent(3)) {
            Some(past) => past.id,
            None => desk::order_id(self.orders),
        };
        self.sends(id, Request::Submit(order));
    }

    /// An order that is open, or now and then one that is gone.
    fn draw_past(&mut self) -> Option<Past> {
        let is_any = self.random.percent(10);
        let orders = if is_any { self.reckoning().orders() } else { self.reckoning().open() };
        self.random.one_of(&orders)
    }

    fn amend(&mut self) {
        let Some(past) = self.draw_past() else { return };
        let (_, unit) = grid(&past.order.instrument);
        let quantity = Quantity(self.random.between(1, 12) * 2 * unit);
        let limit_price = self.draw_price(&past.order.instrument);
        self.sends(past.id, Request::Amend(Amendment { quantity, limit_price }));
    }

    fn cancel(&mut self) {
        if let Some(past) = self.draw_past() {
            self.sends(past.id, Request::Cancel);
        }
    }

    fn venue_answers(&mut self) {
        let open: Vec<_> = self.state.open_orders().map(|(id, open)| (id, open.clone())).collect();
        let Some((order, open)) = self.random.one_of(&open) else { return };
        if open.amendment.is_some() && self.random.percent(70) {
            let is_done = self.random.percent(70);
            return self.happens(if is_done {
                Fact::Amended { order }
            } else {
                Fact::AmendmentRejected { order }
            });
        }
        if open.is_cancel_sent && self.random.percent(70) {
            let is_done = self.random.percent(80);
            return self.happens(if is_done {
                Fact::Cancelled { order }
            } else {
                Fact::CancelRejected { order }
            });
        }
        let (cent, unit) = grid(&open.order.instrument);
        let left = (open.leaves() / i128::from(unit)) as i64;
        let quantity = Quantity(self.random.between(1, left + 1) * unit);
        let middle = if open.order.instrument == gold() { 10_000 } else { 5_000 };
        let price = Price((middle + self.random.between(-100, 100)) * cent);
        let Order { strategy, instrument, side, .. } = open.order;
        let fee = Money(i128::from(self.random.between(-5, 50)) * 10_000_000_000_000_000);
        self.happens(Fact::Filled { order, strategy, instrument, side, quantity, price, fee });
    }

    fn a_person_acts(&mut self) {
        let person = "ann".to_owned();
        let id = self.random.one_of(&[strategy(), other_strategy()]).unwrap();
        let scope = self.random.one_of(&[Scope::All, Scope::Strategy(id)]).unwrap();
        let states =
            [TradingState::Active, TradingState::Active, TradingState::Reducing, TradingState::Halted];
        let state = self.random.one_of(&states).unwrap();
        let fact = if self.random.percent(50) {
            Fact::ReEnabled { strategy: id, person }
        } else {
            Fact::TradingStateChanged { scope, state, person: Some(person) }
        };
        self.happens(fact);
    }

    /// The check and the reckoning on one message, and what comes of it.
    fn sends(&mut self, order: gauntlet_domain::EventId, request: Request) {
        let early = i64::from(self.random.percent(1));
        let person = self.random.percent(20).then(|| "ann".to_owned());
        let message = Message { time: Timestamp(self.time - early), order, person, request };
        let before = self.state.clone();
        let decision = check(&message, &self.state, &self.limits);
        let expected = self.reckoning().reason(&message);
        assert_eq!(decision.reason(), expected, "{message:?} {decision:?} after {:#?}", self.history);
        assert_eq!(check(&message, &self.state, &self.limits), decision);
        assert_eq!(self.state, before, "a check changes nothing");
        let event = record(&message, &decision, &self.state, &self.limits);
        self.state.apply(&event).unwrap();
        *self.seen.entry(expected).or_default() += 1;
        if decision == Decision::Accept {
            self.history.push(event);
            self.limits_hold(&message);
        } else {
            // Nothing but the time: money of 0 moves it in the same way.
            let mut moved = before;
            let nothing = Fact::Paid { amount: Money::default() };
            moved.apply(&Event { time: event.time, fact: nothing }).unwrap();
            assert_eq!(self.state, moved);
            self.history.push(event);
        }
        let json = serde_json::to_string(&self.state).unwrap();
        let restored: State = serde_json::from_str(&json).unwrap();
        assert_eq!(restored, self.state);
        assert_eq!(serde_json::to_string(&restored).unwrap(), json);
        self.state = restored;
    }

    /// As long as no quote comes, what was accepted breaks no limit, however it fills.
    fn limits_hold(&self, message: &Message) {
        let orders = self.reckoning().orders();
        let order = orders.iter().rev().find(|past| past.id == message.order).unwrap().order.clone();
        let (open, [position, gross, net]) = self.reckoning().figures(&order.instrument);
        let account = &self.limits.account;
        assert!(account.max_open_orders.is_none_or(|most| open as i64 <= most));
        let of = &self.limits.instruments[&order.instrument];
        assert!(of.max_position.is_none_or(|most| position <= i128::from(most.0)));
        if self.is_still {
            assert!(account.max_gross.is_none_or(|most| gross <= most.0));
            assert!(account.max_net.is_none_or(|most| net <= most.0));
            let mine = self.reckoning().gross_of(order.strategy, &order.instrument);
            let stage = self.limits.strategies[&order.strategy].stage;
            assert!(
                stage.is_none_or(|stage| mine * 10_000 <= stage.capital.0 * i128::from(stage.step_bps)),
                "{mine}"
            );
        }
    }
}

#[test]
fn the_check_and_a_reckoning_from_scratch_agree_at_every_step() {
    let mut run = Run::new(Random::seeded(20_261_130));
    for sequence in 0..400 {
        run.begin(sequence % 3 == 0);
        for _ in 0..120 {
            run.step();
        }
    }
    eprintln!("{:?}", run.seen);
    // Every reason but the one that needs prices of another kind.
    for reason in Reason::ALL.iter().filter(|reason| **reason != Reason::Overflow) {
        let times = run.seen.get(&Some(*reason)).copied().unwrap_or_default();
        assert!(times >= 3, "{reason} was seen {times} times");
    }
    assert!(run.seen[&None] > 2_000, "{} messages were accepted", run.seen[&None]);
}
