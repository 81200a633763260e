//! The calls of the secret-offloading document, host names aside.

use crate::support::{FirstKeys, Sealgate, assert_problem, http};
use crate::upstream::Upstream;
use vault_client::{CredentialSecret, NewCredential};

const BODY: &str = r#"{"amount": 2000, "currency": "usd", "source": "tok_visa"}"#;

struct Started {
    server: Sealgate,
    keys: FirstKeys,
    upstream: Upstream,
    _data: tempfile::TempDir,
}

async fn start() -> Started {
    let data = tempfile::tempdir().unwrap();
    let upstream = Upstream::start(data.path()).await;
    let ca_file = upstream.ca_file.to_str().unwrap();
    let directory = data.path().join("data");
    let server = Sealgate::dev(&directory, &["--extra-ca-file", ca_file]);
    Started {
        keys: server.first_keys(),
        server,
        upstream,
        _data: data,
    }
}

#[tokio::test]
async fn a_credential_sealed_to_keys_by_typed_calls() {
    let Started {
        server,
        keys,
        upstream,
        _data,
    } = start().await;
    let client = server.client(&keys.api_key);
    let new = NewCredential {
        name: "search",
        host_pattern: "localhost",
        query_parameter: Some("key"),
        ..NewCredential::default()
    };
    let value = "one/value".into();
    let made = client.make_credential(&new, &value, CredentialSecret::None);
    let made = made.await.unwrap();
    assert_eq!(made.protection, "userKeys");
    assert_eq!(made.query_parameter.as_deref(), Some("key"));
    let id = made.credential_id.as_str();
    let value = "another value".into();
    let replaced = client.replace_credential_value(id, &value, CredentialSecret::None);
    assert_eq!(replaced.await.unwrap().version, 2);
    let call = http()
        .get(server.url("/"))
        .header("X-Api-Key", &keys.api_key)
        .header("X-User-Secret", &keys.user_secret)
        .header("X-Target-URL", upstream.url("/search?q=a"));
    assert_eq!(call.send().await.unwrap().status(), 200);
    let seen = upstream.take_seen();
    assert_eq!(seen[0].path_and_query, "/search?q=a&key=another%20value");
    let listed = client.credentials().await.unwrap();
    assert_eq!((listed.len(), listed[0].version), (1, 2));
    client.delete_credential(id).await.unwrap();
    assert!(client.delete_credential(id).await.is_err());
    assert!(!server.log().contains("another"));
}

#[tokio::test]
async fn ephemeral_pass_through() {
    let Started {
        server,
        keys,
        upstream,
        _data,
    } = start().await;
    let answer = http()
        .post(server.url("/"))
        .header("X-MirApi-Key", &keys.api_key)
        .header("X-Target-URL", upstream.url("/v1/charges?a=%2F&b"))
        .header("X-Identity-Key", "Bearer sk_live_xxxxxxxxxxxxxxxxxxxx")
        .header("Content-Type", "application/json")
        .body(BODY)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("x-request-id"));
    assert!(!answer.headers().contains_key("x-sealgate-error"));
    assert_eq!(answer.text().await.unwrap(), r#"{"ok":true}"#);

    let seen = upstream.take_seen();
    let [request] = seen.as_slice() else {
        panic!("exactly one request arrives");
    };
    assert_eq!(request.method, "POST");
    assert_eq!(request.path_and_query, "/v1/charges?a=%2F&b");
    assert_eq!(request.body, BODY);
    assert_eq!(
        request.all("authorization"),
        ["Bearer sk_live_xxxxxxxxxxxxxxxxxxxx"]
    );
    assert_eq!(request.all("content-type"), ["application/json"]);
    for stripped in [
        "x-mirapi-key",
        "x-identity-key",
        "x-target-url",
        "x-api-key",
    ] {
        assert!(request.all(stripped).is_empty(), "{stripped} stays here");
    }
}

