//! Where the registry is, who asks, and how long anybody waits.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use crate::client::RegistryError;

/// A password: shown to the registry and to nobody else.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Keeps it.
    pub fn new(password: impl Into<String>) -> Password {
        Password(password.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// How to reach a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Base addresses, tried in this order; at least one. No user or password in them.
    pub urls: Vec<String>,
    /// The installation's prefix of topic names: `acme.` or nothing.
    pub topic_prefix: String,
    /// User and password, if the registry wants them.
    pub basic_auth: Option<(String, Password)>,
    /// PEM file of the authorities that the registry's certificate may come from; without it those of the machine.
    pub ca_file: Option<PathBuf>,
    /// Time for one call to one address, from connecting to the last byte.
    pub timeout: Duration,
}

impl Settings {
    /// An open registry at one address, 5 s a call.
    pub fn new(url: impl Into<String>) -> Settings {
        Settings {
            urls: vec![url.into()],
            topic_prefix: String::new(),
            basic_auth: None,
            ca_file: None,
            timeout: Duration::from_secs(5),
        }
    }

    /// Whether any address needs TLS; an error when the settings cannot be right.
    pub(crate) fn validate(&self) -> Result<bool, RegistryError> {
        let wrong = |detail: String| Err(RegistryError::Settings { detail });
        if self.urls.is_empty() {
            return wrong("there is no address: name at least one, such as http://localhost:8081".into());
        }
        if self.timeout.is_zero() {
            return wrong("a time-out of nothing lets no call succeed: use 5s".into());
        }
        let mut is_tls = false;
        for (i, text) in self.urls.iter().enumerate() {
            // The text itself is not repeated: a password may be in it.
            let Ok(url) = Url::parse(text) else { return wrong(format!("address {} is no URL", i + 1)) };
            if !url.username().is_empty() || url.password().is_some() {
                return wrong(format!(
                    "address {} has a user or password in it: give them as settings of their own",
                    i + 1
                ));
            }
            match url.scheme() {
                "http" => {}
                "https" => is_tls = true,
                scheme => return wrong(format!("address {} is {scheme}, not http or https", i + 1)),
            }
        }
        Ok(is_tls)
    }
}
