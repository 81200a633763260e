//! The owner's half: private keys in an envelope, its key entrusted to others.

use super::package::{Envelope, SharePackage};
use crate::{
    error::ClientError,
    keys::{OpenKeys, id, public_keys},
    types::OrgUser,
};
use hardened_crypto::{
    ids::{RecoverySetId, UserId},
    key_pair::PublicKeys,
    recovery::{
        Answer, RecoveryKey, RecoverySet, RecoveryShare, TrusteeContext, WrappedShare,
        seal_account_key, seal_private_keys,
    },
    user_secret::Argon2Arena,
};
use uuid::Uuid;

pub use hardened_crypto::recovery::Split;

/// Shares name the trustee's keys by their fingerprint; the generation stays open.
pub(super) const ANY_GENERATION: u32 = 0;

/// Whom to entrust, and how.
#[derive(Debug)]
pub struct NewTrustee {
    /// The trustee's id.
    pub user_id: UserId,
    /// The trustee's public keys.
    pub public: PublicKeys,
    /// The answer to a question that lies as a mask over the share.
    pub answer: Option<Answer>,
}

impl NewTrustee {
    /// A colleague as the server lists them, with keys of this fingerprint if one is given.
    ///
    /// # Errors
    /// [`ClientError::Usage`] for a colleague without keys or with another fingerprint.
    pub fn colleague(
        user: &OrgUser,
        pinned: Option<&str>,
        answer: Option<Answer>,
    ) -> Result<Self, ClientError> {
        let (Some(p256), Some(ml_kem)) = (&user.public_key_b64, &user.public_key_kyber_b64) else {
            return Err(ClientError::Usage("a trustee has no keys yet"));
        };
        let public = public_keys(p256, ml_kem)?;
        let shown = fingerprint(&public);
        if pinned.is_some_and(|pinned| !pinned.eq_ignore_ascii_case(&shown)) {
            return Err(ClientError::Usage("a trustee has another fingerprint"));
        }
        Ok(Self {
            user_id: UserId(id(&user.user_id)?),
            public,
            answer,
        })
    }
}

/// What one trustee shall hold.
#[derive(Debug)]
pub struct Entrusted {
    /// Who.
    pub trustee: UserId,
    /// The set.
    pub set_id: RecoverySetId,
    /// First half.
    pub ecc_share: Vec<u8>,
    /// Second half.
    pub kyber_share: Vec<u8>,
    /// Whether a mask lies over the share.
    pub masked: bool,
}

/// Makes a new set: any `threshold` of the trustees can recover; `1` for one lone trustee.
///
/// # Errors
/// [`ClientError::Usage`] for trustees and a threshold that do not go together;
/// [`ClientError::Sealed`] for the owner as trustee, or without randomness.
pub fn split(
    keys: &OpenKeys,
    threshold: u8,
    trustees: Vec<NewTrustee>,
) -> Result<Vec<Entrusted>, ClientError> {
    let set = RecoverySet {
        org: keys.owner.org,
        owner: keys.owner.user,
        set: RecoverySetId(Uuid::now_v7().into_bytes()),
        version: keys.secret_version,
    };
    let key = RecoveryKey::make()?;
    let envelope = envelope(&key, &set, keys)?.to_bytes()?;
    let shares = shares(&key, &set, threshold, &trustees)?;
    let mut arena = Argon2Arena::default();
    let mut entrusted = Vec::with_capacity(trustees.len());
    for (share, trustee) in shares.into_iter().zip(trustees) {
        entrusted.push(Entrusted {
            trustee: trustee.user_id,
            set_id: set.set,
            masked: trustee.answer.is_some(),
            ecc_share: package(share, &set, &trustee, &mut arena)?.to_bytes(),
            kyber_share: envelope.clone(),
        });
    }
    Ok(entrusted)
}

fn envelope(
    key: &RecoveryKey,
    set: &RecoverySet,
    keys: &OpenKeys,
) -> Result<Envelope, ClientError> {
    let mut key_pairs = Vec::with_capacity(keys.key_pairs.len());
    for (generation, private) in &keys.key_pairs {
        key_pairs.push((
            *generation,
            seal_private_keys(key, set, *generation, private)?,
        ));
    }
    Ok(Envelope {
        key_pairs,
        account_key: seal_account_key(key, set, &keys.account_key)?,
    })
}

fn shares(
    key: &RecoveryKey,
    set: &RecoverySet,
    threshold: u8,
    trustees: &[NewTrustee],
) -> Result<Vec<RecoveryShare>, ClientError> {
    let twice = |(at, one): (usize, &NewTrustee)| {
        trustees[..at]
            .iter()
            .any(|other| other.user_id == one.user_id)
    };
    if trustees.iter().enumerate().any(twice) {
        return Err(ClientError::Usage("a trustee is named twice"));
    }
    match (threshold, trustees.len()) {
        (1, 1) => Ok(vec![key.for_lone_trustee(set)]),
        (1, _) => Err(ClientError::Usage(
            "with several trustees at least two must be needed",
        )),
        (threshold, count) => {
            let count = u8::try_from(count).unwrap_or(u8::MAX);
            Ok(key.split(set, Split::new(threshold, count)?)?)
        }
    }
}

fn package(
    share: RecoveryShare,
    set: &RecoverySet,
    trustee: &NewTrustee,
    arena: &mut Argon2Arena,
) -> Result<SharePackage, ClientError> {
    let (share, salt) = match &trustee.answer {
        None => (share, None),
        Some(answer) => {
            let (share, salt) = share.mask(answer, set, trustee.user_id, arena)?;
            (share, Some(salt))
        }
    };
    let place = TrusteeContext {
        set: *set,
        trustee: trustee.user_id,
        trustee_generation: ANY_GENERATION,
    };
    Ok(SharePackage {
        set_version: set.version,
        trustee: trustee.public.fingerprint(),
        salt,
        wrapped: WrappedShare::wrap(&share, &trustee.public, &place)?,
    })
}

/// A fingerprint as the API shows it.
pub(super) fn fingerprint(public: &PublicKeys) -> String {
    let bytes = public.fingerprint().0;
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
