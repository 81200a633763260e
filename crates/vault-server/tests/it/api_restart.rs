//! What was acknowledged is there after a restart, and a first start makes what it says.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;
use vault_server::Config;
use vault_server::config::BootstrapSource;
use vault_server::vault::audit::CHECKPOINT_FILE_NAME;
use vault_server::vault::bootstrap::{self, BootstrapError, DATABASE_FILE_NAME};
use vault_store::{KeyStore, OpenMode, SqliteStore};

use super::api_support::{Api, Calls};

#[tokio::test]
async fn a_restart_keeps_everything() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    for version in 1..=3 {
        let value = format!("value {version}");
        assert_eq!(api.store_value(&user, "a", &value).await, version);
    }
    api.store_value(&user, "hidden", "x").await;
    api.delete("/v1/kv/hidden").key(&user).answer().await;
    let seen = |api: &Api| {
        let calls = [
            api.get("/v1/keys/status").key(&user),
            api.get("/v1/kv").key(&user),
            api.get("/v1/kv/a").both(&user),
            api.get("/v1/kv/a?version=2").both(&user),
            api.get("/v1/users/org").key(&user),
            api.get("/admin/orgs").header("X-Api-Key", &api.root),
        ];
        async {
            let mut answers = Vec::new();
            for call in calls {
                answers.push(call.answer().await.json());
            }
            answers
        }
    };
    let before = seen(&api).await;
    let api = api.restart(|_| ()).await;
    assert_eq!(seen(&api).await, before);
    api.store.verify().await.unwrap();
    let back = api.post("/v1/kv/hidden/undelete").key(&user).answer().await;
    assert_eq!(back.status, 200);
    assert_eq!(api.store_value(&user, "a", "four").await, 4);
}

fn dev(directory: &Path) -> Config {
    Config::new(directory).with_dev()
}

/// Opens, and makes the rows of a first start.
async fn complete(config: &Config) -> bootstrap::Opened {
    let mut opened = bootstrap::open(config).await.unwrap();
    opened.complete().await.unwrap();
    opened
}

