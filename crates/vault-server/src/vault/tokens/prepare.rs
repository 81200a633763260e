//! Makes values ready for a token: boxes their data keys under the account key.
//!
//! A token brings the account key and no private keys, so it opens a version whose data key is
//! boxed already. Whatever is there when the token is made is boxed here; a later version is as
//! soon as its owner has opened it once with the secret.

use hardened_crypto::user_secret::Kek;
use vault_store::{Change, ListValues};

use crate::vault::Vault;
use crate::vault::access::Member;
use crate::vault::error::VaultError;
use crate::vault::keys::CheckedRing;
use crate::vault::records::Holder;
use crate::vault::value_name::ValueName;

/// Values that are made ready below one prefix; further ones wait for their owner.
const PREPARED_MAX: u32 = 100;

impl Vault {
    pub(super) async fn prepare_values(
        &self,
        whose: Member,
        prefixes: &[String],
        ring: &CheckedRing,
        kek: &Kek,
    ) -> Result<(), VaultError> {
        for prefix in prefixes {
            let list = ListValues {
                org_id: whose.org_id,
                owner: whose.user_id,
                prefix,
                after: None,
                limit: PREPARED_MAX,
                now: self.clock.utc(),
            };
            for row in self.store.values(list).await?.rows {
                self.prepare(whose, &row.name, ring, kek).await?;
            }
        }
        Ok(())
    }

    /// What does not open now is told to whoever reads it.
    async fn prepare(
        &self,
        whose: Member,
        name: &str,
        ring: &CheckedRing,
        kek: &Kek,
    ) -> Result<(), VaultError> {
        let Ok(name) = ValueName::parse(name) else {
            return Ok(());
        };
        let read = match self.readable(whose, &name, None).await {
            Ok(read) => read,
            Err(VaultError::NotFound | VaultError::Tampered(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        if read.account_box.is_some() {
            return Ok(());
        }
        let holder = Holder::owner(whose);
        // Others are served between two openings.
        tokio::task::yield_now().await;
        if let Ok((_, Some(row))) = self.unwrap_and_box(holder, (&read).into(), ring, kek) {
            // Kept for the next reader, and told to nobody: no use case answers for it.
            if let Err(error) = self.store.commit(Change::PutAccountBox(row).into()).await {
                tracing::debug!(%error, "an account box was not stored");
            }
        }
        Ok(())
    }
}
