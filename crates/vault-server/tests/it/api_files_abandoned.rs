//! What is left of files whose callers went away, and of those that were refused at the end:
//! nothing, and without a restart.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;
use vault_server::vault::limits::FILE_REKEYS;

use super::api_audit::chain_when;
use super::api_files::{RAW, bodies, content, raw, until, upload};
use super::api_support::{Api, Calls, TestUser, text};
use super::held_blobs::BlobStep;
use super::support::PATIENCE;

/// Bytes that take several writes.
const LARGE: usize = 500_000;

async fn user() -> (Api, TestUser) {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    (api, user)
}

/// A call on a connection of its own, to be dropped.
async fn begin(api: &Api, user: &TestUser, line: &str, body: &[u8]) -> TcpStream {
    let head = format!(
        "{line} HTTP/1.1\r\nHost: a\r\nX-Api-Key: {}\r\nX-User-Secret: {}\r\n\
         Content-Type: {RAW}\r\nContent-Length: {}\r\n\r\n",
        user.key,
        user.secret,
        body.len()
    );
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    stream
}

/// Waits until the server knows that so many callers went away.
async fn noticed(api: &Api, user: &TestUser, count: usize) {
    let org_id = user.org_id.parse::<Uuid>().unwrap().into();
    let abandoned = |links: &[hardened_crypto::audit_chain::ChainLink]| {
        let outcomes = links.iter().map(|link| link.entry.event.outcome.as_str());
        outcomes.filter(|outcome| *outcome == "abandoned").count() == count
    };
    chain_when(api, org_id, abandoned).await;
}

async fn share(api: &Api, owner: &TestUser, with: &TestUser, file: &str) -> String {
    let body = json!({"recipientUserId": with.user_id, "permission": "read"});
    let call = api.post(&format!("/v1/files/{file}/shares")).both(owner);
    let made = call.json(&body).answer().await;
    assert_eq!(made.status, 201, "{made:?}");
    text(&made.json(), "shareId")
}

#[tokio::test]
async fn an_abandoned_rekey_ends_its_copy_and_changes_nothing() {
    let (api, owner) = user().await;
    let bob = api.add_user(&owner.key, &owner.org_id, "bob", false).await;
    api.generate(&bob).await;
    let bytes = content(LARGE);
    let mut calls = Vec::new();
    for number in 0..=FILE_REKEYS.per_user_max {
        let file = upload(&api, &owner, &format!("f{number}"), bytes.clone()).await;
        let share = share(&api, &owner, &bob, &file).await;
        calls.push((file, share));
    }
    let old = sorted(&api);
    let further = calls.pop().unwrap();

    let hold = api.gate.hold(BlobStep::Write);
    let mut open = Vec::new();
    for (file, share) in &calls {
        let line = format!("DELETE /v1/files/{file}/shares/{share}?rekey=true");
        open.push(begin(&api, &owner, &line, b"").await);
    }
    until(|| api.gate.waiting() == calls.len()).await;
    assert_eq!(bodies(&api).len(), 2 * calls.len() + 1);
    drop(open);
    noticed(&api, &owner, calls.len()).await;
    // The copies still run, so they still count.
    let (file, share) = &further;
    let path = format!("/v1/files/{file}/shares/{share}?rekey=true");
    let refused = api.delete(&path).both(&owner).answer().await;
    refused.is_problem(503, "overloaded");
    drop(hold);

    until(|| sorted(&api) == old).await;
    for (file, share) in &calls {
        let path = format!("/v1/files/{file}");
        let (status, headers, read) = raw(&api, &owner, &path, &[]).await;
        assert_eq!(status, 200);
        assert_eq!(headers["etag"], "\"1\"");
        assert!(read == bytes);
        let path = format!("/v1/files/shared/{share}");
        assert_eq!(raw(&api, &bob, &path, &[]).await.0, 200);
    }
    let (file, share) = &calls[0];
    let path = format!("/v1/files/{file}/shares/{share}?rekey=true");
    let again = accepted(|| api.delete(&path).both(&owner)).await;
    assert_eq!(again, 204);
}

