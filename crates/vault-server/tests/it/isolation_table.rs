//! Every route of the OpenAPI document, called by everybody who must not get through: each gets
//! the documented status, and exactly the answer that is given about what never was.
//!
//! A route without a row fails, and so does a row without a route.

mod cast;
mod doors;
mod lists;
mod rows;
mod shut_out;

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;
use uuid::Uuid;

use self::cast::{Caller, Cast, Ids, Place};
use self::rows::{ROWS, Row};
use crate::api_credentials::PASSPHRASE;
use crate::api_support::Calls;
use crate::support::Answer;

/// Differ from answer to answer.
const PER_ANSWER: [&str; 2] = ["x-request-id", "date"];

/// The path of a route, with a name of its own for each kind of share.
fn path_of(row: &Row) -> String {
    let share = match row.path {
        path if path.starts_with("/v1/credentials") => "{useShareId}",
        path if path.starts_with("/v1/files") => "{fileShareId}",
        _ => "{shareId}",
    };
    row.path.replace("{shareId}", share)
}

/// What a caller knows who had something of the owner's once, for a route that asks for it.
fn with_former(cast: &Cast, row: &Row, caller: &Caller) -> Option<Ids> {
    let path = path_of(row);
    let mut names = caller.former.keys();
    if !names.any(|name| path.contains(&format!("{{{name}}}"))) {
        return None;
    }
    let mut ids = cast.theirs.clone();
    ids.extend(caller.former.clone());
    Some(ids)
}

/// The path and query of a route with these ids in their places.
fn target_of(row: &Row, ids: &Ids) -> String {
    let mut path = path_of(row);
    for (name, value) in ids {
        path = path.replace(&format!("{{{name}}}"), value);
    }
    assert!(!path.contains('{'), "{path} has a parameter without an id");
    format!("{path}{}", row.query)
}

/// Calls a route with these ids in their places, and every secret of the caller.
async fn call(cast: &Cast, row: &Row, caller: &Caller, ids: &Ids) -> Answer {
    let method: Method = row.method.parse().unwrap();
    let user = &caller.user;
    let mut call = cast.api.call(method, &target_of(row, ids));
    call = call.header("X-User-Secret", &user.secret);
    call = call.header("X-New-User-Secret", &user.secret);
    // A credential is under one or the other.
    if !row.path.starts_with("/v1/credentials") {
        call = call.header("X-Proxy-Master-Key", PASSPHRASE);
    }
    if !user.key.is_empty() {
        call = call.key(user);
    }
    if let Some(body) = row.body {
        call = call.json(&body(ids));
    }
    call.answer().await
}

/// What can be told apart in an answer: everything but the request's own id, and ids and keys
/// that the call made or was given.
#[derive(Debug, PartialEq)]
struct Look {
    status: u16,
    headers: BTreeSet<(String, String)>,
    body: Value,
}

fn look(answer: &Answer, ids: &Ids) -> Look {
    let headers = answer.headers.iter();
    let headers = headers.filter(|(name, _)| !PER_ANSWER.contains(&name.as_str()));
    let body = match serde_json::from_str(&answer.body) {
        Ok(document) => document,
        Err(_) => Value::String(answer.body.clone()),
    };
    Look {
        status: answer.status,
        headers: headers.cloned().collect(),
        body: without_names(body, ids),
    }
}

fn without_names(value: Value, ids: &Ids) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| match name.as_str() {
                "apiKeyId" | "keyId" => (name, "an id".into()),
                _ => (name, without_names(value, ids)),
            })
            .collect(),
        Value::Array(items) => items
            .into_iter()
            .map(|item| without_names(item, ids))
            .collect(),
        Value::String(text) if Uuid::parse_str(&text).is_ok() => "an id".into(),
        Value::String(text) if text.starts_with("sgk_") || text.starts_with("sgt_") => {
            "a key".into()
        }
        Value::String(text) if text == ids["key"] => "the name".into(),

        other => other,
    }
}

