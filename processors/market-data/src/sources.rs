//! The sources of an instrument: how far each has been taken in, and what came of its rows.

use std::collections::{BTreeMap, BTreeSet};

use gauntlet_domain::BarSpec;
use serde::{Deserialize, Serialize};

use crate::ledger::Counts;

/// A source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// As its rows name it.
    pub name: String,
    /// Number of the next block or live tick; lower ones have been taken in already.
    next: i64,
    /// Whether all of it is there.
    pub completed: bool,
    /// What came of its rows.
    pub counts: Counts,
    /// Specs of the bars that it holds, or that its ticks make.
    pub bars: BTreeSet<BarSpec>,
}

impl Source {
    /// Whether nothing of it has come yet.
    pub fn is_new(&self) -> bool {
        self.next == 0 && !self.completed
    }

    /// Moves past a block or tick, unless it has been taken in already.
    pub fn moves_to(&mut self, number: i64) -> bool {
        let is_new = number >= self.next && !self.completed;
        if is_new {
            self.next = number + 1;
        }
        is_new
    }
}

/// The sources of an instrument, numbered in the order in which they came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    numbers: BTreeMap<String, u32>,
    all: Vec<Source>,
}

impl Sources {
    /// The number of a source; a name that is new gets the next.
    pub fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.all.len() as u32;
        self.numbers.insert(name.to_owned(), number);
        self.all.push(Source { name: name.to_owned(), ..Source::default() });
        number
    }

    /// A source by its number.
    pub fn get_mut(&mut self, number: u32) -> Option<&mut Source> {
        self.all.get_mut(number as usize)
    }
}