fn sorted(api: &Api) -> Vec<std::path::PathBuf> {
    let mut bodies = bodies(api);
    bodies.sort();
    bodies
}

/// The status of a call once there is a place for its transfer, which comes back a moment after
/// the body is gone.
async fn accepted(call: impl Fn() -> reqwest::RequestBuilder) -> u16 {
    let accepted = async {
        loop {
            let answer = call().answer().await;
            if answer.status != 503 {
                return answer.status;
            }
        }
    };
    tokio::time::timeout(PATIENCE, accepted).await.unwrap()
}

#[tokio::test]
async fn an_abandoned_finish_leaves_nothing() {
    let (api, owner) = user().await;
    for step in [BlobStep::Write, BlobStep::Finish] {
        let abandoned_before = if step == BlobStep::Write { 0 } else { 1 };
        let hold = api.gate.hold(step);
        // Less than one batch, so that the first write to the disk is the one at the end.
        let line = "POST /v1/files?fileName=a";
        let stream = begin(&api, &owner, line, &content(200_000)).await;
        until(|| api.gate.waiting() == 1).await;
        drop(stream);
        noticed(&api, &owner, abandoned_before + 1).await;
        drop(hold);
        until(|| bodies(&api).is_empty()).await;
        assert_eq!(api.count("files"), 0);
    }
}

#[tokio::test]
async fn a_commit_that_is_refused_leaves_no_body() {
    let (api, owner) = user().await;
    let alice = api.add_user(&owner.key, &owner.org_id, "a", false).await;
    api.generate(&alice).await;

    // Its owner is removed while the body becomes durable.
    let hold = api.gate.hold(BlobStep::Finish);
    let mut stream = begin(&api, &alice, "POST /v1/files?fileName=a", b"x").await;
    until(|| api.gate.waiting() == 1).await;
    let path = format!("/admin/orgs/{}/users/{}", owner.org_id, alice.user_id);
    let removed = api.delete(&path).key(&owner).answer().await;
    assert_eq!(removed.status, 204, "{removed:?}");
    drop(hold);
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 403");
    until(|| bodies(&api).is_empty()).await;

    // The database is full: no page more than there are.
    api.store.limit_pages(1);
    let mut stored = 0;
    let refused = loop {
        let name = "n".repeat(1_000);
        let call = api.post(&format!("/v1/files?fileName={name}")).both(&owner);
        let call = call.header("Content-Type", RAW).body(content(LARGE));
        let answer = call.answer().await;
        if answer.status != 201 {
            break answer;
        }
        stored += 1;
        assert!(stored < 1_000, "the database is never full");
    };
    refused.is_problem(503, "storage_unavailable");
    until(|| bodies(&api).len() == stored).await;
    assert_eq!(api.count("files"), i64::try_from(stored).unwrap());

    api.store.limit_pages(u32::MAX - 1);
    upload(&api, &owner, "a", content(LARGE)).await;
    assert_eq!(bodies(&api).len(), stored + 1);
}

#[tokio::test]
async fn an_upload_is_removed_beside_the_reactor() {
    let (api, owner) = user().await;
    let hold = api.gate.hold(BlobStep::GiveUp);
    let head = format!(
        "POST /v1/files?fileName=a HTTP/1.1\r\nHost: a\r\nX-Api-Key: {}\r\nX-User-Secret: {}\r\n\
         Content-Type: {RAW}\r\nContent-Length: 5000000\r\n\r\n",
        owner.key, owner.secret
    );
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&content(1_000_000)).await.unwrap();
    until(|| bodies(&api).len() == 1).await;
    drop(stream);
    until(|| api.gate.waiting() == 1).await;
    // Every worker answers while the removal stands still.
    for _ in 0..32 {
        let mut stream = TcpStream::connect(api.address).await.unwrap();
        let request = b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut status = [0; 12];
        let answered = tokio::time::timeout(PATIENCE, stream.read_exact(&mut status));
        answered.await.expect("the worker is free").unwrap();
        assert_eq!(&status, b"HTTP/1.1 200");
    }
    assert_eq!(bodies(&api).len(), 1);
    drop(hold);
    until(|| bodies(&api).is_empty()).await;
}
