//! Files of the lake, for engines that read Parquet over HTTP: whole or in ranges of bytes. Nothing in them ever changes.

use std::io::{Read, Seek, SeekFrom, Write};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gauntlet_lake::LakeError;
use serde_json::json;

use crate::Shared;
use crate::actor::{Actor, Role};
use crate::answer::documented;
use crate::format::streamed;
use crate::problem::Problem;

/// Folders that are served: events by topic and day, bars of snapshots.
const FOLDERS: [&str; 2] = ["archive", "snapshots"];
/// Topics of who may ask and who asked.
const ACCESS: [&str; 2] = ["archive/platform.access.v1/", "archive/platform.audit.v1/"];
/// Bytes that are read at a time.
const PIECE: usize = 64 << 10;

/// Which files there are, with their sizes: `path` is behind `/lake/`.
#[utoipa::path(get, path = "/lake", tag = "lake",
    responses((status = 200, description = "The files", body = serde_json::Value)))]
pub async fn list(
    State(gateway): State<Shared>,
    actor: Actor,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    actor.require(Role::Viewer)?;
    let sees_access = actor.require(Role::Operator).is_ok();
    let files = gateway.work.run(move |node| {
        let mut files = Vec::new();
        for folder in FOLDERS {
            files.extend(node.lake.list(folder).map_err(refused)?);
        }
        files.retain(|path| is_seen(path, sees_access));
        Ok(files)
    });
    documented(&json!({ "files": files.await? }), &headers)
}

fn is_seen(path: &str, sees_access: bool) -> bool {
    sees_access || !ACCESS.iter().any(|topic| path.starts_with(topic))
}

/// Whether a path is one of a file that is served, and nothing else.
fn is_served(path: &str) -> bool {
    let mut parts = path.split('/');
    let is_name = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', '\0']);
    parts.next().is_some_and(|folder| FOLDERS.contains(&folder))
        && path.ends_with(".parquet")
        && parts.all(is_name)
}

/// A file, or the range of its bytes that the header `Range` names.
#[utoipa::path(get, path = "/lake/{path}", tag = "lake",
    params(("path" = String, Path, description = "as `/lake` lists it")),
    responses((status = 200, description = "The file"), (status = 206, description = "A part of it"),
        (status = 404, body = Problem), (status = 416, body = Problem)))]
pub async fn file(
    State(gateway): State<Shared>,
    actor: Actor,
    method: Method,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    actor.require(Role::Viewer)?;
    let nothing =
        || Problem::not_found(format!("there is no file '{path}': /lake lists those that there are"));
    if !is_served(&path) || !is_seen(&path, actor.require(Role::Operator).is_ok()) {
        return Err(nothing());
    }
    let wanted = path.clone();
    let opened = gateway.work.run(move |node| match node.lake.open_file(&wanted) {
        Err(LakeError::Missing { .. }) => Ok(None),
        opened => opened.map(Some).map_err(refused),
    });
    let mut file = opened.await?.ok_or_else(nothing)?;
    let length = file.metadata().map_err(|error| Problem::unavailable(error.to_string()))?.len();
    // Its name says what is in it, and what is there is never overwritten.
    let tag = format!("\"{}-{length:x}\"", path.rsplit('/').next().unwrap_or_default());
    let is_known = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if is_known(header::IF_NONE_MATCH) == Some(tag.as_str()) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    // Of another file than the caller has begun with it wants all.
    let is_of_this = is_known(header::IF_RANGE).is_none_or(|of| of == tag);
    let range = is_known(header::RANGE).filter(|_| is_of_this);
    let (from, to) = match range.map(|range| within(range, length)) {
        None | Some(Asked::All) => (0, length),
        Some(Asked::Part(from, to)) => (from, to),
        Some(Asked::Nothing) => {
            let problem = Problem::range(format!("{path} has {length} bytes")).with("bytes", length);
            let mut response = problem.into_response();
            put(&mut response, header::CONTENT_RANGE, format!("bytes */{length}"));
            return Ok(response);
        }
    };
    let place = gateway.work.place().await?;
    let mut response = match method {
        Method::HEAD => ().into_response(),
        _ => streamed("application/vnd.apache.parquet", move |mut to_reader| {
            let _place = place;
            file.seek(SeekFrom::Start(from))?;
            let (mut left, mut piece) = (to - from, vec![0; PIECE]);
            while left > 0 {
                let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
                file.read_exact(&mut piece[..most])?;
                to_reader.write_all(&piece[..most])?;
                left -= most as u64;
            }
            to_reader.flush()
        }),
    };
    if range.is_some() && to - from < length {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        put(&mut response, header::CONTENT_RANGE, format!("bytes {from}-{}/{length}", to.saturating_sub(1)));
    }
    put(&mut response, header::CONTENT_TYPE, "application/vnd.apache.parquet".into());
    put(&mut response, header::CONTENT_LENGTH, (to - from).to_string());
    put(&mut response, header::ACCEPT_RANGES, "bytes".into());
    put(&mut response, header::ETAG, tag);
    put(&mut response, header::CACHE_CONTROL, "private, max-age=31536000, immutable".into());
    Ok(response)
}