#[tokio::test]
async fn a_first_start_that_shows_nothing_makes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = dev(directory.path());
    config.listen = taken.local_addr().unwrap();
    let refused = vault_server::run(config.clone()).await;
    let refused = refused.unwrap_err();
    assert!(
        matches!(
            &refused,
            vault_server::RunError::Server(vault_server::ServerError::Bind { .. })
        ),
        "{refused}"
    );
    // Shown at last, committed after that, and again never.
    let mut next = bootstrap::open(&config).await.unwrap();
    assert_eq!(greeting_of(&next).matches("sgs_").count(), 2);
    let database = directory.path().join(DATABASE_FILE_NAME);
    let rows = || {
        let database = rusqlite::Connection::open(&database).unwrap();
        let count = "SELECT (SELECT count(*) FROM orgs) + (SELECT count(*) FROM api_keys)";
        database
            .query_row(count, [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(rows(), 0);
    next.complete().await.unwrap();
    assert_eq!(rows(), 3);
    drop(next);
    assert!(!greeting_of(&complete(&config).await).contains("sgs_"));
}

#[tokio::test]
async fn an_installation_that_was_not_shown_has_no_key() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config::new(directory.path());
    drop(bootstrap::init(&config).await.unwrap());
    let database = directory.path().join(DATABASE_FILE_NAME);
    let database = rusqlite::Connection::open(database).unwrap();
    let keys = || {
        let count = "SELECT count(*) FROM api_keys";
        database
            .query_row(count, [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(keys(), 0);
    let shown = bootstrap::init(&config).await.unwrap();
    shown.complete().await.unwrap();
    assert_eq!(keys(), 1);
}

fn greeting_of(opened: &bootstrap::Opened) -> String {
    let greeting = opened.greeting.as_ref().unwrap();
    let address = "127.0.0.1:8200".parse().unwrap();
    greeting.text(address, false).to_string()
}

#[tokio::test]
async fn a_development_server_makes_its_vault_once() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("not/yet/there");
    let first = complete(&dev(&directory)).await;
    let shown = greeting_of(&first);
    assert_eq!(shown.matches("sgs_").count(), 2, "shown, and in one line");
    for (file, mode) in [
        ("", 0o700),
        ("root.key", 0o600),
        (DATABASE_FILE_NAME, 0o600),
    ] {
        let found = std::fs::metadata(directory.join(file)).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, mode, "{file}");
    }
    drop(first);
    let again = bootstrap::open(&dev(&directory)).await.unwrap();
    let shown = greeting_of(&again);
    assert!(!shown.contains("sgk_") && !shown.contains("sgs_"));
    drop(again);
    // What was made serves without development rules, too.
    let opened = bootstrap::open(&Config::new(&directory)).await.unwrap();
    assert!(opened.greeting.is_none());
}

#[tokio::test]
async fn the_lines_of_the_greeting_work() {
    let directory = tempfile::tempdir().unwrap();
    let config = {
        let mut config = dev(directory.path());
        config.listen = "127.0.0.1:0".parse().unwrap();
        config.workers = Some(1);
        config
    };
    let opened = complete(&config).await;
    let services = vault_server::services(opened.vault, &config);
    let server = vault_server::Server::bind(config, services).await.unwrap();
    let address = server.local_addr();
    let text = opened.greeting.unwrap().text(address, false);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let ended = tokio::spawn(async move {
        let stopped = async {
            let _ = stopped.await;
        };
        server.run(stopped).await.unwrap();
    });
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    let lines: Vec<&str> = text.lines().filter(|l| l.starts_with("curl ")).collect();
    let mut statuses = Vec::new();
    for line in &lines[..3] {
        // The words of a line as a shell splits them, as far as these lines go.
        let quoted: Vec<&str> = line.split('"').collect();
        let url = line.split(' ').find(|word| word.starts_with("http://"));
        let method = if line.contains("-X PUT") {
            "PUT"
        } else {
            "GET"
        };
        let mut call = client.request(method.parse().unwrap(), url.unwrap());
        for header in quoted.iter().filter(|word| word.contains(": ")) {
            let (name, value) = header.split_once(": ").unwrap();
            call = call.header(name, value);
        }
        if let Some((_, body)) = line.split_once("-d '") {
            call = call.body(body.trim_end_matches('\'').to_owned());
        }
        let answer = call.answer().await;
        statuses.push(answer.status);
        if statuses.len() == 3 {
            assert_eq!(answer.json(), json!(["db-connection"]));
        }
    }
    assert_eq!(statuses, [201, 200, 200], "{lines:?}");
    drop(stop);
    ended.await.unwrap();
}

#[tokio::test]
async fn without_a_database_nothing_is_made_by_serving() {
    let parent = tempfile::tempdir().unwrap();
    for directory in [parent.path().to_owned(), parent.path().join("mistyped")] {
        let refused = bootstrap::open(&Config::new(&directory)).await;
        assert!(matches!(refused, Err(BootstrapError::DatabaseMissing)));
    }
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn no_blank_database_is_made_beside_the_files_of_a_lost_one() {
    for leftover in [
        "files/5f/00000000000070008000000000000000",
        "audit-checkpoints",
    ] {
        let directory = tempfile::tempdir().unwrap();
        let config = dev(directory.path());
        drop(complete(&config).await);
        std::fs::remove_file(directory.path().join(DATABASE_FILE_NAME)).unwrap();
        let leftover = match leftover {
            "audit-checkpoints" => directory.path().join(CHECKPOINT_FILE_NAME),
            body => directory.path().join(body),
        };
        std::fs::create_dir_all(leftover.parent().unwrap()).unwrap();
        std::fs::write(&leftover, "kept").unwrap();
        let refused = bootstrap::open(&config).await;
        assert!(matches!(refused, Err(BootstrapError::DatabaseLost)));
        let refused = bootstrap::init(&Config::new(directory.path())).await;
        assert!(matches!(refused, Err(BootstrapError::DatabaseLost)));
        assert!(!directory.path().join(DATABASE_FILE_NAME).exists());
        assert_eq!(std::fs::read(&leftover).unwrap(), b"kept");
    }
}

#[tokio::test]
async fn init_is_for_vaults_that_are_not_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config::new(directory.path());
    let first = bootstrap::init(&config).await.unwrap();
    let shown = first.text();
    assert_eq!(shown.matches("sgk_").count(), 1);
    first.complete().await.unwrap();
    let again = bootstrap::init(&config).await.unwrap();
    let shown_again = again.text();
    assert_ne!(*shown, *shown_again);
    again.complete().await.unwrap();
    // Of both keys the second one is left.
    let id = |text: &str| {
        let key = text
            .split_whitespace()
            .find(|word| word.starts_with("sgk_"));
        key.unwrap()[4..12].to_owned()
    };
    let database = directory.path().join(DATABASE_FILE_NAME);
    let store = SqliteStore::open(database, OpenMode::MustExist).unwrap();
    let left = store.root_api_keys(None, 9).await.unwrap().rows;
    let left: Vec<_> = left.iter().map(|key| key.key_id.as_str()).collect();
    assert_eq!(left, [id(&shown_again)]);
    drop(store);
    let in_use = tempfile::tempdir().unwrap();
    drop(complete(&dev(in_use.path())).await);
    let refused = bootstrap::init(&Config::new(in_use.path())).await;
    assert!(matches!(refused, Err(BootstrapError::AlreadyInitialised)));
}

#[tokio::test]
async fn a_vault_never_opens_with_another_root_key() {
    let directory = tempfile::tempdir().unwrap();
    let config = dev(directory.path());
    drop(complete(&config).await);
    let key = directory.path().join("root.key");
    let other = tempfile::tempdir().unwrap();
    drop(complete(&dev(other.path())).await);
    let original = std::fs::read(&key).unwrap();
    std::fs::write(&key, std::fs::read(other.path().join("root.key")).unwrap()).unwrap();
    for config in [config.clone(), Config::new(directory.path())] {
        let refused = bootstrap::open(&config).await;
        assert!(matches!(refused, Err(BootstrapError::RootKeyMismatch)));
    }
    // And never makes one beside rows that need the lost one.
    std::fs::remove_file(&key).unwrap();
    let refused = bootstrap::open(&config).await;
    assert!(matches!(refused, Err(BootstrapError::RootKeyFile(_))));
    assert!(!key.exists());
    std::fs::write(&key, "1:garbage").unwrap();
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    let refused = bootstrap::open(&config).await;
    assert!(matches!(refused, Err(BootstrapError::RootKeyUnreadable(_))));
    std::fs::write(&key, original).unwrap();
    drop(complete(&config).await);
    let database = directory.path().join(DATABASE_FILE_NAME);
    let store = SqliteStore::open(database, OpenMode::MustExist).unwrap();
    store.verify().await.unwrap();
}

/// A server's configuration that describes a first start in a file beside the data directory.
fn described(parent: &Path, description: &serde_json::Value) -> Config {
    let file = parent.join("bootstrap.json");
    std::fs::write(&file, description.to_string()).unwrap();
    let mut config = Config::new(parent.join("data"));
    config.bootstrap = Some(BootstrapSource::File(file));
    config
}

/// Opens as a start does, and counts organisations, users and API keys.
async fn start(config: &Config) -> Result<[i64; 3], BootstrapError> {
    let mut opened = bootstrap::open(config).await?;
    opened.complete().await?;
    drop(opened);
    let db = rusqlite::Connection::open(config.data_dir.join(DATABASE_FILE_NAME)).unwrap();
    let count = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        db.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    Ok([count("orgs"), count("users"), count("api_keys")])
}

#[tokio::test]
async fn a_described_first_start_happens_once_and_goes_on_after_a_break() {
    let parent = tempfile::tempdir().unwrap();
    let (admin, root) = (
        parent.path().join("admin.key"),
        parent.path().join("root-api.key"),
    );
    let description = json!({"organisation": "acme", "admin": "ada",
        "adminApiKeyFile": admin, "rootApiKeyFile": root});
    let config = described(parent.path(), &description);
    // Cut off before the rows: the keys are there and will be used.
    drop(bootstrap::open(&config).await.unwrap());
    let keys = [
        std::fs::read(&admin).unwrap(),
        std::fs::read(&root).unwrap(),
    ];
    assert_ne!(keys[0], keys[1]);
    for path in [&admin, &root] {
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    for _ in 0..3 {
        assert_eq!(start(&config).await.unwrap(), [1, 1, 2]);
        let found = [
            std::fs::read(&admin).unwrap(),
            std::fs::read(&root).unwrap(),
        ];
        assert_eq!(found, keys);
    }
    // Another description of a vault in use changes nothing, and is not even needed any more.
    let other = json!({"organisation": "other", "admin": "x", "adminApiKeyFile": "/nowhere/x"});
    let other = described(parent.path(), &other);
    assert_eq!(start(&other).await.unwrap(), [1, 1, 2]);
    let plain = Config::new(&config.data_dir);
    assert_eq!(start(&plain).await.unwrap(), [1, 1, 2]);
    let database = config.data_dir.join(DATABASE_FILE_NAME);
    let store = SqliteStore::open(database, OpenMode::MustExist).unwrap();
    for (key, is_root) in [(&keys[0], false), (&keys[1], true)] {
        let id = std::str::from_utf8(&key[4..12]).unwrap();
        let id = vault_store::KeyId::parse(id).unwrap();
        let found = store.api_key(id).await.unwrap().unwrap();
        assert_eq!(found.user.is_none(), is_root);
        assert!(
            found
                .user
                .is_none_or(|user| user.is_admin && user.name == "ada")
        );
    }
}

#[tokio::test]
async fn a_described_first_start_that_cannot_be_makes_no_rows() {
    let parent = tempfile::tempdir().unwrap();
    let exposed = parent.path().join("exposed.key");
    let (_, good) = hardened_crypto::secret_format::PresentedKey::make(
        hardened_crypto::secret_format::SecretKind::ApiKey,
    )
    .unwrap();
    std::fs::write(&exposed, secrecy::ExposeSecret::expose_secret(&good)).unwrap();
    std::fs::set_permissions(&exposed, PermissionsExt::from_mode(0o644)).unwrap();
    let garbage = parent.path().join("garbage.key");
    std::fs::write(&garbage, "sgk_garbage").unwrap();
    std::fs::set_permissions(&garbage, PermissionsExt::from_mode(0o600)).unwrap();
    let key = parent.path().join("admin.key");
    for description in [
        json!({"organisation": "o", "admin": "a", "adminApiKeyFile": exposed}),
        json!({"organisation": "o", "admin": "a", "adminApiKeyFile": garbage}),
        json!({"organisation": "o", "admin": "a", "adminApiKeyFile": "/nowhere/at/all"}),
        json!({"organisation": "", "admin": "a", "adminApiKeyFile": key}),
        json!({"organisation": "o", "admin": "a\n", "adminApiKeyFile": key}),
        json!({"organisation": "o", "admin": "a"}),
        json!({"organisation": "o", "admin": "a", "adminApiKeyFile": key, "apiKey": "x"}),
        json!([]),
    ] {
        let config = described(parent.path(), &description);
        let refused = start(&config).await;
        assert!(refused.is_err(), "{description}");
        let said = refused.unwrap_err().to_string();
        assert!(
            !said.contains("garbage") && !said.contains("sgk_"),
            "{said}"
        );
    }
    // A given key is used as it is, also with a line end behind it.
    std::fs::set_permissions(&exposed, PermissionsExt::from_mode(0o600)).unwrap();
    let given = json!({"organisation": "o", "admin": "a", "adminApiKeyFile": exposed});
    let config = described(parent.path(), &given);
    assert_eq!(start(&config).await.unwrap(), [1, 1, 1]);
}
