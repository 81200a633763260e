//! A database that takes no more writes: said as it is, nothing half done, and better later.

use serde_json::json;

use super::api_support::{Api, Calls, generated_secret};

#[tokio::test]
async fn a_full_database_refuses_writes_whole_and_recovers() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let newcomer = api.add_user(&user.key, &user.org_id, "new", false).await;
    api.store_value(&user, "a", "value").await;
    // Whatever free pages the file has are used up, then it may not grow.
    let large = "x".repeat(500_000);
    api.store.limit_pages(1);
    let rows = |api: &Api| {
        [
            "orgs",
            "users",
            "api_keys",
            "user_keys",
            "key_pairs",
            "vault_values",
            "wraps",
        ]
        .map(|table| api.count(table))
    };
    let before = rows(&api);
    let body = json!({"valueB64": super::api_support::base64(large.as_bytes())});
    let refused = api.put("/v1/kv/b").key(&user).json(&body).answer().await;
    refused.is_problem(503, "storage_unavailable");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(rows(&api), before);
    api.store.limit_pages(u32::MAX - 1);
    api.store_value(&user, "b", &large).await;
    assert_eq!(api.read_value(&user, "a").await, "value");
    assert_eq!(api.read_value(&user, "b").await, large);
    api.generate(&newcomer).await;
    let rekey = api.post("/v1/keys/rekey").both(&user);
    let rekey = rekey.header("X-New-User-Secret", generated_secret());
    assert_eq!(rekey.answer().await.status, 200);
    api.store.verify().await.unwrap();
}
