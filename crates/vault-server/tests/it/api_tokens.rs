//! Access tokens over HTTP: made, shown once, confined to their grant, and ended.

use std::sync::mpsc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;
use vault_server::vault::limits::VaultLimits;
use vault_server::vault::tokens::{ScopeTexts, TokenScope};
use vault_store::rows::TokenRow;
use vault_store::{Change, KeyId, Store, TokenChange, TokenStore, UserStore, UtcMillis};

use super::api_audit::chain;
use super::api_credentials::{PASSPHRASE, make, with_passphrase};
use super::api_isolation::CALLS;
use super::api_support::{Api, Calls, START, TestUser, generated_secret, text};
use super::support::Answer;

const HOUR: u64 = 3_600;
/// Tries to have a rekey between the beginning and the end of a call.
const RACES_MAX: usize = 50;
/// Longer than anything is kept in memory.
const LATER: Duration = Duration::from_secs(2);

/// Asks for a token with secret and passphrase in place.
pub(crate) async fn ask(api: &Api, user: &TestUser, body: &Value) -> Answer {
    let call = with_passphrase(api.post("/v1/tokens").both(user), PASSPHRASE);
    call.json(body).answer().await
}

/// A token that must be made, and its id.
pub(crate) async fn token(api: &Api, user: &TestUser, mut body: Value) -> (String, String) {
    body["ttlSeconds"] = json!(HOUR);
    let made = ask(api, user, &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    (text(&made, "token"), text(&made, "tokenId"))
}

async fn read(api: &Api, token: &str, name: &str) -> Answer {
    let call = api.get(&format!("/v1/kv/{name}"));
    call.bearer_auth(token).answer().await
}

/// The stored row of a token.
pub(crate) async fn row_of(api: &Api, token: &str) -> TokenRow {
    let found = api.store.token(KeyId::parse(&token[4..12]).unwrap()).await;
    found.unwrap().unwrap().token
}

/// Puts an edited row in the place of a token's, signed by whoever has the root key.
pub(crate) async fn replace(api: &Api, row: TokenRow) {
    let delete = TokenChange::Delete {
        org_id: row.org_id,
        user_id: row.user_id,
        key_id: row.key_id,
    };
    let _ = api.store.commit(delete.into()).await;
    let insert = TokenChange::Insert(api.integrity.sign(row));
    api.store.commit(insert.into()).await.unwrap();
    api.clock.advance(LATER);
}

#[tokio::test]
async fn a_token_is_shown_once_and_ends_when_its_user_says_so() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let id = make(&api, &user, "n", "API.example.com", "v").await;
    let body = json!({
        "ttlSeconds": HOUR, "credentials": [id], "kv": ["app/"],
        "methods": ["GET", "POST"], "paths": ["/v1/"],
    });
    let made = ask(&api, &user, &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let mut document = made.json();
    let token = text(&document, "token");
    assert!(token.starts_with("sgt_") && token.len() > 50);
    assert_eq!(document["hosts"], json!(["api.example.com"]));
    assert_eq!(document["credentials"], json!([id]));
    assert_eq!(document["createdUtc"], "2027-01-15T08:00:00Z");
    assert_eq!(document["expiresUtc"], "2027-01-15T09:00:00Z");
    assert_eq!(document["keyId"], &token[4..12]);

    document.as_object_mut().unwrap().remove("token");
    let listed = api.get("/v1/tokens").key(&user).answer().await;
    assert_eq!(listed.json(), json!([document]));
    assert!(!listed.body.contains(&token[12..]));
    let other = api.add_user(&user.key, &user.org_id, "other", false).await;
    let others = api.get("/v1/tokens").key(&other).answer().await;
    assert_eq!(others.json(), json!([]));

    let path = format!("/v1/tokens/{}", text(&document, "tokenId"));
    let foreign = api.delete(&path).key(&other).answer().await;
    foreign.is_problem(404, "not_found");
    read(&api, &token, "app%2Fx")
        .await
        .is_problem(404, "not_found");
    assert_eq!(api.delete(&path).key(&user).answer().await.status, 204);
    read(&api, &token, "app%2Fx")
        .await
        .is_problem(401, "api_key_invalid");
    let again = api.delete(&path).key(&user).answer().await;
    again.is_problem(404, "not_found");
    assert_eq!(api.count("tokens"), 0);
}

#[tokio::test]
async fn values_below_the_prefixes_are_read_without_a_secret_and_no_others() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    for (name, value) in [("app%2Fdb", "one"), ("application", "x"), ("other", "y")] {
        api.store_value(&user, name, value).await;
    }
    let (token, _) = token(&api, &user, json!({"kv": ["app/"]})).await;
    let answer = read(&api, &token, "app%2Fdb").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["valueB64"], "b25l");
    for name in ["application", "other", "absent", "app%252Fdb"] {
        let refused = read(&api, &token, name).await;
        refused.is_problem(403, "out_of_scope");
    }
    let versioned = read(&api, &token, "app%2Fdb?version=1").await;
    versioned.is_problem(403, "out_of_scope");
    read(&api, &token, "app%2Fabsent")
        .await
        .is_problem(404, "not_found");

    // The token brings no private key: a new version waits for its owner to open it once.
    api.store_value(&user, "app%2Fdb", "two").await;
    let early = read(&api, &token, "app%2Fdb").await;
    early.is_problem(403, "token_outdated");
    assert_eq!(api.read_value(&user, "app%2Fdb").await, "two");
    // The box that this left is stored on the side.
    let mut last = 0;
    for _ in 0..1_000 {
        last = read(&api, &token, "app%2Fdb").await.status;
        if last == 200 {
            break;
        }
    }
    assert_eq!(last, 200);
}

