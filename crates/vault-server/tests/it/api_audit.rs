//! Every call has exactly one entry, and the log can be read by whom it is for.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use hardened_crypto::audit_chain::{self, Actor, ChainLink};
use http::Response;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;
use vault_server::vault::audit::{SERVER_LOG, links_of};
use vault_store::{AuditStore, OrgId};

use super::api_isolation::CALLS;
use super::api_support::{Api, Calls, TestUser, base64, generated_secret, text};
use super::support::PATIENCE;
use super::upstream::TlsUpstream;

const ABSENT: &str = "0190f5fe-7c00-7a00-8000-00000000abcd";

fn org_of(user: &TestUser) -> OrgId {
    user.org_id.parse::<Uuid>().unwrap().into()
}

/// The whole chain of an organisation, verified.
pub(crate) async fn chain(api: &Api, org_id: OrgId) -> Vec<ChainLink> {
    let mut links = Vec::new();
    let mut after = 0;
    loop {
        let page = api.store.audit_blocks(org_id, after, 100).await.unwrap();
        for block in &page.rows {
            links.extend(links_of(block).unwrap());
            after = block.last_seq;
        }
        if !page.more {
            let org = (*org_id.as_bytes()).into();
            audit_chain::verify(org, &links, &[]).unwrap();
            return links;
        }
    }
}

