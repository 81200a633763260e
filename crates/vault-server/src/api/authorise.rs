//! Holds scoped API keys to their scope and access tokens to the one call that they make here:
//! the one step between routing and the handlers.
//!
//! In: a request that was routed, with its caller. Out: the same, or 403 `out_of_scope`. A route
//! that is not placed in [`area`] is shut to every scoped key, and every route but [`OF_TOKENS`]
//! to every token.
//!
//! Promise: the judged name and the name that a handler works with come from one function, over
//! the same path, decoded once. Whether a thing exists plays no part.
//! Not here: names inside of bodies (`values/batch`), and targets of the proxy (`proxy/decide`).

use axum::extract::{MatchedPath, Query, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::Method;

use super::HEALTH_PATH;
use super::input::name_in_path;
use super::values::ListParameters;
use crate::problem::Problem;
use crate::vault::error::VaultError;
use crate::vault::principal::Principal;
use crate::vault::scope::{Access, KeyScope};

/// What a route is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Area {
    /// Anybody's.
    Public,
    /// Who is calling.
    Caller,
    /// One value, named in the path.
    Value,
    /// Names below a prefix.
    Names,
    /// Values named in the body, each of which is judged by the handler.
    Batch,
    /// Values of others.
    Inbox,
    /// Whatever else a user or an admin does.
    Account,
    /// Not for scoped keys.
    Shut,
}

/// Calls that change nothing although they are sent with POST.
const READING_POSTS: [&str; 2] = ["/v1/kv/batch-get", "/v1/proxy/explain"];

/// Routes of [`Area::Account`], by how they begin.
const ACCOUNT: [&str; 9] = [
    "/v1/keys/",
    "/v1/apikeys",
    "/v1/credentials",
    "/v1/files",
    "/v1/proxy/",
    "/v1/recovery/",
    "/v1/users/",
    "/admin/",
    "/audit",
];

/// The one call of the API that access tokens reach, with GET: the rest of theirs is the proxy.
const OF_TOKENS: &str = "/v1/kv/{key}";

fn area(route: &str) -> Area {
    match route {
        HEALTH_PATH => Area::Public,
        "/v1/users/me" | "/v1/keys/status" | "/openapi.json" => Area::Caller,
        "/v1/kv" => Area::Names,
        "/v1/kv/batch-get" => Area::Batch,
        route if route.starts_with("/v1/kv/shared") => Area::Inbox,
        route if route.starts_with("/v1/kv/{key}") => Area::Value,
        route if ACCOUNT.iter().any(|begin| route.starts_with(begin)) => Area::Account,
        _ => Area::Shut,
    }
}

/// Refuses what the scope of the caller's key does not permit.
pub(crate) async fn authorise(request: Request, next: Next) -> Response {
    match judge(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn judge(request: &Request) -> Result<(), Problem> {
    let caller = request.extensions().get::<Principal>();
    if caller.is_some_and(|caller| caller.grant.is_some()) {
        return judge_token(request);
    }
    let Some(scope) = caller.and_then(|caller| caller.scope.as_deref()) else {
        return Ok(());
    };
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("", MatchedPath::as_str);
    let area = area(route);
    let permitted = scope.permits_method(access(route, request.method()), request.method())
        && is_open(scope, area, request)?;
    if permitted || area == Area::Public {
        Ok(())
    } else {
        Err(VaultError::OutOfScope.into())
    }
}

/// Which values a token reads is judged by the use case that opens them.
fn judge_token(request: &Request) -> Result<(), Problem> {
    let route = request.extensions().get::<MatchedPath>();
    let reads = route.is_some_and(|route| route.as_str() == OF_TOKENS);
    if reads && request.method() == Method::GET {
        Ok(())
    } else {
        Err(VaultError::OutOfScope.into())
    }
}

fn access(route: &str, method: &Method) -> Access {
    if READING_POSTS.contains(&route) {
        Access::Read
    } else {
        Access::of(method)
    }
}

fn is_open(scope: &KeyScope, area: Area, request: &Request) -> Result<bool, Problem> {
    Ok(match area {
        Area::Public => true,
        Area::Caller => scope.opens_self(),
        Area::Value => scope.permits_name(name_in_path(request.uri().path())?.as_str()),
        Area::Names => {
            // What cannot be read here cannot be read by the handler either.
            let asked = Query::<ListParameters>::try_from_uri(request.uri());
            asked.map_or_else(
                |_| scope.opens_every_name(),
                |Query(asked)| scope.permits_names_below(&asked.prefix),
            )
        }
        Area::Batch => scope.opens_values(),
        Area::Inbox => scope.opens_every_name(),
        Area::Account => scope.opens_account(),
        Area::Shut => false,
    })
}