#[tokio::test]
async fn every_other_call_is_refused_to_a_token() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    api.store_value(&user, "a", "value").await;
    let (token, id) = token(&api, &user, json!({"kv": ["a"]})).await;
    let document = api.get("/openapi.json").key(&user).answer().await.json();
    let mut calls = vec![
        ("HEAD".to_owned(), "/v1/kv/a".to_owned()),
        ("DELETE".to_owned(), format!("/v1/tokens/{id}")),
    ];
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let path = path.replace("{key}", "a").replace("{orgId}", &user.org_id);
            calls.push((method.to_uppercase(), path));
        }
    }
    let listed = CALLS
        .iter()
        .map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()));
    calls.extend(listed);
    assert!(calls.len() > 60);
    for (method, path) in calls {
        if path == "/health" || (method == "GET" && path == "/v1/kv/a") {
            continue;
        }
        let call = api.call(method.parse::<Method>().unwrap(), &path);
        let call = with_passphrase(call.bearer_auth(&token), PASSPHRASE);
        let answer = call.header("X-User-Secret", &user.secret).answer().await;
        assert_eq!(answer.status, 403, "{method} {path}: {answer:?}");
        if method != "HEAD" {
            answer.is_problem(403, "out_of_scope");
        }
    }
    assert_eq!(read(&api, &token, "a").await.status, 200);
}

#[tokio::test]
async fn what_cannot_be_granted_is_refused() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let stranger = api.org_with_keys("b").await;
    let id = make(&api, &user, "n", "a.example", "v").await;
    let foreign = make(&api, &stranger, "n", "a.example", "v").await;
    let good = json!({"ttlSeconds": HOUR, "credentials": [id]});
    for (field, value) in [
        ("ttlSeconds", json!(0)),
        ("ttlSeconds", json!(7_776_001)),
        ("ttlSeconds", json!(-1)),
        ("ttlSeconds", json!("1")),
        ("credentials", json!([])),
        ("credentials", json!(["x"])),
        ("kv", json!([""])),
        ("hosts", json!(["https://a.example"])),
        ("hosts", json!(["*"])),
        ("methods", json!(["get"])),
        ("paths", json!(["/a/../b"])),
        ("path", json!(["/"])),
    ] {
        let mut body = good.clone();
        body[field] = value;
        ask(&api, &user, &body)
            .await
            .is_problem(400, "malformed_request");
    }
    for (wanted, who) in [(&foreign, &user), (&id, &stranger)] {
        let body = json!({"ttlSeconds": HOUR, "credentials": [wanted]});
        let refused = ask(&api, who, &body).await;
        refused.is_problem(404, "credential_not_found");
    }
    let call = || api.post("/v1/tokens").json(&good);
    let bare = call().both(&user).answer().await;
    bare.is_problem(400, "missing_header");
    let wrong = with_passphrase(call().key(&user), "wrong").answer().await;
    wrong.is_problem(401, "wrong_passphrase");
    let values = json!({"ttlSeconds": HOUR, "kv": ["a"]});
    let secretless = api.post("/v1/tokens").key(&user).json(&values);
    secretless.answer().await.is_problem(400, "missing_header");
    let wrong = api.post("/v1/tokens").key(&user).json(&values);
    let wrong = wrong.header("X-User-Secret", "wrong").answer().await;
    wrong.is_problem(401, "wrong_user_secret");
    let root = with_passphrase(call().header("X-Api-Key", &api.root), PASSPHRASE);
    root.answer().await.is_problem(403, "forbidden");
    assert_eq!(api.count("tokens"), 0);
}

