//! Routes of the JSON API, one file per noun. Only this module knows paths and bodies.

use axum::routing::get;
use axum::{Json, Router};

/// Path of the health check, the only one that needs no key.
pub const HEALTH_PATH: &str = "/health";

/// Routes that exist whatever the server stores: `GET /health`.
pub fn health() -> Router {
    Router::new().route(
        HEALTH_PATH,
        get(|| async { Json(serde_json::json!({"status": "ok"})) }),
    )
}
