//! The calls about recovery.

use super::join::StagedBlobs;
use super::split::Entrusted;
use crate::{
    client::{Client, X_NEW_USER_SECRET, X_USER_SECRET, json, send, sensitive},
    error::ClientError,
    keys::{bytes, id, public_keys},
    kv::encode,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hardened_crypto::{
    ids::{RecoverySetId, UserId},
    key_pair::PublicKeys,
};
use reqwest::Method;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

/// A trustee as the owner sees it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trustee {
    /// Who.
    pub trustee_user_id: String,
    /// The set that the share belongs to.
    pub set_id: String,
    /// Whether an answer is needed.
    pub xor_applied: bool,
    /// The question.
    pub xor_salt_hint: String,
    /// How long a restore by this trustee waits.
    pub wait_seconds: u32,
    /// Whether the owner's keys have changed since.
    pub stale: bool,
}

/// An owner as the trustee sees it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrustedOwner {
    /// Who.
    pub owner_user_id: String,
    /// Display name.
    pub owner_name: String,
    /// The set that the share belongs to.
    pub set_id: String,
    /// Whether an answer is needed.
    pub xor_applied: bool,
    /// The question.
    pub xor_salt_hint: String,
    /// How long a restore waits.
    pub wait_seconds: u32,
    /// Whether the owner's keys have changed since.
    pub stale: bool,
}

/// A staged restore.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Restore {
    /// Its id.
    pub restore_id: String,
    /// Who staged it.
    pub trustee_user_id: String,
    /// When, RFC 3339 in UTC.
    pub submitted_utc: String,
    /// It cannot become active before then, RFC 3339 in UTC.
    pub not_before_utc: String,
    /// Whether it can never become active any more.
    pub stale: bool,
}

/// What a trustee holds for one owner.
#[derive(Debug)]
pub struct HeldShare {
    /// Whose keys.
    pub owner: UserId,
    /// The set.
    pub set_id: RecoverySetId,
    /// The question, if an answer is needed.
    pub hint: Option<String>,
    /// First half, as the owner's client sealed it.
    pub ecc_share: Vec<u8>,
    /// Second half.
    pub kyber_share: Vec<u8>,
    /// The version of the owner's secret now.
    pub owner_secret_version: u32,
    /// Every generation of the owner's public keys, ascending.
    pub owner_keys: Vec<(u32, PublicKeys)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeldShareBody {
    owner_user_id: String,
    set_id: String,
    xor_applied: bool,
    xor_salt_hint: String,
    #[serde(rename = "encryptedPrivateKeyEccShareB64")]
    ecc_share_b64: String,
    #[serde(rename = "encryptedPrivateKeyKyberShareB64")]
    kyber_share_b64: String,
    owner_secret_version: u32,
    owner_key_pairs: Vec<OwnerKeyBody>,
}

#[derive(Deserialize)]
struct OwnerKeyBody {
    generation: u32,
    #[serde(rename = "publicKeyB64")]
    public_key_b64: String,
    #[serde(rename = "publicKeyKyberB64")]
    public_key_kyber_b64: String,
}

impl Client {
    /// Stores what a trustee shall hold. `hint` is the question of a mask.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `not_found`, `self_trustee` or `too_many_trustees`.
    pub async fn put_trustee(
        &self,
        entrusted: &Entrusted,
        hint: &str,
        wait_seconds: u32,
    ) -> Result<Trustee, ClientError> {
        let trustee = Uuid::from_bytes(entrusted.trustee.0);
        let body = json!({
            "encryptedPrivateKeyEccShareB64": STANDARD.encode(&entrusted.ecc_share),
            "encryptedPrivateKeyKyberShareB64": STANDARD.encode(&entrusted.kyber_share),
            "xorApplied": entrusted.masked,
            "xorSaltHint": hint,
            "waitSeconds": wait_seconds,
            "setId": Uuid::from_bytes(entrusted.set_id.0),
        });
        let path = format!("/v1/recovery/trustees/{trustee}");
        json(self.request(Method::PUT, &path).json(&body)).await
    }

