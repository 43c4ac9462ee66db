//! Arguments of `token`.

use gauntlet_operations::Refusal;
use gauntlet_operations::tokens::TokenRequest;

use crate::cli::TokenCommand;

/// What is asked of the tokens.
pub fn token(command: TokenCommand) -> Result<TokenRequest, Refusal> {
    Ok(match command {
        TokenCommand::Issue { name, scopes, person, expires, author } => TokenRequest::Issue {
            name,
            person: person.unwrap_or_else(|| author.clone()),
            scopes: scopes.iter().map(|scope| scope.trim().parse()).collect::<Result<_, _>>()?,
            lasts_nanos: lasts(&expires)?,
            author,
        },
        TokenCommand::Ls => TokenRequest::List,
        TokenCommand::Revoke { token, reason, author } => TokenRequest::Revoke { token, reason, author },
    })
}

/// A time such as `90d` or `12h`, in nanoseconds.
fn lasts(text: &str) -> Result<i64, Refusal> {
    let wrong =
        || Refusal::BadInput(format!("--expires '{text}': write a time such as 90d, 12h, 30m or 45s"));
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        'd' => 86_400,
        'h' => 3_600,
        'm' => 60,
        's' => 1,
        _ => return Err(wrong()),
    };
    let number: i64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    number.checked_mul(seconds * 1_000_000_000).filter(|nanos| *nanos > 0).ok_or_else(wrong)
}
