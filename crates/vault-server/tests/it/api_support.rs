//! A server over a real database file, a clock that tests set, and users to call it with.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use hardened_crypto::argon2_pool::Argon2Pool;
use hardened_crypto::root_key::RootKeyring;
use hardened_crypto::user_secret::UserSecret;
use reqwest::{Method, RequestBuilder};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use vault_server::vault::audit::{AuditLog, AuditParts, ChainSealer, WhenUnavailable};
use vault_server::vault::bootstrap::{self, DATABASE_FILE_NAME, FILES_DIRECTORY_NAME};
use vault_server::vault::clock::Clock;
use vault_server::vault::limits::VaultLimits;
use vault_server::vault::row_integrity::RowIntegrity;
use vault_server::vault::{Vault, VaultParts};
use vault_server::{Config, Server, services};
use vault_store::{
    AuditSealer, BlobDirectory, OpenMode, SqliteOptions, SqliteStore, Store, UtcMillis,
};

use super::crash_table::watched;
use super::held_blobs::{Gate, HeldBlobs};
use super::support::Answer;

/// The time at which every test starts: 2027-01-15T08:00:00Z.
pub(crate) const START: i64 = 1_800_000_000_000;

/// A clock that stands still until a test moves it.
pub(crate) struct ManualClock {
    utc: AtomicI64,
    monotonic_ms: AtomicU64,
}

