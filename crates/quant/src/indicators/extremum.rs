//! Rolling maximum and minimum share their method: a deque that holds only the values that can still become the answer,
//! amortised O(1) a value. Not a row of the table itself.

macro_rules! extremum {
    ($(#[$doc:meta])* $name:ident, $(#[$column_doc:meta])* $column:ident, $beats:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            period: usize,
            seen: usize,
            /// (row, value) of candidates: rows rise, and every value beats those after it.
            candidates: std::collections::VecDeque<(usize, f64)>,
        }

        impl $name {
            /// Over the last `period` values.
            pub fn new(period: usize) -> $name {
                $name { period: period.max(1), seen: 0, candidates: std::collections::VecDeque::new() }
            }

            /// Takes the next value; answers from the `period`-th value on.
            pub fn update(&mut self, value: f64) -> Option<f64> {
                let beats: fn(f64, f64) -> bool = $beats;
                while self.candidates.back().is_some_and(|(_, candidate)| !beats(*candidate, value)) {
                    self.candidates.pop_back();
                }
                self.candidates.push_back((self.seen, value));
                self.seen += 1;
                if self.candidates.front().is_some_and(|(row, _)| row + self.period < self.seen) {
                    self.candidates.pop_front();
                }
                if self.seen < self.period {
                    return None;
                }
                self.candidates.front().map(|(_, value)| *value)
            }
        }

        $(#[$column_doc])*
        pub fn $column(values: &[f64], period: usize) -> super::Series {
            let mut state = $name::new(period);
            super::Series::collect(values.iter().map(|value| state.update(*value)))
        }
    };
}
pub(super) use extremum;

#[cfg(test)]
mod tests {
    use crate::indicators::{Series, highest, lowest};

    #[test]
    fn the_extremes_of_the_last_three() {
        let values = [3.0, 1.0, 2.0, 5.0, 4.0, 4.0, 1.0];
        assert_eq!(highest(&values, 3), Series { first: 2, values: vec![3.0, 5.0, 5.0, 5.0, 4.0] });
        assert_eq!(lowest(&values, 3), Series { first: 2, values: vec![1.0, 1.0, 2.0, 4.0, 1.0] });
    }
}
