//! From a configuration to a vault: opens what is there, and makes it on the first start.
//!
//! In: a [`Config`]. Out: a [`Vault`] over its SQLite file, and, when something was made, the
//! secrets that are shown this once.
//!
//! Promise: a database is only ever made by [`init`], in development mode, and where the
//! configuration describes a first start; without these a mistyped path is an error and never an
//! empty vault. The root key is never in the database, and never made
//! anew beside a database that is in use. A first start is one change set, committed once its
//! secrets have been shown: after a failure before that the next start starts over.

mod first_org;
mod first_start;
mod greeting;
mod owner_file;
mod root_key;

pub use greeting::Greeting;

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use hardened_crypto::argon2_pool::Argon2Pool;
use hardened_crypto::root_key::RootKeyring;
use secrecy::{ExposeSecret, SecretString};
use vault_store::{
    AuditSealer, BlobDirectory, BlobError, ChangeSet, OpenError, OpenMode, SqliteOptions,
    SqliteStore, Store, StoreError,
};
use zeroize::Zeroizing;

use self::first_start::FirstKeys;
use super::audit::{AuditLog, AuditParts, CHECKPOINT_FILE_NAME, ChainSealer};
use super::clock::{Clock, SystemClock};
use super::error::VaultError;
use super::row_integrity::RowIntegrity;
use super::{Vault, VaultParts};
use crate::config::{BootstrapSource, Config, RootKeySource};

/// Name of the database file inside the data directory.
pub const DATABASE_FILE_NAME: &str = "sealgate.db";
/// Name of the directory of sealed files inside the data directory.
pub const FILES_DIRECTORY_NAME: &str = "files";
/// Only the owner of the process enters the data directory.
const DATA_DIR_MODE: u32 = 0o700;

/// A reason why there is no vault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootstrapError {
    /// There is no database, and this is not the way to make one.
    #[error("there is no database in the data directory; `sealgate init` or a bootstrap makes one")]
    DatabaseMissing,
    /// There is no database, but what belongs to one.
    #[error(
        "the data directory holds files or checkpoints of a database that is missing; put it back, or take an empty directory"
    )]
    DatabaseLost,
    /// The database is in use already, with an organisation in it.
    #[error("the data directory holds a database that is in use already")]
    AlreadyInitialised,
    /// The data directory cannot be made.
    #[error("cannot make the data directory: {0}")]
    DataDir(io::Error),
    /// The database stayed closed.
    #[error("cannot open the database: {0}")]
    Open(OpenError),
    /// The root key file cannot be read or made.
    #[error("cannot use the root key file: {0}")]
    RootKeyFile(io::Error),
    /// Others than its owner may read or write the root key file.
    #[error("the root key file must be for its owner alone (mode 0600)")]
    RootKeyExposed,
    /// The environment variable with the root key is absent or not text.
    #[error("the environment variable {0} does not hold a root key")]
    RootKeyVariable(String),
    /// The root key has another form.
    #[error("the root key is unreadable: {0}")]
    RootKeyUnreadable(hardened_crypto::Error),
    /// The file that describes a first start cannot be read.
    #[error("cannot read the bootstrap file: {0}")]
    BootstrapFile(io::Error),
    /// The file that describes a first start has another form.
    #[error("the bootstrap file is not a JSON object of the known fields")]
    BootstrapUnreadable,
    /// The file of a first API key cannot be read or made.
    #[error("cannot use the file of an API key: {0}")]
    ApiKeyFile(io::Error),
    /// Others than its owner may read or write the file of a first API key.
    #[error("the file of an API key must be for its owner alone (mode 0600)")]
    ApiKeyExposed,
    /// The file of a first API key holds something else.
    #[error("the file of an API key does not hold one")]
    ApiKeyUnreadable,
    /// The database was made with another root key.
    #[error("the root key is not the one that this database was made with")]
    RootKeyMismatch,
    /// The thread that records calls could not be started.
    #[error("cannot start the audit log: {0}")]
    Audit(io::Error),
    /// The directory of files cannot be opened.
    #[error("cannot open the directory of files: {0}")]
    Files(BlobError),
    /// The threads for password hashing could not be started.
    #[error("cannot start password hashing: {0}")]
    HashPool(hardened_crypto::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The first rows could not be prepared.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The first rows could not be committed after their secrets had been shown.
    #[error("the keys shown were not made and open nothing; start again: {0}")]
    NotMade(StoreError),
}

