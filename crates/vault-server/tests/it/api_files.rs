//! Files over real sockets: stored, listed, read in whole and in part, erased, broken off.

use std::path::{Path, PathBuf};
use std::time::Instant;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use vault_server::vault::limits::VaultLimits;

use super::api_support::{Api, Calls, TestUser, base64, text, unbase64};
use super::support::PATIENCE;

pub(crate) const RAW: &str = "application/octet-stream";
/// Plaintext bytes of a chunk of a sealed body.
const CHUNK: usize = 16 * 1_024;
/// Bytes that an answer reads at once.
const PART: usize = 6 * CHUNK;

/// Bytes of which no two parts are alike.
pub(crate) fn content(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..bytes).map(next).collect()
}

/// Every stored body, finished or not.
pub(crate) fn bodies(api: &Api) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(&api.files(), &mut found);
    found.retain(|path| path.file_name().is_some_and(|name| name != "lock"));
    found
}

fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Stores a file raw; returns its id.
pub(crate) async fn upload(api: &Api, user: &TestUser, name: &str, bytes: Vec<u8>) -> String {
    let call = api.post(&format!("/v1/files?fileName={name}")).both(user);
    let stored = call.header("Content-Type", RAW).body(bytes).answer().await;
    assert_eq!(stored.status, 201, "{stored:?}");
    text(&stored.json(), "fileId")
}

/// Status, headers of interest and body of a raw read.
pub(crate) async fn raw(
    api: &Api,
    user: &TestUser,
    path: &str,
    headers: &[(&str, &str)],
) -> (StatusCode, reqwest::header::HeaderMap, Vec<u8>) {
    let mut call = api.get(path).both(user).header("Accept", RAW);
    for (name, value) in headers {
        call = call.header(*name, *value);
    }
    let response = call.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    (status, headers, response.bytes().await.unwrap().to_vec())
}

async fn user() -> (Api, TestUser) {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    (api, user)
}

#[tokio::test]
async fn a_file_is_stored_listed_read_and_erased() {
    let (api, user) = user().await;
    let bytes = br#"{"env":"dev","token":"abc"}"#;
    let body = json!({
        "fileName": "snapshot.json",
        "contentB64": base64(bytes),
        "contentType": "application/json",
    });
    let stored = api.post("/v1/files").both(&user).json(&body).answer().await;
    assert_eq!(stored.status, 201, "{stored:?}");
    let stored = stored.json();
    let id = text(&stored, "fileId");
    let shown = json!({
        "fileId": id,
        "fileName": "snapshot.json",
        "contentType": "application/json",
        "sizeBytes": bytes.len(),
        "createdUtc": "2027-01-15T08:00:00Z",
    });
    assert_eq!(stored, shown);
    let list = api.get("/v1/files").both(&user).answer().await.json();
    assert_eq!(list, json!([shown]));

    let path = format!("/v1/files/{id}");
    let read = api.get(&path).both(&user).answer().await;
    assert_eq!(read.status, 200, "{read:?}");
    let mut expected = shown.clone();
    expected["version"] = json!(1);
    expected["contentB64"] = json!(base64(bytes));
    assert_eq!(read.json(), expected);

    let (status, headers, read) = raw(&api, &user, &path, &[]).await;
    assert_eq!((status.as_u16(), read.as_slice()), (200, &bytes[..]));
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["etag"], "\"1\"");
    assert_eq!(headers["accept-ranges"], "bytes");
    let disposition = "attachment; filename*=UTF-8''snapshot%2Ejson";
    assert_eq!(headers["content-disposition"], disposition);

    let head = api.call(Method::HEAD, &path).both(&user);
    let head = head.header("Accept", RAW).header("Range", "bytes=0-1");
    let head = head.send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(head.headers()["content-length"], bytes.len().to_string());
    assert!(head.bytes().await.unwrap().is_empty());

    let gone = api.delete(&path).key(&user).answer().await;
    assert_eq!(gone.status, 204, "{gone:?}");
    assert_eq!(bodies(&api), Vec::<PathBuf>::new());
    for method in [Method::GET, Method::DELETE] {
        let again = api.call(method, &path).both(&user).answer().await;
        again.is_problem(404, "not_found");
    }
    let list = api.get("/v1/files").both(&user).answer().await.json();
    assert_eq!(list, json!([]));
}

