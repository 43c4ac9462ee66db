//! Rows of a table of trades that are no trades, as a column says that is not read: quotes beside trades, orders that were
//! cancelled, trades that were taken back. They are asked for, because they would count as trades. So is which of two columns has
//! the sizes.

use crate::columns::{column, plain_name};
use crate::format::Options;
use crate::numbers::Cell;
use crate::scan::Unclear;
use crate::table::TickLayout;
use crate::text::shortened;

/// Columns that say what a row is; a trade is `trade`.
const KINDS: &[&str] = &["type", "event", "eventtype", "recordtype", "ticktype", "msgtype", "messagetype"];
/// Columns that say what became of an order.
const STATES: &[&str] = &["status", "orderstatus", "state", "orderstate"];
/// Columns that are true where a trade does not count any more.
const FLAGS: &[&str] = &["cancelled", "canceled", "iscancelled", "iscanceled", "busted"];
/// Sizes beside which an amount is probably money.
const SIZES: &[&str] = &["volume", "vol", "qty", "quantity"];
/// A column that only changes of a book of orders have.
const OF_BOOK: &str = "issnapshot";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Kind,
    State,
    Flag,
}

/// A column that may say that rows are no trades, and what it has said.
#[derive(Default)]
pub(crate) struct RowKinds {
    column: Option<(usize, Says)>,
    /// What trades have there.
    trade: Option<String>,
    other: Option<Cell>,
    /// What the header alone leaves open.
    asked: Option<String>,
}

impl RowKinds {
    /// The column of a table of trades; nothing of quotes.
    pub fn of(names: &[String], layout: &TickLayout, options: &Options) -> RowKinds {
        let roles = layout.roles();
        if !roles.iter().any(|(what, _)| *what == "price") {
            return RowKinds::default();
        }
        let plain: Vec<String> = names.iter().map(|name| plain_name(name)).collect();
        let is_read = |at: usize| roles.iter().any(|(_, read)| *read == at);
        let find = |list: &[&str]| {
            plain.iter().enumerate().position(|(at, name)| list.contains(&name.as_str()) && !is_read(at))
        };
        let lists = [(KINDS, Says::Kind), (STATES, Says::State), (FLAGS, Says::Flag)];
        let column = lists.into_iter().find_map(|(list, says)| find(list).map(|at| (at, says)));
        let asked = asked(names, &plain, layout, options);
        RowKinds { column, asked, ..RowKinds::default() }
    }

    /// Looks at a row.
    pub fn see<'a>(&mut self, field: impl Fn(usize) -> Option<&'a [u8]>, line: u64) {
        let Some((column, says)) = self.column.filter(|_| self.trade.is_none() || self.other.is_none())
        else {
            return;
        };
        let text = field(column).unwrap_or_default().trim_ascii();
        if text.is_empty() {
            return;
        }
        let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()));
        let begins = |word: &str| {
            text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()))
        };
        let is_trade = match says {
            Says::Kind => is(&["trade", "trades"]),
            Says::State => !["cancel", "reject", "expire"].into_iter().any(begins),
            Says::Flag => !is(&["true", "1", "yes", "y", "t"]),
        };
        if is_trade {
            self.trade.get_or_insert_with(|| shortened(text));
        } else {
            self.other.get_or_insert_with(|| Cell { line, column, text: shortened(text) });
        }
    }

    /// `Err` where rows that are no trades stand beside trades.
    pub fn check(self, names: &[String]) -> Result<(), Unclear> {
        if let Some(what) = self.asked {
            return Err(Unclear::Asked(what));
        }
        let (Some(trade), Some(other)) = (self.trade, self.other) else { return Ok(()) };
        let name = names.get(other.column).map(String::as_str).unwrap_or_default();
        let what = format!(
            "says that the row is no trade, and others are ('{trade}'): read those alone with --only '{name}={trade}', or leave the \
             column out of the file"
        );
        Err(Unclear::Cell(other, what))
    }
}

/// What a header of trades leaves open.
fn asked(names: &[String], plain: &[String], layout: &TickLayout, options: &Options) -> Option<String> {
    if plain.iter().any(|name| name == OF_BOOK) {
        return Some(
            "has a column is_snapshot, so its rows are changes of a book of orders and no trades: feed the trades, or best bids and \
             asks"
                .to_owned(),
        );
    }
    let is_said = options.reading.columns.iter().any(|(what, _)| what == "size");
    let size = layout.size().filter(|size| !is_said && plain[*size] == "amount")?;
    let (amount, volume) = (&names[size], &names[column(plain, SIZES)?]);
    Some(format!(
        "its columns {amount} and {volume} may both be the size of a trade, and one of them its money: say which is the size with \
         --column size={volume} or --column size={amount}"
    ))
}

#[cfg(test)]
mod tests {
    use gauntlet_domain::InstrumentId;

    use super::*;

    fn checked(header: &str, column: usize, cells: &[&str], size: Option<&str>) -> Result<(), String> {
        let names: Vec<String> = header.split(',').map(str::to_owned).collect();
        let layout = TickLayout::find(&names, |_| None).unwrap();
        let mut options = Options::new(InstrumentId::new("X", "Y").unwrap());
        options.reading.columns.extend(size.map(|size| ("size".to_owned(), size.to_owned())));
        let mut kinds = RowKinds::of(&names, &layout, &options);
        for (line, cell) in (2..).zip(cells) {
            kinds.see(|at| (at == column).then_some(cell.as_bytes()), line);
        }
        kinds.check(&names).map_err(|why| why.into_error("file", &names).to_string())
    }

    #[test]
    fn rows_that_are_no_trades_are_asked_for_by_their_column() {
        let kinds = "time,type,price,size";
        let why = checked(kinds, 1, &["TRADE", "QUOTE"], None).unwrap_err();
        assert!(why.contains("line 3, column type: 'QUOTE' says that the row is no trade"), "{why}");
        assert!(why.contains("--only 'type=TRADE'"), "{why}");
        // What a trade was of is no other kind of row.
        assert_eq!(checked(kinds, 1, &["buy", "sell", "limit"], None), Ok(()));
        assert_eq!(checked(kinds, 1, &["trade", "Trade", ""], None), Ok(()));
        let states = "time,status,price,size";
        let why = checked(states, 1, &["Cancelled", "FILLED"], None).unwrap_err();
        assert!(why.contains("line 2") && why.contains("--only 'status=FILLED'"), "{why}");
        assert_eq!(checked(states, 1, &["filled", "partial"], None), Ok(()));
        let why = checked("time,price,size,is_cancelled", 3, &["false", "true"], None).unwrap_err();
        assert!(why.contains("--only 'is_cancelled=false'"), "{why}");
        assert_eq!(checked("time,bid,ask,status", 3, &["ok", "cancelled"], None), Ok(()), "of quotes");
        let why = checked("time,is_snapshot,side,price,amount", 1, &[], None).unwrap_err();
        assert!(why.contains("changes of a book of orders"), "{why}");
    }

    #[test]
    fn an_amount_beside_a_volume_is_asked_for() {
        let both = "time,price,volume,amount";
        let why = checked(both, 0, &[], None).unwrap_err();
        assert!(why.contains("--column size=volume or --column size=amount"), "{why}");
        assert_eq!(checked(both, 0, &[], Some("volume")), Ok(()));
        assert_eq!(checked("time,price,amount", 0, &[], None), Ok(()));
    }
}
