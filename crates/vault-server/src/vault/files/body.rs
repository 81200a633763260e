//! Sealed bodies: written once, hashed on the way, removed when no row has them any more.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use hardened_crypto::data_key::DataKey;
use hardened_crypto::payload::{PayloadContext, PayloadWriter};
use ring::digest;
use uuid::Uuid;
use vault_store::{BlobError, BlobId, BlobStore, BlobWriter, FileChange, Store, StoreError};

use crate::vault::error::{VaultError, stored};

/// What did not authenticate.
pub(super) const BODY: &str = "the body of a file";
/// Sealed bytes that are written at once.
const WRITE_BYTES: usize = 64 * 1_024;

/// Runs work that blocks where it may.
pub(in crate::vault) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, VaultError> + Send + 'static,
) -> Result<T, VaultError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(VaultError::Internal("a blocking task was cut off")))
}

/// Reads an error on the way from or to a body.
pub(super) fn body_error(error: io::Error) -> VaultError {
    let inner = error.get_ref();
    match inner.and_then(|inner| inner.downcast_ref::<hardened_crypto::Error>()) {
        Some(refused) => stored(BODY)(*refused),
        None => VaultError::FileStorage(error.kind()),
    }
}

/// A body that is being sealed. Dropping it leaves nothing.
pub(super) struct NewBody {
    body: BlobId,
    writer: PayloadWriter<BufWriter<Hashed>>,
}

/// A body that is durable.
pub(super) struct SealedBody {
    pub(super) body: BlobId,
    pub(super) sealed_bytes: u64,
    pub(super) sha256: [u8; digest::SHA256_OUTPUT_LEN],
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
        blobs: &dyn BlobStore,
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
        Ok(Self { body, writer })
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
        Ok(SealedBody {
            body: self.body,
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

/// Whether a failed commit surely changed nothing, so that its body is nobody's.
pub(super) fn surely_not_committed(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Conflict { .. } | StoreError::Invalid(_) | StoreError::TooLarge(_)
    )
}

impl From<BlobError> for VaultError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Io(error) => Self::FileStorage(error.kind()),
            _ => Self::FileStorage(io::ErrorKind::Other),
        }
    }
}
