//! Tokens, and who commanded what.

use gauntlet_domain::Envelope;
use gauntlet_domain::access::{CommandAudited, TokenIssued, TokenRevoked};
use gauntlet_views::schema::{AUDIT, TOKENS};
use gauntlet_views::{Upsert, Value};

use crate::{ONCE, json};

pub(crate) fn issued(event: &TokenIssued) -> Upsert {
    Upsert::new(&TOKENS, vec![event.token.as_str().into()], ONCE)
        .with("hash", event.hash.to_string())
        .with("name", event.name.as_str())
        .with("person", event.person.as_str())
        .with("scopes", json(&event.scopes))
        .with("issued_by", event.issued_by.as_str())
        .with("expires", Value::Timestamp(event.expires.0))
}

pub(crate) fn revoked(event: &TokenRevoked) -> Upsert {
    Upsert::new(&TOKENS, vec![event.token.as_str().into()], ONCE)
        .with("revoked_by", event.revoked_by.as_str())
        .with("reason", event.reason.as_str())
}

pub(crate) fn audited(event: &CommandAudited, envelope: &Envelope) -> Upsert {
    Upsert::new(&AUDIT, vec![event.actor.as_str().into(), event.key.as_str().into()], ONCE)
        .with("granted_as", event.by.as_str())
        .with("action", event.action.as_str())
        .with("request_hash", event.request_hash.to_string())
        .with("subject", event.subject.as_str())
        .with("events", json(&event.events))
        .with("address", event.address.as_str())
        .with("recorded", Value::Timestamp(envelope.recorded_at.0))
}
