//! How many of the trials of several experiments differ: each experiment is there with the trials that stand for its
//! clusters, [`crate::family::Family::series`], so that a mandate of many trials is compared by few series.

use std::collections::BTreeMap;

use gauntlet_quant::inference::{EffectiveTrials, Undefined};

use crate::family::MOST_SERIES;

/// Days that all series must have in common.
const FEWEST_DAYS: usize = 30;

/// How many trials differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Differing {
    /// Series that were compared.
    pub series: usize,
    /// Days that all of them have.
    pub days: usize,
    /// Clusters by complete linkage at a correlation of 0.7. An effective number of trials (López de Prado and Lewis 2019):
    /// it goes with the variance under the null hypothesis alone, and deflates nothing here.
    pub clusters: Result<f64, Undefined>,
}

/// Compares the representatives of several experiments over the days that all have. Each file is `date,TRIAL,TRIAL,…` with a
/// line for each day; what is no such line is passed over.
pub fn differing(files: &[String]) -> Differing {
    let mut days: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut series = 0;
    for file in files {
        let mut lines = file.lines();
        let columns = lines.next().map_or(0, |header| header.split(',').count().saturating_sub(1));
        for line in lines {
            let mut cells = line.split(',');
            let date = cells.next().unwrap_or_default();
            let values: Vec<f64> = cells.filter_map(|cell| cell.parse().ok()).collect();
            // A day that an earlier file lacks is no day of all.
            let of_day = if series == 0 { Some(days.entry(date).or_default()) } else { days.get_mut(date) };
            if let Some(known) = of_day.filter(|known| known.len() == series && values.len() == columns) {
                known.extend(values);
            }
        }
        series += columns;
        days.retain(|_, values| values.len() == series);
    }
    let column = |at: usize| days.values().map(|values| values[at]).collect::<Vec<f64>>();
    let clusters = match (series, days.len()) {
        (0, _) => Err(Undefined::NotTestable),
        (series, _) if series > MOST_SERIES => Err(Undefined::NotTestable),
        (_, days) if days < FEWEST_DAYS => {
            Err(Undefined::TooFewObservations { have: days, need: FEWEST_DAYS })
        }
        _ => {
            let columns: Vec<Vec<f64>> = (0..series).map(column).collect();
            let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            EffectiveTrials::of(&columns).map(|trials| trials.number())
        }
    };
    Differing { series, days: days.len(), clusters }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of two series over some days: one of its own, and one that all files share.
    fn file(seed: i64, days: std::ops::Range<i64>) -> String {
        let wave =
            |seed: i64, day: i64| ((day * day * (2 * seed + 3) + 7 * day * seed) % 101 - 50) as f64 / 1_000.0;
        let line = |day: i64| format!("{},{},{}\n", 2_000 + day, wave(seed, day), wave(50, day) * 2.0);
        std::iter::once("date,1,2\n".to_owned()).chain(days.map(line)).collect()
    }

    #[test]
    fn what_two_experiments_share_is_one_and_what_each_has_of_its_own_is_another() {
        let (one, other) = (file(1, 0..90), file(11, 30..130));
        assert_eq!(differing(std::slice::from_ref(&one)).clusters, Ok(2.0));
        let both = differing(&[one.clone(), other.clone()]);
        assert_eq!((both.series, both.days, both.clusters), (4, 60, Ok(3.0)));
        let again = differing(&[one.clone(), other, one]);
        assert_eq!((again.series, again.days, again.clusters), (6, 60, Ok(3.0)), "a copy adds nothing");
    }

    #[test]
    fn without_common_days_nothing_is_said() {
        let apart = differing(&[file(1, 0..90), file(2, 61..150)]);
        let few = Err(Undefined::TooFewObservations { have: 29, need: FEWEST_DAYS });
        assert_eq!((apart.series, apart.days, apart.clusters), (4, 29, few));
        assert_eq!(differing(&[]).clusters, Err(Undefined::NotTestable));
        assert_eq!(differing(&["date\n".to_owned()]).clusters, Err(Undefined::NotTestable));
    }
}
