//! What is malformed is refused with its code, repeats nothing, and leaves no row behind.

use serde_json::json;

use super::api_isolation::CALLS;
use super::api_support::{Api, Calls, TestUser};
use super::support::{Answer, read_to_end};

async fn put_text(api: &Api, user: &TestUser, body: impl Into<String>) -> Answer {
    let call = api.put("/v1/kv/a").key(user).body(body.into());
    let call = call.header("Content-Type", "application/json");
    call.answer().await
}

#[tokio::test]
async fn bodies_of_another_shape_are_refused_and_leave_no_row() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let deep = format!("{}1{}", r#"{"a":"#.repeat(200), "}".repeat(200));
    for body in [
        "".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        "\"canary\"".to_owned(),
        "{}".to_owned(),
        "{\"valueB64\":1}".to_owned(),
        "{\"valueB64\":null}".to_owned(),
        "{\"valueB64\":\"\"".to_owned(),
        "{\"valueB64\":\"\"}canary".to_owned(),
        "{\"valueB64\":\"\",}".to_owned(),
        "{\"value\":\"\"}".to_owned(),
        "{\"valueB64\":\"\",\"expiresUTC\":\"2030-01-01T00:00:00Z\"}".to_owned(),
        "{\"valueB64\":\"\",\"expires\":\"2030-01-01T00:00:00Z\"}".to_owned(),
        "{\"valueB64\":\"\",\"valueB64\":\"\"}".to_owned(),
        "{\"valueB64\":\"\",\"metadata\":{},\"metadata\":{}}".to_owned(),
        "{\"valueB64\":\"\",\"metadata\":[]}".to_owned(),
        "{\"valueB64\":\"\",\"metadata\":\"canary\"}".to_owned(),
        "{\"valueB64\":\"\",\"metadata\":{\"a\":1e999}}".to_owned(),
        "{\"valueB64\":\"\",\"metadata\":{\"a\":\"\\ud800\"}}".to_owned(),
        format!("{{\"valueB64\":\"\",\"metadata\":{deep}}}"),
        format!("{{\"valueB64\":{}}}", "[".repeat(100_000)),
        "\u{feff}{\"valueB64\":\"\"}".to_owned(),
    ] {
        let refused = put_text(&api, &user, body.clone()).await;
        refused.is_problem(400, "malformed_request");
        assert!(!refused.body.contains("canary"), "{body}");
    }
    for text in [
        "AA", "AA=", "AB==", "-_8=", "Zm9v\\n", " Zm9v", "Zm9v=", "%41", "canary", "A===",
    ] {
        let refused = put_text(&api, &user, format!("{{\"valueB64\":\"{text}\"}}")).await;
        refused.is_problem(400, "malformed_request");
        assert!(!refused.body.contains("canary"), "{text}");
    }
    for table in ["vault_values", "value_versions", "wraps", "account_boxes"] {
        assert_eq!(api.count(table), 0, "{table}");
    }
    // Escapes are JSON's own, and null is the same as absent.
    let accepted = put_text(
        &api,
        &user,
        r#"{"valueB64":"\u002b\/8=","expiresUtc":null,"metadata":null}"#,
    );
    assert_eq!(accepted.await.status, 201);
    let call = api.get("/v1/kv/a").both(&user);
    let call = call.header("Accept", "application/octet-stream");
    let read = call.send().await.unwrap().bytes().await.unwrap();
    assert_eq!(read, &b"\xfb\xff"[..]);
}

#[tokio::test]
async fn unknown_parameters_are_refused_by_every_call() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    for (method, path, body) in CALLS {
        if *path == "/openapi.json" {
            continue;
        }
        let mark = if path.contains('?') { '&' } else { '?' };
        let caller = if path.starts_with("/admin") {
            &api.root
        } else {
            &user.key
        };
        let call = api.call(method.parse().unwrap(), &format!("{path}{mark}canary=1"));
        let call = call.header("X-Api-Key", caller);
        let call = call.header("X-User-Secret", &user.secret);
        let call = call.header("X-New-User-Secret", "new");
        let call = call.header("Content-Type", "application/json");
        let refused = call.body(body.unwrap_or_default()).answer().await;
        assert_eq!(refused.status, 400, "{method} {path}");
        refused.is_problem(400, "malformed_request");
        assert!(!refused.body.contains("canary"));
    }
}

#[tokio::test]
async fn a_body_where_none_belongs_is_refused_and_nothing_happens() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    api.store_value(&user, "a", "value").await;
    api.store_value(&user, "hidden", "value").await;
    api.delete("/v1/kv/hidden").key(&user).answer().await;
    for (method, path) in [
        ("DELETE", "/v1/kv/a"),
        ("DELETE", "/v1/kv/a?destroy=true"),
        ("POST", "/v1/kv/hidden/undelete"),
        (
            "DELETE",
            "/v1/kv/a/shares/0190f5fe-7c00-7a00-8000-000000000001",
        ),
        (
            "DELETE",
            "/v1/kv/shared/0190f5fe-7c00-7a00-8000-000000000001",
        ),
        (
            "DELETE",
            "/v1/credentials/0190f5fe-7c00-7a00-8000-000000000001",
        ),
        ("DELETE", "/v1/apikeys/AAAAAAAA"),
    ] {
        for body in ["{}", " ", r#"{"destroy":false}"#] {
            let call = api.call(method.parse().unwrap(), path).key(&user);
            let refused = call.body(body).answer().await;
            refused.is_problem(400, "malformed_request");
        }
        let call = api.call(method.parse().unwrap(), path).key(&user);
        let refused = call.body("x".repeat(17 * 1024)).answer().await;
        refused.is_problem(413, "too_large");
    }
    assert_eq!(api.read_value(&user, "a").await, "value");
    let hidden = api.get("/v1/kv/hidden").both(&user).answer().await;
    hidden.is_problem(404, "not_found");
}

