//! The audit log as an operator meets it: checked offline, beside a server, against checkpoints.

use crate::support::{Sealgate, command};
use std::path::Path;
use std::process::Output;
use vault_client::Write;

fn audit(arguments: &[&str], data_dir: &Path) -> Output {
    command(&[&["audit"], arguments].concat())
        .arg("--data-dir")
        .arg(data_dir)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A data directory whose server did something and has stopped.
async fn used(data_dir: &Path) {
    let server = Sealgate::dev(data_dir, &[]);
    let keys = server.first_keys();
    let client = server.client(&keys.api_key);
    let secret = keys.user_secret.as_str().into();
    for round in 0..10 {
        let name = format!("name-{round}");
        client
            .put(&name, b"value", &Write::default())
            .await
            .unwrap();
        client.read(&name, &secret).await.unwrap();
    }
    // Beside the server, too.
    let verified = audit(&["verify"], data_dir);
    assert!(verified.status.success(), "{}", said(&verified));
    assert!(server.terminate().success());
}

fn database(data_dir: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(data_dir.join("sealgate.db")).unwrap()
}

/// The block of one entry, with another time.
fn altered(db: &rusqlite::Connection, entry: i64) -> Vec<u8> {
    let select = format!("SELECT entries FROM audit_blocks WHERE {CHAIN} AND first_seq = ?1");
    let mut block: Vec<u8> = db.query_row(&select, [entry], |row| row.get(0)).unwrap();
    // Behind the length and the version.
    block[5] ^= 1;
    block
}

/// Every file of the directory, in a new one.
fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
        }
    }
    to
}

/// The chain of the organisation, not that of the server.
const CHAIN: &str = "org_id = (SELECT org_id FROM orgs)";

#[tokio::test]
async fn every_change_to_the_stored_log_is_found_and_named() {
    let data = tempfile::tempdir().unwrap();
    used(data.path()).await;
    let verified = audit(&["verify"], data.path());
    assert!(verified.status.success(), "{}", said(&verified));
    assert!(
        said(&verified).contains("20 entries, unbroken"),
        "{}",
        said(&verified)
    );

    let entry = |number: u64| format!("BROKEN: audit entry {number}:");
    for (what, statements, expected) in [
        (
            "changed",
            vec!["UPDATE audit_blocks SET entries = ALTERED WHERE CHAIN AND first_seq = 5"],
            entry(5),
        ),
        (
            "deleted",
            vec!["DELETE FROM audit_blocks WHERE CHAIN AND first_seq = 7"],
            entry(7),
        ),
        (
            "reordered",
            vec![
                "UPDATE audit_blocks SET first_seq = 100, last_seq = 100 \
                 WHERE CHAIN AND first_seq = 3",
                "UPDATE audit_blocks SET first_seq = 3, last_seq = 3 WHERE CHAIN AND first_seq = 4",
                "UPDATE audit_blocks SET first_seq = 4, last_seq = 4 \
                 WHERE CHAIN AND first_seq = 100",
            ],
            entry(3),
        ),
        (
            "cut",
            vec!["DELETE FROM audit_blocks WHERE CHAIN AND first_seq >= 15"],
            entry(15),
        ),
        (
            "gone",
            vec!["DELETE FROM audit_blocks WHERE CHAIN"],
            entry(1),
        ),
        (
            "moved",
            vec!["UPDATE audit_blocks SET org_id = randomblob(16) WHERE CHAIN AND first_seq = 1"],
            entry(1),
        ),
    ] {
        let hostile = copy(data.path());
        let db = database(hostile.path());
        for statement in statements {
            let statement = statement.replace("CHAIN", CHAIN);
            let changed = match statement.contains("ALTERED") {
                true => db.execute(&statement.replace("ALTERED", "?1"), [altered(&db, 5)]),
                false => db.execute(&statement, []),
            };
            let changed = changed.unwrap();
            assert!(changed > 0, "{what}: {statement}");
        }
        db.close().unwrap();
        let found = audit(&["verify"], hostile.path());
        assert!(!found.status.success(), "{what}: {}", said(&found));
        assert!(said(&found).contains(&expected), "{what}: {}", said(&found));
    }
}

#[tokio::test]
async fn a_cut_tail_is_seen_by_its_checkpoint_alone() {
    let data = tempfile::tempdir().unwrap();
    used(data.path()).await;
    let checkpoints = data.path().join("audit-checkpoints");
    let kept = std::fs::read_to_string(&checkpoints).unwrap();
    assert!(kept.starts_with("sealgate.audit/"));
    let db = database(data.path());
    let cut = format!("DELETE FROM audit_blocks WHERE {CHAIN} AND first_seq >= 15");
    assert!(db.execute(&cut, []).unwrap() > 0);
    db.close().unwrap();
    assert!(!audit(&["verify"], data.path()).status.success());
    std::fs::remove_file(&checkpoints).unwrap();
    let unseen = audit(&["verify"], data.path());
    assert!(unseen.status.success(), "{}", said(&unseen));
    assert!(said(&unseen).contains("no checkpoints"));
    // Kept elsewhere, it tells.
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("kept");
    std::fs::write(&file, &kept).unwrap();
    let told = audit(
        &["verify", "--checkpoints", file.to_str().unwrap()],
        data.path(),
    );
    assert!(!told.status.success());
    assert!(
        said(&told).contains("audit entry 15: cut off"),
        "{}",
        said(&told)
    );
    // One that was made up is refused.
    let forged = kept.replace("time-utc-ms 1", "time-utc-ms 2");
    assert_ne!(forged, kept);
    std::fs::write(&file, forged).unwrap();
    let refused = audit(
        &["verify", "--checkpoints", file.to_str().unwrap()],
        data.path(),
    );
    assert!(!refused.status.success());
    assert!(said(&refused).contains("did not authenticate"));
}