/// As [`chain`], once it satisfies `done`: what is recorded at a call's end comes a moment later.
pub(crate) async fn chain_when(
    api: &Api,
    org_id: OrgId,
    done: impl Fn(&[ChainLink]) -> bool,
) -> Vec<ChainLink> {
    let waiting = async {
        loop {
            let links = chain(api, org_id).await;
            if done(&links) {
                return links;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap()
}

fn told(link: &ChainLink) -> (String, String) {
    let event = &link.entry.event;
    (
        event.action.as_str().to_owned(),
        event.outcome.as_str().to_owned(),
    )
}

/// Method and path of every operation of the OpenAPI document.
async fn operations(api: &Api, user: &TestUser) -> Vec<(String, String)> {
    let document = api.get("/openapi.json").key(user).answer().await.json();
    let paths = document["paths"].as_object().unwrap().clone();
    let all = paths.into_iter().flat_map(|(path, item)| {
        let methods: Vec<String> = item.as_object().unwrap().keys().cloned().collect();
        methods
            .into_iter()
            .map(move |method| (method.to_uppercase(), path.clone()))
    });
    all.collect()
}

fn concrete(template: &str, user: &TestUser) -> String {
    let segments = template.split('/').map(|segment| match segment {
        "{key}" => "some-name",
        "{orgId}" => &user.org_id,
        "{userId}" => &user.user_id,
        id if id.starts_with('{') => ABSENT,
        word => word,
    });
    segments.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn every_route_and_outcome_has_exactly_one_entry() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let plain = api.add_user(&user.key, &user.org_id, "plain", false).await;
    let other = api.add_user(&user.key, &user.org_id, "other", false).await;
    let org_id = org_of(&user);
    let mut actions = BTreeMap::new();
    for (method, template) in operations(&api, &user).await {
        let path = concrete(&template, &other);
        for caller in [&user, &plain] {
            for with_secret in [false, true] {
                let before = chain(&api, org_id).await.len();
                let call = api.call(method.parse().unwrap(), &path).key(caller);
                let call = if with_secret {
                    call.header("X-User-Secret", generated_secret())
                } else {
                    call
                };
                let answer = call.answer().await;
                let after = chain(&api, org_id).await;
                let new = &after[before..];
                if ["/health", "/openapi.json"].contains(&template.as_str()) {
                    assert!(new.is_empty(), "{method} {template}: {new:?}");
                    continue;
                }
                let [link] = new else {
                    panic!("{method} {template}: {} entries", new.len());
                };
                let event = &link.entry.event;
                let user_id = caller.user_id.parse::<Uuid>().unwrap();
                assert_eq!(event.actor, Actor::User((*user_id.as_bytes()).into()));
                assert_eq!(
                    Some(event.request_id.as_str()),
                    answer.header("x-request-id")
                );
                let outcome = match answer.status {
                    200..300 => "ok".to_owned(),
                    _ => text(&answer.json(), "code"),
                };
                assert_eq!(event.outcome.as_str(), outcome, "{method} {template}");
                let action = event.action.as_str().to_owned();
                assert!(
                    !["unknown", "unlisted"].contains(&action.as_str()),
                    "{method} {template} has no row in api::actions"
                );
                let of = actions.entry(format!("{method} {template}"));
                assert_eq!(of.or_insert_with(|| action.clone()), &action);
            }
        }
    }
    assert!(actions.len() > 20);
}

#[tokio::test]
async fn calls_that_do_something_and_calls_of_others_have_one_entry_each() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let other = api.org_with_keys("b").await;
    api.store_value(&user, "a", "value").await;
    let recorded = CALLS.iter().filter(|call| call.1 != "/openapi.json");
    for (method, path, body) in recorded {
        for caller in [&user, &other] {
            let org_id = org_of(caller);
            let before = chain(&api, org_id).await.len();
            let mut call = api.call(method.parse().unwrap(), path).both(caller);
            if let Some(body) = body {
                call = call.body(*body).header("Content-Type", "application/json");
            }
            let answer = call.answer().await;
            let after = chain(&api, org_id).await;
            assert_eq!(
                after.len(),
                before + 1,
                "{method} {path}: {}",
                answer.status
            );
        }
    }
}

#[tokio::test]
async fn entries_tell_what_happened_and_no_name() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let org_id = org_of(&user);
    let start = chain(&api, org_id).await.len();
    api.store_value(&user, "very-telling-name", "v1").await;
    api.store_value(&user, "very-telling-name", "v2").await;
    api.read_value(&user, "very-telling-name").await;
    let path = "/v1/kv/very-telling-name";
    let wrong = api.get(path).key(&user);
    let wrong = wrong.header("X-User-Secret", generated_secret());
    wrong.answer().await.is_problem(401, "wrong_user_secret");
    let absent = api.get("/v1/kv/other-telling-name").both(&user);
    absent.answer().await.is_problem(404, "not_found");
    let gone = api.get("/no/such/telling/route").both(&user);
    gone.answer().await.is_problem(404, "not_found");
    let links = chain(&api, org_id).await;
    let new = &links[start..];
    let expected = [
        ("kv.write", "ok"),
        ("kv.write", "ok"),
        ("kv.read", "ok"),
        ("kv.read", "wrong_user_secret"),
        ("kv.read", "not_found"),
        ("unknown", "not_found"),
    ];
    let expected = expected.map(|(action, outcome)| (action.to_owned(), outcome.to_owned()));
    assert_eq!(new.iter().map(told).collect::<Vec<_>>(), expected);
    let versions: Vec<_> = new
        .iter()
        .map(|link| link.entry.event.new_version)
        .collect();
    assert_eq!(versions, [Some(1), Some(2), None, None, None, None]);
    let targets: Vec<_> = new
        .iter()
        .map(|link| link.entry.event.target.as_str())
        .collect();
    assert!(targets[0].starts_with("value:"), "{targets:?}");
    assert_eq!(targets[0], targets[1]);
    assert_eq!(targets[0], targets[2]);
    assert_eq!(targets[0], targets[3]);
    assert!(targets[4].starts_with("name:"), "{targets:?}");
    assert_eq!(targets[5], "");
    let key = format!("key={}", &user.key[4..12]);
    assert!(new.iter().all(|link| link.entry.event.note.as_str() == key));
    assert!(links.iter().all(|link| !link.to_line().contains("telling")));
}

#[tokio::test]
async fn an_admin_reads_the_log_in_pages_and_by_user_and_action() {
    let api = Api::start().await;
    let admin = api.org_with_keys("a").await;
    let user = api.add_user(&admin.key, &admin.org_id, "u", false).await;
    api.generate(&user).await;
    for index in 0..5 {
        api.store_value(&user, &format!("n{index}"), "v").await;
        api.read_value(&user, &format!("n{index}")).await;
    }
    let refused = api.get("/audit").key(&user).answer().await;
    refused.is_problem(403, "forbidden");
    let mut after = 0;
    let mut seen: Vec<Value> = Vec::new();
    let base = format!("/audit?limit=2&user={}&action=kv.write", user.user_id);
    loop {
        let page = api.get(&format!("{base}&after={after}")).key(&admin);
        let page = page.answer().await;
        assert_eq!(page.status, 200, "{page:?}");
        let entries = page.json().as_array().unwrap().clone();
        assert!(entries.len() <= 2);
        seen.extend(entries);
        let Some(link) = page.header("link") else {
            break;
        };
        let next = link.split("after=").nth(1).unwrap();
        after = next.split('&').next().unwrap().parse().unwrap();
        assert!(link.contains("action=kv.write") && link.contains(&user.user_id));
    }
    assert_eq!(seen.len(), 5);
    for entry in &seen {
        assert_eq!(text(entry, "action"), "kv.write");
        assert_eq!(text(entry, "actor"), "user");
        assert_eq!(text(entry, "userId"), user.user_id);
        assert_eq!(text(entry, "outcome"), "ok");
        assert_eq!(text(entry, "timeUtc"), "2027-01-15T08:00:00Z");
        assert_eq!(entry["newVersion"], 1);
    }
    for malformed in ["limit=0", "limit=1001", "user=x", "after=-1", "no=1"] {
        let call = api.get(&format!("/audit?{malformed}")).key(&admin);
        call.answer().await.is_problem(400, "malformed_request");
    }
    let all = api
        .get("/audit?limit=1000")
        .key(&admin)
        .answer()
        .await
        .json();
    let all = all.as_array().unwrap();
    let sequences: Vec<u64> = all
        .iter()
        .map(|e| e["sequence"].as_u64().unwrap())
        .collect();
    assert!(sequences.iter().copied().eq(1..=sequences.len() as u64));
    assert!(all.iter().any(|entry| entry["outcome"] == "forbidden"));
}

#[tokio::test]
async fn what_root_does_to_an_organisation_its_admin_sees() {
    let api = Api::start().await;
    let admin = api.org("a").await;
    let list = format!("/admin/orgs/{}/users", admin.org_id);
    let root = |method: Method, path: &str| api.call(method, path).header("X-Api-Key", &api.root);
    assert_eq!(root(Method::GET, &list).answer().await.status, 200);
    let absent = format!("/admin/orgs/{ABSENT}/users");
    let call = root(Method::POST, &absent).json(&json!({"name": "x", "isAdmin": true}));
    assert_eq!(call.answer().await.status, 404);
    assert_eq!(root(Method::GET, "/admin/orgs").answer().await.status, 200);
    let seen = chain(&api, org_of(&admin)).await;
    let expected = [
        ("org.create", "ok"),
        ("user.create", "ok"),
        ("user.list", "ok"),
    ];
    let expected = expected.map(|(action, outcome)| (action.to_owned(), outcome.to_owned()));
    assert_eq!(seen.iter().map(told).collect::<Vec<_>>(), expected);
    assert!(
        seen.iter()
            .all(|link| link.entry.event.actor == Actor::Root)
    );
    let own = root(Method::GET, "/audit").answer().await.json();
    let own: Vec<_> = own
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (text(entry, "action"), text(entry, "outcome")))
        .collect();
    assert!(own.contains(&("server.change".into(), "ok".into())));
    assert!(own.contains(&("user.create".into(), "not_found".into())));
    assert!(own.contains(&("org.list".into(), "ok".into())));
    let absent: OrgId = ABSENT.parse::<Uuid>().unwrap().into();
    assert!(chain(&api, absent).await.is_empty());
}