    /// The caller's trustees.
    ///
    /// # Errors
    /// [`ClientError`] as for every call.
    pub async fn trustees(&self) -> Result<Vec<Trustee>, ClientError> {
        json(self.request(Method::GET, "/v1/recovery/trustees")).await
    }

    /// Removes a trustee with everything the trustee staged.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `not_found`.
    pub async fn remove_trustee(&self, user_id: &str) -> Result<(), ClientError> {
        let path = format!("/v1/recovery/trustees/{}", encode(user_id));
        send(self.request(Method::DELETE, &path)).await.map(drop)
    }

    /// Owners who trust the caller; the first page.
    ///
    /// # Errors
    /// [`ClientError`] as for every call.
    pub async fn trusting_owners(&self) -> Result<Vec<TrustedOwner>, ClientError> {
        json(self.request(Method::GET, "/v1/recovery/owners")).await
    }

    /// What the caller holds for an owner.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `not_found` for everyone but a present trustee.
    pub async fn held_share(&self, owner_id: &str) -> Result<HeldShare, ClientError> {
        let path = format!("/v1/recovery/owners/{}", encode(owner_id));
        let body: HeldShareBody = json(self.request(Method::GET, &path)).await?;
        let key = |key: &OwnerKeyBody| {
            let public = public_keys(&key.public_key_b64, &key.public_key_kyber_b64)?;
            Ok((key.generation, public))
        };
        let keys: Result<_, ClientError> = body.owner_key_pairs.iter().map(key).collect();
        Ok(HeldShare {
            owner: UserId(id(&body.owner_user_id)?),
            set_id: RecoverySetId(id(&body.set_id)?),
            hint: body.xor_applied.then_some(body.xor_salt_hint),
            ecc_share: bytes(&body.ecc_share_b64)?,
            kyber_share: bytes(&body.kyber_share_b64)?,
            owner_secret_version: body.owner_secret_version,
            owner_keys: keys?,
        })
    }

    /// Stages restored keys of an owner who trusts the caller.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `not_found` for everyone but a present trustee.
    pub async fn stage_restore(
        &self,
        held: &HeldShare,
        blobs: &StagedBlobs,
    ) -> Result<Restore, ClientError> {
        let owner = Uuid::from_bytes(held.owner.0);
        let body = json!({
            "encryptedPrivateKeyEccB64": STANDARD.encode(&blobs.ecc),
            "encryptedPrivateKeyKyberB64": STANDARD.encode(&blobs.kyber),
            "usedXor": held.hint.is_some(),
            "xorSaltHint": held.hint.as_deref().unwrap_or_default(),
        });
        let path = format!("/v1/recovery/restore/{owner}");
        json(self.request(Method::POST, &path).json(&body)).await
    }

    /// Restores of the caller's keys that trustees have staged.
    ///
    /// # Errors
    /// [`ClientError`] as for every call.
    pub async fn restores(&self) -> Result<Vec<Restore>, ClientError> {
        json(self.request(Method::GET, "/v1/recovery/restores")).await
    }

    /// Vetoes a staged restore of the caller's keys.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `not_found`.
    pub async fn veto_restore(&self, restore_id: &str) -> Result<(), ClientError> {
        let path = format!(
            "/v1/recovery/restores/{}",
            Uuid::from_bytes(id(restore_id)?)
        );
        send(self.request(Method::DELETE, &path)).await.map(drop)
    }

    /// Makes a staged restore active. `secret` opens it; `new`, or else the same one, protects
    /// the keys from now on.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `wrong_user_secret`, `restore_waiting` or
    /// `restore_unusable`.
    pub async fn activate_restore(
        &self,
        restore_id: &str,
        secret: &SecretString,
        new: Option<&SecretString>,
    ) -> Result<(), ClientError> {
        let restore_id = Uuid::from_bytes(id(restore_id)?);
        let path = format!("/v1/recovery/restores/{restore_id}/activate");
        let request = self.request(Method::POST, &path);
        let mut request = request.header(X_USER_SECRET, sensitive(secret)?);
        if let Some(new) = new {
            request = request.header(X_NEW_USER_SECRET, sensitive(new)?);
        }
        send(request).await.map(drop)
    }
}
