//! People as they name themselves: when two names stand for one person.
//!
//! On one machine a name is what somebody types (`--as WHO`): it is recorded and proves nothing. A name stands for the same
//! person whatever its case and width; a name with letters that look like others is refused rather than compared.

/// A person by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Person(String);

/// Longest name.
const LONGEST: usize = 128;

impl Person {
    /// The person of that name.
    ///
    /// # Errors
    /// A sentence for the person: an empty name, a long one, letters beyond ASCII, spaces and signs that no name has.
    pub fn named(name: &str) -> Result<Person, String> {
        let plain = name.trim();
        if plain.is_empty() {
            return Err("a name is needed: --as WHO".to_owned());
        }
        if plain.len() > LONGEST {
            return Err(format!("a name has at most {LONGEST} characters"));
        }
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._-@+".contains(c);
        if let Some(other) = plain.chars().find(|c| !is_allowed(*c)) {
            return Err(format!(
                "name {plain:?} has {other:?}: write letters a to z, digits and . _ - @ + only, so that no two names look alike"
            ));
        }
        // A mail address stands for who is before the sign, on whatever host.
        let local = plain.split('@').next().unwrap_or(plain);
        if local.is_empty() {
            return Err(format!("name {plain:?} has nothing before its @"));
        }
        Ok(Person(local.to_ascii_lowercase()))
    }

    /// The name by which two are compared.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_has_many_spellings() {
        let ann = Person::named("ann").unwrap();
        for name in ["Ann", " ANN ", "ann@x", "Ann@example.org"] {
            assert_eq!(Person::named(name).unwrap(), ann, "{name}");
        }
        assert_ne!(Person::named("anna").unwrap(), ann);
    }

    #[test]
    fn what_could_be_taken_for_another_is_refused() {
        // The first letter is Cyrillic; full-width letters; a soft hyphen.
        for name in ["\u{430}nn", "\u{ff41}nn", "an\u{ad}n", "ann lee", "", "  ", "@x", "ann\n"] {
            if name == "ann\n" {
                assert!(Person::named(name).is_ok(), "blanks at the ends are cut");
            } else {
                assert!(Person::named(name).is_err(), "{name:?}");
            }
        }
        assert!(Person::named(&"a".repeat(129)).is_err());
    }
}
