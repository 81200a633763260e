//! Finds the credential for a target, opens it and binds it to that target.

use credential_injector::{HostPattern, InjectError, Outbound, Selection, Target, select};
use secrecy::SecretSlice;
use vault_store::rows::{CredentialRow, ShareRow};
use vault_store::{CredentialRead, ListCandidates, Page, RecordId};

use super::echo;
use super::place::parse_pattern;
use super::sealing::Opener;
use super::{CredentialProtection, CredentialSecret, InjectionPlace};
use crate::vault::Vault;
use crate::vault::access::{self, Member};
use crate::vault::audit;
use crate::vault::error::VaultError;
use crate::vault::limits::LIST_LIMIT_MAX;
use crate::vault::principal::Principal;

/// A credential that its reader may have used for a target.
pub(super) struct Match {
    pub(super) credential: CredentialRow,
    /// By which share; `None` for an own one.
    pub(super) share: Option<ShareRow>,
    pattern: HostPattern,
}

impl Match {
    /// Which one, whether somebody else gave it, and where it may go.
    pub(super) fn candidate(&self) -> (RecordId, bool, &HostPattern) {
        let id = self.credential.credential_id;
        (id, self.share.is_some(), &self.pattern)
    }
}

impl Vault {
    /// A request to `target` with a credential that the caller owns or was given to use: the one
    /// named, or the one whose pattern matches the target most narrowly, of those that the secret
    /// can open.
    ///
    /// # Errors
    /// `CredentialNotFound` for none, an unknown, an expired and a revoked one;
    /// `CredentialAmbiguous`; `Inject(OffOrigin)` for a named one of another host;
    /// `PassphraseMissing` or `UserSecretMissing`; then those of the secret, and `Tampered`.
    pub async fn outbound_with_credential(
        &self,
        caller: &Principal,
        target: Target,
        named: Option<RecordId>,
        secret: Option<&CredentialSecret>,
    ) -> Result<Outbound, VaultError> {
        let reader = access::member(caller)?;
        let chosen = match named {
            Some(id) => id,
            None => self.find_credential(reader, &target, secret).await?,
        };
        audit::about("credential", chosen);
        let read = self.usable_credential(reader, chosen).await;
        let read = read.map_err(not_found)?;
        let place = sealed_for(&read)?;
        if !self.permits(place.pattern()) || !place.pattern().lets_credentials_go_to(&target) {
            return Err(VaultError::Inject(InjectError::OffOrigin));
        }
        let opening = self.credential_opener(reader, &read.credential, secret);
        let opener = opening.await?;
        // The secret may have taken a while.
        self.check_usable(&read).map_err(not_found)?;
        self.bind_credential(target, &place, &opener, &read)
    }

    /// Opens a version and binds it to the target.
    pub(super) fn bind_credential(
        &self,
        target: Target,
        place: &InjectionPlace,
        opener: &Opener,
        read: &CredentialRead,
    ) -> Result<Outbound, VaultError> {
        let echo = echo::of(&read.credential)?;
        let value = self.open_credential(opener, read)?;
        let secret = SecretSlice::from(value.expose().to_vec());
        Outbound::with_credential(target, place.pattern(), place.injection(), &secret)
            .map(|outbound| outbound.with_echo_scrub(echo))
            .map_err(VaultError::Inject)
    }

    /// The one credential for a target.
    async fn find_credential(
        &self,
        reader: Member,
        target: &Target,
        secret: Option<&CredentialSecret>,
    ) -> Result<RecordId, VaultError> {
        let protection = secret.map(CredentialProtection::opened_by);
        let found = self.matching(reader, target, protection).await?;
        match choose(found.iter().map(Match::candidate), target) {
            Selection::One(id) => Ok(id),
            Selection::None => Err(VaultError::CredentialNotFound),
            Selection::Ambiguous(ids) => Err(VaultError::CredentialAmbiguous(ids)),
        }
    }

