//! What a store keeps of where rows come from, so that it can be asked what it said before.

use super::{
    CONFIGURATIONS, Column, DATA_SNAPSHOTS, EXPERIMENTS, POLICIES, SELECTIONS, SERIES_CHUNKS, TOKENS, Table,
    VERDICTS, VIEWS, long,
};

/// How a row came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// Nothing is kept: the table is no view.
    None,
    /// One event makes a row, which says where that lies in [`ORIGIN`], a column behind all others that lists do not show.
    Once,
    /// Several events make a row, and each has a row of this table with what it wrote.
    Changes(&'static Table),
    /// Several events make a row and all say the same; each has a row of this table, which says where it lies.
    Repeats(&'static Table),
}

/// Where the event of a row lies, as [`Origin::to_long`](crate::Origin::to_long) writes it.
pub static ORIGIN: Column = long("origin").observed();

/// Under which stamp a change was written.
pub static STAMP: Column = long("stamp");

/// Columns followed by others.
const fn joined<const N: usize>(first: &[Column], last: &[Column]) -> [Column; N] {
    let mut columns = [ORIGIN; N];
    let mut place = 0;
    while place < N {
        columns[place] = if place < first.len() { first[place] } else { last[place - first.len()] };
        place += 1;
    }
    columns
}

/// Declares tables of what events wrote: the key and an origin, the columns and a stamp.
macro_rules! changes {
    ($($(#[$doc:meta])+ $name:ident = $text:literal of $of:ident, $columns:expr, $what:literal;)+) => {
        $(
            $(#[$doc])+
            pub static $name: Table = Table {
                name: $text,
                partition_key: $of.partition_key,
                clustering: &joined::<{ $of.clustering.len() + 1 }>($of.clustering, &[ORIGIN_KEY]),
                columns: &joined::<{ $columns.len() + 1 }>($columns, &[STAMP]),
                doc: $what,
            };
        )+
    };
}

/// An origin in a key.
const ORIGIN_KEY: Column = long("origin");

changes! {
    /// Changes of experiments.
    EXPERIMENT_CHANGES = "experiment_changes" of EXPERIMENTS, EXPERIMENTS.columns,
        "What an event wrote of an experiment";
    /// Where documents were written.
    CONFIGURATION_CHANGES = "configuration_changes" of CONFIGURATIONS, NO_COLUMNS,
        "An event that wrote a document, which is the same each time";
    /// Changes of verdicts.
    VERDICT_CHANGES = "verdict_changes" of VERDICTS, VERDICTS.columns,
        "What an event wrote of a verdict";
    /// Changes of data snapshots.
    SNAPSHOT_CHANGES = "snapshot_changes" of DATA_SNAPSHOTS, DATA_SNAPSHOTS.columns,
        "What an event wrote of a data snapshot";
    /// Changes of decisions.
    SELECTION_CHANGES = "selection_changes" of SELECTIONS, SELECTIONS.columns,
        "What an event wrote of a decision";
    /// Changes of policies.
    POLICY_CHANGES = "policy_changes" of POLICIES, POLICIES.columns,
        "What an event wrote of a policy";
    /// Changes of tokens.
    TOKEN_CHANGES = "token_changes" of TOKENS, TOKENS.columns,
        "What an event wrote of a token";
}

const NO_COLUMNS: &[Column] = &[];

/// Views whose rows several events make, and the tables of what these wrote. Of all other views one event makes a row.
static CHANGING: [(&Table, History); 7] = [
    (&EXPERIMENTS, History::Changes(&EXPERIMENT_CHANGES)),
    (&CONFIGURATIONS, History::Repeats(&CONFIGURATION_CHANGES)),
    (&VERDICTS, History::Changes(&VERDICT_CHANGES)),
    (&DATA_SNAPSHOTS, History::Changes(&SNAPSHOT_CHANGES)),
    (&SELECTIONS, History::Changes(&SELECTION_CHANGES)),
    (&POLICIES, History::Changes(&POLICY_CHANGES)),
    (&TOKENS, History::Changes(&TOKEN_CHANGES)),
];

/// Every table of changes.
pub fn changes() -> impl Iterator<Item = &'static Table> {
    CHANGING.iter().filter_map(|(_, history)| match history {
        History::Changes(table) | History::Repeats(table) => Some(*table),
        History::None | History::Once => None,
    })
}

impl Table {
    /// What is kept of how its rows came to be.
    pub fn history(&self) -> History {
        let changing = CHANGING.iter().find(|(table, _)| std::ptr::eq(*table, self));
        if let Some((_, history)) = changing {
            return *history;
        }
        let is_view = VIEWS.iter().copied().chain([&SERIES_CHUNKS]).any(|view| std::ptr::eq(view, self));
        if is_view { History::Once } else { History::None }
    }

    /// All columns beside the key that a store keeps.
    pub fn stored(&self) -> impl Iterator<Item = &'static Column> + use<> {
        let origin = (self.history() == History::Once).then_some(&ORIGIN);
        self.columns.iter().chain(origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_changes_has_the_key_of_its_row_and_an_origin_its_columns_and_a_stamp() {
        let mut compared = 0;
        for view in VIEWS {
            match view.history() {
                History::Changes(changes) => {
                    let key: Vec<Column> = view.key().copied().chain([ORIGIN_KEY]).collect();
                    assert_eq!(changes.key().copied().collect::<Vec<_>>(), key, "{}", changes.name);
                    assert_eq!(changes.columns.split_last(), Some((&STAMP, view.columns)));
                    assert_eq!(changes.history(), History::None);
                    compared += 1;
                }
                History::Repeats(changes) => assert_eq!(changes.columns, [STAMP]),
                History::Once => assert_eq!(view.stored().last(), Some(&ORIGIN)),
                History::None => panic!("{} is a view", view.name),
            }
        }
        assert_eq!(compared, 6);
    }
}
