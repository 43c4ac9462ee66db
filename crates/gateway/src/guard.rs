//! What holds for every request before any handler sees it: the host that was asked for is ours, nothing that changes anything comes
//! from another site's page, and what is answered carries the headers that browsers protect people by.

use std::net::SocketAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;

/// Scripts, styles, pictures and connections of this server alone, nothing inline, no frames.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'";

const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-frame-options", "DENY"),
];

/// The names under which this server is reached, `host:port`.
#[derive(Debug, Clone)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// Of a listener on the loopback interface: its address, and the usual names of this machine.
    pub fn of(listen: SocketAddr) -> Hosts {
        let port = listen.port();
        let names = ["localhost", "127.0.0.1", "[::1]"].map(|name| format!("{name}:{port}"));
        Hosts(names.into_iter().chain([listen.to_string()]).collect())
    }

    fn has(&self, host: &str) -> bool {
        // A browser leaves out the port that it takes for granted.
        self.0.iter().any(|own| own.eq_ignore_ascii_case(host) || own.strip_suffix(":80") == Some(host))
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

/// Lets a request pass to its handler, or answers why not.
pub async fn guard(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let mut response = match check(&hosts, request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// Whether a request is for this server, and from no other site's page where it changes anything.
fn check(hosts: &Hosts, method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let host = text(headers, &header::HOST).unwrap_or_default();
    if !hosts.has(host) {
        return Err(Problem::other_host(format!(
            "'{host}' is not a name of this server: ask for {}",
            hosts.0.join(" or ")
        )));
    }
    if method.is_safe() {
        return Ok(());
    }
    let refused =
        |what: String| Err(Problem::cross_site(format!("{what}: only pages of this server may send it")));
    match text(headers, &header::ORIGIN) {
        Some(origin) if !origin.split_once("://").is_some_and(|(_, host)| hosts.has(host)) => {
            refused(format!("the request comes from a page of {origin}"))
        }
        _ => match text(headers, &HeaderName::from_static("sec-fetch-site")) {
            None | Some("same-origin" | "none") => Ok(()),
            Some(site) => refused(format!("the request is {site}")),
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn answer(method: Method, headers: &[(&str, &str)]) -> Result<(), &'static str> {
        let hosts = Hosts::of("127.0.0.1:8686".parse().unwrap());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        check(&hosts, &method, &map).map_err(|problem| problem.kind())
    }

    #[test]
    fn a_request_is_for_this_host_and_of_no_other_sites_page() {
        let host = ("host", "127.0.0.1:8686");
        for host in ["127.0.0.1:8686", "localhost:8686", "LOCALHOST:8686", "[::1]:8686"] {
            assert_eq!(answer(Method::GET, &[("host", host)]), Ok(()), "{host}");
        }
        for host in ["127.0.0.1", "127.0.0.1:80", "evil.example:8686", "localhost.evil.example:8686", ""] {
            assert_eq!(answer(Method::GET, &[("host", host)]), Err("/problems/other-host"), "{host}");
        }
        assert_eq!(answer(Method::GET, &[]), Err("/problems/other-host"));
        assert_eq!(answer(Method::POST, &[host]), Ok(()), "a program");
        assert_eq!(answer(Method::POST, &[host, ("origin", "http://localhost:8686")]), Ok(()));
        for origin in ["http://evil.example", "null", "http://127.0.0.1:8687", "http://127.0.0.1"] {
            assert_eq!(
                answer(Method::POST, &[host, ("origin", origin)]),
                Err("/problems/cross-site"),
                "{origin}"
            );
            assert_eq!(answer(Method::GET, &[host, ("origin", origin)]), Ok(()), "nothing changes");
        }
        for (site, expected) in
            [("same-origin", Ok(())), ("none", Ok(())), ("cross-site", Err(())), ("same-site", Err(()))]
        {
            let found = answer(Method::DELETE, &[host, ("sec-fetch-site", site)]);
            assert_eq!(found, expected.map_err(|()| "/problems/cross-site"), "{site}");
        }
    }
}
