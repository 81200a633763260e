//! The first organisation of a server that nobody sits at: made as a file or the environment says.
//!
//! In: names, and where the API keys are. Out: the change set of the first start. A key file that
//! exists holds the key to use; one that does not is made, with a new key, before the rows are.
//!
//! Promise: a start that was cut off is gone on with by the next one, with the same keys.
//! Not here: deciding whether this is a first start (`bootstrap`).

use std::io;
use std::path::Path;

use hardened_crypto::secret_format::{PresentedKey, SecretKind};
use secrecy::ExposeSecret;
use vault_store::rows::{ApiKeyOwner, ApiKeyRow};
use vault_store::{Change, ChangeSet};
use zeroize::Zeroizing;

use super::BootstrapError;
use super::first_start::without_root_api_keys;
use super::owner_file::{self, OwnerFileError};
use crate::config::{BootstrapSource, FirstOrg};
use crate::vault::Vault;
use crate::vault::error::made;
use crate::vault::value_name::check_display_name;

/// Longest file that describes a first organisation, in bytes.
const FILE_BYTES_MAX: usize = 16 * 1024;

/// An organisation, its first admin with an API key, and the API key of root if one is wanted.
pub(super) async fn prepare(
    vault: &Vault,
    source: &BootstrapSource,
) -> Result<ChangeSet, BootstrapError> {
    let first = read(source)?;
    check_display_name(&first.organisation)?;
    check_display_name(&first.admin)?;
    let org = vault.new_org_row(&first.organisation);
    let admin = vault.new_user_row(org.org_id, &first.admin, true);
    let owner = ApiKeyOwner::User {
        org_id: org.org_id,
        user_id: admin.user_id,
    };
    let mut changes = match &first.root_api_key_file {
        None => ChangeSet::new(),
        Some(path) => {
            let row = key_in_file(vault, ApiKeyOwner::Root, path)?;
            let changes = without_root_api_keys(vault).await?;
            changes.with(Change::InsertApiKey(row))
        }
    };
    let row = key_in_file(vault, owner, &first.admin_api_key_file)?;
    changes.push(Change::InsertOrg(org));
    changes.push(Change::InsertUser(admin));
    changes.push(Change::InsertApiKey(row));
    Ok(changes)
}

fn read(source: &BootstrapSource) -> Result<FirstOrg, BootstrapError> {
    let path = match source {
        BootstrapSource::Given(first) => return Ok(first.clone()),
        BootstrapSource::File(path) => path,
    };
    let length = std::fs::metadata(path).map_err(BootstrapError::BootstrapFile)?;
    if usize::try_from(length.len()).is_ok_and(|bytes| bytes > FILE_BYTES_MAX) {
        return Err(BootstrapError::BootstrapUnreadable);
    }
    let bytes = std::fs::read(path).map_err(BootstrapError::BootstrapFile)?;
    FirstOrg::parse(&bytes).ok_or(BootstrapError::BootstrapUnreadable)
}

/// The row of the key in a file, which is made first if there is none.
fn key_in_file(
    vault: &Vault,
    owner: ApiKeyOwner,
    path: &Path,
) -> Result<ApiKeyRow, BootstrapError> {
    let text = match owner_file::read(path) {
        Ok(text) => text,
        Err(OwnerFileError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
            make_key_file(path)?
        }
        Err(OwnerFileError::Io(error)) => return Err(BootstrapError::ApiKeyFile(error)),
        Err(OwnerFileError::Exposed) => return Err(BootstrapError::ApiKeyExposed),
    };
    let key = PresentedKey::parse(SecretKind::ApiKey, text.trim_ascii().as_bytes());
    let key = key.map_err(|_| BootstrapError::ApiKeyUnreadable)?;
    Ok(vault.api_key_row(owner, &key)?)
}

fn make_key_file(path: &Path) -> Result<Zeroizing<String>, BootstrapError> {
    let (_, text) = PresentedKey::make(SecretKind::ApiKey).map_err(made)?;
    // Expose: this file is where the key is handed over.
    let line = Zeroizing::new(format!("{}\n", text.expose_secret()));
    owner_file::write_new(path, line.as_bytes()).map_err(BootstrapError::ApiKeyFile)?;
    Ok(line)
}
