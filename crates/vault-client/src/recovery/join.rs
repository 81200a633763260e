//! The trustees' half: shares opened and joined, keys sealed under a new secret of the owner.

use super::calls::HeldShare;
use super::package::{Envelope, SharePackage};
use super::split::ANY_GENERATION;
use crate::{error::ClientError, keys::OpenKeys};
use hardened_crypto::{
    ids::OrgId,
    recovery::{
        Answer, RecoveryKey, RecoverySet, RecoveryShare, StagedRestore, TrusteeContext,
        open_account_key, open_private_keys,
    },
    user_secret::{Argon2Arena, PassphraseCost, PassphrasePolicy, SecretOwner, UserSecret},
};
use secrecy::{ExposeSecret, SecretString};

/// A share in the clear, and the set it is of.
#[derive(Debug)]
pub struct OpenedShare {
    /// The set.
    pub set: RecoverySet,
    /// The share. Its text is what a trustee hands to the one who joins.
    pub share: RecoveryShare,
}

/// What is staged at the server.
#[derive(Debug)]
pub struct StagedBlobs {
    /// First half.
    pub ecc: Vec<u8>,
    /// Second half.
    pub kyber: Vec<u8>,
}

impl HeldShare {
    /// Opens the caller's share, and takes the mask off if there is one.
    ///
    /// # Errors
    /// [`ClientError::Usage`] for a masked share without an answer; [`ClientError::Sealed`]
    /// when it does not open for this trustee.
    pub fn open(
        &self,
        trustee: &OpenKeys,
        answer: Option<&Answer>,
    ) -> Result<OpenedShare, ClientError> {
        let package = SharePackage::parse(&self.ecc_share)?;
        let set = self.set(trustee.owner.org, package.set_version);
        let place = TrusteeContext {
            set,
            trustee: trustee.owner.user,
            trustee_generation: ANY_GENERATION,
        };
        let is_for = |keys: &&hardened_crypto::key_pair::PrivateKeys| {
            keys.public().fingerprint() == package.trustee
        };
        let private = trustee.key_pairs.iter().map(|(_, keys)| keys).find(is_for);
        let private = private.ok_or(ClientError::Usage(
            "the share is sealed to keys that this trustee does not have",
        ))?;
        let share = package.wrapped.unwrap(private, &place)?;
        let share = match (package.salt, answer) {
            (None, _) => share,
            (Some(_), None) => {
                return Err(ClientError::Usage("the share needs the answer to its hint"));
            }
            (Some(salt), Some(answer)) => {
                let mut arena = Argon2Arena::default();
                share.unmask(answer, &salt, &set, trustee.owner.user, &mut arena)?
            }
        };
        Ok(OpenedShare { set, share })
    }

    fn set(&self, org: OrgId, version: u32) -> RecoverySet {
        RecoverySet {
            org,
            owner: self.owner,
            set: self.set_id,
            version,
        }
    }
}

/// Joins shares, opens the envelope that `held` carries, and seals the owner's keys under a new
/// secret of the owner.
///
/// # Errors
/// [`ClientError::Sealed`] for too few shares, a wrong share or answer, or keys that are not the
/// owner's; [`ClientError::Usage`] when the owner has a newer key pair than the set holds.
pub fn join(
    held: &HeldShare,
    own: OpenedShare,
    others: Vec<RecoveryShare>,
    new_secret: &SecretString,
) -> Result<StagedBlobs, ClientError> {
    let OpenedShare { set, share } = own;
    let mut shares = others;
    shares.push(share);
    let key = RecoveryKey::combine(&set, &shares)?;
    let envelope = Envelope::parse(&held.kyber_share)?;
    let mut key_pairs = Vec::with_capacity(held.owner_keys.len());
    for (generation, public) in &held.owner_keys {
        let sealed = envelope.key_pairs.iter().find(|pair| pair.0 == *generation);
        let (_, sealed) = sealed.ok_or(ClientError::Usage(
            "the owner has a newer key pair than these shares recover",
        ))?;
        let private = open_private_keys(&key, &set, *generation, public, sealed)?;
        key_pairs.push((*generation, private));
    }
    let account_key = open_account_key(&key, &set, &envelope.account_key)?;
    let owner = SecretOwner {
        org: set.org,
        user: set.owner,
    };
    let next_version = held.owner_secret_version.checked_add(1);
    let next_version = next_version.ok_or(ClientError::Answer("no next secret version"))?;
    // Expose: parsed into a type that wipes itself.
    let text = new_secret.expose_secret().as_bytes();
    let secret = UserSecret::for_new(text, &PassphrasePolicy::default())?;
    let mut arena = Argon2Arena::default();
    let (protection, kek) =
        secret.protect(owner, next_version, PassphraseCost::DEFAULT, &mut arena)?;
    let staged = StagedRestore::make(&kek, protection, &key_pairs, Some(&account_key))?;
    let (ecc, kyber) = staged.to_blobs();
    Ok(StagedBlobs { ecc, kyber })
}