/// What [`init`] is about to make and nobody can show again.
pub struct Installation {
    vault: Arc<Vault>,
    changes: ChangeSet,
    root_api_key: SecretString,
}

impl Installation {
    /// The text for standard output alone.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        // Expose: shown to the operator this once.
        let key = self.root_api_key.expose_secret();
        Zeroizing::new(format!(
            "The vault was made. Keep this key; it cannot be shown again.\n\n\
             Root API key: {key}\n\n\
             Keep a copy of the root key file apart from the database: without it nothing opens.\n"
        ))
    }

    /// Makes what [`Installation::text`] says. To be called once that text has been shown.
    ///
    /// # Errors
    /// `NotMade`: the key that was shown opens nothing.
    pub async fn complete(self) -> Result<(), BootstrapError> {
        commit(&self.vault, self.changes).await
    }
}

/// A vault that is ready to serve.
pub struct Opened {
    /// The use cases.
    pub vault: Arc<Vault>,
    /// What a development server says when it listens.
    pub greeting: Option<Greeting>,
    first_rows: Option<ChangeSet>,
}

impl Opened {
    /// Makes the rows of a first start, if this is one. To be called once the greeting has been
    /// shown, and before anything is served.
    ///
    /// # Errors
    /// `NotMade`: the keys that were shown open nothing.
    pub async fn complete(&mut self) -> Result<(), BootstrapError> {
        match self.first_rows.take() {
            Some(changes) => commit(&self.vault, changes).await,
            None => Ok(()),
        }
    }
}

/// The root keys from their source, for those who only check.
///
/// # Errors
/// [`BootstrapError`] for a source that is absent, exposed or unreadable.
pub fn root_keys(source: &RootKeySource) -> Result<RootKeyring, BootstrapError> {
    root_key::load(source)
}

/// Opens the vault of `config`; in development mode prepares it first if need be: the first
/// rows are there after [`Opened::complete`].
///
/// Blocks while the database file is opened.
///
/// # Errors
/// [`BootstrapError`].
pub async fn open(config: &Config) -> Result<Opened, BootstrapError> {
    if let Some(source) = config.bootstrap.as_ref().filter(|_| !config.dev) {
        return open_or_bootstrap(config, source).await;
    }
    if !config.dev {
        let database = open_store(config, OpenMode::MustExist)?;
        let vault = open_vault(config, database).await?;
        return Ok(Opened {
            vault,
            greeting: None,
            first_rows: None,
        });
    }
    make_data_dir(&config.data_dir)?;
    let database = open_store(config, OpenMode::CreateIfMissing)?;
    if is_in_use(&*database.store).await? {
        return Ok(Opened {
            vault: open_vault(config, database).await?,
            greeting: Some(Greeting::again()),
            first_rows: None,
        });
    }
    let vault = make_vault(config, database)?;
    let (keys, changes) = FirstKeys::prepare(&vault).await?;
    Ok(Opened {
        vault,
        greeting: Some(Greeting::first(keys)),
        first_rows: Some(changes),
    })
}

/// Opens the vault of `config`, and prepares what `source` says if it holds no organisation yet.
async fn open_or_bootstrap(
    config: &Config,
    source: &BootstrapSource,
) -> Result<Opened, BootstrapError> {
    make_data_dir(&config.data_dir)?;
    let database = open_store(config, OpenMode::CreateIfMissing)?;
    if is_in_use(&*database.store).await? {
        return Ok(Opened {
            vault: open_vault(config, database).await?,
            greeting: None,
            first_rows: None,
        });
    }
    let vault = make_vault(config, database)?;
    let changes = first_org::prepare(&vault, source).await?;
    Ok(Opened {
        vault,
        greeting: None,
        first_rows: Some(changes),
    })
}

/// Makes data directory, database and root key file, and prepares a root API key, which is
/// shown once and there after [`Installation::complete`]. May be repeated until the first
/// organisation exists; each time the new root API key takes the place of the earlier one.
///
/// # Errors
/// [`BootstrapError`]; `AlreadyInitialised` once there is an organisation.
pub async fn init(config: &Config) -> Result<Installation, BootstrapError> {
    make_data_dir(&config.data_dir)?;
    let database = open_store(config, OpenMode::CreateIfMissing)?;
    if is_in_use(&*database.store).await? {
        return Err(BootstrapError::AlreadyInitialised);
    }
    let vault = make_vault(config, database)?;
    let (root_api_key, changes) = first_start::prepare_root_api_key(&vault).await?;
    Ok(Installation {
        vault,
        changes,
        root_api_key,
    })
}

