//! API keys beyond the first one: what a scope keeps shut, who makes which, and when they end.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::api_isolation::CALLS;
use super::api_support::{Api, Calls, TestUser, text};
use super::support::{Answer, read_to_end};

async fn make(api: &Api, by: &TestUser, body: Value) -> Answer {
    api.post("/v1/apikeys").key(by).json(&body).answer().await
}

/// The same user with a further API key.
async fn scoped(api: &Api, by: &TestUser, body: Value) -> TestUser {
    let made = make(api, by, body).await;
    assert_eq!(made.status, 201, "{made:?}");
    TestUser {
        key: text(&made.json(), "apiKey"),
        ..by.clone()
    }
}

fn id_of(user: &TestUser) -> &str {
    &user.key[4..12]
}

async fn is_known(api: &Api, user: &TestUser) -> bool {
    let me = api.get("/v1/users/me").key(user).answer().await;
    assert!(matches!(me.status, 200 | 401), "{me:?}");
    me.status == 200
}

fn is_out_of_scope(answer: &Answer) -> bool {
    answer.status == 403 && answer.json()["code"] == "out_of_scope"
}

/// Calls of the table that a scope leaves open, as (method, path); `*` ends a path that goes on.
type Open = &'static [(&'static str, &'static str)];

const SELF: Open = &[
    ("GET", "/v1/users/me"),
    ("GET", "/v1/keys/status"),
    ("GET", "/openapi.json"),
];

fn is_listed(open: Open, method: &str, path: &str) -> bool {
    open.iter().any(|(m, p)| {
        let fits = match p.strip_suffix('*') {
            Some(begin) => path.starts_with(begin),
            None => path == *p,
        };
        (*m == "*" || *m == method) && fits
    })
}

#[tokio::test]
async fn a_key_with_places_reaches_those_and_nothing_else() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let cases: [(Value, Open, bool); 6] = [
        (
            json!({"kv": ["a"]}),
            &[("*", "/v1/kv/a*"), ("POST", "/v1/kv/batch-get")],
            true,
        ),
        (
            json!({"kv": ["app/"]}),
            // What is named in the body is judged there.
            &[("POST", "/v1/kv/batch-get")],
            true,
        ),
        (
            json!({"kv": ["a"], "methods": ["GET"]}),
            &[("GET", "/v1/kv/a*")],
            true,
        ),
        (json!({"hosts": ["a.example"]}), &[], true),
        (json!({"useOnly": true}), &[], false),
        (json!({"useOnly": true, "hosts": ["a.example"]}), &[], false),
    ];
    for (scope, open, sees_self) in cases {
        let limited = scoped(&api, &user, scope.clone()).await;
        for (method, path, body) in CALLS {
            let call = api.call(method.parse().unwrap(), path).both(&limited);
            let call = call.header("X-New-User-Secret", &user.secret);
            let call = call.header("Content-Type", "application/json");
            let answer = call.body(body.unwrap_or_default()).answer().await;
            let is_open =
                is_listed(open, method, path) || sees_self && is_listed(SELF, method, path);
            assert_eq!(
                is_out_of_scope(&answer),
                !is_open,
                "{scope} {method} {path}: {answer:?}"
            );
        }
    }
}

