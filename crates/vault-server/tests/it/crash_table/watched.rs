//! A store that stands still at one of its steps, so that the process can be killed there.
//!
//! In a child process alone; anywhere else [`watched`] hands back what it was given.

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use vault_store::rows::{
    ApiKeyRow, AuditBlockRow, CredentialRow, CredentialVersionRow, KeyPairRow, OrgRow, Record,
    ShareRow, StagedRestoreRow, TokenRow, TrusteeRow, UserRow, ValueRow, WrapRow,
};
use vault_store::*;

/// Where in a step the process shall be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing of the step is done.
    Before,
    /// The step is under way.
    During,
    /// The step is done and nobody has heard of it.
    After,
}

/// Counts steps from when it is armed.
pub(crate) struct Trap {
    pub(crate) phase: Phase,
    /// The step to stand still at, from 1.
    pub(crate) step: u32,
    pub(crate) armed: std::sync::atomic::AtomicBool,
    pub(crate) taken: AtomicU32,
}

/// Set in a child alone.
pub(crate) static TRAP: OnceLock<Trap> = OnceLock::new();

/// Told to the parent when the step is reached.
pub(crate) const REACHED: &str = "reached";

impl Trap {
    /// Whether this is the step.
    fn springs(&self) -> bool {
        self.armed.load(Ordering::SeqCst)
            && self.taken.fetch_add(1, Ordering::SeqCst) + 1 == self.step
    }
}

/// Whether this is a box or a note for later, which no call waits for.
fn is_aside(changes: &ChangeSet) -> bool {
    let mut changes = changes.changes().iter().peekable();
    changes.peek().is_some()
        && changes.all(|change| {
            matches!(
                change,
                Change::PutAccountBox(_)
                    | Change::Share(ShareChange::PutAliasBox(_))
                    | Change::ApiKey(ApiKeyChange::NoteUse { .. })
            )
        })
}

/// Tells the parent, who kills this process.
fn reached() {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{REACHED}").unwrap();
    out.flush().unwrap();
}

/// The store itself, or in a child one that can stand still.
pub(crate) fn watched(store: Arc<dyn Store>) -> Arc<dyn Store> {
    match TRAP.get() {
        None => store,
        Some(trap) => Arc::new(Watched { store, trap }),
    }
}

/// A step on a body, or in a child one to stand still at. Blocks.
pub(crate) fn step<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let Some(trap) = TRAP.get().filter(|trap| trap.springs()) else {
        return work();
    };
    match trap.phase {
        Phase::Before => stand(),
        Phase::During => std::thread::scope(|scope| {
            scope.spawn(work);
            stand()
        }),
        Phase::After => {
            let _unheard = work();
            stand()
        }
    }
}

/// Tells the parent and waits for the end.
fn stand() -> ! {
    reached();
    loop {
        std::thread::park();
    }
}

struct Watched {
    store: Arc<dyn Store>,
    trap: &'static Trap,
}

#[async_trait]
impl Store for Watched {
    async fn commit(&self, changes: ChangeSet) -> Result<Committed, StoreError> {
        if is_aside(&changes) || !self.trap.springs() {
            return self.store.commit(changes).await;
        }
        match self.trap.phase {
            Phase::Before => {}
            Phase::During => {
                let store = Arc::clone(&self.store);
                tokio::spawn(async move { store.commit(changes).await });
            }
            Phase::After => {
                let _unheard = self.store.commit(changes).await;
            }
        }
        reached();
        std::future::pending().await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.store.check().await
    }
}

macro_rules! pass_on {
    ($($store:ident { $(fn $name:ident($($argument:ident: $type:ty),*) -> $out:ty;)+ })+) => {
        $(#[async_trait]
        impl $store for Watched {
            $(async fn $name(&self, $($argument: $type),*) -> Result<$out, StoreError> {
                self.store.$name($($argument),*).await
            })+
        })+
    };
}

