//! Sessions of browsers. A link that `up` prints is good once and sets a cookie; the cookie is sealed and says everything itself, so
//! that nothing is kept here but the key.

use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cookie::time::Duration;
use cookie::{Cookie, CookieJar, Key, SameSite};
use gauntlet_runtime::clock;
use subtle::ConstantTimeEq;

/// Name of the cookie.
const COOKIE: &str = "gauntlet_session";
/// How long a session lasts, in seconds.
const LASTS: i64 = 12 * 3600;
/// Links that are open at a time; the oldest is closed for another.
const MOST_LINKS: usize = 8;

/// The key of the sessions of this process, and the links that are not used yet.
pub struct Sessions {
    key: Key,
    links: Mutex<Vec<String>>,
}

impl Sessions {
    /// With a key of its own: sessions end with the process.
    pub fn new() -> Sessions {
        Sessions { key: Key::generate(), links: Mutex::default() }
    }

    /// A code that begins one session.
    pub fn link(&self) -> String {
        let code = BASE64_URL_SAFE_NO_PAD.encode(&Key::generate().master()[..32]);
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        if links.len() >= MOST_LINKS {
            links.remove(0);
        }
        links.push(code.clone());
        code
    }

    /// The cookie for whoever brings the code of a link; `None` where it is none, or was used before.
    pub fn begin(&self, code: &str, person: &str) -> Option<HeaderValue> {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let place = links.iter().position(|link| bool::from(link.as_bytes().ct_eq(code.as_bytes())))?;
        links.remove(place);
        self.cookie(person)
    }

    fn cookie(&self, person: &str) -> Option<HeaderValue> {
        let ends = clock::now().0 / 1_000_000_000 + LASTS;
        let cookie = Cookie::build((COOKIE, format!("{ends}:{person}")))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Strict)
            .max_age(Duration::seconds(LASTS))
            .build();
        let mut jar = CookieJar::new();
        jar.private_mut(&self.key).add(cookie);
        HeaderValue::from_str(&jar.get(COOKIE)?.to_string()).ok()
    }

    /// The person of a request's session, while it lasts.
    pub fn person(&self, headers: &HeaderMap) -> Option<String> {
        let mut jar = CookieJar::new();
        for line in headers.get_all(header::COOKIE) {
            for cookie in Cookie::split_parse(line.to_str().ok()?.to_owned()).flatten() {
                jar.add_original(cookie);
            }
        }
        let opened = jar.private(&self.key).get(COOKIE)?;
        let (ends, person) = opened.value().split_once(':')?;
        (ends.parse::<i64>().ok()? > clock::now().0 / 1_000_000_000).then(|| person.to_owned())
    }

    /// The cookie that ends a session.
    pub fn end() -> HeaderValue {
        HeaderValue::from_static("gauntlet_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
    }
}

impl Default for Sessions {
    fn default() -> Sessions {
        Sessions::new()
    }
}