#[tokio::test]
async fn methods_say_what_may_be_done_and_not_where() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let reads: Open = &[
        ("GET", "/v1/*"),
        ("GET", "/openapi.json"),
        ("POST", "/v1/kv/batch-get"),
        ("POST", "/v1/proxy/explain"),
    ];
    for (scope, expected) in [
        (
            json!({"methods": ["read"]}),
            [true, true, false, false, false],
        ),
        (
            json!({"methods": ["write"]}),
            [false, false, true, true, true],
        ),
        (
            json!({"methods": ["GET"]}),
            [true, false, false, false, false],
        ),
        (
            json!({"methods": ["POST"]}),
            [false, true, false, true, false],
        ),
        (
            json!({"methods": ["read", "PUT"]}),
            [true, true, true, false, false],
        ),
    ] {
        let limited = scoped(&api, &user, scope.clone()).await;
        for ((method, path, body), is_open) in [
            ("GET", "/v1/kv/a", ""),
            ("POST", "/v1/kv/batch-get", r#"{"keys":["a"]}"#),
            ("PUT", "/v1/kv/a", r#"{"valueB64":""}"#),
            ("POST", "/v1/kv/a/undelete", ""),
            ("DELETE", "/v1/kv/a", ""),
        ]
        .into_iter()
        .zip(expected)
        {
            let call = api.call(method.parse().unwrap(), path).both(&limited);
            let call = call.header("Content-Type", "application/json").body(body);
            let answer = call.answer().await;
            assert_eq!(
                is_out_of_scope(&answer),
                !is_open,
                "{scope} {method} {path}"
            );
        }
        let head = api.call(Method::HEAD, "/v1/users/me").key(&limited);
        let head = head.send().await.unwrap().status().as_u16();
        let reads_all = scope["methods"][0] == "read";
        assert_eq!(head, if reads_all { 200 } else { 403 }, "{scope}");
    }
    // What only reads changes nothing, wherever it goes.
    let reader = scoped(&api, &user, json!({"methods": ["read"]})).await;
    for (method, path, body) in CALLS.iter().filter(|(m, p, _)| !is_listed(reads, m, p)) {
        let call = api.call(method.parse().unwrap(), path).both(&reader);
        let call = call.header("Content-Type", "application/json");
        let answer = call.body(body.unwrap_or_default()).answer().await;
        assert_eq!(answer.status, 403, "{method} {path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_list_equals_the_union_of_single_reads() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let names = [
        "app",
        "app/a",
        "app/b",
        "app/../other",
        "apple",
        "App/a",
        "other",
        "x",
    ];
    for name in names {
        let path = name.replace('/', "%2F");
        api.store_value(&user, &path, name).await;
    }
    for scope in [
        json!(["app/"]),
        json!(["app"]),
        json!(["app/a", "other"]),
        json!(["nothing"]),
    ] {
        let limited = scoped(&api, &user, json!({"kv": scope})).await;
        let mut readable = Vec::new();
        for name in names {
            let path = format!("/v1/kv/{}", name.replace('/', "%2F"));
            let read = api.get(&path).both(&limited).answer().await;
            assert!(read.status == 200 || is_out_of_scope(&read), "{read:?}");
            let permitted = scope.as_array().unwrap().iter();
            let permitted = permitted.map(|prefix| prefix.as_str().unwrap());
            let expected = permitted.into_iter().any(|prefix| name.starts_with(prefix));
            assert_eq!(read.status == 200, expected, "{scope} {name}");
            if expected {
                readable.push(name);
            }
        }
        for prefix in [
            "", "a", "app", "app/", "app/a", "app/..", "other", "x", "nothing",
        ] {
            for query in [
                format!("?prefix={}", prefix.replace('/', "%2F")),
                format!("?limit=1000&prefix={prefix}"),
                format!("?prefix={prefix}&after=App"),
            ] {
                let listed = api.get(&format!("/v1/kv{query}")).key(&limited);
                let listed = listed.answer().await;
                if is_out_of_scope(&listed) {
                    continue;
                }
                assert_eq!(listed.status, 200, "{listed:?}");
                let mut expected: Vec<_> = readable.clone();
                expected.retain(|name| name.starts_with(prefix));
                expected.sort_unstable();
                assert_eq!(listed.json(), json!(expected), "{scope} {query}");
            }
        }
        for prefix in scope.as_array().unwrap() {
            let listed = api.get(&format!("/v1/kv?prefix={}", prefix.as_str().unwrap()));
            assert_eq!(listed.key(&limited).answer().await.status, 200, "{scope}");
        }
        let twice = api.get("/v1/kv?prefix=nothing&prefix=x").key(&limited);
        let twice = twice.answer().await;
        assert!(twice.status == 400 || is_out_of_scope(&twice), "{twice:?}");
        let batch = api.post("/v1/kv/batch-get").both(&limited);
        let batch = batch.json(&json!({"keys": names})).answer().await.json();
        for (item, name) in batch.as_array().unwrap().iter().zip(names) {
            assert_eq!(item["key"], name);
            assert_eq!(item.get("valueB64").is_some(), readable.contains(&name));
            if !readable.contains(&name) {
                assert_eq!(
                    (&item["status"], &item["code"]),
                    (&json!(403), &json!("out_of_scope"))
                );
            }
        }
    }
}

/// Sends a request line as it stands: clients tidy paths up before they send them.
async fn raw(api: &Api, user: &TestUser, path: &str) -> Answer {
    let mut stream = tokio::net::TcpStream::connect(api.address).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Api-Key: {}\r\n\
         X-User-Secret: {}\r\n\r\n",
        user.key, user.secret
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    Answer::parse(&read_to_end(&mut stream).await)
}

#[tokio::test]
async fn no_spelling_of_a_path_leads_out_of_the_scope() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    for name in ["secret", "other%2Fsecret", "app%2Fown"] {
        api.store_value(&user, name, name).await;
    }
    let limited = scoped(&api, &user, json!({"kv": ["app/"]})).await;
    for path in ["/v1/kv/app%2Fown", "/v1/kv/app%2fown", "/v1/kv/%61pp%2Fown"] {
        assert_eq!(raw(&api, &limited, path).await.status, 200, "{path}");
    }
    for path in [
        "/v1/kv/secret",
        "/v1/kv/%73ecret",
        "/v1/kv/app/../secret",
        "/v1/kv/app%2F../secret",
        "/v1/kv/app%2F..%2Fsecret",
        "/v1/kv/app%2F%2E%2E%2Fsecret",
        "/v1/kv/app%252F..%252Fsecret",
        "/v1/kv/app%252Fown",
        "/v1/kv/./secret",
        "/v1/kv//secret",
        "/v1/kv/app//../secret",
        "//v1/kv/secret",
        "/v1//kv/secret",
        "/v1/./kv/secret",
        "/v1/kv/app%2Fown/../../secret",
        "/v1/kv/app%2Fown/../secret",
        "/v1/kv/app%5C..%5Csecret",
        "/v1/kv/..;/secret",
        "/v1/kv/secret/",
        "/v1/kv/secret%00app%2F",
        "/v1/kv/secret?key=app%2Fown",
        "/v1/kv/secret?prefix=app%2F",
        "/v1/kv/secret#app/",
        "/v1/kv/other%2Fsecret",
        "/v1/kv/APP%2Fown",
        "/V1/kv/secret",
        "/v1/kv?prefix=",
        "/v1/kv?prefix=app%2F&prefix=",
        "/v1/kv?Prefix=app%2F",
        "/v1/kv?prefix=app",
        "/v1/kv/?prefix=app%2F",
        "/v1/kv/secret/versions",
        "/v1/kv/shared",
    ] {
        let answer = raw(&api, &limited, path).await;
        assert!(
            matches!(answer.status, 400 | 403 | 404),
            "{path}: {answer:?}"
        );
        assert!(
            !answer.body.contains("valueB64") && !answer.body.contains("secret\""),
            "{path}"
        );
    }
}

#[tokio::test]
async fn no_key_makes_a_wider_one() {
    let api = Api::start().await;
    let admin = api.org("a").await;
    let user = api.add_user(&admin.key, &admin.org_id, "u", false).await;
    let target = api.add_user(&admin.key, &admin.org_id, "t", false).await;
    let (soon, late) = ("2027-01-16T00:00:00Z", "2027-02-01T00:00:00Z");
    for (own, wanted, status) in [
        (json!({}), json!({}), 201),
        (json!({}), json!({"expiresUtc": late}), 201),
        (
            json!({"methods": ["write"]}),
            json!({"methods": ["write"]}),
            201,
        ),
        (
            json!({"methods": ["write"]}),
            json!({"methods": ["PUT", "DELETE"], "kv": ["a"]}),
            201,
        ),
        (
            json!({"methods": ["write"]}),
            json!({"methods": ["POST", "DELETE"]}),
            403,
        ),
        (
            json!({"methods": ["write"]}),
            json!({"methods": ["read"]}),
            403,
        ),
        (json!({"methods": ["write"]}), json!({"useOnly": true}), 403),
        (json!({"methods": ["write"]}), json!({}), 403),
        (
            json!({"methods": ["read"]}),
            json!({"methods": ["read"]}),
            403,
        ),
        (
            json!({"expiresUtc": soon}),
            json!({"expiresUtc": soon}),
            201,
        ),
        (
            json!({"expiresUtc": soon}),
            json!({"kv": ["a"], "expiresUtc": soon}),
            201,
        ),
        (
            json!({"expiresUtc": soon}),
            json!({"expiresUtc": late}),
            403,
        ),
        (json!({"expiresUtc": soon}), json!({}), 403),
        (json!({"kv": ["a"]}), json!({"kv": ["a"]}), 403),
        (
            json!({"hosts": ["a.example"]}),
            json!({"hosts": ["a.example"]}),
            403,
        ),
        (json!({"useOnly": true}), json!({"useOnly": true}), 403),
    ] {
        for by in [&user, &admin] {
            let limited = scoped(&api, by, own.clone()).await;
            let made = make(&api, &limited, wanted.clone()).await;
            assert_eq!(made.status, status, "{own} makes {wanted}: {made:?}");
        }
        // An admin's key makes no wider one for others either, and no full ones.
        let limited = scoped(&api, &admin, own.clone()).await;
        let of_user = format!("/admin/orgs/{}/users/{}", target.org_id, target.user_id);
        let made = api.post(&format!("{of_user}/apikeys")).key(&limited);
        let made = made.json(&wanted).answer().await;
        assert_eq!(made.status, status, "{own} makes {wanted}: {made:?}");
        let full = if own == json!({}) {
            [200, 201]
        } else {
            [403, 403]
        };
        let rotated = api.post(&format!("{of_user}/apikey/rotate")).key(&limited);
        let users = api.post(&format!("/admin/orgs/{}/users", user.org_id));
        let added = users.key(&limited).json(&json!({"name": "n"}));
        let rotated = rotated.json(&json!({"graceSeconds": 60})).answer().await;
        assert_eq!([rotated.status, added.answer().await.status], full, "{own}");
        // Nor does it give others the rights that it has only for a while.
        for rights in [json!({"isAdmin": true}), json!({"disabled": false})] {
            let changed = api
                .call(Method::PATCH, &of_user)
                .key(&limited)
                .json(&rights);
            let expected = if own == json!({}) { 200 } else { 403 };
            assert_eq!(changed.answer().await.status, expected, "{own}: {rights}");
        }
        let back = api.call(Method::PATCH, &of_user).key(&admin);
        let back = back.json(&json!({"isAdmin": false})).answer().await;
        assert_eq!(back.status, 200);
    }
    for body in [
        json!({"methods": []}),
        json!({"methods": ["get"]}),
        json!({"methods": ["*"]}),
        json!({"kv": []}),
        json!({"kv": [""]}),
        json!({"kv": "a"}),
        json!({"hosts": ["*"]}),
        json!({"hosts": ["contains:a"]}),
        json!({"useOnly": true, "kv": ["a"]}),
        json!({"useonly": true}),
        json!({"expiresUtc": 1}),
        json!(["read"]),
    ] {
        let refused = make(&api, &user, body).await;
        refused.is_problem(400, "malformed_request");
    }
    let past = make(&api, &user, json!({"expiresUtc": "2027-01-15T08:00:00Z"})).await;
    past.is_problem(400, "expiry_in_past");
}

#[tokio::test]
async fn keys_are_listed_without_secrets_erased_and_expire() {
    let api = Api::start().await;
    let admin = api.org("a").await;
    let user = api.add_user(&admin.key, &admin.org_id, "u", false).await;
    let other = api.org("b").await;
    let scope = json!({"methods": ["read"], "kv": ["app/"], "hosts": ["API.Example.com"],
        "expiresUtc": "2027-01-15T09:00:00Z"});
    let limited = scoped(&api, &user, scope).await;
    let spare = scoped(&api, &user, json!({})).await;
    let list = async |by: &TestUser, path: &str| api.get(path).key(by).answer().await;
    let listed = list(&user, "/v1/apikeys").await;
    assert!(!listed.body.contains("sgk_"), "{listed:?}");
    let listed = listed.json();
    assert_eq!(listed.as_array().unwrap().len(), 3);
    let shown = listed.as_array().unwrap().iter();
    let shown = shown.clone().find(|key| key["apiKeyId"] == id_of(&limited));
    assert_eq!(
        shown.unwrap(),
        &json!({"apiKeyId": id_of(&limited), "createdUtc": "2027-01-15T08:00:00Z",
            "expiresUtc": "2027-01-15T09:00:00Z", "methods": ["read"], "kv": ["app/"],
            "hosts": ["api.example.com"], "useOnly": false})
    );
    let of_user = format!("/admin/orgs/{}/users/{}/apikeys", user.org_id, user.user_id);
    let by_admin = list(&admin, &of_user).await.json();
    assert_eq!(by_admin.as_array().unwrap().len(), 3);
    for (by, status) in [(&user, 403), (&other, 404)] {
        assert_eq!(list(by, &of_user).await.status, status);
        let made = api.post(&of_user).key(by).json(&json!({})).answer().await;
        assert_eq!(made.status, status);
        let path = format!("{of_user}/{}", id_of(&spare));
        assert_eq!(api.delete(&path).key(by).answer().await.status, status);
    }
    let erase = async |by: &TestUser, id: &str| {
        let path = format!("/v1/apikeys/{id}");
        api.delete(&path).key(by).answer().await
    };
    erase(&user, id_of(&user))
        .await
        .is_problem(409, "api_key_in_use");
    for foreign in [&admin, &other] {
        erase(&user, id_of(foreign))
            .await
            .is_problem(404, "not_found");
        assert!(is_known(&api, foreign).await);
    }
    erase(&user, "AAAAAAAA").await.is_problem(404, "not_found");
    for malformed in ["A", "AAAAAAAAA", "AAAA%20AA", "AAAA.AAA"] {
        erase(&user, malformed)
            .await
            .is_problem(400, "malformed_request");
    }
    assert!(is_known(&api, &spare).await);
    assert_eq!(erase(&user, id_of(&spare)).await.status, 204);
    assert!(!is_known(&api, &spare).await);
    erase(&user, id_of(&spare))
        .await
        .is_problem(404, "not_found");
    // Replacing the full keys leaves scoped ones alone.
    let rotate = api.post(&of_user.replace("/apikeys", "/apikey/rotate"));
    let rotated = rotate.key(&admin).json(&json!({})).answer().await;
    assert_eq!(rotated.status, 200, "{rotated:?}");
    assert!(!is_known(&api, &user).await && is_known(&api, &limited).await);
    api.clock.advance(Duration::from_millis(3_599_999));
    assert!(is_known(&api, &limited).await);
    api.clock.advance(Duration::from_millis(1));
    assert!(!is_known(&api, &limited).await);
    let left = list(&admin, &of_user).await.json();
    assert_eq!(left.as_array().unwrap().len(), 1, "{left}");
    // By an admin, too, a key goes at once.
    let last = left[0]["apiKeyId"].as_str().unwrap();
    let gone = api.delete(&format!("{of_user}/{last}")).key(&admin);
    assert_eq!(gone.answer().await.status, 204);
    assert_eq!(list(&admin, &of_user).await.json(), json!([]));
}

#[tokio::test]
async fn the_last_use_is_noted_about_once_an_hour() {
    let api = Api::start().await;
    let user = api.org("a").await;
    let spare = scoped(&api, &user, json!({})).await;
    let last_used = async || {
        let listed = api.get("/v1/apikeys").key(&user).answer().await.json();
        let keys = listed.as_array().unwrap().clone();
        let spare = keys
            .into_iter()
            .find(|key| key["apiKeyId"] == id_of(&spare));
        spare.unwrap()["lastUsedUtc"].clone()
    };
    assert_eq!(last_used().await, Value::Null);
    for (minutes, noted) in [
        (0, "2027-01-15T08:00:00Z"),
        (59, "2027-01-15T08:00:00Z"),
        (1, "2027-01-15T09:00:00Z"),
    ] {
        api.clock.advance(Duration::from_secs(60 * minutes));
        assert!(is_known(&api, &spare).await);
        // Noted on the side, not before the answer.
        while last_used().await != noted {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(last_used().await, "2027-01-15T09:00:00Z");
}

#[tokio::test]
async fn the_proxy_honours_hosts_methods_and_use_only() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let send = async |user: &TestUser, method: Method, target: &str| {
        let call = api.call(method, "/v1/kv/a").key(user);
        let answer = call.header("X-Target-URL", target).answer().await;
        let code = answer.json()["code"].as_str().unwrap().to_owned();
        assert_eq!(answer.header("x-sealgate-error"), Some(code.as_str()));
        code
    };
    let (one, two) = ("https://127.0.0.1:1/", "https://127.0.0.2:1/");
    // Both addresses are private: who gets past the scope is refused by the egress rules.
    for (scope, answers) in [
        (
            json!({}),
            ["target_forbidden", "target_forbidden", "target_forbidden"],
        ),
        (
            json!({"useOnly": true}),
            ["target_forbidden", "target_forbidden", "target_forbidden"],
        ),
        (
            json!({"hosts": ["127.0.0.1"]}),
            ["target_forbidden", "target_forbidden", "out_of_scope"],
        ),
        (
            json!({"hosts": ["127.0.0.1:2"]}),
            ["out_of_scope", "out_of_scope", "out_of_scope"],
        ),
        (
            json!({"useOnly": true, "hosts": ["127.0.0.1:1"]}),
            ["target_forbidden", "target_forbidden", "out_of_scope"],
        ),
        (
            json!({"methods": ["read"], "hosts": ["127.0.0.1"]}),
            ["target_forbidden", "out_of_scope", "out_of_scope"],
        ),
        (
            json!({"methods": ["POST"]}),
            ["out_of_scope", "target_forbidden", "out_of_scope"],
        ),
        (
            json!({"kv": ["a"]}),
            ["out_of_scope", "out_of_scope", "out_of_scope"],
        ),
    ] {
        let limited = scoped(&api, &user, scope.clone()).await;
        let found = [
            send(&limited, Method::GET, one).await,
            send(&limited, Method::POST, one).await,
            send(&limited, Method::GET, two).await,
        ];
        assert_eq!(found, answers, "{scope}");
    }
}

#[tokio::test]
async fn a_scope_cannot_be_dropped_widened_or_moved_in_the_database() {
    for sql in [
        "DELETE FROM api_key_scopes WHERE key_id = ':one'",
        "UPDATE api_key_scopes SET scope = CAST(replace(CAST(scope AS TEXT), 'app/', 'a') AS BLOB) \
         WHERE key_id = ':one'",
        "UPDATE api_key_scopes SET scope = (SELECT scope FROM api_key_scopes WHERE key_id = ':two') \
         WHERE key_id = ':one'",
        "UPDATE api_key_scopes SET (scope, mac) = \
         (SELECT scope, mac FROM api_key_scopes WHERE key_id = ':two') WHERE key_id = ':one'",
        "UPDATE api_key_scopes SET version = 2 WHERE key_id = ':one'",
        "UPDATE api_key_scopes SET mac = zeroblob(32) WHERE key_id = ':one'",
        "INSERT INTO api_key_scopes SELECT ':full', scope, version, mac_key, mac \
         FROM api_key_scopes WHERE key_id = ':one'; DELETE FROM api_key_scopes WHERE key_id = ':one'",
        "UPDATE api_keys SET (mac, key_hash) = \
         (SELECT mac, key_hash FROM api_keys WHERE key_id = ':full') WHERE key_id = ':one'; \
         DELETE FROM api_key_scopes WHERE key_id = ':one'",
        "UPDATE api_keys SET expires = NULL WHERE key_id = ':one'",
    ] {
        let api = Api::start().await;
        let user = api.org("a").await;
        let one = json!({"kv": ["app/"], "expiresUtc": "2027-02-01T00:00:00Z"});
        let one = scoped(&api, &user, one).await;
        let two = scoped(&api, &user, json!({"methods": ["read"]})).await;
        let full = scoped(&api, &user, json!({})).await;
        let sql = sql
            .replace(":one", id_of(&one))
            .replace(":two", id_of(&two));
        let sql = sql.replace(":full", id_of(&full));
        let api = api
            .restart(|db| {
                db.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
                let before = db.total_changes();
                db.execute_batch(&sql).unwrap();
                assert!(db.total_changes() > before, "nothing was changed: {sql}");
            })
            .await;
        let refused = api.get("/v1/users/me").key(&one).answer().await;
        refused.is_problem(400, "tampered");
        let listed = api.get("/v1/apikeys").key(&user).answer().await;
        listed.is_problem(400, "tampered");
        assert!(is_known(&api, &two).await, "{sql}");
    }
}
