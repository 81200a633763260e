//! `sealgate recovery` and `sealgate secret` as processes, against a server that is one too.

use crate::support::{Sealgate, command};
use secrecy::{ExposeSecret, SecretString};
use std::{
    io::Write as _,
    process::{Output, Stdio},
};
use vault_client::{Client, Write};

/// Somebody with an API key and a secret.
struct Person {
    user_id: String,
    key: String,
    secret: String,
    client: Client,
}

fn new_secret() -> String {
    let made = command(&["secret", "new"]).output().unwrap();
    assert!(made.status.success());
    let text = String::from_utf8(made.stdout).unwrap();
    let secret = text.trim_end().to_owned();
    assert!(
        secret.starts_with("sgs_") && text.ends_with('\n'),
        "one line"
    );
    secret
}

async fn person(server: &Sealgate, admin: &Client, org: &str, name: &str) -> Person {
    let user = admin.create_user(org, name, false).await.unwrap();
    let key = user.api_key.expose_secret().to_owned();
    let (client, secret) = (server.client(&key), new_secret());
    client
        .generate_keys(&SecretString::from(secret.as_str()))
        .await
        .unwrap();
    Person {
        user_id: user.user_id,
        key,
        secret,
        client,
    }
}

/// Runs a command as a person, with this on standard input. What is secret never shows.
fn run(server: &Sealgate, as_whom: &Person, arguments: &[&str], input: &str) -> Output {
    let mut child = command(arguments)
        .args(["--server", &server.base])
        .env("SEALGATE_API_KEY", &as_whom.key)
        .env("SEALGATE_USER_SECRET", &as_whom.secret)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // The command may have failed before it read anything.
    let _unread = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    for canary in [&as_whom.key, &as_whom.secret] {
        assert!(!said.contains(canary.as_str()));
    }
    output
}

fn said(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// An organisation with an administrator, on a server of its own.
async fn organisation(server: &Sealgate) -> (String, String) {
    let root = server.client(&server.first_keys().root_key);
    let org = root.create_org("acme").await.unwrap().org_id;
    let admin = root.create_user(&org, "ada", true).await.unwrap();
    (org, admin.api_key.expose_secret().to_owned())
}

#[tokio::test]
async fn two_of_three_trustees_bring_a_lost_secret_back() {
    let data = tempfile::tempdir().unwrap();
    let server = Sealgate::dev(data.path(), &[]);
    let (org, admin) = organisation(&server).await;
    let admin = server.client(&admin);
    let owner = person(&server, &admin, &org, "owner").await;
    let mut trustees = Vec::new();
    for name in ["alice", "bob", "carol"] {
        trustees.push(person(&server, &admin, &org, name).await);
    }
    let value = b"postgres://app:pass@db/main";
    let write = Write::default();
    owner.client.put("app/db", value, &write).await.unwrap();

    let named: Vec<&str> = trustees
        .iter()
        .flat_map(|trustee| ["--trustee", trustee.user_id.as_str()])
        .collect();
    let split = [
        "recovery",
        "split",
        "--threshold",
        "2",
        "--wait-seconds",
        "0",
    ];
    let split = [&split[..], &named].concat();
    assert_eq!(said(&run(&server, &owner, &split, "")), "");
    assert_eq!(owner.client.trustees().await.unwrap().len(), 3);

    let open = ["recovery", "open", "--owner", &owner.user_id];
    let share = said(&run(&server, &trustees[0], &open, ""));
    assert!(share.starts_with("sgr_"));
    let join = ["recovery", "join", "--owner", &owner.user_id];
    let alone = run(&server, &trustees[2], &join, "");
    assert!(!alone.status.success(), "one share of two");
    assert!(owner.client.restores().await.unwrap().is_empty());
    let join = [&join[..], &["--shares-file", "-"]].concat();
    let new = said(&run(&server, &trustees[2], &join, &share));
    let new = SecretString::from(new.trim_end());
    let restores = owner.client.restores().await.unwrap();
    assert_eq!(restores.len(), 1);

    // The owner has the API key and the new secret, and goes on to one that is theirs alone.
    let last = SecretString::from(new_secret());
    owner.client.rekey(&new, &last).await.unwrap();
    let read = owner.client.read("app/db", &last).await.unwrap();
    assert_eq!(read.bytes.as_slice(), value);
    let lost = SecretString::from(owner.secret.as_str());
    assert!(owner.client.read("app/db", &lost).await.is_err());
    let rotated = owner.client.rotate_keys(&last, false).await.unwrap();
    assert_eq!((rotated.started, rotated.remaining), (true, 0));
    let read = owner.client.read("app/db", &last).await.unwrap();
    assert_eq!(read.bytes.as_slice(), value);
    let log = server.log();
    for secret in [share.trim_end(), new.expose_secret(), last.expose_secret()] {
        assert!(!log.contains(secret));
    }
}

#[tokio::test]
async fn a_drill_ends_in_a_read_and_leaves_nobody_behind() {
    let data = tempfile::tempdir().unwrap();
    let server = Sealgate::dev(data.path(), &[]);
    let (org, admin_key) = organisation(&server).await;
    let admin = server.client(&admin_key);
    let before = admin.org_users().await.unwrap().len();
    for more in [&[][..], &["--threshold", "1", "--trustees", "1"]] {
        let drill = [&["recovery", "drill", "--org", &org][..], more].concat();
        let output = command(&drill)
            .args(["--server", &server.base])
            .env("SEALGATE_API_KEY", &admin_key)
            .output()
            .unwrap();
        assert_eq!(said(&output), "", "results alone go to standard output");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(
            told.contains("the recovered secret read the value"),
            "{told}"
        );
        assert_eq!(admin.org_users().await.unwrap().len(), before);
    }
    // More needed than there are: refused, and nobody is left behind either.
    let drill = ["recovery", "drill", "--org", &org, "--threshold", "4"];
    let output = command(&drill)
        .args(["--server", &server.base])
        .env("SEALGATE_API_KEY", &admin_key)
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert_eq!(admin.org_users().await.unwrap().len(), before);
}

#[test]
fn a_secret_is_never_an_argument() {
    for (verb, option) in [
        ("split", "--user-secret"),
        ("join", "--api-key"),
        ("join", "--new-secret"),
        ("open", "--answer"),
    ] {
        let refused = command(&["recovery", verb, option, "x"]).output().unwrap();
        assert!(!refused.status.success(), "{verb} {option}");
        let said = String::from_utf8(refused.stderr).unwrap();
        let unknown = format!("unexpected argument '{option}'");
        assert!(said.contains(&unknown), "{said}");
    }
}
