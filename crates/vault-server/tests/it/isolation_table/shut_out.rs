//! Every route that waits for a body, called by somebody who may and who is shut out before it has
//! come: nothing is done, and nothing told.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::cast::Cast;
use super::rows::{ROWS, Row};
use super::target_of;
use crate::api_support::{Api, Calls, TestUser, text};
use crate::support::{Answer, PATIENCE, read_to_end};

/// Changes that are made at once, whatever body would come: there is no time to be shut out in. And
/// that of root, whom nobody can shut out.
const AT_ONCE: &[(&str, &str)] = &[
    ("POST", "/v1/keys/generate"),
    ("POST", "/v1/keys/rekey"),
    ("POST", "/v1/keys/rotate"),
    ("DELETE", "/v1/tokens/{tokenId}"),
    ("DELETE", "/v1/recovery/trustees/{trusteeUserId}"),
    ("DELETE", "/v1/recovery/restores/{restoreId}"),
    ("POST", "/v1/recovery/restores/{restoreId}/activate"),
    ("POST", "/admin/orgs"),
];
/// Says that the server waits for a body, so that it has recognised its sender.
const INTERIM: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// What being shut out changes itself, what any reader leaves, and the log of it all.
const ASIDE: &[&str] = &[
    "users",
    "api_keys",
    "api_key_uses",
    "account_boxes",
    "file_boxes",
    "credential_boxes",
    "share_boxes",
    "audit_blocks",
];

/// How a user is shut out.
#[derive(Clone, Copy, Debug)]
enum By {
    Disabling,
    ReplacingTheKey,
}

