//! `/admin/orgs`, `/v1/users`: who makes whom, and who sees whom.

use serde_json::{Value, json};

use super::api_support::{Api, Calls, TestUser, text};
use super::futures_joined::join_all;
use super::support::Answer;

async fn create(api: &Api, by: &str, org_id: &str, body: Value) -> Answer {
    let call = api.post(&format!("/admin/orgs/{org_id}/users"));
    call.header("X-Api-Key", by).json(&body).answer().await
}

#[tokio::test]
async fn root_makes_organisations_and_nobody_else_does() {
    let api = Api::start().await;
    let user = api.org("first").await;
    let made = api.post("/admin/orgs").header("X-Api-Key", &api.root);
    let made = made.json(&json!({"name": "second ö"})).answer().await;
    assert_eq!(made.status, 201);
    assert_eq!(made.json()["createdUtc"], "2027-01-15T08:00:00Z");
    let listed = api
        .get("/admin/orgs?limit=1")
        .header("X-Api-Key", &api.root);
    let listed = listed.answer().await;
    assert_eq!(listed.json().as_array().unwrap().len(), 1);
    assert_eq!(listed.json()[0]["orgId"], user.org_id);
    let link = listed.header("link").unwrap();
    let next = &link[1..link.find('>').unwrap()];
    let next = api.get(next).header("X-Api-Key", &api.root).answer().await;
    assert_eq!(next.json(), json!([made.json()]));
    for call in [
        api.get("/admin/orgs"),
        api.post("/admin/orgs").json(&json!({"name": "x"})),
    ] {
        call.key(&user).answer().await.is_problem(403, "forbidden");
    }
    for body in [
        json!({}),
        json!({"name": ""}),
        json!({"name": "a\nb"}),
        json!({"name": "x".repeat(513)}),
        json!({"name": 1}),
        json!({"name": "x", "nam": 1}),
        json!([]),
    ] {
        let call = api.post("/admin/orgs").header("X-Api-Key", &api.root);
        let refused = call.json(&body).answer().await;
        refused.is_problem(400, "malformed_request");
    }
    let huge = api.post("/admin/orgs").header("X-Api-Key", &api.root);
    let huge = huge
        .json(&json!({"name": "x".repeat(17 * 1024)}))
        .answer()
        .await;
    huge.is_problem(413, "too_large");
    assert_eq!(api.count("orgs"), 2);
}

#[tokio::test]
async fn root_makes_the_first_admin_and_admins_make_the_rest() {
    let api = Api::start().await;
    let call = api.post("/admin/orgs").header("X-Api-Key", &api.root);
    let org = call.json(&json!({"name": "a"})).answer().await.json();
    let org_id = text(&org, "orgId");
    create(
        &api,
        &api.root,
        &org_id,
        json!({"name": "u", "isAdmin": false}),
    )
    .await
    .is_problem(403, "forbidden");
    let calls = (0..8).map(|_| {
        create(
            &api,
            &api.root,
            &org_id,
            json!({"name": "u", "isAdmin": true}),
        )
    });
    let answers = join_all(calls).await;
    let made: Vec<&Answer> = answers.iter().filter(|a| a.status == 201).collect();
    assert_eq!(made.len(), 1, "one first admin");
    for refused in answers.iter().filter(|a| a.status != 201) {
        refused.is_problem(403, "forbidden");
    }
    let admin = made[0].json();
    assert_eq!(admin["isAdmin"], true);
    let admin_key = text(&admin, "apiKey");
    let user = create(&api, &admin_key, &org_id, json!({"name": "plain"})).await;
    assert_eq!(user.status, 201);
    assert_eq!(user.json()["isAdmin"], false);
    let user_key = text(&user.json(), "apiKey");
    create(&api, &user_key, &org_id, json!({"name": "u"}))
        .await
        .is_problem(403, "forbidden");
    create(
        &api,
        &api.root,
        &org_id,
        json!({"name": "u", "isAdmin": true}),
    )
    .await
    .is_problem(403, "forbidden");
    for body in [
        json!({"name": "x", "isadmin": true}),
        json!({"isAdmin": true}),
        json!({"name": "x", "isAdmin": "true"}),
    ] {
        create(&api, &admin_key, &org_id, body)
            .await
            .is_problem(400, "malformed_request");
    }
    let listed = api.get(&format!("/admin/orgs/{org_id}/users"));
    let listed = listed.header("X-Api-Key", &admin_key).answer().await.json();
    let names: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["u", "plain"]);
    assert!(!listed.to_string().contains("sgk_"), "keys are shown once");
    assert_eq!((api.count("users"), api.count("api_keys")), (2, 3));
}

#[tokio::test]
async fn another_organisation_does_not_exist() {
    let api = Api::start().await;
    let (a, b) = (api.org("a").await, api.org("b").await);
    let plain = api.add_user(&a.key, &a.org_id, "plain", false).await;
    let nowhere = TestUser {
        org_id: "01900000-0000-7000-8000-000000000000".to_owned(),
        ..b.clone()
    };
    for org in [&b, &nowhere] {
        for caller in [&a, &plain] {
            let path = format!("/admin/orgs/{}/users", org.org_id);
            let listed = api.get(&path).key(caller).answer().await;
            listed.is_problem(404, "not_found");
            let made = create(&api, &caller.key, &org.org_id, json!({"name": "u"})).await;
            made.is_problem(404, "not_found");
        }
    }
    let path = format!("/admin/orgs/{}/users", a.org_id);
    let own = api.get(&path).key(&plain).answer().await;
    own.is_problem(403, "forbidden");
    for malformed in ["x", "0190", "01900000-0000-7000-8000-00000000000g"] {
        let path = format!("/admin/orgs/{malformed}/users");
        let refused = api.get(&path).key(&a).answer().await;
        refused.is_problem(400, "malformed_request");
    }
    let from_root = create(
        &api,
        &api.root,
        &nowhere.org_id,
        json!({"name": "u", "isAdmin": true}),
    );
    from_root.await.is_problem(404, "not_found");
}

#[tokio::test]
async fn colleagues_see_each_other_and_nobody_else() {
    let api = Api::start().await;
    let a = api.org_with_keys("a").await;
    api.org_with_keys("b").await;
    let plain = api.add_user(&a.key, &a.org_id, "plain", false).await;
    let listed = api.get("/v1/users/org").key(&plain).answer().await.json();
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["userId"], a.user_id);
    assert_eq!(listed[0]["hasKeys"], true);
    let keys = api.get("/v1/keys/status").key(&a).answer().await.json();
    assert_eq!(listed[0]["fingerprint"], keys["fingerprint"]);
    assert_eq!(
        listed[1],
        json!({"userId": plain.user_id, "name": "plain", "isAdmin": false, "hasKeys": false})
    );
    let page = api.get("/v1/users/org?limit=1").key(&plain).answer().await;
    assert!(page.header("link").unwrap().contains(&a.user_id));
    let me = api.get("/v1/users/me").key(&plain).answer().await.json();
    assert_eq!(me["orgId"], a.org_id);
    assert_eq!(me["userId"], plain.user_id);
}
