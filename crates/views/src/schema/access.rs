//! Tables of who may ask for what, and what was asked.

use super::{Kind, Table, column, text, time};

/// Tokens of programs.
pub static TOKENS: Table = Table {
    name: "tokens",
    partition_key: &[text("token_id")],
    clustering: &[],
    columns: &[
        text("hash"),
        text("name"),
        text("person"),
        text("scopes"),
        text("issued_by"),
        time("expires"),
        text("revoked_by"),
        text("reason"),
    ],
    doc: "A token of a program by its public name; hash is that of the secret, revoked_by is null while it counts",
};

/// Commands that were taken over HTTP.
pub static AUDIT: Table = Table {
    name: "audit",
    partition_key: &[text("actor")],
    clustering: &[text("command")],
    columns: &[
        text("granted_as"),
        text("action"),
        text("request_hash"),
        text("subject"),
        text("events"),
        text("address"),
        column("recorded", Kind::Timestamp).observed(),
    ],
    doc: "A command that a person or a program gave over HTTP, by the key under which it was given",
};
