//! An owner with one of everything, and everybody who must not reach it.

use std::collections::BTreeMap;
use std::time::Duration;

use hardened_crypto::user_secret::PassphraseCost;
use serde_json::{Value, json};
use vault_server::vault::limits::VaultLimits;

use crate::api_credentials::{PASSPHRASE, send};
use crate::api_support::{Api, Calls, TestUser, base64, text};
use crate::api_tokens::token;
use crate::support::Answer;

/// What stands for the parameters of paths, by their names in the OpenAPI document.
pub(crate) type Ids = BTreeMap<&'static str, String>;

/// Names of the same length, so that answers that repeat one are of the same length.
const THEIR_NAME: &str = "theirs";
const ABSENT_NAME: &str = "absent";

/// Who calls, and what is expected of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Of the same organisation.
    Colleague,
    /// Of another one.
    Outsider,
    /// An admin of another one.
    ForeignAdmin,
    Root,
    /// The owner, with less than the owner's rights.
    Scoped,
    /// The owner's access token for other names.
    Token,
    /// Known nowhere.
    Nobody,
}

/// Somebody who must not reach what is the owner's.
pub(crate) struct Caller {
    pub(crate) who: &'static str,
    pub(crate) place: Place,
    pub(crate) user: TestUser,
    /// What this caller had once, by the names of parameters.
    pub(crate) former: Ids,
}

pub(crate) struct Cast {
    pub(crate) api: Api,
    pub(crate) admin: TestUser,
    pub(crate) owner: TestUser,
    pub(crate) recipient: TestUser,
    pub(crate) callers: Vec<Caller>,
    /// What is there.
    pub(crate) theirs: Ids,
    /// Ids of the same form that never were.
    pub(crate) absent: Ids,
}

impl Cast {
    pub(crate) async fn assemble() -> Self {
        let limits = VaultLimits {
            // As cheap as is accepted.
            passphrase_cost: PassphraseCost::new(12 * 1024, 3, 1).unwrap(),
            ..VaultLimits::default()
        };
        let api = Api::start_with(limits).await;
        let admin = api.org_with_keys("org").await;
        let member = async |name: &str| {
            let user = api.add_user(&admin.key, &admin.org_id, name, false).await;
            api.generate(&user).await;
            user
        };
        let mut owner = member("owner").await;
        let recipient = member("recipient").await;
        let colleague = member("colleague").await;
        let untrusted = member("untrusted").await;
        let revoked = member("revoked").await;
        let expired = member("expired").await;
        let disabled = member("disabled").await;
        let elsewhere = api.org_with_keys("elsewhere").await;
        let outsider = api
            .add_user(&elsewhere.key, &elsewhere.org_id, "o", false)
            .await;
        api.generate(&outsider).await;
        let mut theirs = furnish(&api, &owner, &recipient).await;
        let lapse = json!("2027-01-15T08:00:01Z");
        let once = share_all(&api, &owner, &revoked, &theirs, Value::Null).await;
        end_all(&api, &owner, &theirs, &once).await;
        let lapsed = share_all(&api, &owner, &expired, &theirs, lapse).await;
        let entrusted = entrust(&api, &owner, &untrusted).await;
        assert_eq!(entrusted.status, 201, "{entrusted:?}");
        let held = api.get(&format!("/v1/recovery/owners/{}", owner.user_id));
        assert_eq!(held.key(&untrusted).answer().await.status, 200);
        let staged = BTreeMap::from([("restoreId", stage(&api, &owner, &untrusted).await)]);
        let path = format!("/v1/recovery/trustees/{}", untrusted.user_id);
        let end = api.delete(&path).key(&owner).answer().await;
        assert_eq!(end.status, 204, "{end:?}");
        api.clock.advance(Duration::from_secs(2));
        let path = format!("/admin/orgs/{}/users/{}", admin.org_id, disabled.user_id);
        let call = api.call(reqwest::Method::PATCH, &path).key(&admin);
        let shut_out = call.json(&json!({"disabled": true})).answer().await;
        assert_eq!(shut_out.status, 200, "{shut_out:?}");
        let with_old_key = replace_key(&api, &admin, &mut owner).await;
        let (scoped, key_id) = narrow(&api, &owner).await;
        theirs.insert("apiKeyId", key_id);
        let body = json!({"kv": ["elsewhere/"]});
        let (token, token_id) = token(&api, &owner, body).await;
        theirs.insert("tokenId", token_id);
        let with_token = TestUser {
            key: token,
            ..owner.clone()
        };
        let root = TestUser {
            key: api.root.clone(),
            ..owner.clone()
        };
        let nobody = TestUser {
            key: String::new(),
            ..owner.clone()
        };
        let [revoked_id, expired_id, untrusted_id] =
            [&revoked, &expired, &untrusted].map(|user| user.user_id.clone());
        let cast = [
            ("another user", Place::Colleague, colleague),
            ("the recipient after the end", Place::Colleague, revoked),
            ("the recipient after the expiry", Place::Colleague, expired),
            ("a user of another organisation", Place::Outsider, outsider),
            (
                "an admin of another organisation",
                Place::ForeignAdmin,
                elsewhere,
            ),
            ("a trustee after the end", Place::Colleague, untrusted),
            ("a disabled user", Place::Nobody, disabled),
            ("the owner with an expired key", Place::Nobody, with_old_key),
            ("nobody", Place::Nobody, nobody),
            ("root", Place::Root, root),
            ("an access token for other names", Place::Token, with_token),
            (
                "the owner with a key for other names",
                Place::Scoped,
                scoped,
            ),
        ];
        let callers = cast.map(|(who, place, user)| {
            let former = [
                (&revoked_id, &once),
                (&expired_id, &lapsed),
                (&untrusted_id, &staged),
            ];
            let former = former.into_iter().find(|(id, _)| **id == user.user_id);
            Caller {
                who,
                place,
                former: former.map(|(_, ids)| ids.clone()).unwrap_or_default(),
                user,
            }
        });
        let absent = theirs.keys().map(|name| {
            let value = match *name {
                "key" => ABSENT_NAME.to_owned(),
                "apiKeyId" => "AbCdEfGh".to_owned(),
                _ => uuid::Uuid::now_v7().to_string(),
            };
            (*name, value)
        });
        let absent = absent.collect();
        Self {
            api,
            admin,
            owner,
            recipient,
            callers: callers.into(),
            theirs,
            absent,
        }
    }

