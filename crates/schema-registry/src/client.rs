//! Calls to the registry: those that `schema_registry_converter` has through it, the two that it lacks (compatibility of
//! a subject, and why a schema is not compatible) beside it, with one kind of error for all.

use std::error::Error;
use std::time::Duration;

use reqwest::blocking::{Client as Http, ClientBuilder, RequestBuilder};
use reqwest::{Certificate, Method};
use schema_registry_converter::blocking::schema_registry::{
    SrSettings, get_all_versions, get_schema_by_id, perform_sr_call,
};
use schema_registry_converter::error::SRCError;
use schema_registry_converter::schema_registry_common::{RawError, SchemaType, SrCall};
use serde::Deserialize;
use serde_json::json;

use crate::settings::Settings;
use crate::subjects::Compatibility;

/// Why the registry gave no answer, or the wrong one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// Settings that cannot be right. A retry does not help.
    #[error("schema registry settings: {detail}")]
    Settings {
        /// What was wrong, what to do.
        detail: String,
    },
    /// No answer. A retry helps when the registry is back.
    #[error("schema registry {at} does not answer: {detail}; is it running, and is this its address?")]
    Unreachable {
        /// Addresses tried.
        at: String,
        /// What happened.
        detail: String,
    },
    /// An error on the registry's side. A retry helps when the registry has recovered.
    #[error("schema registry {at} fails with status {status}: {said}; look at its log")]
    Failing {
        /// Addresses tried.
        at: String,
        /// HTTP status.
        status: u16,
        /// Its words.
        said: String,
    },
    /// The registry does not let us in. A retry helps after somebody has changed user, password or rights.
    #[error("schema registry {at} refuses {who} with status {status}: check user, password and rights")]
    Denied {
        /// Addresses tried.
        at: String,
        /// As whom.
        who: String,
        /// HTTP status.
        status: u16,
    },
    /// Schemas of the catalogue that have not been registered. A retry helps after the release has registered them.
    #[error(
        "{} of {total} subjects lack the version of this build, the first is {}: run `gauntlet schemas register`",
        subjects.len(),
        subjects.first().map_or("", String::as_str)
    )]
    Missing {
        /// Their subjects.
        subjects: Vec<String>,
        /// Subjects of the catalogue.
        total: usize,
    },
    /// What is registered in a subject and ours do not go together. A retry does not help.
    #[error(
        "subject {subject}: {said}. What is registered there is not from a release of Gauntlet: remove it \
         (DELETE /subjects/{subject}/versions/VERSION) if nothing was written with it, else use another topic prefix"
    )]
    Incompatible {
        /// The subject.
        subject: String,
        /// Which version, and what the registry said.
        said: String,
    },
    /// Any other refusal. A retry does not help.
    #[error("schema registry {at} refuses {what} with status {status}: {said}")]
    Refused {
        /// Addresses tried.
        at: String,
        /// What was asked.
        what: String,
        /// HTTP status.
        status: u16,
        /// Its words.
        said: String,
    },
}

impl RegistryError {
    /// Whether asking again may help without a change here.
    pub fn is_transient(&self) -> bool {
        use RegistryError::*;
        matches!(self, Unreachable { .. } | Failing { .. } | Denied { .. } | Missing { .. })
    }
}

/// A schema as the registry has it.
pub(crate) struct Registered {
    pub id: u32,
    pub text: String,
    /// What it is instead, if it is not an Avro schema by itself.
    pub foreign: Option<String>,
}

/// A refusal with its status, before it is known what was asked for.
struct Refusal {
    status: u16,
    said: String,
}

/// The media type of the interface.
const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";

/// A connection.
pub(crate) struct Client {
    converter: SrSettings,
    http: Http,
    settings: Settings,
}

