//! Tokens as text.

use gauntlet_operations::tokens::{Token, Tokens};

use crate::table::table;

/// One with its secret, or all without.
pub fn tokens(answer: &Tokens) -> String {
    match answer {
        Tokens::Issued { secret, token } => format!(
            "{secret}\n\nThis is shown once and kept nowhere. It is token {} of {}, for {}, until {}: send it as \
             `Authorization: Bearer`.",
            token.token,
            token.person,
            scopes(token),
            token.expires
        ),
        Tokens::All(all) if all.is_empty() => "no token has been issued yet".to_owned(),
        Tokens::All(all) => table(
            &["token", "name", "person", "scopes", "expires", "state"],
            all.iter().map(|token| {
                vec![
                    token.token.clone(),
                    token.name.clone(),
                    token.person.clone(),
                    scopes(token),
                    token.expires.to_string(),
                    token.revoked_by.as_ref().map_or_else(String::new, |by| format!("taken back by {by}")),
                ]
            }),
        ),
        Tokens::Revoked(token) => format!("token {} ({}) counts no more", token.token, token.name),
    }
}

fn scopes(token: &Token) -> String {
    token.scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