    /// Ids that never were, as this caller can make them up: colleagues know their organisation.
    pub(crate) fn absent_for(&self, caller: &Caller) -> Ids {
        let mut absent = self.absent.clone();
        if matches!(
            caller.place,
            Place::Colleague | Place::Scoped | Place::Token
        ) {
            absent.insert("orgId", self.theirs["orgId"].clone());
        }
        absent
    }

    /// What the owner and the recipient see of it all.
    pub(crate) async fn seen(&self) -> Vec<Value> {
        let (api, owner) = (&self.api, &self.owner);
        let mut seen = Vec::new();
        for path in [
            format!("/v1/kv/{THEIR_NAME}"),
            format!("/v1/kv/{THEIR_NAME}/versions"),
            format!("/v1/kv/{THEIR_NAME}/shares"),
            "/v1/kv".to_owned(),
            "/v1/kv/shared".to_owned(),
            "/v1/credentials".to_owned(),
            "/v1/files".to_owned(),
            format!("/v1/files/{}", self.theirs["fileId"]),
            format!("/v1/files/{}/shares", self.theirs["fileId"]),
            "/v1/apikeys".to_owned(),
            "/v1/tokens".to_owned(),
            "/v1/recovery/trustees".to_owned(),
            "/v1/recovery/restores".to_owned(),
            format!("/v1/credentials/{}/shares", self.theirs["credentialId"]),
            "/v1/keys/status".to_owned(),
            "/v1/users/me".to_owned(),
            "/v1/users/org".to_owned(),
        ] {
            let answer = api.get(&path).both(owner).answer().await;
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
            seen.push(without_uses(answer.json()));
        }
        let path = format!("/v1/kv/shared/{}", self.theirs["shareId"]);
        let read = api.get(&path).both(&self.recipient).answer().await;
        assert_eq!(read.status, 200, "{read:?}");
        seen.push(read.json());
        seen
    }
}

