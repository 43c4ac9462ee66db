//! The description of the API, OpenAPI 3.1: of the handlers from their declarations, of the lists from the tables.

use axum::response::{IntoResponse, Response};
use gauntlet_operations::page;
use gauntlet_views::Table;
use gauntlet_views::schema::Kind;
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::lists::ListParams;
use crate::problem::{KINDS, Problem};
use crate::{Shared, commands, data, events, ingest, lake_files, sign_in, sql, things, token_commands};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Gauntlet",
        description = "From market ticks to a selected model. Send `Authorization: Bearer TOKEN`, or the cookie of a session. What \
            changes something takes an `Idempotency-Key`. What cannot be answered is a problem of RFC 9457."
    ),
    paths(lake_files::file),
    components(schemas(Problem))
)]
struct Description;

/// Every route with its description, but for the lists.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(sign_in::sign_in))
        .routes(routes!(sign_in::sign_out))
        .routes(routes!(sign_in::link))
        .routes(routes!(sign_in::me))
        .routes(routes!(things::experiment))
        .routes(routes!(things::model))
        .routes(routes!(things::run))
        .routes(routes!(things::snapshot))
        .routes(routes!(things::config))
        .routes(routes!(things::document))
        .routes(routes!(things::numbers))
        .routes(routes!(things::series))
        .routes(routes!(things::compare))
        .routes(routes!(things::ledger))
        .routes(routes!(things::head))
        .routes(routes!(data::data))
        .routes(routes!(ingest::ticks))
        .routes(routes!(ingest::end))
        .routes(routes!(commands::submit))
        .routes(routes!(commands::validate))
        .routes(routes!(commands::cancel))
        .routes(routes!(commands::waiver))
        .routes(routes!(commands::policy))
        .routes(routes!(commands::instrument))
        .routes(routes!(commands::snapshot))
        .routes(routes!(token_commands::issue))
        .routes(routes!(token_commands::revoke))
        .routes(routes!(sql::post, sql::get))
        .routes(routes!(lake_files::list))
        .routes(routes!(events::events))
}

/// The whole description.
pub fn document() -> Value {
    let (_, described) = routes().split_for_parts();
    let mut document = serde_json::to_value(described).unwrap_or_default();
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    let parameters = serde_json::to_value(ListParams::into_params(|| None)).unwrap_or_default();
    for name in page::names() {
        let Some(table) = page::listed(name) else { continue };
        let row = format!("#/components/schemas/row_of_{name}");
        add(
            &mut document,
            &["paths"],
            format!("/api/v1/{name}"),
            json!({ "get": list(name, table, &row, &parameters) }),
        );
        add(&mut document, &["components", "schemas"], format!("row_of_{name}"), row_schema(table));
    }
    let kinds = KINDS
        .iter()
        .map(|(kind, status, title)| json!({ "type": kind, "status": status.as_u16(), "title": title }));
    document["x-problems"] = kinds.collect();
    let schemes = json!({
        "token": { "type": "http", "scheme": "bearer" },
        "session": { "type": "apiKey", "in": "cookie", "name": "gauntlet_session" },
    });
    add(&mut document, &["components"], "securitySchemes".into(), schemes);
    document["security"] = json!([{ "token": [] }, { "session": [] }]);
    document
}

/// Puts a member into an object of a document.
fn add(document: &mut Value, at: &[&str], name: String, value: Value) {
    let mut place = document;
    for name in at {
        place = &mut place[*name];
    }
    if place.is_null() {
        *place = Value::Object(Map::new());
    }
    match place.get_mut(&name) {
        // A path that has a command already.
        Some(Value::Object(there)) => there.extend(value.as_object().cloned().unwrap_or_default()),
        _ => place[name] = value,
    }
}

fn list(name: &str, table: &Table, row: &str, parameters: &Value) -> Value {
    let page = json!({ "type": "object", "required": ["rows", "next", "matched"], "properties": {
        "rows": { "type": "array", "items": { "$ref": row } },
        "next": { "type": ["string", "null"], "description": "the cursor of the next page" },
        "matched": { "type": "integer", "description": "rows that the filter leaves, on all pages" },
    } });
    let binary = json!({ "schema": { "type": "string", "format": "binary" } });
    json!({
        "tags": ["lists"],
        "operationId": format!("list_{name}"),
        "summary": table.doc,
        "description": format!("Also as a file: /api/v1/{name}.csv, .parquet, .arrow"),
        "parameters": parameters,
        "responses": {
            "200": { "description": "A page, or the file", "content": {
                "application/json": { "schema": page },
                "text/csv": { "schema": { "type": "string" } },
                "application/vnd.apache.parquet": binary,
                "application/vnd.apache.arrow.stream": binary,
            } },
            "400": { "description": "A filter, an order or a cursor that is none", "content": {
                "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } },
            } },
        },
    })
}

fn row_schema(table: &Table) -> Value {
    let kind = |kind: Kind| match kind {
        Kind::Text => json!({ "type": ["string", "object", "array", "null"] }),
        Kind::Long => json!({ "type": ["integer", "null"] }),
        Kind::Double => json!({ "type": ["number", "null"] }),
        Kind::Bool => json!({ "type": ["boolean", "null"] }),
        Kind::Timestamp => json!({ "type": ["string", "null"], "format": "date-time" }),
    };
    let properties: Map<String, Value> =
        table.key().chain(table.columns).map(|column| (column.name.to_owned(), kind(column.kind))).collect();
    json!({ "type": "object", "description": table.doc, "properties": properties })
}

/// The description, to whoever asks: it says nothing of what is kept here.
pub async fn serve() -> Response {
    axum::Json(document()).into_response()
}
