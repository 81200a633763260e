//! A file system that is really full: a small one in memory, mounted for a child of this test in
//! a namespace of its own, with all of a data directory on it.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::Command;

use reqwest::RequestBuilder;

use super::api_files::{RAW, bodies, content, raw, upload};
use super::api_support::{Api, Calls, TestUser};

const CHILD: &str = "full_disk::child_runs_out_of_disk";
/// Set for the child alone.
const PLACE: &str = "VAULT_SERVER_FULL_DISK";
const DISK_BYTES: usize = 16 * 1024 * 1024;
/// Mounts a disk of `$1` bytes at `$2`, and runs the rest with its temporary files there.
const MOUNT: &str =
    "mount -t tmpfs -o size=\"$1\" tmpfs \"$2\" && export TMPDIR=\"$2\" && shift 2 && exec \"$@\"";

#[test]
fn a_full_disk_refuses_files_and_is_over_once_there_is_room() {
    let place = tempfile::tempdir().unwrap();
    let namespace = ["--user", "--map-root-user", "--mount"];
    let ran = Command::new("unshare")
        .args(namespace)
        .args(["sh", "-ec", MOUNT, "sh"])
        .arg(DISK_BYTES.to_string())
        .arg(place.path())
        .arg(std::env::current_exe().unwrap())
        .args([CHILD, "--exact", "--ignored", "--nocapture"])
        .env(PLACE, place.path())
        .output()
        .expect("unshare of util-linux");
    let said = [ran.stdout, ran.stderr].map(|out| String::from_utf8_lossy(&out).into_owned());
    assert!(ran.status.success(), "{}", said.concat());
    assert!(said[0].contains("1 passed"), "{}", said.concat());
}

/// Takes all the room there is; it is free again when the file is removed.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    let page = [0; 4_096];
    let error = loop {
        if let Err(error) = file.write_all(&page) {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::StorageFull);
}

fn raw_upload(api: &Api, user: &TestUser, bytes: usize) -> RequestBuilder {
    let call = api.post("/v1/files?fileName=a").both(user);
    call.header("Content-Type", RAW).body(content(bytes))
}

#[tokio::test]
#[ignore = "run in a child process on a small disk"]
async fn child_runs_out_of_disk() {
    let place = std::env::var(PLACE).expect("run by another test only");
    let api = Api::start().await;
    assert!(api.directory().starts_with(&place), "not on the small disk");
    let user = api.org_with_keys("a").await;
    let kept = upload(&api, &user, "kept", content(300_000)).await;

    // More than fits: the room it took is free when the answer comes.
    for _ in 0..3 {
        let refused = raw_upload(&api, &user, DISK_BYTES + 1).answer().await;
        refused.is_problem(507, "storage_full");
        assert_eq!(bodies(&api).len(), 1);
    }
    upload(&api, &user, "fits", content(300_000)).await;

    // No room for anybody.
    let ballast = Path::new(&place).join("ballast");
    fill(&ballast);
    for bytes in [10, 300_000] {
        let refused = raw_upload(&api, &user, bytes).answer().await;
        refused.is_problem(507, "storage_full");
        assert_eq!(bodies(&api).len(), 2);
    }
    let health = api.get("/health").answer().await;
    assert_eq!(health.status, 200);

    std::fs::remove_file(&ballast).unwrap();
    let path = format!("/v1/files/{kept}");
    let (status, _, read) = raw(&api, &user, &path, &[]).await;
    assert!(status == 200 && read == content(300_000));
    upload(&api, &user, "after", content(300_000)).await;
    api.store_value(&user, "after", "value").await;
    assert_eq!(bodies(&api).len(), 3);
    assert_eq!(api.count("files"), 3);
    api.store.verify().await.unwrap();
}
