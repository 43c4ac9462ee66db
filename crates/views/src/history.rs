//! Where rows come from: each is made by events, and each event lies at a place of the log.

use crate::port::Upsert;
use crate::schema::{History, ORIGIN, STAMP, Table};
use crate::value::Value;

/// Bits of a record's number, and of a partition's.
const RECORD_BITS: u32 = 10;
const PARTITION_BITS: u32 = 12;
/// The greatest offset that there is room for.
const MOST_OFFSET: u64 = (1 << (63 - RECORD_BITS - PARTITION_BITS)) - 1;

/// Where an event lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The number of its record's first version, which says on which topic it is; below 1,024.
    pub record: u32,
    /// The partition of the topic; below 4,096.
    pub partition: u32,
    /// Its offset there; below 2^41.
    pub offset: u64,
}

impl Origin {
    /// As a number: offset, partition and record, with all bits turned. Of two writings of one event the first one then stays
    /// at equal stamps ([`Value::cmp_at_equal_stamps`]), so that a repetition does not make a row younger.
    pub fn to_long(self) -> i64 {
        let offset = self.offset.min(MOST_OFFSET) << (RECORD_BITS + PARTITION_BITS);
        let (partition, record) = (u64::from(self.partition) << RECORD_BITS, u64::from(self.record));
        !((offset | partition | record) as i64)
    }

    /// What [`Origin::to_long`] has written.
    pub fn from_long(number: i64) -> Origin {
        let number = !number as u64;
        Origin {
            record: (number & ((1 << RECORD_BITS) - 1)) as u32,
            partition: (number >> RECORD_BITS & ((1 << PARTITION_BITS) - 1)) as u32,
            offset: number >> (RECORD_BITS + PARTITION_BITS),
        }
    }
}

impl Upsert {
    /// The upserts that keep where this one comes from, this one among them.
    pub fn from_origin(self, origin: Origin) -> impl Iterator<Item = Upsert> {
        let at = Value::Long(origin.to_long());
        let change = |of: &Upsert, table: &'static Table, cells: Vec<(&'static str, Value)>| {
            let key = of.key.iter().cloned().chain([at.clone()]).collect();
            Upsert { table, key, cells, stamp: of.stamp }.with(STAMP.name, of.stamp)
        };
        let change = match self.table.history() {
            History::None | History::Once => None,
            History::Changes(table) => Some(change(&self, table, self.cells.clone())),
            History::Repeats(table) => Some(change(&self, table, Vec::new())),
        };
        let row = match self.table.history() {
            History::Once => self.with(ORIGIN.name, at),
            _ => self,
        };
        [row].into_iter().chain(change)
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_origin_reads_back(record in 0..1_024_u32, partition in 0..4_096_u32, offset in 0..=MOST_OFFSET) {
            let origin = Origin { record, partition, offset };
            prop_assert_eq!(Origin::from_long(origin.to_long()), origin);
        }

        #[test]
        fn the_first_of_two_writings_stays(offset in 0..MOST_OFFSET, later in 1..1_000_u64) {
            let at = |offset| Value::Long(Origin { record: 24, partition: 3, offset }.to_long());
            let second = at(offset.saturating_add(later).min(MOST_OFFSET));
            prop_assert_eq!(at(offset).cmp_at_equal_stamps(&second), Ordering::Greater);
        }
    }
}