#[tokio::test]
async fn a_call_whose_client_leaves_has_its_entry() {
    use tokio::io::AsyncWriteExt;
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let org_id = org_of(&user);
    let before = chain(&api, org_id).await.len();
    let mut stream = tokio::net::TcpStream::connect(api.address).await.unwrap();
    let head = format!(
        "PUT /v1/kv/left HTTP/1.1\r\nHost: a\r\nX-Api-Key: {}\r\n\
         Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{\"valueB64\":",
        user.key
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    drop(stream);
    let links = chain_when(&api, org_id, |links| links.len() > before).await;
    let [link] = &links[before..] else {
        panic!("{} entries", links.len() - before);
    };
    let (action, outcome) = told(link);
    assert!(["kv.write", "unknown"].contains(&action.as_str()));
    assert!(["abandoned", "malformed_request"].contains(&outcome.as_str()));
}

#[tokio::test]
async fn strangers_are_counted_in_one_entry() {
    let api = Api::start().await;
    let user = api.org("a").await;
    for key in ["sgk_unknown", &format!("{}x", user.key)] {
        for _ in 0..50 {
            let call = api.get("/v1/kv").header("X-Api-Key", key);
            call.answer().await.is_problem(401, "api_key_invalid");
        }
    }
    // Stopping writes what is still counted.
    let api = api.restart(|_| ()).await;
    let links = chain(&api, SERVER_LOG).await;
    let refused: Vec<_> = links
        .iter()
        .filter(|link| told(link).0 == "auth.refused")
        .collect();
    assert!((1..=2).contains(&refused.len()), "{}", refused.len());
    let counts = refused.iter().map(|link| {
        let note = link.entry.event.note.as_str();
        note.strip_prefix("count=").unwrap().parse::<u64>().unwrap()
    });
    assert_eq!(counts.sum::<u64>(), 100);
    assert!(!links.iter().any(|link| link.to_line().contains("sgk_")));
}

#[tokio::test]
async fn an_altered_chain_is_not_handed_out() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    api.store_value(&user, "a", "v").await;
    let read = api.get("/audit").key(&user).answer().await;
    assert_eq!(read.status, 200);
    let org_id = *org_of(&user).as_bytes();
    let api = api
        .restart(move |db| {
            let altered = db.execute(
                "UPDATE audit_blocks SET entries = \
                 CAST(substr(entries, 1, 2) || x'02' || substr(entries, 4) AS BLOB) \
                 WHERE org_id = ?1 AND first_seq = 1",
                [&org_id[..]],
            );
            assert_eq!(altered.unwrap(), 1);
        })
        .await;
    let refused = api.get("/audit").key(&user).answer().await;
    refused.is_problem(400, "tampered");
}

