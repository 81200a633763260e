//! The doors of the proxy, tried by everybody who must not have a credential used: each gets the
//! documented status, nothing that tells a credential which is there from one that is not, and
//! the upstream hears nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use hardened_crypto::user_secret::PassphraseCost;
use http::Response;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;
use vault_server::vault::limits::VaultLimits;

use super::cast::replace_key;
use crate::api_credentials::{PASSPHRASE, make, with_passphrase};
use crate::api_support::{Api, Calls, TestUser, text};
use crate::support::Answer;
use crate::upstream::TlsUpstream;

const UNKNOWN: (u16, &str) = (404, "credential_not_found");
const OUTSIDE: (u16, &str) = (403, "out_of_scope");
const STRANGER: (u16, &str) = (401, "api_key_invalid");

/// Somebody, what becomes of their calls, and a token that they have.
struct Caller {
    who: &'static str,
    user: TestUser,
    token: String,
    /// Of calls with the API key.
    with_key: (u16, &'static str),
    /// Of calls with the token that name the credential, and that leave it to be found.
    with_token: [(u16, &'static str); 2],
    /// Of `explain`, which sends nothing; `None` for an answer that names nothing.
    explain: Option<(u16, &'static str)>,
}

struct Stage {
    api: Api,
    upstream: TlsUpstream,
    heard: Arc<AtomicUsize>,
    owner: TestUser,
    callers: Vec<Caller>,
    /// Of the owner: sealed to keys, and under a passphrase.
    sealed: String,
    under_passphrase: String,
}

/// A token of a user for one of their own credentials, for another host.
async fn token_elsewhere(api: &Api, user: &TestUser) -> String {
    let body = json!({"name": "own", "hostPattern": "api.example.com", "value": "sk_own"});
    let made = api.post("/v1/credentials").key(user).json(&body);
    let own = text(&made.answer().await.json(), "credentialId");
    token(api, user, &own).await
}

async fn token(api: &Api, user: &TestUser, credential: &str) -> String {
    let body = json!({"ttlSeconds": 3_600, "credentials": [credential]});
    let made = api.post("/v1/tokens").both(user).json(&body).answer().await;
    assert_eq!(made.status, 201, "{made:?}");
    text(&made.json(), "token")
}

impl Stage {
    async fn set() -> Self {
        let heard = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&heard);
        let upstream = TlsUpstream::start(&["http/1.1"], move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            async { Response::new(Body::from("heard")) }
        })
        .await;
        let limits = VaultLimits {
            // As cheap as is accepted.
            passphrase_cost: PassphraseCost::new(12 * 1024, 3, 1).unwrap(),
            ..VaultLimits::default()
        };
        let api = Api::start_before_with(upstream.ca_file.clone(), limits).await;
        let admin = api.org_with_keys("org").await;
        let member = async |name: &str| {
            let user = api.add_user(&admin.key, &admin.org_id, name, false).await;
            api.generate(&user).await;
            user
        };
        let mut owner = member("owner").await;
        let body = json!({"name": "c", "hostPattern": "localhost", "value": "sk_live"});
        let made = api.post("/v1/credentials").key(&owner).json(&body);
        let sealed = text(&made.answer().await.json(), "credentialId");
        let under_passphrase = make(&api, &owner, "p", "localhost", "sk_live").await;

        let colleague = member("colleague").await;
        let disabled = member("disabled").await;
        let elsewhere = api.org_with_keys("elsewhere").await;
        let outsider = api.add_user(&elsewhere.key, &elsewhere.org_id, "o", false);
        let outsider = outsider.await;
        api.generate(&outsider).await;
        let mut recipients = Vec::new();
        for (name, expires) in [
            ("revoked", Value::Null),
            ("expired", json!("2027-01-15T08:00:01Z")),
        ] {
            let user = member(name).await;
            let path = format!("/v1/credentials/{sealed}/shares");
            let mut body = json!({"recipientUserId": user.user_id, "permission": "use"});
            if !expires.is_null() {
                body["expiresUtc"] = expires;
            }
            let shared = api.post(&path).both(&owner).json(&body).answer().await;
            assert_eq!(shared.status, 201, "{shared:?}");
            let token = token(&api, &user, &sealed).await;
            let call = api.get("/").header("X-Target-URL", upstream.url("/"));
            assert_eq!(call.bearer_auth(&token).answer().await.status, 200);
            if name == "revoked" {
                let share = text(&shared.json(), "shareId");
                let end = api.delete(&format!("{path}/{share}")).key(&owner);
                assert_eq!(end.answer().await.status, 204);
            }
            recipients.push((user, token));
        }
        api.clock.advance(Duration::from_secs(2));
        let [revoked, expired] = recipients.try_into().ok().unwrap();
        let tokens = [
            token_elsewhere(&api, &colleague).await,
            token_elsewhere(&api, &outsider).await,
            token_elsewhere(&api, &elsewhere).await,
            token_elsewhere(&api, &disabled).await,
            token_elsewhere(&api, &owner).await,
        ];
        let [of_colleague, of_outsider, of_foreign, of_disabled, of_owner] = tokens;
        let path = format!("/admin/orgs/{}/users/{}", admin.org_id, disabled.user_id);
        let shut_out = api.call(Method::PATCH, &path).key(&admin);
        let shut_out = shut_out.json(&json!({"disabled": true})).answer().await;
        assert_eq!(shut_out.status, 200, "{shut_out:?}");
        let with_old_key = replace_key(&api, &admin, &mut owner).await;
        let made = api.post("/v1/apikeys").key(&owner);
        let scoped = made.json(&json!({"hosts": ["api.example.com"]}));
        let scoped = TestUser {
            key: text(&scoped.answer().await.json(), "apiKey"),
            ..owner.clone()
        };
        let apart = |who, user: TestUser, token: String| Caller {
            who,
            user,
            token,
            with_key: UNKNOWN,
            with_token: [OUTSIDE, OUTSIDE],
            explain: None,
        };
        let after = |who, (user, token): (TestUser, String)| Caller {
            with_token: [UNKNOWN, UNKNOWN],
            ..apart(who, user, token)
        };
        let callers = vec![
            apart("another user", colleague, of_colleague),
            apart("a user of another organisation", outsider, of_outsider),
            apart("an admin of another organisation", elsewhere, of_foreign),
            after("the recipient after the end", revoked),
            after("the recipient after the expiry", expired),
            Caller {
                with_key: STRANGER,
                with_token: [STRANGER, STRANGER],
                explain: Some(STRANGER),
                ..apart("a disabled user", disabled, of_disabled)
            },
            Caller {
                with_key: STRANGER,
                explain: Some(STRANGER),
                ..apart(
                    "the owner with an expired key",
                    with_old_key,
                    of_owner.clone(),
                )
            },
            Caller {
                with_key: OUTSIDE,
                explain: Some(OUTSIDE),
                ..apart("the owner with a key for other hosts", scoped, of_owner)
            },
        ];
        heard.store(0, Ordering::SeqCst);
        Self {
            api,
            upstream,
            heard,
            owner,
            callers,
            sealed,
            under_passphrase,
        }
    }

    /// A call through a door: explicit, or by its path.
    fn through(&self, by_path: bool) -> RequestBuilder {
        let url = self.upstream.url("/v1/charges");
        if by_path {
            self.api.post(&url.replace("https://", "/to/"))
        } else {
            self.api.post("/").header("X-Target-URL", url)
        }
    }

    /// Checks a call and its twin, which names what never was.
    async fn check(
        &self,
        what: &str,
        call: impl Fn(&str) -> RequestBuilder,
        id: &str,
        wanted: (u16, &str),
    ) {
        let there = call(id).answer().await;
        there.is_problem(wanted.0, wanted.1);
        let absent = call(&Uuid::now_v7().to_string()).answer().await;
        assert_eq!(told(&there), told(&absent), "{what}: tells what is there");
        assert!(!there.body.contains(id), "{what}: {there:?}");
        assert_eq!(self.heard.load(Ordering::SeqCst), 0, "{what}");
    }
}

/// Everything of an answer but what is new each time.
fn told(answer: &Answer) -> (u16, Vec<(String, String)>, Value) {
    let headers = answer.headers.iter();
    let per_answer = ["x-request-id", "x-sealgate-request-id", "date"];
    let headers = headers.filter(|(name, _)| !per_answer.contains(&name.as_str()));
    let mut body = answer.json();
    body.as_object_mut().unwrap().remove("requestId");
    (answer.status, headers.cloned().collect(), body)
}

#[tokio::test]
async fn nobody_has_anothers_credential_used_or_learns_that_it_is_there() {
    let stage = Stage::set().await;
    for caller in &stage.callers {
        let (user, who) = (&caller.user, caller.who);
        for by_path in [false, true] {
            let what = format!("{who}, by path: {by_path}");
            let with_secret = |id: &str| {
                let call = stage.through(by_path).both(user);
                call.header("X-Credential-ID", id)
            };
            let named = stage.check(&what, with_secret, &stage.sealed, caller.with_key);
            named.await;
            let with_passphrase_of = |id: &str| {
                let call = with_passphrase(stage.through(by_path).key(user), PASSPHRASE);
                call.header("X-Credential-ID", id)
            };
            let id = &stage.under_passphrase;
            let passphrase = stage.check(&what, with_passphrase_of, id, caller.with_key);
            // The owner's own keys never get that far.
            passphrase.await;
            // Left to be found.
            let unnamed = [
                with_passphrase(stage.through(by_path).key(user), PASSPHRASE),
                stage.through(by_path).both(user),
            ];
            for call in unnamed {
                let answer = call.answer().await;
                answer.is_problem(caller.with_key.0, caller.with_key.1);
            }
            let with_token = |id: &str| {
                let call = stage.through(by_path).bearer_auth(&caller.token);
                call.header("X-Credential-ID", id)
            };
            let [named, found] = caller.with_token;
            stage.check(&what, with_token, &stage.sealed, named).await;
            let call = stage.through(by_path).bearer_auth(&caller.token);
            call.answer().await.is_problem(found.0, found.1);
            assert_eq!(stage.heard.load(Ordering::SeqCst), 0, "{what}");
        }
        let body = json!({"url": stage.upstream.url("/"), "method": "POST"});
        let explained = stage.api.post("/v1/proxy/explain").key(user).json(&body);
        let explained = explained.answer().await;
        match caller.explain {
            Some((status, code)) => explained.is_problem(status, code),
            None => {
                assert_eq!(explained.status, 200, "{who}: {explained:?}");
                assert_eq!(explained.json()["matching"], json!([]), "{who}");
            }
        }
        for id in [&stage.sealed, &stage.under_passphrase] {
            assert!(!explained.body.contains(id.as_str()), "{who}");
        }
    }
    // The owner's calls are heard: what was refused was not refused for another reason.
    let owner = stage.through(false).both(&stage.owner).answer().await;
    assert_eq!((owner.status, owner.body.as_str()), (200, "heard"));
    assert_eq!(stage.heard.load(Ordering::SeqCst), 1);
}
