//! Opens a credential with a token: no passphrase, no password hash.

use std::sync::Arc;

use credential_injector::{InjectError, Outbound, Selection, Target};
use hardened_crypto::user_secret::Protection;
use http::Method;
use vault_store::{CredentialRead, RecordId};

use super::open::{choose, not_found, sealed_for};
use super::sealing::{Opener, owner_of};
use super::to_grant::data_key_of;
use super::{InjectionPlace, key_place};
use crate::vault::Vault;
use crate::vault::access::Member;
use crate::vault::audit;
use crate::vault::error::VaultError;
use crate::vault::tokens::Grant;

/// A credential that fits a target, with the place it may go to.
struct Fitting {
    read: Arc<CredentialRead>,
    place: InjectionPlace,
}

impl Vault {
    /// A request to `target` with a credential of the grant: the one named, or the one whose
    /// pattern matches the target most narrowly.
    ///
    /// # Errors
    /// `OutOfScope` before anything is looked up; `CredentialNotFound` for none, and for one that
    /// was not granted; `CredentialAmbiguous`; `Inject(OffOrigin)` for a named one of another
    /// host; `TokenOutdated`; `Tampered`.
    pub async fn outbound_with_token(
        &self,
        grant: &Grant,
        method: &Method,
        target: Target,
        named: Option<RecordId>,
    ) -> Result<Outbound, VaultError> {
        if !grant.scope().permits_target(method, &target) {
            return Err(VaultError::OutOfScope);
        }
        let Fitting { read, place } = match named {
            Some(id) => self.named_in_grant(grant, id, &target).await?,
            None => self.find_in_grant(grant, &target).await?,
        };
        audit::about("credential", read.credential.credential_id);
        let opener = granted_opener(grant, &read)?;
        self.bind_credential(target, &place, &opener, &read)
    }

    async fn named_in_grant(
        &self,
        grant: &Grant,
        id: RecordId,
        target: &Target,
    ) -> Result<Fitting, VaultError> {
        if !grant.scope().credentials().contains(&id) {
            return Err(VaultError::CredentialNotFound);
        }
        let found = self.granted_credential(grant.member(), id).await;
        let found = found.map_err(not_found)?;
        if self.fits(&found, target) {
            Ok(found)
        } else {
            Err(VaultError::Inject(InjectError::OffOrigin))
        }
    }

    async fn find_in_grant(&self, grant: &Grant, target: &Target) -> Result<Fitting, VaultError> {
        let mut fitting = Vec::new();
        for id in grant.scope().credentials() {
            match self.granted_credential(grant.member(), *id).await {
                Ok(found) if self.fits(&found, target) => fitting.push(found),
                Ok(_) | Err(VaultError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        let candidates = fitting.iter().enumerate().map(|(at, found)| {
            let is_shared = found.read.share.is_some();
            (at, is_shared, found.place.pattern())
        });
        match choose(candidates, target) {
            Selection::One(at) => Ok(fitting.swap_remove(at)),
            Selection::None => Err(VaultError::CredentialNotFound),
            Selection::Ambiguous(places) => {
                let id = |at: usize| fitting[at].read.credential.credential_id;
                let ids = places.into_iter().map(id);
                Err(VaultError::CredentialAmbiguous(ids.collect()))
            }
        }
    }

    fn fits(&self, found: &Fitting, target: &Target) -> bool {
        let pattern = found.place.pattern();
        self.permits(pattern) && pattern.matches_target(target)
    }

    /// A live credential with its place; `NotFound` for an erased and an expired one.
    async fn granted_credential(&self, owner: Member, id: RecordId) -> Result<Fitting, VaultError> {
        let kept = (owner, id);
        let known = &self.known_credentials;
        let read = match known.kept(&self.epoch, self.age(), &kept) {
            Some(read) => read,
            None => {
                let load = async { self.usable_credential(owner, id).await.map(Some) };
                let loaded = known.load(&self.epoch, self.age(), kept, load).await?;
                loaded.ok_or(VaultError::NotFound)?
            }
        };
        self.check_usable(&read)?;
        let place = sealed_for(&read)?;
        Ok(Fitting { read, place })
    }
}

/// The key in the grant, unless the credential has another one by now.
fn granted_opener(grant: &Grant, read: &CredentialRead) -> Result<Opener, VaultError> {
    let Some(protection) = read.credential.protection.as_deref() else {
        let (of, place) = data_key_of(read);
        return grant.data_key(of, place).map(Opener::DataKey);
    };
    let protection = Protection::parse(protection)
        .map_err(|_| VaultError::Tampered("the protection of a credential"))?;
    let place = key_place(owner_of(read), read.credential.credential_id);
    let key = grant.credential_key(place, protection.secret_version())?;
    Ok(Opener::Passphrase(key))
}