impl ManualClock {
    pub(crate) fn advance(&self, by: Duration) {
        let ms = u64::try_from(by.as_millis()).unwrap();
        self.utc
            .fetch_add(i64::try_from(ms).unwrap(), Ordering::SeqCst);
        self.monotonic_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// Moves the calendar alone.
    pub(crate) fn set_utc(&self, utc: i64) {
        self.utc.store(utc, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn utc(&self) -> UtcMillis {
        UtcMillis(self.utc.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.monotonic_ms.load(Ordering::SeqCst))
    }
}

/// A running server with its vault.
pub(crate) struct Api {
    pub(crate) address: SocketAddr,
    pub(crate) clock: Arc<ManualClock>,
    /// The root API key.
    pub(crate) root: String,
    pub(crate) argon2: Arc<Argon2Pool>,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) integrity: RowIntegrity,
    /// Where steps on bodies can be held.
    pub(crate) gate: Arc<Gate>,
    client: reqwest::Client,
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<()>,
    pub(crate) limits: VaultLimits,
    ca_file: Option<PathBuf>,
    data_dir: tempfile::TempDir,
}

/// A user of some organisation.
#[derive(Clone)]
pub(crate) struct TestUser {
    pub(crate) org_id: String,
    pub(crate) user_id: String,
    pub(crate) key: String,
    pub(crate) secret: String,
}

impl Api {
    pub(crate) async fn start() -> Self {
        Self::start_with(VaultLimits::default()).await
    }

    /// Makes a vault as `sealgate init` does, and serves it with these limits.
    pub(crate) async fn start_with(limits: VaultLimits) -> Self {
        Self::make(limits, None).await
    }

    /// As [`Api::start`], with upstreams on loopback in reach that this file vouches for.
    pub(crate) async fn start_before(ca_file: PathBuf) -> Self {
        Self::start_before_with(ca_file, VaultLimits::default()).await
    }

    /// As [`Api::start_before`], with these limits.
    pub(crate) async fn start_before_with(ca_file: PathBuf, limits: VaultLimits) -> Self {
        Self::make(limits, Some(ca_file)).await
    }

    /// As [`Api::start_before`], with these limits.
    pub(crate) async fn start_both(limits: VaultLimits, ca_file: PathBuf) -> Self {
        Self::make(limits, Some(ca_file)).await
    }

    /// As [`Api::start_before`], and calls that cannot be recorded are served.
    pub(crate) async fn start_serving_unrecorded(ca_file: PathBuf) -> Self {
        let limits = VaultLimits::default();
        Self::make_when(limits, Some(ca_file), WhenUnavailable::Serve).await
    }

    async fn make(limits: VaultLimits, ca_file: Option<PathBuf>) -> Self {
        Self::make_when(limits, ca_file, WhenUnavailable::Refuse).await
    }

    async fn make_when(
        limits: VaultLimits,
        ca_file: Option<PathBuf>,
        when_unavailable: WhenUnavailable,
    ) -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        let shown = bootstrap::init(&Config::new(data_dir.path()))
            .await
            .unwrap();
        let root = shown
            .text()
            .split_whitespace()
            .find(|word| word.starts_with("sgk_"))
            .unwrap()
            .to_owned();
        shown.complete().await.unwrap();
        let clock = Arc::new(ManualClock {
            utc: AtomicI64::new(START),
            monotonic_ms: AtomicU64::new(0),
        });
        Self::serve_when(data_dir, limits, clock, root, ca_file, when_unavailable).await
    }

    async fn serve(
        data_dir: tempfile::TempDir,
        limits: VaultLimits,
        clock: Arc<ManualClock>,
        root: String,
        ca_file: Option<PathBuf>,
    ) -> Self {
        let refuse = WhenUnavailable::Refuse;
        Self::serve_when(data_dir, limits, clock, root, ca_file, refuse).await
    }

    async fn serve_when(
        data_dir: tempfile::TempDir,
        limits: VaultLimits,
        clock: Arc<ManualClock>,
        root: String,
        ca_file: Option<PathBuf>,
        when_unavailable: WhenUnavailable,
    ) -> Self {
        let mut config = Config::new(data_dir.path());
        if ca_file.is_some() {
            config = config.with_dev();
            config.egress.extra_ca_file = ca_file.clone();
        }
        config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        config.workers = Some(2);
        let text = std::fs::read_to_string(data_dir.path().join("root.key")).unwrap();
        let root_keys = Arc::new(RootKeyring::parse(&text).unwrap());
        let database = data_dir.path().join(DATABASE_FILE_NAME);
        let sealer = Arc::new(ChainSealer::new());
        let chains = Arc::clone(&sealer) as Arc<dyn AuditSealer>;
        let options = SqliteOptions::default();
        let store = SqliteStore::open_audited(database, OpenMode::MustExist, options, chains);
        let store = Arc::new(store.unwrap());
        let argon2 = Arc::new(Argon2Pool::new(limits.hash_pool()).unwrap());
        let audit = AuditLog::start(AuditParts {
            store: watched(Arc::clone(&store) as Arc<dyn Store>),
            sealer,
            root_keys: Arc::clone(&root_keys),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            checkpoint_file: Some(config.audit_checkpoint_file()),
            when_unavailable,
        });
        let directory = BlobDirectory::open(data_dir.path().join(FILES_DIRECTORY_NAME)).unwrap();
        let gate = Arc::new(Gate::default());
        let blobs = HeldBlobs {
            directory,
            gate: Arc::clone(&gate),
        };
        let vault = Vault::new(VaultParts {
            audit: audit.unwrap(),
            store: watched(Arc::clone(&store) as Arc<dyn Store>),
            blobs: Arc::new(blobs),
            root_keys: Arc::clone(&root_keys),
            argon2: Arc::clone(&argon2),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            limits: limits.clone(),
        });
        let vault = Arc::new(vault);
        let services = services(Arc::clone(&vault), &config);
        let server = Server::bind(config, services).await.unwrap();
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let ended = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            server.run(stopped).await.unwrap();
        });
        // Already there after the first test of the process.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            address,
            clock,
            root,
            argon2,
            store,
            vault,
            integrity: RowIntegrity::new(root_keys),
            gate,
            client: reqwest::Client::new(),
            stop,
            ended,
            limits,
            ca_file,
            data_dir,
        }
    }

    /// Serves a copy of what another server left in a directory.
    pub(crate) async fn serve_copy(of: &Path, root: String) -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        copy_all(of, data_dir.path());
        let clock = Arc::new(ManualClock {
            utc: AtomicI64::new(START),
            monotonic_ms: AtomicU64::new(0),
        });
        Self::serve(data_dir, VaultLimits::default(), clock, root, None).await
    }

    /// Stops the server; what it leaves on disk.
    pub(crate) async fn close(self) -> tempfile::TempDir {
        self.closed().await.0
    }

    /// Stops the server, lets `between` at the closed database, and serves it again.
    pub(crate) async fn restart(self, between: impl FnOnce(&rusqlite::Connection)) -> Self {
        let database = self.database();
        let (data_dir, limits, clock, root, ca_file) = self.closed().await;
        let db = rusqlite::Connection::open(database).unwrap();
        between(&db);
        db.close().unwrap();
        Self::serve(data_dir, limits, clock, root, ca_file).await
    }

    async fn closed(
        self,
    ) -> (
        tempfile::TempDir,
        VaultLimits,
        Arc<ManualClock>,
        String,
        Option<PathBuf>,
    ) {
        let Self {
            clock,
            root,
            store,
            stop,
            ended,
            limits,
            ca_file,
            data_dir,
            argon2,
            vault,
            ..
        } = self;
        drop(stop);
        ended.await.unwrap();
        drop(vault);
        drop(argon2);
        // The last handle: closing moves the log into the file.
        let store = Arc::try_unwrap(store).unwrap();
        tokio::task::spawn_blocking(move || drop(store))
            .await
            .unwrap();
        (data_dir, limits, clock, root, ca_file)
    }

    pub(crate) fn directory(&self) -> &Path {
        self.data_dir.path()
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.data_dir.path().join(DATABASE_FILE_NAME)
    }

    /// The directory of sealed files.
    pub(crate) fn files(&self) -> PathBuf {
        self.data_dir.path().join(FILES_DIRECTORY_NAME)
    }

    /// Rows of a table, counted by another connection to the file.
    pub(crate) fn count(&self, table: &str) -> i64 {
        let db = rusqlite::Connection::open(self.database()).unwrap();
        db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
            row.get(0)
        })
        .unwrap()
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.call(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.call(Method::POST, path)
    }

    pub(crate) fn put(&self, path: &str) -> RequestBuilder {
        self.call(Method::PUT, path)
    }

    pub(crate) fn delete(&self, path: &str) -> RequestBuilder {
        self.call(Method::DELETE, path)
    }

    /// Makes an organisation and its first admin, without keys.
    pub(crate) async fn org(&self, name: &str) -> TestUser {
        let call = self.post("/admin/orgs").header("X-Api-Key", &self.root);
        let made = call.json(&json!({"name": name})).answer().await;
        assert_eq!(made.status, 201, "{made:?}");
        let org_id = text(&made.json(), "orgId");
        self.add_user(&self.root, &org_id, "admin", true).await
    }

    /// Makes a user, without keys.
    pub(crate) async fn add_user(
        &self,
        by: &str,
        org_id: &str,
        name: &str,
        is_admin: bool,
    ) -> TestUser {
        let call = self.post(&format!("/admin/orgs/{org_id}/users"));
        let body = json!({"name": name, "isAdmin": is_admin});
        let made = call.header("X-Api-Key", by).json(&body).answer().await;
        assert_eq!(made.status, 201, "{made:?}");
        let made = made.json();
        TestUser {
            org_id: org_id.to_owned(),
            user_id: text(&made, "userId"),
            key: text(&made, "apiKey"),
            secret: generated_secret(),
        }
    }

    /// Makes an organisation whose admin has keys.
    pub(crate) async fn org_with_keys(&self, name: &str) -> TestUser {
        let user = self.org(name).await;
        self.generate(&user).await;
        user
    }

    pub(crate) async fn generate(&self, user: &TestUser) {
        let made = self.post("/v1/keys/generate").both(user).answer().await;
        assert_eq!(made.status, 201, "{made:?}");
    }

    /// Stores a value that must be accepted; returns its version.
    pub(crate) async fn store_value(&self, user: &TestUser, name: &str, value: &str) -> u64 {
        let body = json!({"valueB64": base64(value.as_bytes())});
        let call = self.put(&format!("/v1/kv/{name}")).key(user).json(&body);
        let stored = call.answer().await;
        assert!(matches!(stored.status, 200 | 201), "{stored:?}");
        stored.json()["version"].as_u64().unwrap()
    }

    /// Reads a value that must be there.
    pub(crate) async fn read_value(&self, user: &TestUser, name: &str) -> String {
        let read = self.get(&format!("/v1/kv/{name}")).both(user);
        let read = read.answer().await;
        assert_eq!(read.status, 200, "{read:?}");
        String::from_utf8(unbase64(&text(&read.json(), "valueB64"))).unwrap()
    }
}