#[tokio::test]
async fn arrays_are_not_taken_for_documents() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let users = format!("/admin/orgs/{}/users", user.org_id);
    let one_user = format!("{users}/{}", user.user_id);
    let rotate = format!("{one_user}/apikey/rotate");
    let before = [
        api.count("vault_values"),
        api.count("users"),
        api.count("orgs"),
    ];
    for (method, path, body, key) in [
        ("PUT", "/v1/kv/a", r#"["AA=="]"#, &user.key),
        ("PUT", "/v1/kv/a", r#" ["AA==",null,null]"#, &user.key),
        ("POST", "/v1/kv/a/rollback", "[1]", &user.key),
        ("POST", "/v1/kv/batch-get", r#"[["a"]]"#, &user.key),
        (
            "POST",
            "/v1/kv/a/shares",
            r#"["0190f5fe-7c00-7a00-8000-000000000001","read"]"#,
            &user.key,
        ),
        ("POST", "/v1/apikeys", r#"[["read"]]"#, &user.key),
        ("POST", "/v1/apikeys", "[]", &user.key),
        ("PATCH", &one_user, r#"["renamed"]"#, &user.key),
        ("POST", &rotate, "[60]", &user.key),
        ("POST", "/admin/orgs", r#"["arr"]"#, &api.root),
        ("POST", &users, r#"["arr",true]"#, &user.key),
    ] {
        let call = api
            .call(method.parse().unwrap(), path)
            .header("X-Api-Key", key);
        let call = call.header("X-User-Secret", &user.secret);
        let call = call.header("Content-Type", "application/json");
        let refused = call.body(body).answer().await;
        assert_eq!(refused.status, 400, "{method} {path} {body}");
        refused.is_problem(400, "malformed_request");
    }
    let after = [
        api.count("vault_values"),
        api.count("users"),
        api.count("orgs"),
    ];
    assert_eq!(after, before);
}

/// Sends a request line as it stands: clients tidy paths up before they send them.
async fn raw(api: &Api, user: &TestUser, method: &str, path: &str, body: &str) -> Answer {
    use tokio::io::AsyncWriteExt;
    let mut stream = tokio::net::TcpStream::connect(api.address).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Api-Key: {}\r\n\
         X-User-Secret: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        user.key,
        user.secret,
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    Answer::parse(&read_to_end(&mut stream).await)
}

#[tokio::test]
async fn names_are_decoded_once_and_never_taken_apart() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let longest = "x".repeat(512);
    let names = [
        ("app%2Fdb", "app/db"),
        ("a%252Fb", "a%2Fb"),
        (".", "."),
        ("..", ".."),
        ("%2e%2e", ".."),
        ("%2E%2E%2fadmin", "../admin"),
        ("a+b%20c", "a+b c"),
        ("%D0%BA%D0%BB", "кл"),
        ("a;b=c", "a;b=c"),
        ("Shared", "Shared"),
        (longest.as_str(), longest.as_str()),
    ];
    for (segment, name) in names {
        let path = format!("/v1/kv/{segment}");
        let stored = raw(&api, &user, "PUT", &path, r#"{"valueB64":"AA=="}"#).await;
        assert!(matches!(stored.status, 200 | 201), "{segment}: {stored:?}");
        assert_eq!(stored.json()["key"], name);
        let read = raw(&api, &user, "GET", &path, "").await;
        assert_eq!((read.status, &read.json()["key"]), (200, &json!(name)));
    }
    let listed = api.get("/v1/kv").key(&user).answer().await.json();
    assert_eq!(
        listed.as_array().unwrap().len(),
        names.len() - 1,
        "{listed}"
    );
    let too_long = "x".repeat(513);
    for segment in [
        "%73hared",
        "batch%2Dget",
        "a%00b",
        "a%0Ab",
        "%7F",
        "%C2%85",
        "%FF",
        "%E2%80%AEgpj",
        "%",
        "%4",
        "%zz",
        &too_long,
    ] {
        for (method, body) in [("PUT", r#"{"valueB64":""}"#), ("GET", ""), ("DELETE", "")] {
            let path = format!("/v1/kv/{segment}");
            let refused = raw(&api, &user, method, &path, body).await;
            assert_eq!(refused.status, 400, "{method} {segment}");
            refused.is_problem(400, "malformed_request");
        }
    }
    for path in [
        "/v1/kv/",
        "/v1/kv/a/b",
        "/v1//kv/a",
        "/v1/kv/../kv/a",
        "/V1/kv/a",
    ] {
        let absent = raw(&api, &user, "GET", path, "").await;
        absent.is_problem(404, "not_found");
    }
    for (method, path) in [
        ("PATCH", "/v1/kv/a"),
        ("PUT", "/v1/kv/batch-get"),
        ("PUT", "/v1/kv/shared"),
    ] {
        let wrong_method = raw(&api, &user, method, path, "").await;
        wrong_method.is_problem(405, "method_not_allowed");
    }
}