#[tokio::test]
async fn an_export_is_checked_without_the_database() {
    let data = tempfile::tempdir().unwrap();
    used(data.path()).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("export.jsonl");
    let path = file.to_str().unwrap();
    let exported = audit(&["export", "--to", path], data.path());
    assert!(exported.status.success(), "{}", said(&exported));
    let text = std::fs::read_to_string(&file).unwrap();
    let shown = audit(&["export"], data.path());
    assert_eq!(String::from_utf8(shown.stdout).unwrap(), text);
    assert!(!text.contains("name-"), "names stay inside");
    for line in text.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(entry["sequence"].is_u64() && entry["hash"].is_string());
    }
    let nowhere = elsewhere.path().join("nowhere");
    let whole = audit(&["verify", "--export", path], &nowhere);
    assert!(whole.status.success(), "{}", said(&whole));
    let checkpoints = data.path().join("audit-checkpoints");
    let against = [
        "verify",
        "--export",
        path,
        "--checkpoints",
        checkpoints.to_str().unwrap(),
    ];
    assert!(audit(&against, data.path()).status.success());

    let altered = text.replacen("kv.read", "kv.list", 1);
    std::fs::write(&file, altered).unwrap();
    let found = audit(&["verify", "--export", path], &nowhere);
    assert!(!found.status.success());
    assert!(
        said(&found).contains("BROKEN: audit entry 2: changed"),
        "{}",
        said(&found)
    );
    let lines: Vec<&str> = text.lines().collect();
    std::fs::write(&file, lines[..lines.len() - 1].join("\n") + "\n").unwrap();
    assert!(
        audit(&["verify", "--export", path], &nowhere)
            .status
            .success()
    );
    let found = audit(&against, data.path());
    assert!(said(&found).contains("cut off"), "{}", said(&found));
    std::fs::write(&file, "{}\n").unwrap();
    let found = audit(&["verify", "--export", path], &nowhere);
    assert!(
        said(&found).contains("line 1 of the export"),
        "{}",
        said(&found)
    );
}

/// The id of a value, as entries tell it.
fn record_of(db: &rusqlite::Connection, name: &str) -> String {
    let select = "SELECT record_id FROM vault_values WHERE name = ?1";
    let id: [u8; 16] = db.query_row(select, [name], |row| row.get(0)).unwrap();
    format!("value:{}", uuid::Uuid::from_bytes(id))
}

#[tokio::test]
async fn a_genuine_row_of_an_earlier_day_is_named() {
    let data = tempfile::tempdir().unwrap();
    let server = Sealgate::dev(data.path(), &[]);
    let keys = server.first_keys();
    let client = server.client(&keys.api_key);
    let write = Write::default();
    for name in ["written", "deleted", "destroyed", "same"] {
        client.put(name, b"value", &write).await.unwrap();
    }
    assert!(server.terminate().success());
    let earlier = copy(data.path());
    let db = database(earlier.path());
    let records = ["written", "deleted", "destroyed"].map(|name| record_of(&db, name));
    db.close().unwrap();

    let server = Sealgate::dev(data.path(), &[]);
    let client = server.client(&keys.api_key);
    client.put("written", b"newer", &write).await.unwrap();
    client.delete("deleted", false).await.unwrap();
    client.delete("destroyed", true).await.unwrap();
    let (old, new) = (
        keys.user_secret.as_str().into(),
        "another user secret".into(),
    );
    client.rekey(&old, &new).await.unwrap();
    // Beside the server, and after it.
    let verified = audit(&["verify"], data.path());
    assert!(verified.status.success(), "{}", said(&verified));
    assert!(server.terminate().success());
    let verified = audit(&["verify"], data.path());
    assert!(verified.status.success(), "{}", said(&verified));

    let value = "INSERT OR REPLACE INTO vault_values SELECT * FROM earlier.vault_values";
    let [written, deleted, destroyed] = records;
    for (statement, named) in [
        (format!("{value} WHERE name = 'written'"), written),
        (format!("{value} WHERE name = 'deleted'"), deleted),
        (format!("{value} WHERE name = 'destroyed'"), destroyed),
        (
            "INSERT OR REPLACE INTO user_keys SELECT * FROM earlier.user_keys".to_owned(),
            "keys:".to_owned(),
        ),
    ] {
        let hostile = copy(data.path());
        let db = database(hostile.path());
        db.pragma_update(None, "foreign_keys", false).unwrap();
        let path = earlier.path().join("sealgate.db");
        db.execute("ATTACH ?1 AS earlier", [path.to_str().unwrap()])
            .unwrap();
        assert_eq!(db.execute(&statement, []).unwrap(), 1, "{statement}");
        db.close().unwrap();
        let found = audit(&["verify"], hostile.path());
        assert!(!found.status.success(), "{statement}: {}", said(&found));
        let told = said(&found);
        let lines: Vec<&str> = told.lines().filter(|line| line.contains("OLD: ")).collect();
        assert_eq!(lines.len(), 1, "{told}");
        assert!(lines[0].contains(&named), "{told}");
        assert!(lines[0].contains("is an older row than entry"), "{told}");
    }
}
