//! `token issue|ls|revoke`: secrets by which programs ask over HTTP. A secret is shown once and kept nowhere; the log has its hash.

use std::fmt;
use std::str::FromStr;

use gauntlet_config::nearest;
use gauntlet_domain::access::{TokenIssued, TokenRevoked};
use gauntlet_domain::person::Person;
use gauntlet_domain::{ContentHash, Timestamp};
use gauntlet_runtime::{Running, clock};
use gauntlet_views::{Row, Value, schema};
use serde::{Deserialize, Serialize};

use crate::node::Node;
use crate::publish::publish_once;
use crate::refusal::Refusal;
use crate::rows::{as_text, text};

/// What every secret begins with, so that it is found where it should not be.
const PREFIX: &str = "gtl_";
/// Hexadecimal digits of a hash that name a token.
const NAME_DIGITS: usize = 16;
/// The longest time for which a token is good.
const LONGEST_NANOS: i64 = 366 * 86_400 * 1_000_000_000;
/// Characters of a name at most.
const LONGEST_NAME: usize = 200;

/// What the holder of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Look.
    Read,
    /// Submit experiments, register policies, ask for waivers.
    Submit,
    /// Publish market data.
    Ingest,
    /// Cancel experiments, put records back, see who asked.
    Operate,
}

/// All scopes and their names.
const SCOPES: [(Scope, &str); 4] = [
    (Scope::Read, "read"),
    (Scope::Submit, "submit"),
    (Scope::Ingest, "ingest"),
    (Scope::Operate, "operate"),
];

impl FromStr for Scope {
    type Err = Refusal;

    fn from_str(name: &str) -> Result<Scope, Refusal> {
        let found = SCOPES.into_iter().find(|(_, known)| *known == name);
        found.map(|(scope, _)| scope).ok_or_else(|| {
            let names = SCOPES.map(|(_, name)| name);
            let hint = nearest(name, names).map(|name| format!("did you mean {name}? ")).unwrap_or_default();
            Refusal::BadInput(format!(
                "there is no scope '{name}': {hint}known are {}; none approves",
                names.join(", ")
            ))
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCOPES.into_iter().find(|(scope, _)| scope == self).map_or("", |(_, name)| name))
    }
}

/// What is asked of the tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenRequest {
    /// Make one.
    Issue {
        /// What it is for.
        name: String,
        /// In whose name the program acts.
        person: String,
        /// What it may do.
        scopes: Vec<Scope>,
        /// How long it is good, in nanoseconds.
        lasts_nanos: i64,
        /// Who issues it.
        author: String,
    },
    /// List them.
    List,
    /// Take one back.
    Revoke {
        /// Its public name, or its beginning.
        token: String,
        /// Why.
        reason: String,
        /// Who takes it back.
        author: String,
    },
}

/// A token without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Its public name.
    pub token: String,
    /// What it is for.
    pub name: String,
    /// In whose name the program acts.
    pub person: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Who issued it.
    pub issued_by: String,
    /// When it ends, by the clock of who is asked.
    #[serde(serialize_with = "as_text")]
    pub expires: Timestamp,
    /// Who took it back.
    pub revoked_by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Tokens {
    /// One was made; the secret is shown this once.
    Issued {
        /// The secret.
        secret: String,
        /// Everything else.
        #[serde(flatten)]
        token: Token,
    },
    /// Those that there are.
    All(Vec<Token>),
    /// One was taken back.
    Revoked(Token),
}

/// The public name of the token whose secret has this hash.
fn public_name(hash: ContentHash) -> String {
    hash.to_string()[..NAME_DIGITS].to_owned()
}

fn of_row(row: &Row) -> Option<(ContentHash, Token)> {
    let column = |name: &str| text(row, name).map(str::to_owned);
    let token = Token {
        token: column("token_id")?,
        name: column("name")?,
        person: column("person")?,
        scopes: serde_json::from_str(&column("scopes")?).ok()?,
        issued_by: column("issued_by")?,
        expires: Timestamp(row.get("expires").and_then(Value::as_timestamp)?),
        revoked_by: column("revoked_by"),
        reason: column("reason"),
    };
    Some((column("hash")?.parse().ok()?, token))
}

/// The token whose secret has this hash, or why it does not count.
pub fn valid(node: &Node, hash: ContentHash) -> Result<Result<Token, String>, Refusal> {
    let row = node.views.row(&schema::TOKENS, &[public_name(hash).into()])?;
    let Some((_, token)) = row.as_ref().and_then(of_row).filter(|(of, _)| *of == hash) else {
        return Ok(Err("nobody has issued this token here".into()));
    };
    Ok(match &token.revoked_by {
        Some(person) => {
            let reason = token.reason.as_deref().unwrap_or_default();
            Err(format!("token {} was taken back by {person}: {reason}", token.token))
        }
        None if token.expires <= clock::now() => {
            Err(format!("token {} has expired at {}", token.token, token.expires))
        }
        None => Ok(token),
    })
}

