//! The likeliest meant of several names, for "did you mean".

use strsim::damerau_levenshtein;

/// The candidate that `name` is most likely a slip of: at most one edit in three letters, letter case and the
/// difference of `-` and `_` aside; the first of several equally near. `None` when nothing is that near.
///
/// ```
/// let known = ["batch_records", "poll_timeout_ms"];
/// assert_eq!(gauntlet_config::nearest("batch-record", known), Some("batch_records"));
/// assert_eq!(gauntlet_config::nearest("colour", known), None);
/// ```
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let name = plain(name);
    let allowed = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (damerau_levenshtein(&name, &plain(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let known = ["sampler", "pruner", "trials", "seed"];
        assert_eq!(nearest("trails", known), Some("trials"));
        assert_eq!(nearest("Sampler", known), Some("sampler"));
        assert_eq!(nearest("prunner", known), Some("pruner"));
        assert_eq!(nearest("embargo", known), None);
        assert_eq!(nearest("x", known), None);
        assert_eq!(nearest("", known), None);
    }

    #[test]
    fn the_first_of_equally_near_names_wins() {
        assert_eq!(nearest("fxst", ["fast", "fest"]), Some("fast"));
    }
}
