//! Contracts beside a symbol: months of futures, strikes of options. Under one symbol they are several instruments, whose
//! ticks make no bars together, so they are asked for. A future that goes from one month to the next never comes back to an
//! earlier one, and is one series.

use crate::columns::{SYMBOLS, plain_name};
use crate::format::Options;
use crate::numbers::Cell;
use crate::scan::Unclear;
use crate::table::TickLayout;
use crate::text::shortened;
use crate::wanted::Wanted;

/// Columns that tell contracts apart.
const CONTRACTS: &[&str] = &[
    "contract",
    "expiry",
    "expiration",
    "expirydate",
    "expirationdate",
    "maturity",
    "strike",
    "optiontype",
    "putcall",
    "callput",
    "cpflag",
];
/// Contracts of a column that are remembered.
const REMEMBERED: usize = 64;

/// A column that is not read, and what it has said.
struct Column {
    index: usize,
    /// Contracts, each once, in the order in which they came.
    seen: Vec<Vec<u8>>,
    /// The last of them.
    latest: usize,
    /// A contract that came back, and the one before it.
    back: Option<(Cell, String)>,
}

/// What columns of contracts say of the rows that are wanted.
pub(crate) struct Contracts {
    columns: Vec<Column>,
    layout: TickLayout,
    wanted: Wanted,
}

impl Contracts {
    /// The columns of a table of ticks.
    pub fn of(names: &[String], layout: &TickLayout, options: &Options) -> Contracts {
        let roles = layout.roles();
        let is_open = |(index, name): &(usize, &String)| {
            let name = plain_name(name);
            let tells = [CONTRACTS, SYMBOLS].iter().any(|list| list.contains(&name.as_str()));
            tells && !roles.iter().any(|(_, read)| read == index)
        };
        let column = |(index, _)| Column { index, seen: Vec::new(), latest: 0, back: None };
        let columns = names.iter().enumerate().filter(is_open).map(column).collect();
        Contracts { columns, layout: layout.clone(), wanted: Wanted::new(options) }
    }

    /// Looks at a row.
    pub fn see<'a>(&mut self, field: impl Fn(usize) -> Option<&'a [u8]>, line: u64) {
        if self.columns.is_empty() || self.layout.is_wanted(&mut self.wanted, &field) != Ok(true) {
            return;
        }
        for column in &mut self.columns {
            column.see(field(column.index).unwrap_or_default().trim_ascii(), line);
        }
    }

    /// `Err` where rows of several contracts stand between each other.
    pub fn check(self, names: &[String]) -> Result<(), Unclear> {
        let Some((cell, other)) = self.columns.into_iter().find_map(|column| column.back) else {
            return Ok(());
        };
        let name = names.get(cell.column).map(String::as_str).unwrap_or_default();
        let what = format!(
            "comes again behind '{other}', so that the rows are of several instruments: pick those of one with --only \
             '{name}={}', or split the file; where the column says nothing of instruments, leave it out",
            cell.text
        );
        Err(Unclear::Cell(cell, what))
    }
}

impl Column {
    fn see(&mut self, text: &[u8], line: u64) {
        let is_same = self.seen.get(self.latest).is_some_and(|latest| latest == text);
        if text.is_empty() || is_same || self.back.is_some() {
            return;
        }
        match self.seen.iter().position(|before| before == text) {
            Some(_) => {
                let cell = Cell { line, column: self.index, text: shortened(text) };
                self.back = Some((cell, shortened(&self.seen[self.latest])));
            }
            None if self.seen.len() < REMEMBERED => {
                self.latest = self.seen.len();
                self.seen.push(text.to_vec());
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use gauntlet_domain::InstrumentId;

    use super::*;

    fn checked(header: &str, rows: &[&str]) -> Result<(), String> {
        let names: Vec<String> = header.split(',').map(str::to_owned).collect();
        let layout = TickLayout::find(&names, |_| None).unwrap();
        let options = Options::new(InstrumentId::new("ES", "CME").unwrap());
        let mut contracts = Contracts::of(&names, &layout, &options);
        for (line, row) in (2..).zip(rows) {
            let fields: Vec<&str> = row.split(',').collect();
            contracts.see(|at| fields.get(at).map(|field| field.as_bytes()), line);
        }
        contracts.check(&names).map_err(|why| why.into_error("file", &names).to_string())
    }

    #[test]
    fn contracts_between_each_other_are_asked_for_and_a_roll_is_one_series() {
        let header = "time,symbol,expiry,price,size";
        let mixed = ["1,ES,2024-03-15,5000,1", "2,ES,2024-06-21,5060,1", "3,ES,2024-03-15,5001,1"];
        let why = checked(header, &mixed).unwrap_err();
        assert!(why.contains("line 4, column expiry: '2024-03-15' comes again behind '2024-06-21'"), "{why}");
        assert!(why.contains("--only 'expiry=2024-03-15'"), "{why}");
        let rolled = ["1,ES,2024-03-15,5000,1", "2,ES,2024-03-15,5001,1", "3,ES,2024-06-21,5060,1"];
        assert_eq!(checked(header, &rolled), Ok(()));
        // Contracts of other symbols are nobody's business here.
        let others = ["1,ES,2024-03-15,5000,1", "2,NQ,2024-06-21,18000,1", "3,ES,2024-03-15,5001,1"];
        assert_eq!(checked(header, &others), Ok(()));
        let options = ["1,ES,C,5,1", "2,ES,P,6,1", "3,ES,C,5,1"];
        assert!(checked("time,symbol,put_call,price,size", &options).is_err());
        assert_eq!(checked("time,symbol,code,price,size", &options), Ok(()), "a code may be of anything");
    }
}