#[tokio::test]
async fn every_size_comes_back_in_both_forms() {
    let (api, user) = user().await;
    for size in [
        0,
        1,
        2,
        CHUNK - 1,
        CHUNK,
        CHUNK + 1,
        PART - 1,
        PART,
        PART + 1,
        3 * PART + 5,
    ] {
        let bytes = content(size);
        let id = upload(&api, &user, "f", bytes.clone()).await;
        let path = format!("/v1/files/{id}");
        let (status, headers, read) = raw(&api, &user, &path, &[]).await;
        assert_eq!(status, 200, "{size}");
        assert_eq!(headers["content-length"], size.to_string());
        assert!(read == bytes, "{size}");
        let read = api.get(&path).both(&user).answer().await.json();
        assert_eq!(read["sizeBytes"], json!(size));
        assert!(unbase64(&text(&read, "contentB64")) == bytes, "{size}");
    }
}

#[tokio::test]
async fn one_range_is_answered_with_exactly_its_bytes() {
    let (api, user) = user().await;
    let bytes = content(2 * PART + 100);
    let size = bytes.len();
    let id = upload(&api, &user, "f", bytes.clone()).await;
    let path = format!("/v1/files/{id}");
    for (first, end) in [
        (0, 1),
        (0, size),
        (CHUNK - 1, CHUNK + 1),
        (PART - 1, PART + 1),
        (5, 2 * PART + 1),
        (size - 1, size),
    ] {
        let range = format!("bytes={first}-{}", end - 1);
        let (status, headers, read) = raw(&api, &user, &path, &[("Range", &range)]).await;
        assert_eq!(status, 206, "{range}");
        let shown = format!("bytes {first}-{}/{size}", end - 1);
        assert_eq!(headers["content-range"], shown);
        assert_eq!(headers["content-length"], (end - first).to_string());
        assert!(read == bytes[first..end], "{range}");
    }
    let (status, _, read) = raw(&api, &user, &path, &[("Range", "bytes=-7")]).await;
    assert_eq!((status.as_u16(), &read[..]), (206, &bytes[size - 7..]));
    let ranged = |condition| [("Range", "bytes=1-2"), ("If-Range", condition)];
    let (status, _, read) = raw(&api, &user, &path, &ranged("\"1\"")).await;
    assert_eq!((status.as_u16(), &read[..]), (206, &bytes[1..3]));
    for condition in ["\"2\"", "W/\"1\"", "Fri, 15 Jan 2027 08:00:00 GMT"] {
        let (status, _, read) = raw(&api, &user, &path, &ranged(condition)).await;
        assert_eq!((status.as_u16(), read.len()), (200, size), "{condition}");
    }
    let (status, _, read) = raw(&api, &user, &path, &[("Range", "bytes=0-1,3-4")]).await;
    assert_eq!((status.as_u16(), read.len()), (200, size));
    let call = api.get(&path).both(&user).header("Accept", RAW);
    let outside = call
        .header("Range", format!("bytes={size}-"))
        .answer()
        .await;
    outside.is_problem(416, "range_not_satisfiable");
    assert_eq!(
        outside.header("content-range"),
        Some(&*format!("bytes */{size}"))
    );
}

#[tokio::test]
async fn lists_come_in_pages_that_join_up() {
    let (api, user) = user().await;
    let mut names = Vec::new();
    for number in 0..7 {
        let name = format!("file-{number}");
        upload(&api, &user, &name, content(number)).await;
        names.push(name);
    }
    let mut listed = Vec::new();
    let mut path = "/v1/files?limit=3".to_owned();
    loop {
        let page = api.get(&path).both(&user).answer().await;
        assert_eq!(page.status, 200, "{page:?}");
        let files = page.json();
        let files = files.as_array().unwrap();
        assert!(files.len() <= 3);
        listed.extend(files.iter().map(|file| text(file, "fileName")));
        let Some(link) = page.header("link") else {
            break;
        };
        path = link[1..link.find('>').unwrap()].to_owned();
    }
    assert_eq!(listed, names);
}

