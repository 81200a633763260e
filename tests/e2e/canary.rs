//! Planted secrets appear nowhere but where they belong.

use crate::support::{Sealgate, command, files_below, http};
use crate::upstream::Upstream;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use vault_client::Write;

/// Spellings in which a secret could slip through.
fn spellings(secret: &str) -> Vec<Vec<u8>> {
    vec![
        secret.as_bytes().to_vec(),
        STANDARD.encode(secret).into_bytes(),
        hex::encode(secret).into_bytes(),
        // The middle of the base64 form, for a secret inside something longer.
        STANDARD.encode(&secret[1..]).into_bytes()[..12].to_vec(),
    ]
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

#[tokio::test]
async fn no_secret_reaches_a_log_an_answer_or_a_file() {
    let data = tempfile::tempdir().unwrap();
    let upstream = Upstream::start(data.path()).await;
    let ca_file = upstream.ca_file.to_str().unwrap();
    let directory = data.path().join("data");
    let server = Sealgate::dev(&directory, &["--extra-ca-file", ca_file]);
    let keys = server.first_keys();
    let client = server.client(&keys.api_key);
    let secret = keys.user_secret.as_str().into();
    let mut answers: Vec<u8> = Vec::new();

    let value = "canary-value-3f9a1c77";
    let metadata = "canary-metadata-77b1d2e0";
    let write = Write {
        metadata: Some(json!({ "note": metadata })),
        ..Write::default()
    };
    client
        .put("plain-name", value.as_bytes(), &write)
        .await
        .unwrap();
    client.read("plain-name", &secret).await.unwrap();

    // A passphrase, set and changed.
    let root = server.client(&keys.root_key);
    let org = root.create_org("acme").await.unwrap();
    let user = root.create_user(&org.org_id, "ada", true).await.unwrap();
    let user = server.client(secrecy::ExposeSecret::expose_secret(&user.api_key));
    let (old, new) = ("canary-passphrase-5be0cd19", "canary-passphrase-9b05688c");
    user.generate_keys(&old.into()).await.unwrap();
    user.rekey(&old.into(), &new.into()).await.unwrap();

    // Bad input of every kind, with secrets inside.
    let bad = "canary-malformed-510e527f";
    for body in [
        format!("{{\"valueB64\": \"{bad}\""),
        format!("{{\"valueB64\": 1, \"{bad}\": 2}}"),
        format!(
            "{{\"valueB64\": \"{}\", \"expiresUtc\": \"{bad}\"}}",
            STANDARD.encode(bad)
        ),
        format!("{{\"{bad}\": \"{}\"}}", "x".repeat(64)),
        format!("[[[[[[\"{bad}\"]]]]]]"),
    ] {
        let refused = http()
            .put(server.url("/v1/kv/refused"))
            .header("X-Api-Key", &keys.api_key)
            .header("Content-Type", "application/json")
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(refused.status(), 400);
        answers.extend(refused.bytes().await.unwrap());
    }
    let wrong = "canary-wrong-secret-1f83d9ab";
    let unknown = "sgk_canary-unknown-key-a54ff53a";
    for (api_key, user_secret) in [(keys.api_key.as_str(), wrong), (unknown, wrong)] {
        let refused = http()
            .get(server.url("/v1/kv/plain-name"))
            .header("X-Api-Key", api_key)
            .header("X-User-Secret", user_secret)
            .send()
            .await
            .unwrap();
        assert_eq!(refused.status(), 401);
        answers.extend(refused.bytes().await.unwrap());
    }

    // The proxy, to an upstream that answers and to one that does not.
    let identity = "canary-identity-6a09e667";
    let query = "canary-query-bb67ae85";
    for target in [
        upstream.url(&format!("/path?key={query}")),
        format!("https://localhost:1/?{query}"),
    ] {
        let answer = http()
            .get(server.url("/"))
            .header("X-Api-Key", &keys.api_key)
            .header("X-Target-URL", target)
            .header("X-Identity-Key", format!("Bearer {identity}"))
            .send()
            .await
            .unwrap();
        answers.extend(answer.bytes().await.unwrap());
    }
    let seen = upstream.take_seen();
    assert_eq!(seen[0].all("authorization"), [format!("Bearer {identity}")]);
    let elsewhere: Vec<_> = seen[0]
        .headers
        .iter()
        .filter(|(name, _)| name != "authorization")
        .collect();
    assert!(!format!("{elsewhere:?}").contains("canary-identity"));

    let log = server.log();
    assert!(log.contains("answered"), "the log was captured");
    // While the write-ahead log still stands beside the database, and after.
    let mut stored = files_below(&directory);
    assert!(server.terminate().success());
    stored.extend(files_below(&directory));

    let exported = command(&["audit", "export", "--data-dir"])
        .arg(&directory)
        .output()
        .unwrap();
    assert!(exported.status.success());
    let audit = String::from_utf8(exported.stdout).unwrap();
    assert!(audit.contains("proxy.call") && audit.contains("/path"));

    let root_key_file = std::fs::read_to_string(directory.join("root.key")).unwrap();
    let root_key = root_key_file.trim().split(':').nth(1).unwrap();
    for canary in [
        value,
        metadata,
        old,
        new,
        bad,
        wrong,
        unknown,
        identity,
        query,
        root_key,
        &keys.api_key,
        &keys.root_key,
        &keys.user_secret,
    ] {
        for spelling in spellings(canary) {
            let shown = String::from_utf8_lossy(&spelling).into_owned();
            assert!(
                !contains(log.as_bytes(), &spelling),
                "{shown} is in the log"
            );
            assert!(
                !contains(audit.as_bytes(), &spelling),
                "{shown} is in the audit log"
            );
            assert!(!contains(&answers, &spelling), "{shown} is in an answer");
            for (path, bytes) in &stored {
                let own = canary == root_key && path.ends_with("root.key");
                assert!(
                    own || !contains(bytes, &spelling),
                    "{shown} is in {}",
                    path.display()
                );
            }
        }
    }
}
