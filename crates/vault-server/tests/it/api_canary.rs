//! Planted secrets are found nowhere: no log line, no error, no byte of the database.

use serde_json::json;

use super::api_support::{Api, Calls, TestUser, base64};
use super::logged;
use super::support::Answer;

/// Part of every planted secret, and of nothing else.
const MARK: &str = "c4n4ry";

/// Keeps the bodies of errors.
struct Errors(Vec<String>);

impl Errors {
    fn note(&mut self, answer: Answer) -> Answer {
        if answer.status >= 400 {
            let headers = format!("{:?}", answer.headers);
            self.0.push(format!("{headers} {}", answer.body));
        }
        answer
    }
}

fn planted(what: &str) -> String {
    format!("{MARK}-{what}")
}

/// Every way in which a planted secret may arrive.
async fn plant(api: &Api, user: &TestUser, errors: &mut Errors) {
    let json_type = "application/json";
    let value = base64(planted("value").as_bytes());
    let document = json!({"valueB64": value, "metadata": {"note": planted("metadata")}});
    let stored = api.put("/v1/kv/a").key(user).json(&document).answer().await;
    assert_eq!(stored.status, 201);
    let raw = api.put("/v1/kv/b").key(user).body(planted("raw"));
    let raw = raw.header("Content-Type", "application/octet-stream");
    assert_eq!(raw.answer().await.status, 201);
    for name in ["a", "b", "a", "b"] {
        let read = api.get(&format!("/v1/kv/{name}")).both(user).answer().await;
        assert_eq!(read.status, 200);
    }
    for malformed in [
        format!("{{\"valueB64\":\"{}\"}}", planted("not base64")),
        format!("{{\"valueB64\":\"{value}\",\"{}\":1}}", planted("field")),
        format!(
            "{{\"valueB64\":\"{value}\",\"expiresUtc\":\"{}\"}}",
            planted("time")
        ),
        format!(
            "{{\"valueB64\":\"{value}\",\"metadata\":\"{}\"}}",
            planted("text")
        ),
        format!("{{\"valueB64\":\"{}", planted("cut off")),
        planted("no json"),
        format!("[\"{}\", 1]", planted("array")),
        format!("{{\"valueB64\":{{\"{}\":[1e999]}}}}", planted("nested")),
    ] {
        let call = api.put("/v1/kv/c").key(user).body(malformed);
        let refused = call.header("Content-Type", json_type).answer().await;
        assert_eq!(errors.note(refused).status, 400);
    }
    for body in [
        json!({planted("field"): 1}),
        json!({"name": format!("{MARK}\n")}),
    ] {
        let call = api.post("/admin/orgs").header("X-Api-Key", &api.root);
        assert_eq!(errors.note(call.json(&body).answer().await).status, 400);
    }
    for path in [
        format!("/v1/kv/a?{}=1", planted("parameter")),
        format!("/v1/kv/a?version={}", planted("version")),
        format!("/v1/kv/%00{}", planted("name")),
        format!("/admin/orgs/{}/users", planted("id")),
    ] {
        let refused = api.get(&path).both(user).answer().await;
        assert_eq!(errors.note(refused).status, 400, "{path}");
    }
    for (header, value) in [
        ("If-Match", planted("tag")),
        ("Content-Type", planted("type")),
    ] {
        let call = api.put("/v1/kv/a").key(user).header(header, value);
        let call = call.body("{}");
        assert!(errors.note(call.answer().await).status >= 400);
    }
    let not_found = api.get(&format!("/{}", planted("path"))).both(user);
    assert_eq!(errors.note(not_found.answer().await).status, 404);
}