    /// Live credentials that match, from authenticated rows; `None` is any protection.
    pub(super) async fn matching(
        &self,
        reader: Member,
        target: &Target,
        protection: Option<CredentialProtection>,
    ) -> Result<Vec<Match>, VaultError> {
        let mut matching = Vec::new();
        let mut after = None;
        loop {
            let list = ListCandidates {
                org_id: reader.org_id,
                user_id: reader.user_id,
                after,
                limit: LIST_LIMIT_MAX,
                now: self.clock.utc(),
            };
            let Page { rows, more } = self.store.candidates(list).await?;
            after = rows.last().map(|row| row.credential.credential_id);
            for candidate in rows {
                let (credential, share) = (candidate.credential, candidate.share);
                self.integrity.check(&credential)?;
                self.check_grant(reader, &credential, share.as_ref())?;
                let pattern = parse_pattern(&credential.host_pattern)
                    .map_err(|_| VaultError::Tampered("the host pattern of a credential"))?;
                let own = CredentialProtection::of(&credential);
                let fits = protection.is_none_or(|wanted| wanted == own)
                    && self.permits(&pattern)
                    && pattern.lets_credentials_go_to(target);
                if fits && self.is_backed(share.as_ref()).await? {
                    matching.push(Match {
                        credential,
                        share,
                        pattern,
                    });
                }
            }
            if !more || after.is_none() {
                return Ok(matching);
            }
        }
    }

    /// The current version of a live credential that `reader` owns or was given to use.
    pub(super) async fn usable_credential(
        &self,
        reader: Member,
        credential_id: RecordId,
    ) -> Result<CredentialRead, VaultError> {
        let read = self
            .store
            .read_credential(reader.org_id, credential_id, None, reader.user_id);
        let read = read.await?.ok_or(VaultError::NotFound)?;
        if read.credential.owner != reader.user_id && read.share.is_none() {
            return Err(VaultError::NotFound);
        }
        self.check_read(&read, None)?;
        self.check_grant(reader, &read.credential, read.share.as_ref())?;
        self.check_usable(&read)?;
        if !self.is_backed(read.share.as_ref()).await? {
            return Err(VaultError::NotFound);
        }
        Ok(read)
    }

    /// Whether the owner behind a share may still act: whoever uses a credential acts in its
    /// owner's name. `true` for an own one.
    async fn is_backed(&self, share: Option<&ShareRow>) -> Result<bool, VaultError> {
        let Some(share) = share else {
            return Ok(true);
        };
        let Some(owner) = self.store.user(share.org_id, share.owner).await? else {
            return Ok(false);
        };
        self.integrity.check(&owner)?;
        Ok(!owner.disabled)
    }

    /// Authenticates on what ground `reader` may use a credential.
    fn check_grant(
        &self,
        reader: Member,
        credential: &CredentialRow,
        share: Option<&ShareRow>,
    ) -> Result<(), VaultError> {
        let Some(share) = share else {
            let owned = (credential.org_id, credential.owner) == (reader.org_id, reader.user_id);
            return owned
                .then_some(())
                .ok_or(VaultError::Tampered("credentials"));
        };
        let owner = Member {
            org_id: credential.org_id,
            user_id: credential.owner,
        };
        self.check_share_of(owner, credential.record(), share)?;
        if (share.org_id, share.recipient) == (reader.org_id, reader.user_id) {
            Ok(())
        } else {
            Err(VaultError::Tampered("shares"))
        }
    }

    /// Whether neither the credential nor the share has expired.
    pub(super) fn check_usable(&self, read: &CredentialRead) -> Result<(), VaultError> {
        let now = self.clock.utc();
        let shared = read.share.as_ref().is_none_or(|share| share.is_live(now));
        if shared && read.credential.is_live(now) {
            Ok(())
        } else {
            Err(VaultError::NotFound)
        }
    }
}

/// Picks the narrowest of the reader's own; one that somebody gave only where no own one matches:
/// whoever shares a credential would otherwise decide whose account a colleague's calls use, or
/// make them ambiguous.
pub(super) fn choose<'a, K: Copy>(
    found: impl Iterator<Item = (K, bool, &'a HostPattern)> + Clone,
    target: &Target,
) -> Selection<K> {
    let of = |shared: bool| {
        let wanted = found.clone().filter(move |(_, given, _)| *given == shared);
        wanted.map(|(which, _, pattern)| (which, pattern))
    };
    match select(of(false), target) {
        Selection::None => select(of(true), target),
        own => own,
    }
}

/// The place that row and version agree on. The row that is used decides, also when it changed
/// since the list was read.
pub(super) fn sealed_for(read: &CredentialRead) -> Result<InjectionPlace, VaultError> {
    let (row, sealed) = (&read.credential, &read.version);
    let texts = (&row.host_pattern, &row.header, &row.template);
    if texts != (&sealed.host_pattern, &sealed.header, &sealed.template) {
        return Err(VaultError::Tampered("credential_versions"));
    }
    InjectionPlace::parse(&row.host_pattern, &row.header, &row.template)
        .map_err(|_| VaultError::Tampered("the place of a credential"))
}

pub(super) fn not_found(error: VaultError) -> VaultError {
    match error {
        VaultError::NotFound => VaultError::CredentialNotFound,
        other => other,
    }
}
