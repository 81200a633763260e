//! Answers with values that nobody takes: they hold no more memory than their reader's share.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use vault_server::vault::limits::VaultLimits;

use super::api_files::RAW;
use super::api_support::{Api, Calls, TestUser, text};
use super::support::PATIENCE;

const JSON: &str = "application/json";
/// More than a connection takes before its reader does.
const LARGE: usize = 8 << 20;

/// An answer that has begun and is not taken.
async fn untaken(api: &Api, reader: &TestUser, path: &str, accept: &str) -> TcpStream {
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\nX-Api-Key: {}\r\nX-User-Secret: {}\r\n\
         Accept: {accept}\r\n\r\n",
        reader.key, reader.secret,
    );
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut begun = [0; "HTTP/1.1 200".len()];
    stream.read_exact(&mut begun).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200", "{path}");
    stream
}

async fn status(api: &Api, reader: &TestUser, path: &str) -> u16 {
    api.get(path).both(reader).answer().await.status
}

#[tokio::test]
async fn answers_that_nobody_takes_hold_a_share_of_one_user() {
    let limits = VaultLimits {
        value_bytes_max: LARGE,
        // Of which the large value is one user's share.
        opened_bytes_max: LARGE,
        ..VaultLimits::default()
    };
    let api = Api::start_with(limits).await;
    let alice = api.org_with_keys("a").await;
    let bob = api.add_user(&alice.key, &alice.org_id, "bob", false).await;
    api.generate(&bob).await;
    api.store_value(&alice, "small", "small").await;
    api.store_value(&bob, "small", "small").await;
    let put = api.put("/v1/kv/large").key(&alice);
    let put = put.header("Content-Type", RAW).body(vec![7; LARGE]);
    assert_eq!(put.answer().await.status, 201);
    let body = json!({"recipientUserId": bob.user_id, "permission": "read"});
    let share = api.post("/v1/kv/large/shares").both(&alice).json(&body);
    let share = text(&share.answer().await.json(), "shareId");
    let shared = format!("/v1/kv/shared/{share}");

    for (reader, other, path) in [
        (&alice, &bob, "/v1/kv/large"),
        (&bob, &alice, shared.as_str()),
    ] {
        for accept in [JSON, RAW] {
            let held = untaken(&api, reader, path, accept).await;
            for refused in ["/v1/kv/small", path] {
                let refused = api.get(refused).both(reader).answer().await;
                refused.is_problem(503, "overloaded");
                assert!(refused.header("retry-after").is_some());
            }
            let batch = api.post("/v1/kv/batch-get").both(reader);
            let batch = batch.json(&json!({"keys": ["small", "none"]}));
            batch.answer().await.is_problem(503, "overloaded");
            assert_eq!(status(&api, other, "/v1/kv/small").await, 200);
            drop(held);
            let given_back = async {
                while status(&api, reader, "/v1/kv/small").await == 503 {
                    tokio::task::yield_now().await;
                }
            };
            timeout(PATIENCE, given_back).await.unwrap();
            assert_eq!(status(&api, reader, "/v1/kv/small").await, 200);
        }
    }
}