#[tokio::test]
async fn secrets_stay_inside_while_the_log_cannot_be_written() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    api.store_value(&user, "a", "value").await;
    api.store.limit_pages(1);
    let mut refused = None;
    // The last pages may have room for a few entries.
    for _ in 0..1_000 {
        let read = api.get("/v1/kv/a").both(&user).answer().await;
        if read.status != 200 {
            refused = Some(read);
            break;
        }
    }
    let refused = refused.unwrap();
    refused.is_problem(503, "audit_unavailable");
    assert!(!refused.body.contains(&base64(b"value")));
    let id = refused.header("x-request-id").unwrap().to_owned();
    api.store.limit_pages(u32::MAX - 1);
    // No restart, and what was refused is told afterwards.
    assert_eq!(api.read_value(&user, "a").await, "value");
    let of_it = |link: &ChainLink| link.entry.event.request_id.as_str() == id;
    let links = chain_when(&api, org_of(&user), |links| links.iter().any(of_it)).await;
    let found: Vec<_> = links.iter().filter(|link| of_it(link)).map(told).collect();
    assert_eq!(
        found,
        [("kv.read".to_owned(), "audit_unavailable".to_owned())]
    );
}

/// `--audit-unavailable serve`.
#[tokio::test]
async fn what_cannot_be_recorded_is_served_and_told_later_where_the_operator_says_so() {
    let upstream = TlsUpstream::start(&["http/1.1"], |_| async {
        Response::new(Body::from("from upstream"))
    })
    .await;
    let api = Api::start_serving_unrecorded(upstream.ca_file.clone()).await;
    let user = api.org_with_keys("a").await;
    api.store_value(&user, "a", "value").await;
    let before = chain(&api, org_of(&user)).await.len();
    api.store.limit_pages(1);
    let mut reads = 0;
    // The last pages may have room for a few entries.
    while chain(&api, org_of(&user)).await.len() == before + reads {
        assert_eq!(api.read_value(&user, "a").await, "value");
        reads += 1;
        assert!(reads < 1_000, "there is always room");
    }
    for _ in 0..10 {
        assert_eq!(api.read_value(&user, "a").await, "value");
        let call = api.get("/").key(&user);
        let call = call
            .header("X-Target-URL", upstream.url("/"))
            .answer()
            .await;
        assert_eq!((call.status, call.body.as_str()), (200, "from upstream"));
        reads += 1;
    }
    // A change and its entry are one: neither is done without the other.
    let body = json!({"valueB64": base64(&[b'x'; 100_000])});
    let put = api.put("/v1/kv/a").key(&user).json(&body).answer().await;
    put.is_problem(503, "storage_unavailable");
    assert_eq!(api.read_value(&user, "a").await, "value");
    reads += 1;
    api.store.limit_pages(u32::MAX - 1);
    let count = |links: &[ChainLink]| {
        let read = |link: &&ChainLink| link.entry.event.action.as_str() == "kv.read";
        links.iter().filter(read).count()
    };
    let links = chain_when(&api, org_of(&user), |links| count(links) >= reads).await;
    assert_eq!(count(&links), reads, "each once");
}

#[tokio::test]
async fn a_batch_names_every_value_that_it_opened() {
    const BATCH: usize = 100;
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let names: Vec<String> = (0..BATCH).map(|number| format!("n{number}")).collect();
    for name in &names {
        api.store_value(&user, name, "value").await;
    }
    let read = async |keys: &[String]| {
        let call = api.post("/v1/kv/batch-get").both(&user);
        let read = call.json(&json!({"keys": keys})).answer().await;
        assert_eq!(read.status, 200, "{read:?}");
        let last = chain(&api, org_of(&user)).await.pop().unwrap();
        assert_eq!(told(&last), ("kv.read_many".to_owned(), "ok".to_owned()));
        let target = last.entry.event.target.as_str().split(' ');
        let ids = target.map(|item| item.strip_prefix("value:").unwrap().to_owned());
        ids.collect::<BTreeSet<String>>()
    };
    let db = rusqlite::Connection::open(api.database()).unwrap();
    let stored = |name: &str| -> String {
        let query = "SELECT record_id FROM vault_values WHERE name = ?1";
        let id: [u8; 16] = db.query_row(query, [name], |row| row.get(0)).unwrap();
        Uuid::from_bytes(id).to_string()
    };
    let all: BTreeSet<String> = names.iter().map(|name| stored(name)).collect();
    assert_eq!(all.len(), BATCH);
    assert_eq!(read(&names).await, all);
    let some = ["n7".to_owned(), "absent".to_owned()];
    assert_eq!(read(&some).await, [stored("n7")].into());
}
