//! A server that is not for development: made by `init`, refused when something is missing.

use crate::support::{Sealgate, command, http};
use secrecy::ExposeSecret;
use std::path::Path;
use std::process::Output;
use vault_client::{ClientError, KeyLimits, KeysOf, UserPatch};

fn run(arguments: &[&str], data_dir: &Path) -> Output {
    command(arguments)
        .arg("--data-dir")
        .arg(data_dir)
        .output()
        .unwrap()
}

#[tokio::test]
async fn init_then_serve() {
    let data = tempfile::tempdir().unwrap();
    let made = run(&["init"], data.path());
    assert!(made.status.success());
    let shown = String::from_utf8(made.stdout).unwrap();
    let key = shown
        .split_whitespace()
        .find(|word| word.starts_with("sgk_"))
        .unwrap();

    let server = Sealgate::start(data.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert!(server.stdout.is_empty());
    let org = server.client(key).create_org("acme").await.unwrap();
    let admin = server
        .client(key)
        .create_user(&org.org_id, "ada", true)
        .await;
    assert!(admin.unwrap().is_admin);
    assert!(server.terminate().success());

    let again = run(&["init"], data.path());
    assert!(!again.status.success(), "a vault in use is not made anew");
}

#[test]
fn a_mistyped_directory_is_an_error_and_stays_empty() {
    let data = tempfile::tempdir().unwrap();
    let mistyped = data.path().join("no-such");
    let refused = run(&["serve", "--listen", "127.0.0.1:0"], &mistyped);
    assert!(!refused.status.success());
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("sealgate init"), "{said}");
    assert!(!mistyped.exists());
}

#[test]
fn a_database_without_its_root_key_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let server = Sealgate::dev(data.path(), &[]);
    assert!(server.terminate().success());
    std::fs::remove_file(data.path().join("root.key")).unwrap();
    let refused = run(&["serve", "--dev", "--listen", "127.0.0.1:0"], data.path());
    assert!(!refused.status.success());
    assert!(
        !data.path().join("root.key").exists(),
        "none is made in its place"
    );
}

#[test]
fn two_servers_never_share_a_database() {
    let data = tempfile::tempdir().unwrap();
    let _first = Sealgate::dev(data.path(), &[]);
    let second = run(&["serve", "--dev", "--listen", "127.0.0.1:0"], data.path());
    assert!(!second.status.success());
}

#[test]
fn help_is_there_for_every_command() {
    for arguments in [
        &["--help"][..],
        &["serve", "--help"],
        &["init", "--help"],
        &["audit", "verify", "--help"],
        &["audit", "export", "--help"],
        &["backup", "--help"],
        &["restore", "--help"],
    ] {
        let help = command(arguments).output().unwrap();
        assert!(help.status.success());
        assert!(!help.stdout.is_empty());
    }
}

fn refused_to_serve(arguments: &[&str]) -> String {
    let data = tempfile::tempdir().unwrap();
    let refused = run(&[&["serve"], arguments].concat(), data.path());
    assert!(!refused.status.success(), "{arguments:?}");
    String::from_utf8(refused.stderr).unwrap()
}

#[test]
fn dangerous_and_unreadable_settings_are_refused_to_serve() {
    let text = refused_to_serve(&["--dev", "--listen", "0.0.0.0:0"]);
    assert!(text.contains("loopback"), "{text}");
    let text = refused_to_serve(&["--listen", "127.0.0.1"]);
    assert!(text.contains("--listen"), "{text}");
    let text = refused_to_serve(&["--tls-cert", "chain.pem"]);
    assert!(text.contains("--tls-key"), "{text}");
    let text = refused_to_serve(&["--workers", "0"]);
    assert!(text.contains("workers"), "{text}");
    let text = refused_to_serve(&["--proxy-stream-idle", "18446744073709551615"]);
    assert!(text.contains("proxy_stream_idle"), "{text}");
    refused_to_serve(&["--no-such-option"]);
}

#[tokio::test]
async fn signals_end_the_server_without_an_error() {
    for signal in ["-TERM", "-INT"] {
        let data = tempfile::tempdir().unwrap();
        let server = Sealgate::dev(data.path(), &["--log-format", "text"]);
        let health = http().get(server.url("/health")).send().await.unwrap();
        assert_eq!(health.status(), 200);
        assert!(server.signal(signal).success(), "{signal}");
    }
}

#[tokio::test]
async fn serve_bootstraps_an_empty_directory_from_the_environment() {
    let parent = tempfile::tempdir().unwrap();
    let (data, key) = (parent.path().join("data"), parent.path().join("admin.key"));
    let arguments = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--bootstrap-organisation",
        "acme",
        "--bootstrap-admin",
        "ada",
        "--bootstrap-admin-api-key-file",
        key.to_str().unwrap(),
    ];
    let mut seen = Vec::new();
    for _ in 0..2 {
        let server = Sealgate::start(&data, &arguments);
        let api_key = std::fs::read_to_string(&key).unwrap();
        let users = server.client(api_key.trim()).org_users().await.unwrap();
        assert_eq!(users.len(), 1);
        assert!(users[0].is_admin && users[0].name == "ada");
        let client = server.client(api_key.trim());
        let limits = KeyLimits {
            kv: Some(vec!["app/".to_owned()]),
            ..KeyLimits::default()
        };
        let made = client.create_api_key(KeysOf::Caller, &limits);
        let made = made.await.unwrap();
        let scoped = server.client(made.api_key.expose_secret());
        assert!(scoped.list("app/", None).await.unwrap().is_empty());
        let refused = scoped.list("", None).await.unwrap_err();
        assert!(matches!(refused, ClientError::Refused(problem) if problem.code == "out_of_scope"));
        let listed = client.api_keys(KeysOf::Caller, None).await.unwrap();
        assert_eq!(listed.len(), 2);
        let erasing = client.erase_api_key(KeysOf::Caller, &made.api_key_id);
        erasing.await.unwrap();
        let me = &users[0].user_id;
        let org_id = client.me().await.unwrap().org_id;
        let off = UserPatch {
            disabled: Some(true),
            ..UserPatch::default()
        };
        let refused = client.patch_user(&org_id, me, &off).await.unwrap_err();
        assert!(matches!(refused, ClientError::Refused(problem) if problem.code == "last_admin"));
        assert!(!server.log().contains(api_key.trim()));
        seen.push((api_key, users[0].user_id.clone()));
        assert!(server.terminate().success());
    }
    assert_eq!(seen[0], seen[1]);
}
