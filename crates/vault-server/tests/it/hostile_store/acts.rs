//! Edits of more than one column: whole rows exchanged, put back, planted and deleted.

use super::Stage;
use super::database::Intruder;
use super::verdict::Rule::{self, Gone, Refused};

/// An act with SQL, the table whose probes look at it, and what becomes of it.
struct Act {
    what: &'static str,
    table: &'static str,
    sql: &'static str,
    rule: Rule,
}

const fn act(what: &'static str, table: &'static str, sql: &'static str) -> Act {
    Act {
        what,
        table,
        sql,
        rule: Refused(&[]),
    }
}

const fn loss(what: &'static str, table: &'static str, sql: &'static str) -> Act {
    Act {
        rule: Gone(&["colleagues", "bob asks for his keys"]),
        ..act(what, table, sql)
    }
}

/// One of each kind.
const STOPPED: [&str; 3] = [
    "a public key with its MAC",
    "contents and wrap of another record",
    "a scope dropped",
];

const ACTS: &[Act] = &[
    act(
        "a public key with its MAC",
        "key_pairs",
        "UPDATE key_pairs SET (public_key, mac_key, mac) = (SELECT public_key, mac_key, mac \
         FROM key_pairs WHERE user_id = :alice) WHERE user_id = :bob",
    ),
    act(
        "a whole key pair of another",
        "key_pairs",
        "UPDATE key_pairs SET (public_key, ecc_box, kyber_box, mac) = (SELECT public_key, \
         ecc_box, kyber_box, mac FROM key_pairs WHERE user_id = :alice) WHERE user_id = :bob",
    ),
    act(
        "the two private keys for each other",
        "key_pairs",
        "UPDATE key_pairs SET (ecc_box, kyber_box) = (kyber_box, ecc_box) WHERE user_id = :bob",
    ),
    act(
        "a cheaper hash",
        "user_keys",
        "UPDATE user_keys SET protection = CAST(substr(protection, 1, 2) || x'00000001' || \
         substr(protection, 7) AS BLOB) WHERE user_id = :bob",
    ),
    act(
        "a hash that takes for ever",
        "user_keys",
        "UPDATE user_keys SET protection = CAST(x'0102' || x'000400000000000a00000004' || \
         substr(protection, 15) AS BLOB) WHERE user_id = :bob",
    ),
    act(
        "no salt and no check value",
        "user_keys",
        "UPDATE user_keys SET protection = CAST(substr(protection, 1, 18) || zeroblob(48) \
         AS BLOB) WHERE user_id = :bob",
    ),
    act(
        "the keys of another, with their MAC",
        "user_keys",
        "UPDATE user_keys SET (protection, account_key_box, mac) = (SELECT protection, \
         account_key_box, mac FROM user_keys WHERE user_id = :alice) WHERE user_id = :bob",
    ),
    act(
        "an API key for another user",
        "api_keys",
        "UPDATE api_keys SET user_id = :alice WHERE key_id = :bob_key",
    ),
    act(
        "an API key for root",
        "api_keys",
        "UPDATE api_keys SET org_id = NULL, user_id = NULL WHERE key_id = :bob_key",
    ),
    act(
        "a MAC of another row",
        "api_keys",
        "UPDATE api_keys SET mac = (SELECT mac FROM api_keys WHERE key_id = :alice_key) \
         WHERE key_id = :bob_key",
    ),
    act(
        "another's API key under one's own id",
        "api_keys",
        "DELETE FROM api_keys WHERE key_id = :bob_key; INSERT INTO api_keys SELECT :bob_key, \
         org_id, user_id, key_hash, created, expires, version, mac_key, mac FROM api_keys \
         WHERE key_id = :alice_key",
    ),
    act(
        "a MAC under a root key that is none",
        "api_keys",
        "UPDATE api_keys SET mac_key = 7 WHERE key_id = :bob_key",
    ),
    act(
        "a scope dropped",
        "api_key_scopes",
        "DELETE FROM api_key_scopes WHERE key_id = :narrow",
    ),
    act(
        "a scope given to another key",
        "api_key_scopes",
        "DELETE FROM api_key_scopes WHERE key_id = :narrow; UPDATE api_key_scopes \
         SET key_id = :narrow WHERE key_id = :other_narrow",
    ),
    act(
        "a role that there is not",
        "users",
        "UPDATE users SET is_admin = 2 WHERE user_id = :bob",
    ),
    act(
        "an older version of a value as the current one",
        "vault_values",
        "UPDATE vault_values SET current_version = 1 WHERE record_id = :one",
    ),
    act(
        "two names exchanged",
        "vault_values",
        "UPDATE vault_values SET name = 'x' WHERE name = 'one'; \
         UPDATE vault_values SET name = 'one' WHERE name = 'two'",
    ),
    act(
        "a deleted value revived",
        "vault_values",
        "UPDATE vault_values SET deleted = NULL WHERE name = 'gone'",
    ),
    act(
        "a value given to another",
        "vault_values",
        "UPDATE vault_values SET owner = :bob WHERE record_id = :one",
    ),
    act(
        "contents of another version",
        "value_versions",
        "UPDATE value_versions SET payload = (SELECT payload FROM value_versions WHERE \
         record_id = :one AND value_version = 1) WHERE record_id = :one AND value_version = 2",
    ),
    act(
        "contents of another version with their MAC",
        "value_versions",
        "UPDATE value_versions SET (payload, metadata_box, mac) = (SELECT payload, \
         metadata_box, mac FROM value_versions WHERE record_id = :one AND value_version = 1) \
         WHERE record_id = :one AND value_version = 2",
    ),
    act(
        "contents and wrap of another record",
        "value_versions",
        "DELETE FROM account_boxes; \
         UPDATE value_versions SET (payload, metadata_box, header) = (SELECT payload, \
         metadata_box, header FROM value_versions WHERE record_id = :two) WHERE record_id = :one; \
         UPDATE wraps SET wrap = (SELECT wrap FROM wraps WHERE record_id = :two AND \
         recipient = :alice) WHERE record_id = :one AND recipient = :alice",
    ),
    act(
        "a recipient's wrap for another's",
        "wraps",
        "DELETE FROM account_boxes; UPDATE wraps SET wrap = (SELECT wrap FROM wraps WHERE \
         recipient = :carol) WHERE record_id = :one AND recipient = :bob",
    ),
    act(
        "all wraps gone",
        "wraps",
        "DELETE FROM account_boxes; DELETE FROM wraps WHERE record_id = :one",
    ),
    act(
        "a share for longer",
        "shares",
        "UPDATE shares SET expires = NULL WHERE share_id = :share",
    ),
    act(
        "an alias with the MAC of another share",
        "shares",
        "UPDATE shares SET (alias_wrap, mac) = (SELECT alias_wrap, mac FROM shares \
         WHERE recipient = :carol) WHERE share_id = :share",
    ),
    act(
        "another's share taken over",
        "shares",
        "DELETE FROM shares WHERE share_id = :share; \
         UPDATE shares SET recipient = :bob WHERE recipient = :carol",
    ),
    act(
        "a share planted for a stranger",
        "shares",
        "UPDATE shares SET recipient = :stranger WHERE share_id = :share",
    ),
    act(
        "a credential for every host",
        "credentials",
        "UPDATE credentials SET host_pattern = '*.example.com' WHERE record_id = :credential",
    ),
    act(
        "a credential for another host, in both rows",
        "credentials",
        "UPDATE credentials SET host_pattern = 'evil.example' WHERE record_id = :credential; \
         UPDATE credential_versions SET host_pattern = 'evil.example' \
         WHERE record_id = :credential",
    ),
    act(
        "the value of another credential",
        "credential_versions",
        "UPDATE credential_versions SET (sealed, mac) = (SELECT sealed, mac FROM \
         credential_versions WHERE record_id = (SELECT record_id FROM credentials \
         WHERE name = 'other')) WHERE record_id = :credential",
    ),
    act(
        "an older version of a credential as the current one",
        "credentials",
        "UPDATE credentials SET current_version = 1 WHERE record_id = :credential",
    ),
    act(
        "another recipient's wrap of a credential",
        "credential_wraps",
        "DELETE FROM credential_boxes; UPDATE credential_wraps SET wrap = (SELECT wrap FROM \
         credential_wraps WHERE recipient = :alice) WHERE recipient = :bob",
    ),
    act(
        "a share to use as one to read",
        "shares",
        "UPDATE shares SET permission = 1 WHERE kind = 3",
    ),
    act(
        "a trustee who waits for nothing",
        "trustees",
        "UPDATE trustees SET waiting_seconds = 0 WHERE owner = :alice",
    ),
    act(
        "a trustee put in another's place",
        "trustees",
        "UPDATE trustees SET trustee = :carol WHERE owner = :alice",
    ),
    act(
        "a restore that is due at once",
        "staged_restores",
        "UPDATE staged_restores SET not_before = 0 WHERE owner = :alice",
    ),
    act(
        "a restore with other keys in it",
        "staged_restores",
        "UPDATE staged_restores SET (blobs, mac) = (SELECT blobs, mac FROM staged_restores \
         WHERE owner = :bob) WHERE owner = :alice",
    ),
    act(
        "the grant of another token",
        "tokens",
        "UPDATE tokens SET (scope, boxes) = (SELECT scope, boxes FROM tokens WHERE \
         user_id = :alice) WHERE user_id = :bob",
    ),
    act(
        "the beginning of the log deleted",
        "audit_blocks",
        "DELETE FROM audit_blocks WHERE org_id = :org AND first_seq = 1",
    ),
    // Deletion: what is left is as good as a store without the row.
    loss(
        "a user deleted",
        "users",
        "DELETE FROM users WHERE user_id = :bob",
    ),
    loss(
        "an API key deleted",
        "api_keys",
        "DELETE FROM api_keys WHERE key_id = :bob_key",
    ),
    loss(
        "keys deleted",
        "user_keys",
        "DELETE FROM user_keys WHERE user_id = :bob; DELETE FROM key_pairs WHERE user_id = :bob",
    ),
    loss(
        "a value deleted",
        "vault_values",
        "DELETE FROM vault_values WHERE record_id = :one",
    ),
    loss(
        "a version deleted",
        "value_versions",
        "DELETE FROM value_versions WHERE record_id = :one AND value_version = 2",
    ),
    loss(
        "a share deleted",
        "shares",
        "DELETE FROM shares WHERE share_id = :share",
    ),
    loss(
        "a credential deleted",
        "credentials",
        "DELETE FROM credentials WHERE record_id = :credential",
    ),
];