#[tokio::test]
async fn basic_credentials_and_forms() {
    let Started {
        server,
        keys,
        upstream,
        _data,
    } = start().await;
    let answer = http()
        .post(server.url("/"))
        .header("X-MirApi-Key", &keys.api_key)
        .header(
            "X-Target-URL",
            upstream.url("/2010-04-01/Accounts/AC1/Messages"),
        )
        .header("X-Identity-Key", "Basic QUMxOnRva2Vu")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("To=+1234567890&From=+0987654321&Body=Hello")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let seen = upstream.take_seen();
    assert_eq!(seen[0].all("authorization"), ["Basic QUMxOnRva2Vu"]);
    assert_eq!(seen[0].body, "To=+1234567890&From=+0987654321&Body=Hello");
}

#[tokio::test]
async fn a_key_that_is_no_secret_passes_as_it_is() {
    let Started {
        server,
        keys,
        upstream,
        _data,
    } = start().await;
    let answer = http()
        .get(server.url("/"))
        .header("X-MirApi-Key", &keys.api_key)
        .header("X-Target-URL", upstream.url("/v3/mail/send"))
        .header("Authorization", "Bearer SG.xxx")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        upstream.take_seen()[0].all("authorization"),
        ["Bearer SG.xxx"]
    );
}

/// Headers, and the status and code that they must lead to.
type Refusal<'a> = (&'a [(&'a str, &'a str)], u16, &'a str);

#[tokio::test]
async fn refusals_come_before_any_contact() {
    let Started {
        server,
        keys,
        upstream,
        _data,
    } = start().await;
    let target = upstream.url("/v1/charges");
    let own = server.url("/health");
    let cases: &[Refusal<'_>] = &[
        (
            &[
                ("X-Target-URL", &target),
                ("X-Identity-Key", "a"),
                ("X-Proxy-Master-Key", "b"),
            ],
            400,
            "two_credentials",
        ),
        (
            &[
                ("X-Target-URL", &target),
                ("X-Proxy-Master-Key", "my-master-passphrase"),
            ],
            404,
            "credential_not_found",
        ),
        (
            &[("X-Target-URL", "https://user@localhost/")],
            400,
            "target_invalid",
        ),
        (
            &[("X-Target-URL", "http://example.com/")],
            403,
            "target_forbidden",
        ),
        (
            &[("X-Target-URL", "https://10.0.0.1/")],
            403,
            "target_forbidden",
        ),
        (
            &[("X-Target-URL", "https://169.254.169.254/")],
            403,
            "target_forbidden",
        ),
        (&[("X-Target-URL", &own)], 400, "target_is_self"),
    ];
    for (headers, status, code) in cases {
        let mut request = http()
            .post(server.url("/"))
            .header("X-Api-Key", &keys.api_key)
            .body(BODY);
        for (name, value) in *headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["x-sealgate-error"], *code);
        assert_problem(answer, *status, code).await;
    }
    let stranger = http()
        .post(server.url("/"))
        .header("X-Target-URL", &target)
        .header("X-Identity-Key", "Bearer x")
        .send()
        .await
        .unwrap();
    assert_problem(stranger, 401, "api_key_invalid").await;
    assert!(upstream.take_seen().is_empty());
}

#[tokio::test]
async fn an_upstream_without_a_trusted_certificate_gets_nothing() {
    let data = tempfile::tempdir().unwrap();
    let upstream = Upstream::start(data.path()).await;
    let server = Sealgate::dev(&data.path().join("data"), &[]);
    let answer = http()
        .post(server.url("/"))
        .header("X-Api-Key", &server.first_keys().api_key)
        .header("X-Target-URL", upstream.url("/"))
        .header("X-Identity-Key", "Bearer sk_live")
        .send()
        .await
        .unwrap();
    assert_problem(answer, 502, "upstream_tls").await;
    assert!(upstream.take_seen().is_empty());
}