pass_on! {
    OrgStore {
        fn org(org_id: OrgId) -> Option<OrgRow>;
        fn orgs(after: Option<OrgId>, limit: u32) -> Page<OrgRow>;
    }
    UserStore {
        fn user(org_id: OrgId, user_id: UserId) -> Option<UserRow>;
        fn users(org_id: OrgId, after: Option<UserId>, limit: u32) -> Page<UserAndPublicKey>;
    }
    KeyStore {
        fn api_key(key_id: KeyId) -> Option<ApiKeyAndUser>;
        fn api_keys(org_id: OrgId, user_id: UserId, after: Option<KeyId>, limit: u32)
            -> Page<ApiKeyRow>;
        fn key_ring(org_id: OrgId, user_id: UserId) -> Option<KeyRing>;
        fn root_api_keys(after: Option<KeyId>, limit: u32) -> Page<ApiKeyRow>;
        fn current_key_pair(org_id: OrgId, user_id: UserId) -> Option<KeyPairRow>;
    }
    ApiKeyScopeStore {
        fn scoped_api_key(key_id: KeyId) -> Option<ScopedApiKey>;
        fn api_key_details(org_id: OrgId, user_id: UserId, after: Option<KeyId>, limit: u32)
            -> Page<ApiKeyDetail>;
    }
    ValueStore {
        fn value(name: ValueName<'_>) -> Option<ValueRow>;
        fn read_value(name: ValueName<'_>, value_version: Option<u64>, reader: UserId)
            -> Option<ValueRead>;
        fn values(list: ListValues<'_>) -> Page<ValueRow>;
        fn read_values(names: &[ValueName<'_>], reader: UserId) -> Vec<Option<ValueRead>>;
        fn versions(name: ValueName<'_>, after: Option<u64>, limit: u32)
            -> Page<ValueVersionInfo>;
        fn wraps(record_id: RecordId, value_version: u64) -> Vec<WrapRow>;
    }
    FileStore {
        fn read_file(org_id: OrgId, owner: UserId, file_id: RecordId, reader: UserId)
            -> Option<FileRead>;
        fn files(org_id: OrgId, owner: UserId, after: Option<RecordId>, limit: u32)
            -> Page<FileRead>;
        fn shared_file(share_id: ShareId) -> Option<SharedFileRead>;
        fn unused_bodies(bodies: &[BlobId]) -> Vec<BlobId>;
        fn erased_bodies(after: Option<BlobId>, limit: u32) -> Page<BlobId>;
    }
    ShareStore {
        fn share(share_id: ShareId) -> Option<ShareRow>;
        fn share_with(record: Record, recipient: UserId) -> Option<ShareRow>;
        fn shares_of(record: Record, after: Option<UserId>, limit: u32, now: UtcMillis)
            -> Page<ShareRow>;
        fn inbound_shares(list: ListInbound) -> Page<InboundShare>;
        fn recipients(record: Record, now: UtcMillis) -> Option<Recipients>;
        fn shared_value(share_id: ShareId, value_version: Option<u64>)
            -> Option<SharedValueRead>;
        fn expired_shares(now: UtcMillis, after: Option<(UtcMillis, ShareId)>, limit: u32)
            -> Page<ShareRow>;
    }
    RotationStore {
        fn wraps_of_generation(
            recipient: UserId, generation: u32, after: Option<WrapPlace>, limit: u32
        ) -> Page<StoredWrap>;
        fn count_wraps_of_generation(recipient: UserId, generation: u32) -> u64;
    }
    TokenStore {
        fn token(key_id: KeyId) -> Option<TokenAndUser>;
        fn tokens(org_id: OrgId, user_id: UserId, after: Option<KeyId>, limit: u32)
            -> Page<TokenRow>;
    }
    RecoveryStore {
        fn trustee(org_id: OrgId, owner: UserId, trustee: UserId) -> Option<TrusteeRow>;
        fn trustees(org_id: OrgId, owner: UserId, after: Option<UserId>, limit: u32)
            -> Page<TrusteeRow>;
        fn trusting_owners(org_id: OrgId, trustee: UserId, after: Option<UserId>, limit: u32)
            -> Page<TrusteeRow>;
        fn restore(restore_id: RestoreId) -> Option<StagedRestoreRow>;
        fn restores(org_id: OrgId, owner: UserId, after: Option<RestoreId>, limit: u32)
            -> Page<StagedRestoreRow>;
    }
    CredentialStore {
        fn credential(org_id: OrgId, owner: UserId, credential_id: RecordId)
            -> Option<CredentialRow>;
        fn credentials(org_id: OrgId, owner: UserId, after: Option<RecordId>, limit: u32)
            -> Page<CredentialRow>;
        fn candidates(list: ListCandidates) -> Page<Candidate>;
        fn read_credential(
            org_id: OrgId, credential_id: RecordId, credential_version: Option<u64>, reader: UserId
        ) -> Option<CredentialRead>;
        fn credential_versions(
            org_id: OrgId, owner: UserId, credential_id: RecordId, after: Option<u64>, limit: u32
        ) -> Page<CredentialVersionRow>;
    }
    AuditStore {
        fn audit_head(org_id: OrgId) -> AuditHead;
        fn audit_blocks(org_id: OrgId, after_seq: u64, limit: u32) -> Page<AuditBlockRow>;
    }
}