/// Copies a directory with all that is in it.
fn copy_all(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&place).unwrap();
            copy_all(&entry.path(), &place);
        } else {
            std::fs::copy(entry.path(), place).unwrap();
        }
    }
}

/// Adds what calls need, and sends them.
pub(crate) trait Calls: Sized {
    /// The user's API key.
    fn key(self, user: &TestUser) -> Self;
    /// The user's API key and secret.
    fn both(self, user: &TestUser) -> Self;
    /// Sends the call and reads the answer.
    fn answer(self) -> impl Future<Output = Answer>;
}

impl Calls for RequestBuilder {
    fn key(self, user: &TestUser) -> Self {
        self.header("X-Api-Key", &user.key)
    }

    fn both(self, user: &TestUser) -> Self {
        self.key(user).header("X-User-Secret", &user.secret)
    }

    async fn answer(self) -> Answer {
        let response = self.send().await.unwrap();
        let status = response.status().as_u16();
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| {
            let value = value.to_str().unwrap().to_owned();
            (name.as_str().to_owned(), value)
        });
        Answer {
            status,
            headers: headers.collect(),
            body: response.text().await.unwrap(),
        }
    }
}

pub(crate) fn generated_secret() -> String {
    let (_, text) = UserSecret::make().unwrap();
    text.expose_secret().to_owned()
}

pub(crate) fn text(document: &Value, field: &str) -> String {
    document[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field} in {document}"))
        .to_owned()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    vault_server::api::base64::encode(bytes)
}

pub(crate) fn unbase64(text: &str) -> Vec<u8> {
    vault_server::api::base64::decode(text).unwrap().to_vec()
}