#[tokio::test]
async fn whole_rows_cannot_be_exchanged_planted_or_deleted_into_other_data() {
    let mut stage = Stage::set().await;
    let mut broken = Vec::new();
    for act in ACTS {
        stage.intruder.execute(&stage.scene.sql(act.sql));
        let verdicts = stage.verdicts(act.table).await;
        if let Some(why) = act.rule.broken_by(&verdicts) {
            broken.push(format!("{}: {why}", act.what));
        }
        stage.clean();
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The same with the server stopped: what is kept in memory has no part in it.
#[tokio::test]
async fn what_was_edited_while_the_server_was_stopped_is_refused_too() {
    for what in STOPPED {
        let act = ACTS.iter().find(|act| act.what == what).expect("an act");
        let mut stage = Stage::set().await;
        stage.clean();
        let Stage {
            scene,
            intruder,
            before,
            log,
        } = stage;
        drop(intruder);
        let sql = scene.sql(act.sql);
        let scene = scene.restarted(&sql).await;
        let intruder = Intruder::at(&scene.api.database());
        let mut stage = Stage {
            scene,
            intruder,
            before,
            log,
        };
        let verdicts = stage.verdicts(act.table).await;
        assert_eq!(act.rule.broken_by(&verdicts), None, "{what}");
    }
}
