//! Reads a value with a token.

use super::Grant;
use crate::vault::Vault;
use crate::vault::error::VaultError;
use crate::vault::opened_bytes::Opened;
use crate::vault::records::Holder;
use crate::vault::value_name::ValueName;
use crate::vault::values::OpenedValue;

impl Vault {
    /// Opens the current version of a value below one of the granted prefixes.
    ///
    /// # Errors
    /// `OutOfScope` before anything is looked up; `NotFound`; `TooMuchOpened`; `TokenOutdated` for a version that
    /// nobody has opened with the user secret yet; `Tampered`.
    pub async fn read_granted_value(
        &self,
        grant: &Grant,
        name: &ValueName,
    ) -> Result<Opened<OpenedValue>, VaultError> {
        if !grant.scope().permits_name(name.as_str()) {
            return Err(VaultError::OutOfScope);
        }
        let owner = grant.member();
        let read = self.readable(owner, name, None).await?;
        let share = self.room_to_open(owner, &read)?;
        let holder = Holder::owner(owner);
        let boxed = self.boxed_data_key(holder, (&read).into(), &grant.account_key()?)?;
        let data_key = boxed.ok_or(VaultError::TokenOutdated)?;
        let content = self.open_with(&data_key, holder, &read)?;
        Ok(Opened { content, share })
    }
}