#[tokio::test]
async fn refusals_say_why_and_leave_nothing() {
    let limits = VaultLimits {
        file_bytes_max: 100_000,
        ..VaultLimits::default()
    };
    let api = Api::start_with(limits).await;
    let user = api.org_with_keys("a").await;
    let keyless = api.add_user(&user.key, &user.org_id, "k", false).await;
    let post = |path: &str| api.post(path).both(&user);
    let raw = |path: &str| post(path).header("Content-Type", RAW);

    let declared = raw("/v1/files?fileName=a").body(content(100_001));
    declared.answer().await.is_problem(413, "too_large");
    let parts = (0..20).map(|_| Ok::<_, std::io::Error>(content(10_000)));
    let parts = futures_of(parts.collect());
    let streamed = raw("/v1/files?fileName=a").body(reqwest::Body::wrap(parts));
    streamed.answer().await.is_problem(413, "too_large");
    let document = json!({"fileName": "a", "contentB64": base64(&content(2 * 1024 * 1024))});
    let large = post("/v1/files").json(&document).answer().await;
    large.is_problem(413, "too_large");
    assert!(text(&large.json(), "detail").contains("raw"));

    let untyped = post("/v1/files?fileName=a").body("x").answer().await;
    untyped.is_problem(415, "unsupported_media_type");
    for path in [
        "/v1/files",
        "/v1/files?fileName=",
        "/v1/files?fileName=a%2Fb",
        "/v1/files?fileName=..",
        "/v1/files?filename=a",
        "/v1/files?fileName=a&contentType=text",
    ] {
        let refused = raw(path).body("x").answer().await;
        refused.is_problem(400, "malformed_request");
    }
    for body in [
        json!({"fileName": "a"}),
        json!({"fileName": "a", "contentB64": "?"}),
        json!({"fileName": "a", "contentB64": "", "contentType": "no type"}),
        json!({"fileName": "a", "contentB64": "", "more": 1}),
    ] {
        let refused = post("/v1/files").json(&body).answer().await;
        refused.is_problem(400, "malformed_request");
    }
    let both = post("/v1/files?fileName=a").json(&json!({"fileName": "a", "contentB64": ""}));
    both.answer().await.is_problem(400, "malformed_request");
    let no_secret = api.post("/v1/files?fileName=a").key(&user);
    let no_secret = no_secret
        .header("Content-Type", RAW)
        .body("x")
        .answer()
        .await;
    no_secret.is_problem(400, "missing_header");
    let wrong = TestUser {
        secret: super::api_support::generated_secret(),
        ..user.clone()
    };
    let wrong = api.post("/v1/files?fileName=a").both(&wrong);
    let wrong = wrong.header("Content-Type", RAW).body("x").answer().await;
    wrong.is_problem(401, "wrong_user_secret");
    let keyless = api.post("/v1/files?fileName=a").both(&keyless);
    let keyless = keyless.header("Content-Type", RAW).body("x").answer().await;
    keyless.is_problem(400, "keys_missing");

    assert_eq!(bodies(&api), Vec::<PathBuf>::new());
    assert_eq!(api.count("files"), 0);
}

/// A body of parts whose length nobody knows.
fn futures_of(
    parts: Vec<Result<Vec<u8>, std::io::Error>>,
) -> impl http_body::Body<Data = bytes::Bytes, Error = std::io::Error> {
    let (sender, body) = http_body_util::channel::Channel::new(parts.len() + 1);
    let mut sender = sender;
    for part in parts {
        let sent = sender.try_send(http_body::Frame::data(part.unwrap().into()));
        assert!(sent.is_ok());
    }
    body
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let (api, user) = user().await;
    let head = format!(
        "POST /v1/files?fileName=a HTTP/1.1\r\nHost: a\r\nX-Api-Key: {}\r\nX-User-Secret: {}\r\n\
         Content-Type: {RAW}\r\nContent-Length: 5000000\r\n\r\n",
        user.key, user.secret
    );
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&content(1_000_000)).await.unwrap();
    until(|| bodies(&api).len() == 1).await;
    drop(stream);
    until(|| bodies(&api).is_empty()).await;
    assert_eq!(api.count("files"), 0);
}

