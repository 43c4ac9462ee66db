//! Names that select something: how one is found among those that there are, and what is said about one that is not.
//!
//! A thing that people name (a direction, a sampler, a benchmark) is read by the one `FromStr` that its table or its
//! enum has; documents, command lines and saved state all read through it.

use std::fmt;

/// A name that selects nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct UnknownName {
    /// What was to be selected: `sampler`.
    pub what: &'static str,
    /// The name as given.
    pub name: String,
    /// A known name that looks like it.
    pub nearest: Option<&'static str>,
    /// All known names.
    pub known: Vec<&'static str>,
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, name, known) = (self.what, &self.name, self.known.join(", "));
        match self.nearest {
            Some(nearest) => write!(f, "unknown {what} `{name}`: did you mean `{nearest}`? (known: {known})"),
            None => write!(f, "unknown {what} `{name}`: use one of {known}"),
        }
    }
}

/// The row of that name.
pub fn find<'a, T>(
    what: &'static str,
    name: &str,
    rows: &'a [T],
    name_of: impl Fn(&T) -> &'static str,
) -> Result<&'a T, UnknownName> {
    rows.iter().find(|row| name_of(row) == name).ok_or_else(|| {
        let known: Vec<&'static str> = rows.iter().map(name_of).collect();
        UnknownName { what, name: name.to_owned(), nearest: nearest(name, known.iter().copied()), known }
    })
}

/// The candidate that `name` was probably meant to be, or nothing if none is near: one edit for every three letters,
/// at least one. Upper and lower case, `-` and `_` count as the same. Of equally near candidates the first wins.
///
/// ```
/// let known = ["batch_records", "poll_timeout_ms"];
/// assert_eq!(gauntlet_domain::names::nearest("batch-record", known), Some("batch_records"));
/// assert_eq!(gauntlet_domain::names::nearest("colour", known), None);
/// ```
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let name = plain(name);
    let allowed = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&name, &plain(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// An enum whose variants people select by name: one row a variant. Gives `ALL`, `NAMES`, `name`, `Display`, `FromStr`,
/// and serde's two traits through the same names.
macro_rules! named_enum {
    (
        $(#[$about:meta])*
        pub enum $type:ident ($what:literal) {
            $($(#[$about_variant:meta])* $variant:ident = $name:literal,)+
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $type {
            $($(#[$about_variant])* $variant,)+
        }

        impl $type {
            /// All of them, in the order in which messages list them.
            pub const ALL: &'static [$type] = &[$($type::$variant,)+];
            /// Their names, in the same order.
            pub const NAMES: &'static [&'static str] = &[$($name,)+];

            /// The name that selects it.
            pub const fn name(self) -> &'static str {
                match self {
                    $($type::$variant => $name,)+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::names::UnknownName;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                $crate::names::find($what, name, $type::ALL, |one| one.name()).copied()
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use named_enum;

#[cfg(test)]
mod tests {
    use super::*;

    named_enum! {
        /// For the tests.
        pub enum Fruit("fruit") {
            /// Green.
            Apple = "apple",
            /// Greener.
            SourApple = "sour-apple",
        }
    }

    #[test]
    fn a_name_reads_back_in_every_way() {
        assert_eq!(Fruit::NAMES, ["apple", "sour-apple"]);
        for fruit in Fruit::ALL {
            assert_eq!(fruit.to_string().parse(), Ok(*fruit));
            let json = serde_json::to_string(fruit).unwrap();
            assert_eq!(json, format!("\"{fruit}\""));
            assert_eq!(serde_json::from_str::<Fruit>(&json).unwrap(), *fruit);
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest_and_all_that_are_known() {
        let said = |name: &str| name.parse::<Fruit>().unwrap_err().to_string();
        assert_eq!(said("aple"), "unknown fruit `aple`: did you mean `apple`? (known: apple, sour-apple)");
        assert_eq!(said("pear tree"), "unknown fruit `pear tree`: use one of apple, sour-apple");
        let from_json = serde_json::from_str::<Fruit>("\"aple\"").unwrap_err().to_string();
        assert!(from_json.starts_with(&said("aple")), "{from_json}");
    }

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
