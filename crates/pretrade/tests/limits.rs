//! Limits as documents: what is refused, and what is not set.

use gauntlet_pretrade::{AccountLimits, InstrumentLimits, Limits, StrategyLimits, unset};

use crate::desk::{Desk, strategy};

fn read(json: &str) -> Result<Limits, String> {
    let limits: Limits = serde_json::from_str(json).map_err(|error| error.to_string())?;
    limits.validate().map_err(|error| error.to_string()).map(|()| limits)
}

#[test]
fn a_document_of_limits_reads_back() {
    let json = format!(
        r#"{{
        "account": {{
            "submit_rate": {{ "burst": 5, "interval_nanos": 100000000 }},
            "amend_rate": {{ "burst": 1, "interval_nanos": 1 }},
            "cancel_rate": {{ "burst": 9, "interval_nanos": 1000000000 }},
            "max_open_orders": 20, "max_gross": 2000000, "max_net": "1000000.50", "max_leverage_bps": 20000
        }},
        "instruments": {{ "XAUUSD.OANDA": {{
            "max_quote_age_nanos": 5000000000, "max_quantity": 100000000, "max_notional": "250000",
            "collar_bps": 100, "period_collar": {{ "bps": 300, "minutes": 60 }}, "max_position": 0
        }} }},
        "strategies": {{ "{}": {{ "max_repeats": 50, "stage": {{ "capital": 100000, "step_bps": 10000 }} }} }}
    }}"#,
        strategy()
    );
    let limits = read(&json).unwrap();
    assert!(unset(&limits).is_empty(), "{:?}", unset(&limits));
    assert_eq!(read(&serde_json::to_string(&limits).unwrap()), Ok(limits));
}

#[test]
fn what_makes_no_sense_is_refused_with_a_sentence() {
    let in_gold = |of: &str| format!(r#"{{"instruments": {{"XAUUSD.OANDA": {of}}}}}"#);
    let in_strategy = |of: &str| format!(r#"{{"strategies": {{"{}": {of}}}}}"#, strategy());
    let in_account = |of: &str| format!(r#"{{"account": {of}}}"#);
    for (document, said) in [
        (in_account(r#"{"max_gross": -1}"#), "account.max_gross is -1: give 0 or more"),
        (in_account(r#"{"max_net": "-0.01"}"#), "account.max_net is -0.01: give 0 or more"),
        (in_account(r#"{"max_leverage_bps": -1}"#), "account.max_leverage_bps is -1"),
        (in_account(r#"{"max_open_orders": -1}"#), "account.max_open_orders is -1"),
        (
            in_account(r#"{"submit_rate": {"burst": 0, "interval_nanos": 1}}"#),
            "account.submit_rate.burst is 0: give 1",
        ),
        (
            in_account(r#"{"amend_rate": {"burst": 1, "interval_nanos": 0}}"#),
            "account.amend_rate.interval_nanos is 0",
        ),
        (
            in_account(r#"{"cancel_rate": {"burst": 1, "interval_nanos": -5}}"#),
            "account.cancel_rate.interval_nanos is -5",
        ),
        (in_account(r#"{"submit_rate": {"burst": 1}}"#), "missing field `interval_nanos`"),
        (
            in_account(r#"{"max_gross": 0.5}"#),
            "floating point `0.5`, expected a whole number, or an amount as text",
        ),
        (in_account(r#"{"max_gross": "NaN"}"#), "'NaN' is not an amount of money"),
        (in_account(r#"{"max_gross": "inf"}"#), "'inf' is not an amount of money"),
        (in_account(r#"{"max_gros": 1}"#), "unknown field `max_gros`"),
        (in_gold(r#"{"collar_bps": -1}"#), "instruments.XAUUSD.OANDA.collar_bps is -1"),
        (in_gold(r#"{"collar_bps": 0.5}"#), "floating point `0.5`, expected i64"),
        (in_gold(r#"{"max_quantity": -1}"#), "instruments.XAUUSD.OANDA.max_quantity is -1"),
        (in_gold(r#"{"max_position": -1}"#), "instruments.XAUUSD.OANDA.max_position is -1"),
        (in_gold(r#"{"max_notional": -1}"#), "instruments.XAUUSD.OANDA.max_notional is -1"),
        (in_gold(r#"{"max_quote_age_nanos": -1}"#), "instruments.XAUUSD.OANDA.max_quote_age_nanos is -1"),
        (in_gold(r#"{"period_collar": {"bps": -1, "minutes": 1}}"#), "period_collar.bps is -1"),
        (
            in_gold(r#"{"period_collar": {"bps": 1, "minutes": 0}}"#),
            "period_collar.minutes is 0: give whole minutes",
        ),
        (in_gold(r#"{"period_collar": {"bps": 1, "minutes": 61}}"#), "period_collar.minutes is 61"),
        (in_gold(r#"{"collar": 1}"#), "unknown field `collar`"),
        (in_strategy(r#"{"max_repeats": -1}"#), "max_repeats is -1"),
        (in_strategy(r#"{"stage": {"capital": -1, "step_bps": 1}}"#), "stage.capital is -1"),
        (
            in_strategy(r#"{"stage": {"capital": 1, "step_bps": 0}}"#),
            "stage.step_bps is 0: give basis points",
        ),
        (in_strategy(r#"{"stage": {"capital": 1, "step_bps": 10001}}"#), "stage.step_bps is 10001"),
        (r#"{"venues": {}}"#.to_owned(), "unknown field `venues`"),
    ] {
        let refusal = read(&document).unwrap_err();
        assert!(refusal.contains(said), "{document}: {refusal}");
    }
}

#[test]
fn what_is_not_set_is_listed_by_its_place() {
    assert_eq!(unset(&Limits::default()).len(), 7);
    let mut limits = Desk::new().limits;
    limits.account.max_gross = Some(gauntlet_pretrade::Money::whole(1));
    let missing = unset(&limits);
    assert_eq!(missing.len(), 6 + 2 * 6 + 2 * 2);
    assert!(missing.contains(&"account.max_net".to_owned()));
    assert!(!missing.contains(&"account.max_gross".to_owned()));
    assert!(missing.contains(&"instruments.XAUUSD.OANDA.collar_bps".to_owned()));
    assert!(missing.contains(&format!("strategies.{}.stage", strategy())));
}

/// A limit that is added and forgotten in the list would look as if it were set.
#[test]
fn every_field_of_the_limits_is_in_the_list() {
    let mut of = Limits::default();
    of.instruments.insert(crate::desk::gold(), InstrumentLimits::default());
    of.strategies.insert(strategy(), StrategyLimits::default());
    let fields = |json: serde_json::Value, path: String| -> Vec<String> {
        json.as_object().unwrap().keys().map(|field| format!("{path}.{field}")).collect()
    };
    let json = |of: &dyn Fn() -> serde_json::Result<serde_json::Value>| of().unwrap();
    let mut expected = fields(json(&|| serde_json::to_value(AccountLimits::default())), "account".into());
    expected.extend(fields(
        json(&|| serde_json::to_value(InstrumentLimits::default())),
        "instruments.XAUUSD.OANDA".into(),
    ));
    expected.extend(fields(
        json(&|| serde_json::to_value(StrategyLimits::default())),
        format!("strategies.{}", strategy()),
    ));
    let mut listed = unset(&of);
    expected.sort();
    listed.sort();
    assert_eq!(listed, expected);
    assert_eq!(listed.len(), 15);
}