fn expected(row: &Row, caller: &Caller) -> u16 {
    let is_public = row.path == "/health";
    match caller.place {
        Place::Colleague => row.answers.colleagues,
        Place::Outsider => row.answers.outsiders,
        Place::ForeignAdmin => {
            let answers = &row.answers;
            answers.foreign_admin.unwrap_or(answers.outsiders)
        }
        Place::Root => row.answers.root,
        Place::Scoped => row.answers.scoped,
        Place::Token if is_public => 200,
        Place::Token => 403,
        Place::Nobody if is_public => 200,
        Place::Nobody => 401,
    }
}

/// What is wrong with the answer to one call about `ids` and its twin about what never was.
fn judge(
    cast: &Cast,
    row: &Row,
    caller: &Caller,
    (there, ids): (&Answer, &Ids),
    absent: &Answer,
) -> Vec<String> {
    let wanted = expected(row, caller);
    let mut wrong = Vec::new();
    let root_sees = caller.place == Place::Root && row.answers.root_sees;
    let is_known = caller.place == Place::Colleague && row.answers.known_inside;
    if there.status != wanted {
        wrong.push(format!("{} instead of {wanted}: {there:?}", there.status));
    }
    let looks = (look(there, ids), look(absent, &cast.absent));
    if looks.0 != looks.1 && !root_sees && !is_known {
        wrong.push(format!("tells what is there: {looks:#?}"));
    }
    let code = match there.status {
        401 => "api_key_invalid",
        403 if matches!(caller.place, Place::Scoped | Place::Token) => "out_of_scope",
        403 => "forbidden",
        404 => "not_found",
        _ => "",
    };
    if !code.is_empty() && there.json()["code"] != code {
        wrong.push(format!("another code: {there:?}"));
    }
    // Colleagues know each other's ids.
    let secret = [
        "shareId",
        "credentialId",
        "apiKeyId",
        "useShareId",
        "restoreId",
        "tokenId",
        "fileId",
        "fileShareId",
    ]
    .iter();
    let foreign = ["orgId", "userId", "recipient"].iter();
    let is_outside = matches!(
        caller.place,
        Place::Outsider | Place::ForeignAdmin | Place::Nobody
    );
    let needles = secret.chain(foreign.filter(|_| is_outside));
    for name in needles {
        if !root_sees && there.body.contains(&ids[name]) {
            wrong.push(format!("shows {name}: {there:?}"));
        }
    }
    wrong
}

#[tokio::test]
async fn nobody_reaches_what_is_anothers_or_learns_that_it_is_there() {
    let cast = Cast::assemble().await;
    let before = cast.seen().await;
    let (mut wrong, mut had_something) = (Vec::new(), 0);
    for row in ROWS {
        for caller in &cast.callers {
            let former = with_former(&cast, row, caller);
            had_something += usize::from(former.is_some());
            for ids in [Some(cast.theirs.clone()), former].into_iter().flatten() {
                let there = call(&cast, row, caller, &ids).await;
                let absent = call(&cast, row, caller, &cast.absent_for(caller)).await;
                for why in judge(&cast, row, caller, (&there, &ids), &absent) {
                    let Row {
                        method,
                        path,
                        query,
                        ..
                    } = row;
                    wrong.push(format!("{method} {path}{query} by {}: {why}", caller.who));
                }
            }
        }
    }
    assert_eq!(had_something, 20, "routes about what somebody had once");
    assert!(wrong.is_empty(), "{} cells: {wrong:#?}", wrong.len());
    assert_eq!(cast.seen().await, before, "something was changed");
}

#[tokio::test]
async fn every_route_has_a_row_and_every_row_a_route() {
    let api = crate::api_support::Api::start().await;
    let user = api.org("a").await;
    let document = api.get("/openapi.json").key(&user).answer().await.json();
    let paths = document["paths"].as_object().unwrap();
    let routes = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    let routes: BTreeSet<String> = routes.collect();
    let rows = ROWS
        .iter()
        .map(|row| format!("{} {}", row.method, row.path));
    let rows: BTreeSet<String> = rows.collect();
    assert_eq!(rows, routes);
}
