//! Arguments that say how a file is written, where it does not settle that itself. `feed`, `bars` and `backtest` have them.

use clap::Args;
use gauntlet_domain::decimal::parse_scaled;
use gauntlet_feed::{Ambiguous, DateOrder, Format, Reading};
use gauntlet_operations::Refusal;

/// How a file is written.
#[derive(Debug, Clone, Default, Args)]
pub struct ReadingArgs {
    /// Time zone of times without one, by its name, such as America/New_York.
    #[arg(long)]
    pub zone: Option<String>,
    /// Times of a zone in the hour before its clock goes back, where the file has that hour once: earlier or later.
    #[arg(long, value_name = "WHICH")]
    pub ambiguous: Option<String>,
    /// 1/2/2017 is 1 February.
    #[arg(long, conflicts_with = "month_first")]
    pub day_first: bool,
    /// 1/2/2017 is 2 January.
    #[arg(long)]
    pub month_first: bool,
    /// What is in a column: time=Zeit, price=Last, open=2, conditions=Flags; a number is a position, from 1, with or without a header.
    #[arg(long, value_name = "WHAT=NAME")]
    pub column: Vec<String>,
    /// Rows that are read of a file of several symbols, by a column and its value: Name=SAP.DE, Ticker=AAPL.
    #[arg(long, value_name = "COLUMN=VALUE")]
    pub only: Option<String>,
    /// How times are written, such as '%d.%m.%y %H:%M:%S'.
    #[arg(long)]
    pub time_format: Option<String>,
    /// How the text is written: utf-8, utf-16le, utf-16be, latin1 or windows-1252; a byte order mark says it alone.
    #[arg(long, value_name = "NAME")]
    pub encoding: Option<String>,
    /// Lines before the header, or before the first row where columns are named by position.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub skip_lines: u64,
    /// What one is worth where prices are whole numbers of fixed point: 1e-9, 0.01, or 1 for prices as they stand.
    #[arg(long, value_name = "SCALE")]
    pub price_scale: Option<String>,
    /// The decimal mark, '.' or ','.
    #[arg(long)]
    pub decimal: Option<String>,
    /// Conditions of trades whose size counts and whose price does not (average prices, late reports): W,4.
    #[arg(long, value_name = "CODES", value_delimiter = ',')]
    pub volume_only: Vec<String>,
    /// Conditions of trades of an auction or a block, whose prices are never refused as outliers: O,6.
    #[arg(long, value_name = "CODES", value_delimiter = ',')]
    pub auction: Vec<String>,
}

impl TryFrom<ReadingArgs> for Reading {
    type Error = Refusal;

    fn try_from(args: ReadingArgs) -> Result<Reading, Refusal> {
        let column = |pair: &String| named(pair, "--column", "price=Last");
        let ambiguous = match args.ambiguous.as_deref() {
            None => None,
            Some("earlier") => Some(Ambiguous::Earlier),
            Some("later") => Some(Ambiguous::Later),
            Some(other) => {
                return Err(Refusal::BadInput(format!(
                    "--ambiguous '{other}' is not known: write earlier or later"
                )));
            }
        };
        let decimal = match args.decimal.as_deref() {
            None => None,
            Some(".") => Some('.'),
            Some(",") => Some(','),
            Some(other) => {
                return Err(Refusal::BadInput(format!(
                    "--decimal '{other}' is no decimal mark: write . or ,"
                )));
            }
        };
        Ok(Reading {
            zone: args.zone,
            ambiguous,
            only: args.only.as_ref().map(|pair| named(pair, "--only", "Name=SAP.DE")).transpose()?,
            date_order: match (args.day_first, args.month_first) {
                (true, _) => Some(DateOrder::DayFirst),
                (_, true) => Some(DateOrder::MonthFirst),
                _ => None,
            },
            columns: args.column.iter().map(column).collect::<Result<_, _>>()?,
            time_format: args.time_format,
            encoding: args.encoding.as_deref().map(str::parse).transpose().map_err(Refusal::input)?,
            skip_lines: args.skip_lines,
            price_digits: args.price_scale.as_deref().map(price_digits).transpose()?,
            decimal,
            volume_only: args.volume_only,
            auction: args.auction,
        })
    }
}

/// Digits behind the point of a power of ten from 1e-18 to 1.
fn price_digits(text: &str) -> Result<u8, Refusal> {
    let digits = (0..=18_u8).find(|digits| text.parse::<f64>() == format!("1e-{digits}").parse::<f64>());
    digits.ok_or_else(|| {
        Refusal::BadInput(format!(
            "--price-scale '{text}' is no power of ten from 1e-18 to 1: write it like 1e-9"
        ))
    })
}

/// The two sides of an equals sign.
fn named(pair: &str, option: &str, example: &str) -> Result<(String, String), Refusal> {
    match pair.split_once('=') {
        Some((what, name)) if !what.is_empty() && !name.is_empty() => Ok((what.to_owned(), name.to_owned())),
        _ => Err(Refusal::BadInput(format!("{option} '{pair}' names nothing: write it like {example}"))),
    }
}

/// Seconds by which a row may lie behind the latest one, in nanoseconds.
pub fn lateness(text: &str) -> Result<i64, Refusal> {
    let nanos = parse_scaled(text.as_bytes(), 9).ok().filter(|nanos| *nanos >= 0);
    nanos.ok_or_else(|| {
        Refusal::BadInput(format!("--lateness '{text}' is no number of seconds: write it like 1.5"))
    })
}

/// The format of that name; `None` is told from the file.
pub fn format(name: &str) -> Result<Option<Format>, Refusal> {
    if name == "auto" { Ok(None) } else { name.parse().map(Some).map_err(Refusal::input) }
}

/// `±HH:MM` in seconds.
pub fn utc_offset(text: &str) -> Result<i32, Refusal> {
    let bad =
        || Refusal::BadInput(format!("--utc-offset '{text}' is not a clock offset: write it like -05:00"));
    let (sign, rest) = match text.split_at_checked(1) {
        Some(("-", rest)) => (-1, rest),
        Some(("+", rest)) => (1, rest),
        _ => return Err(bad()),
    };
    let (hours, minutes) = rest.split_once(':').ok_or_else(bad)?;
    let (hours, minutes): (i32, i32) =
        (hours.parse().map_err(|_| bad())?, minutes.parse().map_err(|_| bad())?);
    if !(0..=18).contains(&hours) || !(0..60).contains(&minutes) {
        return Err(bad());
    }
    Ok(sign * (hours * 3600 + minutes * 60))
}
