//! Whether more or less of an objective is better.

use std::cmp::Ordering;

use crate::names::named_enum;

named_enum! {
    /// Which way is better.
    #[derive(Default)]
    pub enum Direction("direction") {
        /// More is better.
        #[default]
        Maximize = "maximize",
        /// Less is better.
        Minimize = "minimize",
    }
}

impl Direction {
    /// The direction of a plan, which says `maximize: true` or `false`.
    pub fn of(maximize: bool) -> Direction {
        if maximize { Direction::Maximize } else { Direction::Minimize }
    }

    /// Orders the better of two defined values first. 0.0 and -0.0 tie.
    pub fn better_first(self, a: f64, b: f64) -> Ordering {
        let (a, b) = (a + 0.0, b + 0.0);
        match self {
            Direction::Minimize => a.total_cmp(&b),
            Direction::Maximize => b.total_cmp(&a),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_comes_first_and_zero_has_no_sign() {
        assert_eq!(Direction::Maximize.better_first(2.0, 1.0), Ordering::Less);
        assert_eq!(Direction::Minimize.better_first(2.0, 1.0), Ordering::Greater);
        for direction in Direction::ALL {
            assert_eq!(direction.better_first(0.0, -0.0), Ordering::Equal);
            assert_eq!(Direction::of(*direction == Direction::Maximize), *direction);
        }
    }
}