impl Client {
    /// Makes no call yet. Not inside a tokio runtime.
    pub fn new(settings: &Settings) -> Result<Client, RegistryError> {
        let is_tls = settings.validate()?;
        let failed = |error: &(dyn Error + 'static)| RegistryError::Settings { detail: innermost(error) };
        let http = builder(settings, is_tls)?.timeout(settings.timeout).build().map_err(|e| failed(&e))?;
        let urls: Vec<String> =
            settings.urls.iter().map(|url| url.trim_end_matches('/').to_owned()).collect();
        let mut converter = SrSettings::new_builder(urls.first().cloned().unwrap_or_default());
        for url in urls.iter().skip(1) {
            converter.add_url(url.clone());
        }
        if let Some((user, password)) = &settings.basic_auth {
            converter.set_basic_authorization(user, Some(password.reveal()));
        }
        converter.set_timeout(settings.timeout);
        let converter = converter.build_with(builder(settings, is_tls)?).map_err(|e| failed(&e))?;
        Ok(Client { converter, http, settings: Settings { urls, ..settings.clone() } })
    }

    /// The schema behind an id; `None` when the registry has none.
    pub fn by_id(&self, id: u32) -> Result<Option<Registered>, RegistryError> {
        let found = get_schema_by_id(id, &self.converter);
        let Some(schema) = self.present(found, || format!("schema id {id}"))? else { return Ok(None) };
        let foreign = match schema.schema_type {
            SchemaType::Avro if schema.references.is_empty() => None,
            SchemaType::Avro => Some("an Avro schema in several parts".to_owned()),
            other => Some(format!("a schema of type {other:?}")),
        };
        Ok(Some(Registered { id, text: schema.schema, foreign }))
    }

    /// The id of a text in a subject; `None` when the subject does not have it, or there is no subject.
    pub fn lookup(&self, subject: &str, text: &str) -> Result<Option<u32>, RegistryError> {
        let body = body_of(text);
        let found = perform_sr_call(&self.converter, SrCall::PostForVersion(subject, &body));
        Ok(self.present(found, || format!("a look-up in {subject}"))?.and_then(|schema| schema.id))
    }

    /// Registers a text; `Err` within when it is not compatible, with the registry's words.
    pub fn register(&self, subject: &str, text: &str) -> Result<Result<u32, String>, RegistryError> {
        let body = body_of(text);
        match perform_sr_call(&self.converter, SrCall::PostNew(subject, &body)) {
            Ok(schema) => {
                let what = || {
                    self.refused(
                        &format!("{subject} without an id"),
                        Refusal { status: 200, said: "no id".into() },
                    )
                };
                schema.id.map(Ok).ok_or_else(what)
            }
            Err(error) => match self.refusal(&error)? {
                Refusal { status: 409, said } => Ok(Err(said)),
                other => Err(self.refused(&format!("a new version of {subject}"), other)),
            },
        }
    }

    /// Every version that a subject has.
    pub fn versions(&self, subject: &str) -> Result<Vec<(u32, Registered)>, RegistryError> {
        let what = || format!("versions of {subject}");
        let numbers = self.present(get_all_versions(&self.converter, subject.to_owned()), what)?;
        let mut versions = Vec::new();
        for number in numbers.unwrap_or_default() {
            let found = perform_sr_call(&self.converter, SrCall::GetBySubjectAndVersion(subject, number));
            let Some(raw) = self.present(found, what)? else { continue };
            let foreign =
                raw.schema_type.filter(|name| name != "AVRO").map(|name| format!("a schema of type {name}"));
            let registered =
                Registered { id: raw.id.unwrap_or(0), text: raw.schema.unwrap_or_default(), foreign };
            versions.push((number, registered));
        }
        Ok(versions)
    }

    /// Sets what versions of a subject owe to each other; false when the registry wants the subject to be there first.
    pub fn set_compatibility(&self, subject: &str, level: Compatibility) -> Result<bool, RegistryError> {
        let body = json!({ "compatibility": level.to_string() });
        match self.call(Method::PUT, &format!("config/{subject}"), &body)? {
            Ok(_) => Ok(true),
            Err(Refusal { status: 404, .. }) => Ok(false),
            Err(other) => Err(self.refused(&format!("the compatibility of {subject}"), other)),
        }
    }

    /// Why a text is not compatible with what a subject has; `None` when it is, or when there is no subject.
    pub fn incompatibility(&self, subject: &str, text: &str) -> Result<Option<String>, RegistryError> {
        #[derive(Deserialize)]
        struct Answer {
            is_compatible: bool,
            #[serde(default)]
            messages: Option<Vec<String>>,
        }
        let body = json!({ "schema": text, "schemaType": "AVRO" });
        let path = format!("compatibility/subjects/{subject}/versions?verbose=true");
        let answer = match self.call(Method::POST, &path, &body)? {
            Ok(answer) => answer,
            Err(Refusal { status: 404, .. }) => return Ok(None),
            Err(other) => return Err(self.refused(&format!("a compatibility check of {subject}"), other)),
        };
        let unreadable = |error: serde_json::Error| {
            let refusal = Refusal { status: 200, said: error.to_string() };
            self.refused(&format!("a readable answer about {subject}"), refusal)
        };
        let answer: Answer = serde_json::from_str(&answer).map_err(unreadable)?;
        let messages = answer.messages.unwrap_or_default().join("; ");
        Ok((!answer.is_compatible).then_some(messages))
    }

    /// One call to each address until one succeeds, as the converter does it.
    fn call(
        &self,
        method: Method,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<Result<String, Refusal>, RegistryError> {
        let mut last = Err(self.unreachable("no address".into()));
        for url in &self.settings.urls {
            let request = self.http.request(method.clone(), format!("{url}/{path}"));
            last = self.send(
                request
                    .header("content-type", MEDIA_TYPE)
                    .header("accept", MEDIA_TYPE)
                    .body(body.to_string()),
            );
            if matches!(last, Ok(Ok(_))) {
                break;
            }
        }
        last
    }

    fn send(&self, request: RequestBuilder) -> Result<Result<String, Refusal>, RegistryError> {
        let request = match &self.settings.basic_auth {
            Some((user, password)) => request.basic_auth(user, Some(password.reveal())),
            None => request,
        };
        let response = request.send().map_err(|error| self.no_answer(&error))?;
        let status = response.status().as_u16();
        let text = response.text().map_err(|error| self.no_answer(&error))?;
        if status < 300 {
            return Ok(Ok(text));
        }
        let said = serde_json::from_str::<RawError>(&text).map_or_else(|_| text, |error| error.message);
        self.checked(Refusal { status, said }).map(Err)
    }

    /// What is there, `None` on 404, an error on anything else.
    fn present<T>(
        &self,
        found: Result<T, SRCError>,
        what: impl Fn() -> String,
    ) -> Result<Option<T>, RegistryError> {
        match found {
            Ok(value) => Ok(Some(value)),
            Err(error) => match self.refusal(&error)? {
                Refusal { status: 404, .. } => Ok(None),
                other => Err(self.refused(&what(), other)),
            },
        }
    }

    /// A refusal by the registry, or the error when there was no answer or none of ours to handle.
    fn refusal(&self, error: &SRCError) -> Result<Refusal, RegistryError> {
        let Some(source) = error.source() else {
            return Err(self.unreachable(error.error.clone()));
        };
        let Some(raw) = source.downcast_ref::<RawError>() else { return Err(self.no_answer(source)) };
        // The converter gives the status in its message only (tests/http.rs).
        let status = error.error.rsplit_once("with status ").map_or("", |(_, status)| status);
        let status = status.split_whitespace().next().and_then(|status| status.parse().ok()).unwrap_or(0);
        self.checked(Refusal { status, said: raw.message.clone() })
    }

    /// Sorts out what is the same whatever was asked for.
    fn checked(&self, refusal: Refusal) -> Result<Refusal, RegistryError> {
        let Refusal { status, said } = refusal;
        match status {
            401 | 403 => Err(RegistryError::Denied {
                at: self.at(),
                who: self
                    .settings
                    .basic_auth
                    .as_ref()
                    .map_or("callers without a user".into(), |(user, _)| user.clone()),
                status,
            }),
            408 | 429 | 500.. => Err(RegistryError::Failing { at: self.at(), status, said }),
            _ => Ok(Refusal { status, said }),
        }
    }

    fn refused(&self, what: &str, refusal: Refusal) -> RegistryError {
        let Refusal { status, said } = refusal;
        RegistryError::Refused { at: self.at(), what: what.to_owned(), status, said }
    }

    fn no_answer(&self, error: &(dyn Error + 'static)) -> RegistryError {
        let timed_out = error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout);
        self.unreachable(match timed_out {
            true => format!("nothing within {}", seconds(self.settings.timeout)),
            false => innermost(error),
        })
    }

    fn unreachable(&self, detail: String) -> RegistryError {
        RegistryError::Unreachable { at: self.at(), detail }
    }

    fn at(&self) -> String {
        self.settings.urls.join(", ")
    }
}

fn body_of(text: &str) -> String {
    json!({ "schema": text, "schemaType": "AVRO" }).to_string()
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

/// What was at the bottom of it; the layers above repeat the address and say less.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// A client's TLS. Where no address needs it, no authority is loaded: a machine without any can still talk plainly.
fn builder(settings: &Settings, is_tls: bool) -> Result<ClientBuilder, RegistryError> {
    // Somebody else may have chosen a provider for the process already; theirs will do.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let builder = Http::builder().no_proxy();
    let Some(path) = &settings.ca_file else {
        return Ok(if is_tls { builder } else { builder.tls_certs_only([]) });
    };
    let wrong =
        |detail: String| RegistryError::Settings { detail: format!("CA file {}: {detail}", path.display()) };
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let authorities = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(innermost(&error)))?;
    if authorities.is_empty() {
        return Err(wrong("there is no certificate in it, a PEM file is needed".into()));
    }
    Ok(builder.tls_certs_only(authorities))
}