/// A call whose body has come in half.
struct Held {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Held {
    async fn begin(api: &Api, user: &TestUser, line: &str, kind: &str, body: Option<&str>) -> Self {
        let length = match body {
            Some(body) => format!("Content-Type: {kind}\r\nContent-Length: {}", body.len()),
            // None comes, which is known at its end.
            None => "Transfer-Encoding: chunked".to_owned(),
        };
        let head = format!(
            "{line} HTTP/1.1\r\nHost: a\r\nX-Api-Key: {}\r\nX-User-Secret: {}\r\n\
             Expect: 100-continue\r\n{length}\r\nConnection: close\r\n\r\n",
            user.key, user.secret
        );
        let mut stream = TcpStream::connect(api.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut interim = [0; INTERIM.len()];
        let read = stream.read_exact(&mut interim);
        let read = tokio::time::timeout(PATIENCE, read).await.unwrap();
        read.unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(interim, INTERIM, "{line}");
        let all = body.unwrap_or("0\r\n\r\n").as_bytes();
        let (half, rest) = all.split_at(all.len() / 2);
        stream.write_all(half).await.unwrap();
        Self {
            stream,
            rest: rest.to_vec(),
        }
    }

    async fn end(mut self) -> Answer {
        // It may have been refused already.
        let _ = self.stream.write_all(&self.rest).await;
        Answer::parse(&read_to_end(&mut self.stream).await)
    }
}

/// Whoever may make the call.
fn caller<'c>(cast: &'c mut Cast, second: &'c mut TestUser, path: &str) -> &'c mut TestUser {
    let of_recipients = path.contains("/shared/") || path.starts_with("/v1/recovery/restore/");
    if path.starts_with("/admin/") {
        second
    } else if of_recipients || path.starts_with("/v1/recovery/owners/") {
        &mut cast.recipient
    } else {
        &mut cast.owner
    }
}

async fn shut_out(api: &Api, admin: &TestUser, user: &mut TestUser, by: By) {
    let path = format!("/admin/orgs/{}/users/{}", user.org_id, user.user_id);
    match by {
        By::Disabling => set_disabled(api, admin, user, true).await,
        By::ReplacingTheKey => {
            let call = api.post(&format!("{path}/apikey/rotate")).key(admin);
            let made = call.json(&json!({"graceSeconds": 0})).answer().await;
            assert_eq!(made.status, 200, "{made:?}");
            user.key = text(&made.json(), "apiKey");
        }
    }
}

async fn set_disabled(api: &Api, admin: &TestUser, user: &TestUser, disabled: bool) {
    let path = format!("/admin/orgs/{}/users/{}", user.org_id, user.user_id);
    let call = api.call(Method::PATCH, &path).key(admin);
    let changed = call.json(&json!({"disabled": disabled})).answer().await;
    assert_eq!(changed.status, 200, "{changed:?}");
}

/// Everything that is kept, but what is aside.
fn kept(api: &Api) -> BTreeMap<String, BTreeSet<String>> {
    let db = rusqlite::Connection::open(api.database()).unwrap();
    let mut tables = db
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
        .unwrap();
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let tables = tables.map(Result::unwrap);
    let kept = tables.filter(|table| !ASIDE.contains(&table.as_str()));
    kept.map(|table| {
        let mut rows = db.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = rows.column_count();
        let rows = rows.query_map([], |row| {
            let values = (0..columns).map(|at| row.get::<_, rusqlite::types::Value>(at));
            Ok(format!("{:?}", values.collect::<Result<Vec<_>, _>>()?))
        });
        let rows = rows.unwrap().map(Result::unwrap).collect();
        (table, rows)
    })
    .collect()
}

#[tokio::test]
async fn whoever_is_shut_out_while_the_body_comes_gets_nothing_and_changes_nothing() {
    let mut cast = Cast::assemble().await;
    let admin = cast.admin.clone();
    let add = cast.api.add_user(&admin.key, &admin.org_id, "second", true);
    let mut second = add.await;
    // Ends the tokens of all.
    for user in [&second, &cast.owner, &cast.recipient] {
        set_disabled(&cast.api, &admin, user, true).await;
        set_disabled(&cast.api, &admin, user, false).await;
    }
    let before = kept(&cast.api);
    let mut wrong = Vec::new();
    let asked = |row: &&Row| row.method != "GET" && !AT_ONCE.contains(&(row.method, row.path));
    for by in [By::Disabling, By::ReplacingTheKey] {
        for row in ROWS.iter().filter(asked) {
            let path = target_of(row, &cast.theirs);
            let line = format!("{} {path}", row.method);
            let body = row.body.map(|body| body(&cast.theirs).to_string());
            let mut user = caller(&mut cast, &mut second, row.path).clone();
            let json = "application/json";
            let held = Held::begin(&cast.api, &user, &line, json, body.as_deref()).await;
            shut_out(&cast.api, &admin, &mut user, by).await;
            let answer = held.end().await;
            if answer.status != 403 || answer.json()["code"] != "forbidden" {
                wrong.push(format!("{line}, {by:?}: {answer:?}"));
            }
            set_disabled(&cast.api, &admin, &user, false).await;
            *caller(&mut cast, &mut second, row.path) = user;
        }
    }
    assert!(wrong.is_empty(), "{} calls: {wrong:#?}", wrong.len());
    let after = kept(&cast.api);
    for (table, rows) in &before {
        assert_eq!(&after[table], rows, "{table}");
    }
}

#[tokio::test]
async fn an_upload_ends_with_the_next_bytes_of_somebody_who_was_shut_out() {
    let cast = Cast::assemble().await;
    let (api, mut owner) = (&cast.api, cast.owner.clone());
    let before = kept(api);
    let line = "POST /v1/files?fileName=f";
    // The half that never comes is not waited for.
    let body = "x".repeat(1_000_000);
    let kind = "application/octet-stream";
    for by in [By::Disabling, By::ReplacingTheKey] {
        let mut held = Held::begin(api, &owner, line, kind, Some(&body)).await;
        shut_out(api, &cast.admin, &mut owner, by).await;
        held.rest.truncate(1_000);
        held.end().await.is_problem(403, "forbidden");
        set_disabled(api, &cast.admin, &owner, false).await;
    }
    let after = kept(api);
    for table in ["files", "file_wraps", "erased_bodies"] {
        assert_eq!(after[table], before[table], "{table}");
    }
    let bodies = crate::api_files::bodies(api);
    assert_eq!(bodies.len(), before["files"].len(), "{bodies:?}");
}