/// Every way in which a secret may be wrong.
async fn plant_secrets(api: &Api, user: &TestUser, errors: &mut Errors) {
    for key in [planted("key"), format!("sgk_{}", planted("key"))] {
        let call = api.get("/v1/kv/a").header("X-Api-Key", key);
        let refused = call.header("X-User-Secret", planted("secret"));
        assert_eq!(errors.note(refused.answer().await).status, 401);
    }
    for secret in [
        planted("wrong"),
        format!("sgs_{}{}", planted(""), "x".repeat(2_000)),
    ] {
        let call = api
            .get("/v1/kv/a")
            .key(user)
            .header("X-User-Secret", &secret);
        assert_eq!(errors.note(call.answer().await).status, 401);
        let call = api.post("/v1/keys/rekey").key(user);
        let call = call.header("X-User-Secret", &secret);
        let call = call.header("X-New-User-Secret", planted("new"));
        assert_eq!(errors.note(call.answer().await).status, 401);
    }
    let generated = api.post("/v1/keys/generate").both(user).answer().await;
    assert_eq!(errors.note(generated).status, 409);
    let new = planted("second secret");
    let rekey = api.post("/v1/keys/rekey").both(user);
    let rekey = rekey.header("X-New-User-Secret", &new).answer().await;
    assert_eq!(rekey.status, 200);
    let old = api.get("/v1/kv/a").both(user).answer().await;
    assert_eq!(errors.note(old).status, 401);
    let user = TestUser {
        secret: new,
        ..user.clone()
    };
    api.read_value(&user, "a").await;
    for call in [
        api.delete("/v1/kv/a"),
        api.post("/v1/kv/a/undelete"),
        api.delete("/v1/kv/b?destroy=true"),
    ] {
        assert!(call.key(&user).answer().await.status < 300);
    }
}

/// Aliases: accepted, refused, listed and changed.
async fn plant_aliases(api: &Api, user: &TestUser, errors: &mut Errors) {
    let bob = api.add_user(&user.key, &user.org_id, "bob", false).await;
    api.generate(&bob).await;
    api.store_value(user, "s", "value").await;
    let long = format!("{}{}", planted("long"), "x".repeat(300));
    for (alias, status) in [
        (planted("alias"), 201),
        (planted("second alias"), 201),
        (planted("alias\n"), 400),
        (long, 400),
    ] {
        let call = api.post("/v1/kv/s/shares").both(user);
        let call = call.json(&json!({
            "recipientUserId": bob.user_id, "permission": "read", "alias": alias,
        }));
        assert_eq!(errors.note(call.answer().await).status, status);
    }
    for _ in 0..3 {
        let inbox = api.get("/v1/kv/shared").both(&bob).answer().await;
        assert!(inbox.body.contains(&planted("second alias")));
        let list = api.get("/v1/kv/s/shares").both(user).answer().await;
        assert!(list.body.contains(&planted("second alias")));
        let list = api.get("/v1/kv/s/shares").key(user).answer().await;
        assert!(!list.body.contains(MARK));
    }
}

#[tokio::test]
async fn planted_secrets_are_found_nowhere() {
    let lines = logged::lines();
    let api = Api::start().await;
    let mut user = api.org("a").await;
    user.secret = planted("user secret");
    api.generate(&user).await;
    let mut errors = Errors(Vec::new());
    plant(&api, &user, &mut errors).await;
    plant_aliases(&api, &user, &mut errors).await;
    plant_secrets(&api, &user, &mut errors).await;
    assert!(errors.0.len() > 20, "the errors were looked at");
    let mut audit = String::new();
    for key in [&user.key, &api.root] {
        let page = api.get("/audit?limit=1000").header("X-Api-Key", key);
        audit.push_str(&page.answer().await.body);
    }
    assert!(audit.contains("kv.write"), "something is recorded");
    let api_keys = [user.key.clone(), api.root.clone()];
    let log = lines.text();
    assert!(log.contains("/v1/kv/{key}"), "something is logged");
    let mut stored = database_bytes(&api);
    let api = api.restart(|_| ()).await;
    stored.extend(database_bytes(&api));
    assert!(stored.len() > 100_000, "the files were read");
    for secret in [MARK.to_owned(), base64(MARK.as_bytes())]
        .into_iter()
        .chain(api_keys.iter().map(|key| key[12..].to_owned()))
    {
        assert!(!log.contains(&secret), "in the log");
        assert!(!audit.contains(&secret), "in the audit log");
        for error in &errors.0 {
            assert!(!error.contains(&secret), "in an error: {error}");
        }
        let found = stored
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!found, "in the database");
    }
}

/// The database file and its log.
fn database_bytes(api: &Api) -> Vec<u8> {
    let database = api.database();
    let mut wal = database.clone().into_os_string();
    wal.push("-wal");
    let mut bytes = std::fs::read(&database).unwrap();
    bytes.extend(std::fs::read(wal).unwrap_or_default());
    bytes
}
