//! Sealed bodies: written once, hashed on the way, removed when no row has them.
//!
//! Promise: a body that was begun is a row's in the end, or it is removed without a restart; only
//! when the outcome of a commit is unknown does it wait for housekeeping.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use hardened_crypto::data_key::DataKey;
use hardened_crypto::payload::{PayloadContext, PayloadWriter};
use ring::digest;
use uuid::Uuid;
use vault_store::{
    BlobError, BlobId, BlobStore, BlobWriter, ChangeSet, Committed, FileChange, Store, StoreError,
};

use super::aside::{blocking, in_background};
use super::transfers::Transfer;
use crate::vault::Vault;
use crate::vault::audit::CommitOutcome;
use crate::vault::commit::CommitError;
use crate::vault::error::{VaultError, stored};

/// What did not authenticate.
pub(super) const BODY: &str = "the body of a file";
/// Sealed bytes that are written at once.
const WRITE_BYTES: usize = 64 * 1_024;

/// Reads an error on the way from or to a body.
pub(super) fn body_error(error: io::Error) -> VaultError {
    let inner = error.get_ref();
    match inner.and_then(|inner| inner.downcast_ref::<hardened_crypto::Error>()) {
        Some(refused) => stored(BODY)(*refused),
        None => VaultError::FileStorage(error.kind()),
    }
}

/// A body that is being sealed. Dropping it leaves nothing, and blocks.
pub(super) struct NewBody {
    writer: PayloadWriter<BufWriter<Hashed>>,
    stored: Stored,
    // Behind the writer: the transfer goes on until what was written is gone.
    _transfer: Arc<Transfer>,
}

/// A body that is durable.
pub(super) struct SealedBody {
    pub(super) body: BlobId,
    pub(super) unclaimed: Unclaimed,
    pub(super) sealed_bytes: u64,
    pub(super) sha256: [u8; digest::SHA256_OUTPUT_LEN],
}

/// Which body, and where.
struct Stored {
    blobs: Arc<dyn BlobStore>,
    body: BlobId,
}

/// A body that no row has. Dropping it removes it, in the background.
pub(super) struct Unclaimed(Option<Stored>);

impl Unclaimed {
    /// Hands it over to a commit: what to call with the outcome. It is removed when the change
    /// surely did not happen. It stays if that is never called.
    fn hand_over(mut self) -> impl FnOnce(&CommitOutcome) + Send + 'static {
        let stored = self.0.take();
        move |outcome| {
            if outcome.as_ref().is_err_and(StoreError::is_refusal) {
                drop(Self(stored));
            }
        }
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        let Some(Stored { blobs, body }) = self.0.take() else {
            return;
        };
        in_background(move || {
            if let Err(error) = blobs.delete(body) {
                tracing::warn!(%error, "the body of a file that was not stored stays");
            }
        });
    }
}

/// Hashes what goes by.
struct Hashed {
    inner: Box<dyn BlobWriter>,
    digest: digest::Context,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.digest.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl NewBody {
    /// Begins a body. Blocks.
    pub(super) fn begin(
        blobs: Arc<dyn BlobStore>,
        transfer: Arc<Transfer>,
        data_key: &DataKey,
        place: &PayloadContext,
    ) -> Result<Self, VaultError> {
        let body = Uuid::now_v7().into();
        let hashed = Hashed {
            inner: blobs.create(body)?,
            digest: digest::Context::new(&digest::SHA256),
        };
        let buffered = BufWriter::with_capacity(WRITE_BYTES, hashed);
        let writer = PayloadWriter::new(buffered, data_key, place).map_err(body_error)?;
        Ok(Self {
            writer,
            stored: Stored { blobs, body },
            _transfer: transfer,
        })
    }

    /// Seals more. Blocks.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), VaultError> {
        self.writer.write_all(bytes).map_err(body_error)
    }

    /// Seals the end and makes the body durable. Blocks.
    pub(super) fn finish(self) -> Result<SealedBody, VaultError> {
        let buffered = self.writer.finish().map_err(body_error)?;
        let hashed = buffered
            .into_inner()
            .map_err(|error| body_error(error.into_error()))?;
        let hash = hashed.digest.finish();
        let sha256 = hash.as_ref().try_into();
        // It may be in its place even if this fails.
        let body = self.stored.body;
        let unclaimed = Unclaimed(Some(self.stored));
        Ok(SealedBody {
            body,
            unclaimed,
            sealed_bytes: hashed.inner.finish()?,
            sha256: sha256.map_err(|_| VaultError::Internal("a hash of another length"))?,
        })
    }
}

/// Removes a body that no row has any more, then the note of it. What fails is left for the
/// next sweep.
pub(in crate::vault) async fn forget_body(
    store: &dyn Store,
    blobs: &Arc<dyn BlobStore>,
    body: BlobId,
) -> Result<(), VaultError> {
    let blobs = Arc::clone(blobs);
    blocking(move || Ok(blobs.delete(body)?)).await?;
    store
        .commit(FileChange::ForgetErasedBody(body).into())
        .await?;
    Ok(())
}

impl Vault {
    /// Commits changes that give a row this body. It is removed again when they surely did not
    /// happen, also when nobody waits for the outcome any more.
    pub(super) async fn commit_body(
        &self,
        changes: impl Into<ChangeSet>,
        body: Unclaimed,
    ) -> Result<Committed, CommitError> {
        self.commit_and(changes, || body.hand_over()).await
    }
}

impl From<BlobError> for VaultError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Io(error) => Self::FileStorage(error.kind()),
            _ => Self::FileStorage(io::ErrorKind::Other),
        }
    }
}
