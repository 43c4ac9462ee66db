//! Instruments as text.

use gauntlet_domain::Price;
use gauntlet_domain::market::{Calendar, InstrumentDefined, PriceBasis};
use gauntlet_operations::instruments::Instruments;

use crate::table::table;

/// One in full, or all in a line each.
pub fn instruments(answer: &Instruments) -> String {
    match answer {
        Instruments::One(definition) => one(definition),
        Instruments::All(all) if all.is_empty() => "no instrument has been set or fed yet".to_owned(),
        Instruments::All(all) => table(
            &["instrument", "class", "price", "tick", "decimals", "calendar", "bars"],
            all.iter().map(|definition| {
                vec![
                    definition.instrument.clone(),
                    or_dash(&definition.asset_class),
                    basis(definition.price).to_owned(),
                    tick(definition),
                    decimals(definition),
                    calendar(definition.calendar.as_ref()),
                    bars(definition),
                ]
            }),
        ),
    }
}

fn one(definition: &InstrumentDefined) -> String {
    let (rules, limits) = (definition.cleaning, definition.limits);
    let seconds = |nanos: i64| format!("{} s", nanos as f64 / 1e9);
    let rows = [
        ("instrument", definition.instrument.clone()),
        ("class", or_dash(&definition.asset_class)),
        ("currency", definition.currency.clone()),
        ("price", basis(definition.price).to_owned()),
        ("tick size", tick(definition)),
        ("decimals", decimals(definition)),
        ("prices", if definition.positive_prices { "above zero" } else { "may be zero or less" }.to_owned()),
        ("bars", bars(definition)),
        ("calendar", calendar(definition.calendar.as_ref())),
        ("lateness", seconds(rules.lateness_nanos)),
        ("gap", seconds(rules.gap_nanos)),
        ("stale", seconds(rules.stale_nanos)),
        ("clock_ahead", seconds(limits.clock_ahead_nanos)),
        ("clock_intervals", limits.clock_intervals.to_string()),
        ("level_medians", limits.level_medians.to_string()),
        ("level_ticks", limits.level_ticks.to_string()),
        ("level_tails", limits.level_tails.to_string()),
        ("spread_medians", limits.spread_medians.to_string()),
        ("spread_tails", limits.spread_tails.to_string()),
        ("block_sizes", limits.block_sizes.to_string()),
    ];
    table(&["what", "value"], rows.map(|(what, value)| vec![what.to_owned(), value]))
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}

fn basis(price: PriceBasis) -> &'static str {
    match price {
        PriceBasis::Quotes => "mid of quotes",
        PriceBasis::Trades => "trades",
        PriceBasis::Unknown => "unknown",
    }
}

fn tick(definition: &InstrumentDefined) -> String {
    let text = |tick| definition.scale.price_text(Price(tick));
    definition.tick_size.map_or_else(|| "from the data".to_owned(), text)
}

fn decimals(definition: &InstrumentDefined) -> String {
    format!("{} and {}", definition.scale.price_digits(), definition.scale.size_digits())
}

fn bars(definition: &InstrumentDefined) -> String {
    definition.bars.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn calendar(calendar: Option<&Calendar>) -> String {
    calendar.map_or_else(|| "round the clock".to_owned(), |of| format!("{} ({})", of.name, of.zone))
}