/// Waits for something that happens on its own.
pub(crate) async fn until(mut happened: impl FnMut() -> bool) {
    let started = Instant::now();
    while !happened() {
        assert!(started.elapsed() < PATIENCE, "it never happened");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn nobody_else_knows_of_a_file_and_names_are_stored_nowhere() {
    let (api, user) = user().await;
    let colleague = api.add_user(&user.key, &user.org_id, "c", true).await;
    api.generate(&colleague).await;
    let stranger = api.org_with_keys("other").await;
    let id = upload(&api, &user, "canary-name", b"canary-content".to_vec()).await;
    let path = format!("/v1/files/{id}");
    for other in [&colleague, &stranger] {
        for (method, path) in [
            (Method::GET, path.clone()),
            (Method::HEAD, path.clone()),
            (Method::DELETE, path.clone()),
            (Method::GET, format!("{path}/shares")),
        ] {
            let answer = api.call(method, &path).both(other).answer().await;
            assert_eq!(answer.status, 404, "{path}");
        }
        let list = api.get("/v1/files").both(other).answer().await.json();
        assert_eq!(list, json!([]));
    }
    let root = TestUser {
        key: api.root.clone(),
        ..user.clone()
    };
    let forbidden = api.get(&path).both(&root).answer().await;
    forbidden.is_problem(403, "forbidden");
    let mut everything = Vec::new();
    collect(api.files().parent().unwrap(), &mut everything);
    for file in everything {
        let bytes = std::fs::read(&file).unwrap();
        for canary in ["canary-name", "canary-content"] {
            let found = bytes.windows(canary.len()).any(|w| w == canary.as_bytes());
            assert!(!found, "{canary} in {}", file.display());
        }
    }
    let read: Value = api.get(&path).both(&user).answer().await.json();
    assert_eq!(text(&read, "fileName"), "canary-name");
}

#[tokio::test]
async fn no_user_takes_all_places_for_transfers() {
    let (api, user) = user().await;
    let colleague = api.add_user(&user.key, &user.org_id, "c", true).await;
    api.generate(&colleague).await;
    let head = format!(
        "POST /v1/files?fileName=a HTTP/1.1\r\nHost: a\r\nX-Api-Key: {}\r\nX-User-Secret: {}\r\n\
         Content-Type: {RAW}\r\nContent-Length: 10\r\n\r\n",
        user.key, user.secret
    );
    let mut open = Vec::new();
    for _ in 0..vault_server::vault::limits::UPLOADS.per_user_max {
        let mut stream = TcpStream::connect(api.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        open.push(stream);
    }
    until(|| bodies(&api).len() == open.len()).await;
    let call = api.post("/v1/files?fileName=a").both(&user);
    let refused = call.header("Content-Type", RAW).body("x").answer().await;
    refused.is_problem(503, "overloaded");
    assert!(refused.header("retry-after").is_some());
    upload(&api, &colleague, "a", content(1)).await;
    drop(open);
    until(|| bodies(&api).len() == 1).await;
    // A place comes back a moment after the body is gone.
    let accepted = async {
        loop {
            let call = api.post("/v1/files?fileName=a").both(&user);
            let answer = call.header("Content-Type", RAW).body("x").answer().await;
            if answer.status != 503 {
                return answer.status;
            }
        }
    };
    let accepted = tokio::time::timeout(PATIENCE, accepted).await;
    assert_eq!(accepted.unwrap(), 201);
}

#[tokio::test]
async fn no_organisation_takes_all_places_and_shutting_readers_out_needs_none_of_them() {
    use vault_server::vault::limits::UPLOADS;
    let (api, owner) = user().await;
    let outsider = api.org_with_keys("elsewhere").await;
    let file = upload(&api, &owner, "a", content(1)).await;
    let mut users = vec![owner.clone()];
    for _ in 0..UPLOADS.per_org_max / UPLOADS.per_user_max {
        let user = api.add_user(&owner.key, &owner.org_id, "u", false).await;
        api.generate(&user).await;
        users.push(user);
    }
    let body = json!({"recipientUserId": users[1].user_id, "permission": "read"});
    let call = api.post(&format!("/v1/files/{file}/shares")).both(&owner);
    let made = call.json(&body).answer().await;
    assert_eq!(made.status, 201, "{made:?}");
    let share = text(&made.json(), "shareId");
    let mut open = Vec::new();
    for user in &users[1..] {
        let head = format!(
            "POST /v1/files?fileName=a HTTP/1.1\r\nHost: a\r\nX-Api-Key: {}\r\n\
             X-User-Secret: {}\r\nContent-Type: {RAW}\r\nContent-Length: 10\r\n\r\n",
            user.key, user.secret
        );
        for _ in 0..UPLOADS.per_user_max {
            let mut stream = TcpStream::connect(api.address).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            open.push(stream);
        }
    }
    until(|| bodies(&api).len() == open.len() + 1).await;
    let call = api.post("/v1/files?fileName=a").both(&owner);
    let refused = call.header("Content-Type", RAW).body("x").answer().await;
    refused.is_problem(503, "overloaded");
    upload(&api, &outsider, "a", content(1)).await;
    let path = format!("/v1/files/{file}/shares/{share}?rekey=true");
    let ended = api.delete(&path).both(&owner).answer().await;
    assert_eq!(ended.status, 204, "{ended:?}");
}