/// Makes one of everything; returns the ids.
async fn furnish(api: &Api, owner: &TestUser, recipient: &TestUser) -> Ids {
    let body = json!({"valueB64": base64(b"of the owner"), "metadata": {"m": 1}});
    for _ in 0..2 {
        let call = api.put(&format!("/v1/kv/{THEIR_NAME}")).key(owner);
        assert!(call.json(&body).answer().await.status < 300);
    }
    let share = give(api, owner, &of_value(), recipient, &Value::Null).await;
    let body = json!({"name": "p", "hostPattern": "b.example.com", "value": "sk_live"});
    let made = send(api, owner, ("POST", ""), PASSPHRASE, &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let body = json!({"name": "c", "hostPattern": "api.example.com", "value": "sk_live"});
    let made = api
        .post("/v1/credentials")
        .key(owner)
        .json(&body)
        .answer()
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    let credential = text(&made.json(), "credentialId");
    let path = format!("/v1/credentials/{credential}/shares");
    let used = give(api, owner, &path, recipient, &Value::Null).await;
    let trusted = entrust(api, owner, recipient).await;
    assert_eq!(trusted.status, 201, "{trusted:?}");
    let staged = stage(api, owner, recipient).await;
    let body = json!({
        "fileName": "f", "contentB64": base64(b"content"), "contentType": "text/plain",
    });
    let stored = api.post("/v1/files").both(owner).json(&body).answer().await;
    assert_eq!(stored.status, 201, "{stored:?}");
    let file = text(&stored.json(), "fileId");
    let path = format!("/v1/files/{file}/shares");
    let given = give(api, owner, &path, recipient, &Value::Null).await;
    BTreeMap::from([
        ("fileShareId", given),
        ("fileId", file),
        ("useShareId", used),
        ("trusteeUserId", recipient.user_id.clone()),
        ("ownerUserId", owner.user_id.clone()),
        ("restoreId", staged),
        ("key", THEIR_NAME.to_owned()),
        ("shareId", share),
        ("credentialId", credential),
        ("orgId", owner.org_id.clone()),
        ("userId", owner.user_id.clone()),
        ("recipient", recipient.user_id.clone()),
    ])
}

/// A list without when its keys were used last, which any call tells.
fn without_uses(mut document: Value) -> Value {
    for item in document.as_array_mut().into_iter().flatten() {
        if let Some(fields) = item.as_object_mut() {
            fields.remove("lastUsedUtc");
        }
    }
    document
}

/// Makes a trustee who holds some bytes.
async fn entrust(api: &Api, owner: &TestUser, trustee: &TestUser) -> Answer {
    let body = json!({
        "encryptedPrivateKeyEccShareB64": base64(b"ecc"),
        "encryptedPrivateKeyKyberShareB64": base64(b"kyber"),
    });
    let path = format!("/v1/recovery/trustees/{}", trustee.user_id);
    api.put(&path).key(owner).json(&body).answer().await
}

/// Stages a restore that opens nothing; its id.
async fn stage(api: &Api, owner: &TestUser, trustee: &TestUser) -> String {
    let call = api.post(&format!("/v1/recovery/restore/{}", owner.user_id));
    let halves = json!({
        "encryptedPrivateKeyEccB64": "AA==", "encryptedPrivateKeyKyberB64": "AA==",
    });
    let staged = call.key(trustee).json(&halves).answer().await;
    assert_eq!(staged.status, 201, "{staged:?}");
    text(&staged.json(), "restoreId")
}

fn of_value() -> String {
    format!("/v1/kv/{THEIR_NAME}/shares")
}

/// Where shares of everything are made, each with the parameter that its id is called by.
fn share_paths(theirs: &Ids) -> [(&'static str, String); 3] {
    [
        ("shareId", of_value()),
        (
            "fileShareId",
            format!("/v1/files/{}/shares", theirs["fileId"]),
        ),
        (
            "useShareId",
            format!("/v1/credentials/{}/shares", theirs["credentialId"]),
        ),
    ]
}

/// Shares everything with a user, who can use it; the ids of the shares.
async fn share_all(
    api: &Api,
    owner: &TestUser,
    to: &TestUser,
    theirs: &Ids,
    expires: Value,
) -> Ids {
    let mut ids = Ids::new();
    for (name, path) in share_paths(theirs) {
        ids.insert(name, give(api, owner, &path, to, &expires).await);
    }
    for path in [
        format!("/v1/kv/shared/{}", ids["shareId"]),
        format!("/v1/files/shared/{}", ids["fileShareId"]),
    ] {
        let read = api.get(&path).both(to).answer().await;
        assert_eq!(read.status, 200, "while it lasts: {read:?}");
    }
    let listed = api.get("/v1/credentials/shared").both(to).answer().await;
    assert!(listed.body.contains(&ids["useShareId"]), "{listed:?}");
    ids
}

async fn end_all(api: &Api, owner: &TestUser, theirs: &Ids, ids: &Ids) {
    for (name, path) in share_paths(theirs) {
        let end = api.delete(&format!("{path}/{}", ids[name])).both(owner);
        assert_eq!(end.answer().await.status, 204, "{path}");
    }
}

/// Makes a share of what this path belongs to; its id.
async fn give(api: &Api, owner: &TestUser, path: &str, to: &TestUser, expires: &Value) -> String {
    let is_used = path.starts_with("/v1/credentials");
    let mut body = json!({
        "recipientUserId": to.user_id, "permission": if is_used { "use" } else { "read" },
        "alias": "the alias",
    });
    if !expires.is_null() {
        body["expiresUtc"] = expires.clone();
    }
    let made = api.post(path).both(owner).json(&body).answer().await;
    assert_eq!(made.status, 201, "{made:?}");
    text(&made.json(), "shareId")
}

/// The user with an API key for other names than those that are there, and its id.
async fn narrow(api: &Api, user: &TestUser) -> (TestUser, String) {
    let call = api.post("/v1/apikeys").key(user);
    let made = call.json(&json!({"kv": ["elsewhere/"]})).answer().await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    let scoped = TestUser {
        key: text(&made, "apiKey"),
        ..user.clone()
    };
    (scoped, text(&made, "apiKeyId"))
}

/// Gives the user a new API key; the same user with the key that no longer counts.
pub(crate) async fn replace_key(api: &Api, admin: &TestUser, user: &mut TestUser) -> TestUser {
    let old = user.clone();
    let path = format!(
        "/admin/orgs/{}/users/{}/apikey/rotate",
        user.org_id, user.user_id
    );
    let call = api.post(&path).key(admin);
    let made = call.json(&json!({"graceSeconds": 10})).answer().await;
    assert_eq!(made.status, 200, "{made:?}");
    user.key = text(&made.json(), "apiKey");
    let me = api.get("/v1/users/me").key(&old).answer().await;
    assert_eq!(me.status, 200, "within the grace");
    api.clock.advance(Duration::from_secs(11));
    old
}
