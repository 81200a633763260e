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
    /// The changes that store the boxes.
    pub(super) async fn prepared_values(
        &self,
        whose: Member,
        prefixes: &[String],
        ring: &CheckedRing,
        kek: &Kek,
    ) -> Result<Vec<Change>, VaultError> {
        let mut ready = Vec::new();
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
                ready.extend(self.prepared(whose, &row.name, ring, kek).await?);
            }
        }
        Ok(ready)
    }

    /// `None` for what is ready, and for what does not open now: that is told to whoever reads it.
    async fn prepared(
        &self,
        whose: Member,
        name: &str,
        ring: &CheckedRing,
        kek: &Kek,
    ) -> Result<Option<Change>, VaultError> {
        let Ok(name) = ValueName::parse(name) else {
            return Ok(None);
        };
        let read = match self.readable(whose, &name, None).await {
            Ok(read) => read,
            Err(VaultError::NotFound | VaultError::Tampered(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        if read.account_box.is_some() {
            return Ok(None);
        }
        // Others are served between two openings.
        tokio::task::yield_now().await;
        let opened = self.unwrap_and_box(Holder::owner(whose), (&read).into(), ring, kek);
        let row = opened.ok().and_then(|(_, row)| row);
        Ok(row.map(Change::PutAccountBox))
    }
}