#[tokio::test]
async fn a_token_ends_with_its_time_with_a_rekey_and_with_its_user() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    api.store_value(&user, "a", "value").await;
    let scope = json!({"kv": ["a"]});

    let (expiring, _) = token(&api, &user, scope.clone()).await;
    api.clock.set_utc(START + 3_600_000 - 1);
    assert_eq!(read(&api, &expiring, "a").await.status, 200);
    api.clock.set_utc(START + 3_600_000);
    read(&api, &expiring, "a")
        .await
        .is_problem(401, "api_key_invalid");
    let listed = api.get("/v1/tokens").key(&user).answer().await;
    assert_eq!(listed.json(), json!([]));

    let (token_, _) = token(&api, &user, scope.clone()).await;
    assert_eq!(api.count("tokens"), 1, "the expired one was swept");
    assert_eq!(read(&api, &token_, "a").await.status, 200);
    let rekey = api.post("/v1/keys/rekey").both(&user);
    let rekey = rekey.header("X-New-User-Secret", "another secret");
    assert_eq!(rekey.answer().await.status, 200);
    read(&api, &token_, "a")
        .await
        .is_problem(401, "api_key_invalid");
    assert_eq!(api.count("tokens"), 0);

    let user = TestUser {
        secret: "another secret".to_owned(),
        ..user
    };
    let (token_, _) = token(&api, &user, scope).await;
    assert_eq!(read(&api, &token_, "a").await.status, 200);
    let (org, id): (Uuid, Uuid) = (user.org_id.parse().unwrap(), user.user_id.parse().unwrap());
    let row = api
        .store
        .user(org.into(), id.into())
        .await
        .unwrap()
        .unwrap();
    let change = Change::ReplaceUser {
        expected_version: row.version,
        row: api.integrity.sign(vault_store::rows::UserRow {
            disabled: true,
            version: row.version + 1,
            ..row
        }),
    };
    api.store.commit(change.into()).await.unwrap();
    api.clock.advance(LATER);
    read(&api, &token_, "a")
        .await
        .is_problem(401, "api_key_invalid");
}

#[tokio::test]
async fn a_rekey_while_a_token_is_made_leaves_none_and_one_entry_that_says_so() {
    let api = Api::start_with(VaultLimits {
        hash_threads: Some(1),
        ..VaultLimits::default()
    })
    .await;
    let mut user = api.org_with_keys("a").await;
    let id = make(&api, &user, "n", "a.example", "sk_live").await;
    let org_id = user.org_id.parse::<Uuid>().unwrap();
    let body = json!({"ttlSeconds": HOUR, "credentials": [id]});
    let mut told = Vec::new();
    while !told.contains(&409) {
        assert!(told.len() < RACES_MAX, "no rekey came between");
        // The token waits for its password hash; the rekey needs none.
        let (release, wait) = mpsc::channel::<()>();
        let held = move |_: &mut _| {
            let _ = wait.recv();
        };
        api.argon2.try_run(held).unwrap();
        let asked = with_passphrase(api.post("/v1/tokens").key(&user), PASSPHRASE);
        let asked = tokio::spawn(asked.json(&body).answer());
        let new = generated_secret();
        let rekey = api.post("/v1/keys/rekey").both(&user);
        let rekey = rekey.header("X-New-User-Secret", &new).answer().await;
        assert_eq!(rekey.status, 200, "{rekey:?}");
        user.secret = new;
        drop(release);
        let made = asked.await.unwrap();
        if made.status != 201 {
            made.is_problem(409, "conflict");
            assert_eq!(api.count("tokens"), 0);
        }
        told.push(made.status);
        let entries = chain(&api, org_id.into()).await;
        let entries = entries.iter().map(|link| &link.entry.event);
        let entries = entries.filter(|event| event.action.as_str() == "token.create");
        let outcomes: Vec<u16> = entries
            .map(|event| match event.outcome.as_str() {
                "ok" => 201,
                "conflict" => 409,
                other => panic!("{other}"),
            })
            .collect();
        assert_eq!(outcomes, told);
    }
    // Nothing is in the way of the next one.
    token(&api, &user, json!({"credentials": [id]})).await;
}