/// Makes, lists or takes back tokens. What is done while processors run counts when this returns.
pub fn tokens(node: &Node, running: Option<&Running>, request: &TokenRequest) -> Result<Tokens, Refusal> {
    match request {
        TokenRequest::Issue { name, person, scopes, lasts_nanos, author } => {
            let (secret, token, hash) = new(name, person, scopes, *lasts_nanos, author)?;
            publish_once(node, "gateway", &[event(&token, hash).into()])?;
            wait(node, running, &token.token, |_| true)?;
            Ok(Tokens::Issued { secret, token })
        }
        TokenRequest::List => Ok(Tokens::All(all(node)?)),
        TokenRequest::Revoke { token, reason, author } => {
            let found = find(node, token)?;
            Person::named(author).map_err(Refusal::BadInput)?;
            if reason.trim().is_empty() {
                return Err(Refusal::BadInput("say why the token is taken back: others read it".into()));
            }
            let (token, revoked_by) = (found.token.clone(), author.trim().to_owned());
            let revoked = TokenRevoked { token, revoked_by, reason: reason.trim().to_owned() };
            publish_once(node, "gateway", &[revoked.clone().into()])?;
            wait(node, running, &found.token, |token| token.revoked_by.is_some())?;
            let (revoked_by, reason) = (Some(revoked.revoked_by), Some(revoked.reason));
            Ok(Tokens::Revoked(Token { revoked_by, reason, ..found }))
        }
    }
}

/// A token that nobody else has.
fn new(
    name: &str,
    person: &str,
    scopes: &[Scope],
    lasts_nanos: i64,
    author: &str,
) -> Result<(String, Token, ContentHash), Refusal> {
    for named in [person, author] {
        Person::named(named).map_err(Refusal::BadInput)?;
    }
    let name = name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        return Err(Refusal::BadInput(format!(
            "say in 1 to {LONGEST_NAME} characters what the token is for"
        )));
    }
    if scopes.is_empty() {
        return Err(Refusal::BadInput(
            "a token without a scope may do nothing: give read, submit, ingest or operate".into(),
        ));
    }
    if !(1..=LONGEST_NANOS).contains(&lasts_nanos) {
        return Err(Refusal::BadInput("a token is good for a second to 366 days".into()));
    }
    let secret = PREFIX.to_owned() + &secret()?;
    let hash = ContentHash::of(secret.as_bytes());
    let mut scopes = scopes.to_vec();
    scopes.sort_unstable();
    scopes.dedup();
    let token = Token {
        token: public_name(hash),
        name: name.to_owned(),
        person: person.trim().to_owned(),
        scopes,
        issued_by: author.trim().to_owned(),
        expires: clock::now().plus_nanos(lasts_nanos),
        revoked_by: None,
        reason: None,
    };
    Ok((secret, token, hash))
}

fn event(token: &Token, hash: ContentHash) -> TokenIssued {
    TokenIssued {
        token: token.token.clone(),
        hash,
        name: token.name.clone(),
        person: token.person.clone(),
        scopes: token.scopes.iter().map(Scope::to_string).collect(),
        issued_by: token.issued_by.clone(),
        expires: token.expires,
    }
}

/// 256 bits from the system's generator, in hexadecimal digits.
pub fn secret() -> Result<String, Refusal> {
    use std::io::Read;
    let mut bytes = [0_u8; 32];
    let read = std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|error| Refusal::Outside(format!("/dev/urandom cannot be read: {error}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn all(node: &Node) -> Result<Vec<Token>, Refusal> {
    let rows = node.views.scan(&schema::TOKENS, None)?;
    let mut all: Vec<Token> = rows.iter().filter_map(of_row).map(|(_, token)| token).collect();
    all.sort_by(|a, b| a.token.cmp(&b.token));
    Ok(all)
}

fn find(node: &Node, name: &str) -> Result<Token, Refusal> {
    let mut found = all(node)?;
    found.retain(|token| !name.is_empty() && token.token.starts_with(name));
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Refusal::NotFound(format!(
            "no token has a name that begins with '{name}': see gauntlet token ls"
        ))),
        many => Err(Refusal::BadInput(format!(
            "{many} tokens have names that begin with '{name}': give more digits"
        ))),
    }
}

/// Waits until the views say so, where somebody fills them.
fn wait(
    node: &Node,
    running: Option<&Running>,
    token: &str,
    is_so: impl Fn(&Token) -> bool,
) -> Result<(), Refusal> {
    let Some(running) = running else { return Ok(()) };
    node.wait_for(running, || {
        let row = node.views.row(&schema::TOKENS, &[token.into()])?;
        Ok(row.as_ref().and_then(of_row).filter(|(_, token)| is_so(token)).map(|_| ()))
    })
}
