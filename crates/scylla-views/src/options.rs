//! Where the servers are and how to speak to them. Messages name the keys of the configuration's section `cql`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use gauntlet_views::ViewError;

/// How to reach a keyspace of views.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CqlOptions {
    /// Some servers of the cluster as host:port; the others are found through them.
    pub nodes: Vec<String>,
    /// Keyspace of the views: lower-case letters, digits and '_', at most 48, a letter first.
    pub keyspace: String,
    /// Copies of every row by data centre, for a keyspace that is still to be made. An existing one keeps its own.
    pub replication: BTreeMap<String, u32>,
    /// Data centre whose servers are asked; needed when there are several.
    pub datacenter: Option<String>,
    /// How many copies must acknowledge a write and answer a read.
    pub consistency: Consistency,
    /// User, where the servers ask for one.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// PEM file of the authority that signed the servers' certificates, which must name the servers' IP addresses. With
    /// it connections are encrypted, without it they are not.
    pub ca_file: Option<PathBuf>,
    /// Statements of one write that are under way at a time.
    pub in_flight: u32,
    /// Rows fetched at a time.
    pub page_size: u32,
    /// How long one request may take, in milliseconds.
    pub timeout_ms: u32,
    /// How long a call repeats requests that failed before it gives up, in milliseconds.
    pub retry_ms: u32,
}

impl Default for CqlOptions {
    fn default() -> CqlOptions {
        CqlOptions {
            nodes: vec!["127.0.0.1:9042".into()],
            keyspace: "gauntlet".into(),
            replication: BTreeMap::from([("datacenter1".into(), 1)]),
            datacenter: None,
            consistency: Consistency::LocalQuorum,
            user: None,
            password: None,
            ca_file: None,
            in_flight: 256,
            page_size: 1_000,
            timeout_ms: 10_000,
            retry_ms: 30_000,
        }
    }
}

impl CqlOptions {
    /// Checks what can be checked without a server.
    ///
    /// # Errors
    /// The setting that is wrong, and what it may be.
    pub fn check(&self) -> Result<(), ViewError> {
        let refuse = |detail: &str| Err(ViewError::Store(detail.to_owned()));
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if self.nodes.is_empty() {
            return refuse("cql.nodes is empty: name at least one server as host:port");
        }
        if !self.keyspace.starts_with(|c: char| c.is_ascii_lowercase())
            || self.keyspace.len() > 48
            || !self.keyspace.chars().all(plain)
        {
            return refuse(
                "cql.keyspace may have lower-case letters, digits and '_', at most 48, and begins with a letter",
            );
        }
        let named = |name: &str| !name.is_empty() && !name.contains('\'');
        if self.replication.is_empty() || !self.replication.iter().all(|(name, n)| named(name) && *n > 0) {
            return refuse("cql.replication names every data centre and a number of copies of at least 1");
        }
        let local = matches!(self.consistency, Consistency::LocalQuorum | Consistency::LocalOne);
        if local && self.replication.len() > 1 && self.datacenter.is_none() {
            return refuse(
                "cql.datacenter is needed when the replication names several: local to which one?",
            );
        }
        if self.user.is_some() != self.password.is_some() {
            return refuse("cql.user and cql.password are given together or not at all");
        }
        let numbers = [self.in_flight, self.page_size, self.timeout_ms];
        if numbers.contains(&0) || self.page_size > 1_000_000 {
            return refuse(
                "cql.in_flight, page_size and cql.timeout_ms are at least 1, page_size at most 1000000",
            );
        }
        Ok(())
    }

    /// The nodes, for messages.
    pub(crate) fn servers(&self) -> String {
        self.nodes.join(", ")
    }
}

/// How many copies of a row must answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consistency {
    /// More than half of those in the data centre.
    LocalQuorum,
    /// More than half of all.
    Quorum,
    /// One in the data centre. A reader may then miss rows before an offset that it has read.
    LocalOne,
    /// All of them.
    All,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        CqlOptions::default().check().unwrap();
        type Change = fn(&mut CqlOptions);
        let wrong: [(&str, Change); 7] = [
            ("nodes", |o| o.nodes.clear()),
            ("keyspace", |o| o.keyspace = "Views".into()),
            ("keyspace", |o| o.keyspace = "v; DROP KEYSPACE v".into()),
            ("replication", |o| o.replication = BTreeMap::from([("a".into(), 0)])),
            ("datacenter", |o| o.replication = BTreeMap::from([("a".into(), 3), ("b".into(), 3)])),
            ("password", |o| o.user = Some("u".into())),
            ("page_size", |o| o.page_size = 0),
        ];
        for (setting, change) in wrong {
            let mut options = CqlOptions::default();
            change(&mut options);
            let error = options.check().unwrap_err();
            assert!(error.to_string().contains(setting) && !error.retry(), "{error}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let options = CqlOptions { password: Some(Secret::new("hush")), ..CqlOptions::default() };
        let text = format!("{options:?}");
        assert!(text.contains("***") && !text.contains("hush"), "{text}");
    }
}
