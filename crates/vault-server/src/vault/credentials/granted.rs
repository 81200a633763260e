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

/// An authenticated credential, read: where it may go, and which passphrase opens it.
pub(in crate::vault) struct KnownCredential {
    read: CredentialRead,
    place: InjectionPlace,
    /// `None` for one that no passphrase protects.
    secret_version: Option<u32>,
}

impl KnownCredential {
    fn read(read: CredentialRead) -> Result<Self, VaultError> {
        let place = sealed_for(&read)?;
        let protection = read.credential.protection.as_deref();
        let protection = protection.map(Protection::parse).transpose();
        let protection =
            protection.map_err(|_| VaultError::Tampered("the protection of a credential"))?;
        Ok(Self {
            secret_version: protection.map(|protection| protection.secret_version()),
            place,
            read,
        })
    }
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
        let found = match named {
            Some(id) => self.named_in_grant(grant, id, &target).await?,
            None => self.find_in_grant(grant, &target).await?,
        };
        audit::about("credential", found.read.credential.credential_id);
        let opener = granted_opener(grant, &found)?;
        self.bind_credential(target, &found.place, &opener, &found.read)
    }

    async fn named_in_grant(
        &self,
        grant: &Grant,
        id: RecordId,
        target: &Target,
    ) -> Result<Arc<KnownCredential>, VaultError> {
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

    async fn find_in_grant(
        &self,
        grant: &Grant,
        target: &Target,
    ) -> Result<Arc<KnownCredential>, VaultError> {
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

    fn fits(&self, found: &KnownCredential, target: &Target) -> bool {
        let pattern = found.place.pattern();
        self.permits(pattern) && pattern.lets_credentials_go_to(target)
    }

    /// A live credential with its place; `NotFound` for an erased and an expired one.
    async fn granted_credential(
        &self,
        owner: Member,
        id: RecordId,
    ) -> Result<Arc<KnownCredential>, VaultError> {
        let known = self
            .known_credentials
            .kept(&self.epoch, self.age(), &(owner, id));
        let found = match known {
            Some(found) => found,
            None => Box::pin(self.load_granted(owner, id)).await?,
        };
        self.check_usable(&found.read)?;
        Ok(found)
    }

    async fn load_granted(
        &self,
        owner: Member,
        id: RecordId,
    ) -> Result<Arc<KnownCredential>, VaultError> {
        let load = async {
            let read = self.usable_credential(owner, id).await?;
            KnownCredential::read(read).map(Some)
        };
        let known = &self.known_credentials;
        let loading = known.load(&self.epoch, self.age(), (owner, id), load);
        loading.await?.ok_or(VaultError::NotFound)
    }
}

/// The key in the grant, unless the credential has another one by now.
fn granted_opener(grant: &Grant, found: &KnownCredential) -> Result<Opener, VaultError> {
    let read = &found.read;
    let Some(secret_version) = found.secret_version else {
        let (of, place) = data_key_of(read);
        return grant.data_key(of, place).map(Opener::DataKey);
    };
    let place = key_place(owner_of(read), read.credential.credential_id);
    let key = grant.credential_key(place, secret_version)?;
    Ok(Opener::Passphrase(key))
}
