//! Backups of a server under load, brought back elsewhere.

use crate::support::{Sealgate, command, files_below};
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use vault_client::Write;

const WRITERS: usize = 4;

fn run<const N: usize>(arguments: &[&str], paths: [(&str, &Path); N]) -> Output {
    let mut command = command(arguments);
    for (flag, path) in paths {
        command.arg(flag).arg(path);
    }
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_before_a_backup_is_in_it() {
    let place = tempfile::tempdir().unwrap();
    let (data, copy, again) = (
        place.path().join("data"),
        place.path().join("copy"),
        place.path().join("again"),
    );
    let server = Sealgate::dev(&data, &[]);
    let keys = server.first_keys();
    let stop = Arc::new(AtomicBool::new(false));
    let written: Vec<_> = (0..WRITERS).map(|_| Arc::new(AtomicU64::new(0))).collect();
    let writers: Vec<_> = written
        .iter()
        .enumerate()
        .map(|(index, written)| {
            let (client, written) = (server.client(&keys.api_key), Arc::clone(written));
            let stop = Arc::clone(&stop);
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let next = written.load(Ordering::SeqCst) + 1;
                    let name = format!("writer-{index}");
                    let text = next.to_string();
                    let write = Write::default();
                    let put = client.put(&name, text.as_bytes(), &write).await;
                    assert_eq!(put.unwrap().version, next);
                    written.store(next, Ordering::SeqCst);
                }
            })
        })
        .collect();
    while written
        .iter()
        .any(|count| count.load(Ordering::SeqCst) < 20)
    {
        tokio::task::yield_now().await;
    }
    let before: Vec<u64> = written.iter().map(|c| c.load(Ordering::SeqCst)).collect();
    let (from, to) = (data.clone(), copy.clone());
    let made = tokio::task::spawn_blocking(move || {
        run(&["backup"], [("--data-dir", &from), ("--to", &to)])
    });
    let made = made.await.unwrap();
    assert!(made.status.success(), "{}", said(&made));
    let at_most: Vec<u64> = written
        .iter()
        .map(|c| c.load(Ordering::SeqCst) + 1)
        .collect();
    stop.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.await.unwrap();
    }
    assert!(server.terminate().success());
    assert!(!copy.join("root.key").exists(), "the root key stays out");

    let restored = run(&["restore"], [("--from", &copy), ("--data-dir", &again)]);
    assert!(restored.status.success(), "{}", said(&restored));
    // Without its root key it opens nothing.
    let refused = run(
        &["serve", "--dev", "--listen", "127.0.0.1:0"],
        [("--data-dir", &again)],
    );
    assert!(!refused.status.success());
    std::fs::copy(data.join("root.key"), again.join("root.key")).unwrap();
    let verified = command(&["audit", "verify", "--data-dir"])
        .arg(&again)
        .output();
    let verified = verified.unwrap();
    assert!(verified.status.success(), "{}", said(&verified));

    let server = Sealgate::dev(&again, &[]);
    let client = server.client(&keys.api_key);
    let secret = keys.user_secret.as_str().into();
    for (index, (before, at_most)) in before.iter().zip(&at_most).enumerate() {
        let value = client
            .read(&format!("writer-{index}"), &secret)
            .await
            .unwrap();
        assert!((*before..=*at_most).contains(&value.version));
        assert_eq!(value.bytes.as_slice(), value.version.to_string().as_bytes());
    }
}

#[tokio::test]
async fn only_empty_places_are_filled_and_only_good_backups_restored() {
    let place = tempfile::tempdir().unwrap();
    let (data, copy) = (place.path().join("data"), place.path().join("copy"));
    let nothing = run(&["backup"], [("--data-dir", &data), ("--to", &copy)]);
    assert!(!nothing.status.success());
    assert!(!copy.exists() && !data.exists());
    let server = Sealgate::dev(&data, &[]);
    let keys = server.first_keys();
    let client = server.client(&keys.api_key);
    client
        .put("name", b"value", &Write::default())
        .await
        .unwrap();
    assert!(server.terminate().success());

    let full = run(&["backup"], [("--data-dir", &data), ("--to", place.path())]);
    assert!(said(&full).contains("not empty"), "{}", said(&full));
    let made = run(
        &["backup", "--with-root-key"],
        [("--data-dir", &data), ("--to", &copy)],
    );
    assert!(made.status.success(), "{}", said(&made));
    assert_eq!(
        std::fs::read(copy.join("root.key")).unwrap(),
        std::fs::read(data.join("root.key")).unwrap()
    );
    let over = run(&["restore"], [("--from", &copy), ("--data-dir", &data)]);
    assert!(said(&over).contains("not empty"), "{}", said(&over));
    use std::os::unix::fs::PermissionsExt;
    for (path, _) in files_below(&copy) {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }

    let again = place.path().join("again");
    let restored = run(&["restore"], [("--from", &copy), ("--data-dir", &again)]);
    assert!(restored.status.success(), "{}", said(&restored));
    let server = Sealgate::dev(&again, &[]);
    let secret = keys.user_secret.as_str().into();
    let value = server
        .client(&keys.api_key)
        .read("name", &secret)
        .await
        .unwrap();
    assert_eq!(value.bytes.as_slice(), b"value");
    assert!(server.terminate().success());

    // A page in the middle is damaged.
    let database = copy.join("sealgate.db");
    let mut bytes = std::fs::read(&database).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 64].fill(0xff);
    std::fs::write(&database, bytes).unwrap();
    let elsewhere = place.path().join("elsewhere");
    let refused = run(
        &["restore"],
        [("--from", &copy), ("--data-dir", &elsewhere)],
    );
    assert!(!refused.status.success(), "{}", said(&refused));
}