#[tokio::test]
async fn an_edited_row_of_a_token_is_not_believed() {
    let tampered = (400, "tampered");
    // Its keyed hash is not that of the token: whoever presents it proved nothing.
    let unknown = (401, "api_key_invalid");
    for (edit, (status, code)) in [
        "UPDATE tokens SET scope = (SELECT scope FROM tokens WHERE length(scope) > 20)",
        "UPDATE tokens SET expires = expires + 1",
        "UPDATE tokens SET boxes = x'01'",
        "UPDATE tokens SET created = created - 1",
        "UPDATE tokens SET mac = zeroblob(32)",
    ]
    .map(|edit| (edit, tampered))
    .into_iter()
    .chain(
        [
            "UPDATE tokens SET key_hash = zeroblob(32)",
            "UPDATE tokens SET key_hash = zeroblob(32), boxes = x'01', scope = x'01'",
            "UPDATE tokens SET user_id = (SELECT user_id FROM users WHERE name = 'other')",
        ]
        .map(|edit| (edit, unknown)),
    ) {
        let api = Api::start().await;
        let user = api.org_with_keys("a").await;
        api.add_user(&user.key, &user.org_id, "other", false).await;
        api.store_value(&user, "a", "value").await;
        let (narrow, _) = token(&api, &user, json!({"kv": ["a"]})).await;
        token(&api, &user, json!({"kv": ["application/and/more"]})).await;
        let api = api
            .restart(|db| assert!(db.execute(edit, []).unwrap() > 0))
            .await;
        let answer = read(&api, &narrow, "a").await;
        answer.is_problem(status, code);
    }
}

/// Even with the root key in hand: scope, expiry and owner are bound by the token itself.
#[tokio::test]
async fn a_row_signed_anew_makes_its_boxes_useless() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let other = api.add_user(&user.key, &user.org_id, "other", false).await;
    api.generate(&other).await;
    for name in ["a", "b"] {
        api.store_value(&user, name, "value").await;
    }
    let (first, _) = token(&api, &user, json!({"kv": ["a"]})).await;
    let (second, _) = token(&api, &user, json!({"kv": ["b"]})).await;
    let (row, twin) = (row_of(&api, &first).await, row_of(&api, &second).await);
    let wide = TokenScope::new(ScopeTexts {
        kv: &["a".to_owned(), "b".to_owned()],
        ..ScopeTexts::default()
    });
    let edits = [
        TokenRow {
            scope: wide.unwrap().to_bytes(),
            ..row.clone()
        },
        TokenRow {
            expires: UtcMillis(row.expires.0 + 1),
            ..row.clone()
        },
        TokenRow {
            boxes: twin.boxes.clone(),
            ..row.clone()
        },
        TokenRow {
            token_id: twin.token_id,
            ..row.clone()
        },
    ];
    for edited in edits {
        // Two rows never share the id.
        if edited.token_id == twin.token_id {
            let gone = TokenChange::Delete {
                org_id: twin.org_id,
                user_id: twin.user_id,
                key_id: twin.key_id,
            };
            api.store.commit(gone.into()).await.unwrap();
        }
        replace(&api, edited).await;
        read(&api, &first, "a").await.is_problem(400, "tampered");
    }
    let id: Uuid = other.user_id.parse().unwrap();
    let stolen = TokenRow {
        user_id: id.into(),
        ..row.clone()
    };
    let gone = TokenChange::DeleteAll {
        org_id: row.org_id,
        user_id: row.user_id,
    };
    api.store.commit(gone.into()).await.unwrap();
    replace(&api, stolen).await;
    read(&api, &first, "a")
        .await
        .is_problem(401, "api_key_invalid");
    let planted = TokenRow {
        key_hash: [7; 32],
        ..row.clone()
    };
    let gone = TokenChange::DeleteAll {
        org_id: row.org_id,
        user_id: id.into(),
    };
    api.store.commit(gone.into()).await.unwrap();
    replace(&api, planted).await;
    read(&api, &first, "a")
        .await
        .is_problem(401, "api_key_invalid");
    replace(&api, row).await;
    assert_eq!(read(&api, &first, "a").await.status, 200, "as it was");
}