fn put(response: &mut Response, name: header::HeaderName, value: String) {
    if let Ok(value) = HeaderValue::from_str(&value) {
        response.headers_mut().insert(name, value);
    }
}

fn refused(error: LakeError) -> Problem {
    Problem::unavailable(error.to_string())
}

/// What a header `Range` asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// Something else than one range of bytes: everything is a right answer.
    All,
    /// From one byte to before another.
    Part(u64, u64),
    /// What the file does not have.
    Nothing,
}

fn within(range: &str, length: u64) -> Asked {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Asked::All;
    };
    let part = match (first.trim().parse::<u64>(), last.trim()) {
        (Ok(first), "") => (first, length),
        (Ok(first), last) => match last.parse::<u64>() {
            Ok(last) if last >= first => (first, last.saturating_add(1).min(length)),
            _ => return Asked::All,
        },
        // The last so many bytes.
        (Err(_), last) if first.trim().is_empty() => match last.parse::<u64>() {
            Ok(0) => return Asked::Nothing,
            Ok(last) => (length.saturating_sub(last), length),
            Err(_) => return Asked::All,
        },
        _ => return Asked::All,
    };
    if part.0 < length { Asked::Part(part.0, part.1) } else { Asked::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_of_bytes_is_understood() {
        for (range, asked) in [
            ("bytes=0-", Asked::Part(0, 100)),
            ("bytes=10-19", Asked::Part(10, 20)),
            ("bytes=90-500", Asked::Part(90, 100)),
            ("bytes=-8", Asked::Part(92, 100)),
            ("bytes=-500", Asked::Part(0, 100)),
            ("bytes=100-", Asked::Nothing),
            ("bytes=-0", Asked::Nothing),
            ("bytes=5-4", Asked::All),
            ("bytes=0-1,5-6", Asked::All),
            ("rows=0-1", Asked::All),
            ("bytes=x-", Asked::All),
        ] {
            assert_eq!(within(range, 100), asked, "{range}");
        }
    }

    #[test]
    fn no_path_leads_out_of_the_lake() {
        for path in ["archive/a.v1/2014-05-01/00000-0-1.parquet", "snapshots/abc.parquet"] {
            assert!(is_served(path), "{path}");
        }
        for path in [
            "archive/../artifacts/x.parquet",
            "archive//etc/passwd.parquet",
            "/etc/passwd",
            "artifacts/model.parquet",
            "snapshots/.hidden.parquet",
            "snapshots/abc.onnx",
            "tmp/x.parquet",
        ] {
            assert!(!is_served(path), "{path}");
        }
    }
}
