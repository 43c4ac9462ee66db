//! Who asks, and what they may do. No handler of the API goes without an actor.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use gauntlet_domain::ContentHash;
use gauntlet_operations::tokens::{self, Scope};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::connections::Peer;
use crate::problem::Problem;
use crate::{Gateway, Shared};

/// What a person or a program may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Look at everything but who may ask and who asked.
    Viewer,
    /// Submit experiments, register policies, ask for waivers.
    Quant,
    /// Publish market data.
    Feeder,
    /// Cancel the work of others, put records back, see who asked.
    Operator,
    /// Decide about models.
    Approver,
}

/// How somebody proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// By the secret in the directory, which its owner alone can read.
    Directory,
    /// By a session of a browser, which began with the link that `up` printed.
    Session,
    /// By a token, named by its public name.
    Token(String),
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The person, or the person in whose name a program asks.
    pub name: String,
    /// How that was proved.
    pub by: By,
    /// What they may do.
    pub roles: Vec<Role>,
    /// Where the request comes from, an IP address.
    pub address: String,
}

impl Role {
    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Quant => "quant",
            Role::Feeder => "feeder",
            Role::Operator => "operator",
            Role::Approver => "approver",
        }
    }

    /// What the holder of a token with a scope may do. No scope decides about models.
    fn of(scope: Scope) -> Role {
        match scope {
            Scope::Read => Role::Viewer,
            Scope::Submit => Role::Quant,
            Scope::Ingest => Role::Feeder,
            Scope::Operate => Role::Operator,
        }
    }
}

impl By {
    /// As the audit has it.
    pub fn text(&self) -> String {
        match self {
            By::Directory => "directory".into(),
            By::Session => "session".into(),
            By::Token(name) => format!("token:{name}"),
        }
    }
}

impl Actor {
    /// The person who owns the directory.
    fn local(gateway: &Gateway, by: By, address: String) -> Actor {
        let roles = vec![Role::Viewer, Role::Quant, Role::Feeder, Role::Operator, Role::Approver];
        Actor { name: gateway.person.clone(), by, roles, address }
    }

    /// Refuses who has not this role.
    pub fn require(&self, role: Role) -> Result<(), Problem> {
        if self.roles.contains(&role) {
            return Ok(());
        }
        let (name, role) = (&self.name, role.word());
        Err(Problem::role_required(format!("this needs the role {role}, which {name} has not here"))
            .with("role", role))
    }

    /// Refuses a program: only a person does this.
    pub fn require_person(&self) -> Result<(), Problem> {
        match &self.by {
            By::Token(_) => {
                Err(Problem::role_required("no token may do this: sign in as a person")
                    .with("role", "person"))
            }
            By::Directory | By::Session => Ok(()),
        }
    }
}

impl FromRequestParts<Shared> for Actor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Shared) -> Result<Actor, Problem> {
        let address = parts.extensions.get::<Peer>().map(|peer| peer.0.ip().to_string()).unwrap_or_default();
        let actor = match bearer(&parts.headers)? {
            Some(secret) => by_secret(gateway, secret, address).await?,
            None => match gateway.sessions.person(&parts.headers) {
                Some(_) => Actor::local(gateway, By::Session, address),
                None => return Err(unknown()),
            },
        };
        gateway.rates.take(&actor)?;
        Ok(actor)
    }
}

fn unknown() -> Problem {
    Problem::sign_in_required(
        "open the link that gauntlet up printed (gauntlet link prints another one), or send `Authorization: Bearer` with a \
         token (gauntlet token issue makes one)",
    )
}

/// The secret that a request brings.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let secret = value.to_str().ok().and_then(|value| value.strip_prefix("Bearer "));
    secret
        .map(Some)
        .ok_or_else(|| Problem::sign_in_required("write the header as `Authorization: Bearer TOKEN`"))
}

/// Who has a secret.
async fn by_secret(gateway: &Gateway, secret: &str, address: String) -> Result<Actor, Problem> {
    if bool::from(secret.as_bytes().ct_eq(gateway.secret.as_bytes())) {
        return Ok(Actor::local(gateway, By::Directory, address));
    }
    let hash = ContentHash(Sha256::digest(secret.as_bytes()).into());
    let token = gateway.work.run(move |node| Ok(tokens::valid(node, hash)?)).await?;
    let token = token.map_err(Problem::sign_in_required)?;
    Ok(Actor {
        name: token.person,
        by: By::Token(token.token),
        roles: token.scopes.into_iter().map(Role::of).collect(),
        address,
    })
}