async fn commit(vault: &Vault, changes: ChangeSet) -> Result<(), BootstrapError> {
    let committed = vault.commit_unjudged(changes).await;
    committed.map(|_| ()).map_err(BootstrapError::NotMade)
}

/// The store, and what chains its audit entries.
struct Database {
    store: Arc<SqliteStore>,
    sealer: Arc<ChainSealer>,
}

fn open_store(config: &Config, mode: OpenMode) -> Result<Database, BootstrapError> {
    let path = config.data_dir.join(DATABASE_FILE_NAME);
    if mode == OpenMode::CreateIfMissing && !path.exists() && holds_leftovers(&config.data_dir) {
        return Err(BootstrapError::DatabaseLost);
    }
    let sealer = Arc::new(ChainSealer::new());
    let chains = Arc::clone(&sealer) as Arc<dyn AuditSealer>;
    match SqliteStore::open_audited(path, mode, SqliteOptions::default(), chains) {
        Ok(store) => Ok(Database {
            store: Arc::new(store),
            sealer,
        }),
        Err(OpenError::Missing) => Err(BootstrapError::DatabaseMissing),
        Err(OpenError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
            Err(BootstrapError::DatabaseMissing)
        }
        Err(error) => Err(BootstrapError::Open(error)),
    }
}

/// A vault over a database that is in use: the root key must be there, and the right one.
async fn open_vault(config: &Config, database: Database) -> Result<Arc<Vault>, BootstrapError> {
    let ring = Arc::new(root_key::load(&config.root_key)?);
    let integrity = RowIntegrity::new(Arc::clone(&ring));
    for org in &store_orgs(&*database.store).await? {
        integrity
            .check(org)
            .map_err(|_| BootstrapError::RootKeyMismatch)?;
    }
    vault(config, database, ring)
}

/// A vault over a database that holds nothing yet: the root key is made if need be.
fn make_vault(config: &Config, database: Database) -> Result<Arc<Vault>, BootstrapError> {
    let ring = root_key::load_or_make(&config.root_key)?;
    vault(config, database, Arc::new(ring))
}

fn vault(
    config: &Config,
    database: Database,
    root_keys: Arc<RootKeyring>,
) -> Result<Arc<Vault>, BootstrapError> {
    let pool = Argon2Pool::new(config.vault.hash_pool()).map_err(BootstrapError::HashPool)?;
    let clock = Arc::new(SystemClock::start());
    let store: Arc<dyn Store> = database.store;
    let audit = AuditLog::start(AuditParts {
        store: Arc::clone(&store),
        sealer: database.sealer,
        root_keys: Arc::clone(&root_keys),
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        checkpoint_file: Some(config.audit_checkpoint_file()),
        when_unavailable: config.audit.when_unavailable,
    })
    .map_err(BootstrapError::Audit)?;
    let files = config.data_dir.join(FILES_DIRECTORY_NAME);
    let blobs = BlobDirectory::open(files).map_err(BootstrapError::Files)?;
    Ok(Arc::new(Vault::new(VaultParts {
        store,
        blobs: Arc::new(blobs),
        root_keys,
        argon2: Arc::new(pool),
        clock,
        audit,
        limits: config.vault.clone(),
    })))
}

async fn is_in_use(store: &dyn Store) -> Result<bool, BootstrapError> {
    Ok(!store_orgs(store).await?.is_empty())
}

/// The first organisation, if there is one.
async fn store_orgs(store: &dyn Store) -> Result<Vec<vault_store::rows::OrgRow>, BootstrapError> {
    Ok(store.orgs(None, 1).await?.rows)
}

/// Whether there are bodies of files or checkpoints: a blank database beside them would take the
/// bodies for orphans.
fn holds_leftovers(data_dir: &Path) -> bool {
    let shards = std::fs::read_dir(data_dir.join(FILES_DIRECTORY_NAME));
    let has_bodies = shards.is_ok_and(|shards| {
        shards.flatten().any(|shard| {
            std::fs::read_dir(shard.path()).is_ok_and(|mut bodies| bodies.next().is_some())
        })
    });
    has_bodies || data_dir.join(CHECKPOINT_FILE_NAME).exists()
}

fn make_data_dir(path: &Path) -> Result<(), BootstrapError> {
    DirBuilder::new()
        .recursive(true)
        .mode(DATA_DIR_MODE)
        .create(path)
        .map_err(BootstrapError::DataDir)
}
