//! The calls about key pairs: rotation, and the private keys for use in this process.

use crate::{
    client::{Client, X_USER_SECRET, json, sensitive},
    error::ClientError,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hardened_crypto::{
    account_key::AccountKey,
    ids::{OrgId, UserId},
    key_pair::{PrivateKeyBoxes, PrivateKeys, PublicKeys},
    user_secret::{Argon2Arena, Protection, SecretOwner, UserSecret},
};
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::fmt;

/// How far a rotation has come.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotation {
    /// Generation of the key pair that new wraps go to.
    pub generation: u32,
    /// Fingerprint of both public keys.
    pub fingerprint: String,
    /// Whether this call made the key pair.
    pub started: bool,
    /// Wrapped data keys that this call moved.
    pub moved: u32,
    /// Wrapped data keys that further calls can move.
    pub remaining: u64,
    /// Wrapped data keys that did not open.
    pub unreadable: u32,
}

/// A user's private keys, opened in this process.
pub struct OpenKeys {
    /// Whose.
    pub owner: SecretOwner,
    /// The version of the secret that protects them.
    pub secret_version: u32,
    /// Every generation, ascending.
    pub key_pairs: Vec<(u32, PrivateKeys)>,
    /// The account key.
    pub account_key: AccountKey,
}

impl fmt::Debug for OpenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenKeys")
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SealedKeys {
    org_id: String,
    user_id: String,
    #[serde(rename = "protectionB64")]
    protection_b64: String,
    #[serde(rename = "encryptedAccountKeyB64")]
    encrypted_account_key_b64: String,
    key_pairs: Vec<SealedKeyPair>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SealedKeyPair {
    generation: u32,
    #[serde(rename = "publicKeyB64")]
    public_key_b64: String,
    #[serde(rename = "publicKeyKyberB64")]
    public_key_kyber_b64: String,
    #[serde(rename = "encryptedPrivateKeyEccB64")]
    encrypted_private_key_ecc_b64: String,
    #[serde(rename = "encryptedPrivateKeyKyberB64")]
    encrypted_private_key_kyber_b64: String,
}

impl Client {
    /// Makes a new key pair, or goes on with an earlier rotation; with `only_resume` only that.
    /// Repeat with `only_resume` while [`Rotation::remaining`] is not 0.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `wrong_user_secret`, `conflict`, `too_many_generations`.
    pub async fn rotate_keys(
        &self,
        secret: &SecretString,
        only_resume: bool,
    ) -> Result<Rotation, ClientError> {
        let path = format!("/v1/keys/rotate?resume={only_resume}");
        let request = self.request(Method::POST, &path);
        json(request.header(X_USER_SECRET, sensitive(secret)?)).await
    }

    /// Fetches the caller's private keys, sealed, and opens them in this process.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `wrong_user_secret`; [`ClientError::Sealed`] when a box
    /// does not hold the private half of its public keys.
    pub async fn open_keys(&self, secret: &SecretString) -> Result<OpenKeys, ClientError> {
        let request = self.request(Method::GET, "/v1/keys/private");
        let sealed: SealedKeys = json(request.header(X_USER_SECRET, sensitive(secret)?)).await?;
        open(&sealed, secret)
    }
}

fn open(sealed: &SealedKeys, secret: &SecretString) -> Result<OpenKeys, ClientError> {
    let owner = SecretOwner {
        org: OrgId(id(&sealed.org_id)?),
        user: UserId(id(&sealed.user_id)?),
    };
    let protection = Protection::parse(&bytes(&sealed.protection_b64)?)?;
    // Expose: parsed into a type that wipes itself.
    let secret = UserSecret::for_unlock(secret.expose_secret().as_bytes())?;
    let kek = secret.unlock(owner, &protection, &mut Argon2Arena::default())?;
    let mut key_pairs = Vec::with_capacity(sealed.key_pairs.len());
    for pair in &sealed.key_pairs {
        let public = public_keys(&pair.public_key_b64, &pair.public_key_kyber_b64)?;
        let boxes = PrivateKeyBoxes {
            p256: bytes(&pair.encrypted_private_key_ecc_b64)?,
            ml_kem: bytes(&pair.encrypted_private_key_kyber_b64)?,
        };
        let private = boxes.open(&kek, pair.generation, &public)?;
        key_pairs.push((pair.generation, private));
    }
    Ok(OpenKeys {
        owner,
        secret_version: protection.secret_version(),
        key_pairs,
        account_key: AccountKey::open(&kek, &bytes(&sealed.encrypted_account_key_b64)?)?,
    })
}

/// Joins the two public keys as the API shows them.
pub(crate) fn public_keys(p256_b64: &str, ml_kem_b64: &str) -> Result<PublicKeys, ClientError> {
    let encoded = [bytes(ml_kem_b64)?, bytes(p256_b64)?].concat();
    Ok(PublicKeys::parse(&encoded)?)
}

pub(crate) fn bytes(text: &str) -> Result<Vec<u8>, ClientError> {
    let decoded = STANDARD.decode(text);
    decoded.map_err(|_| ClientError::Answer("a field that is not base64"))
}

pub(crate) fn id(text: &str) -> Result<[u8; 16], ClientError> {
    let parsed = uuid::Uuid::parse_str(text);
    parsed
        .map(uuid::Uuid::into_bytes)
        .map_err(|_| ClientError::Usage("an id that is not a UUID"))
}
