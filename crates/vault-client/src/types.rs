//! What the API sends back.

use secrecy::SecretString;
use serde::Deserialize;
use std::fmt;
use zeroize::Zeroizing;

/// A user's public keys.
#[derive(Clone, Debug, Deserialize)]
pub struct PublicKeys {
    /// P-256 point, base64.
    #[serde(rename = "publicKeyB64")]
    pub public_key_b64: String,
    /// ML-KEM-768 key, base64.
    #[serde(rename = "publicKeyKyberB64")]
    pub public_key_kyber_b64: String,
    /// Fingerprint of both.
    pub fingerprint: String,
    /// Generation, from 1.
    pub generation: u32,
}

/// Whether a user has keys, and how they are protected.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyStatus {
    /// Whether there is a P-256 key.
    pub has_ecc: bool,
    /// Whether there is an ML-KEM key.
    pub has_kyber: bool,
    /// Fingerprint of both.
    pub fingerprint: Option<String>,
    /// Generation, from 1.
    pub generation: Option<u32>,
}

/// The answer to a write.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Written {
    /// Name of the value.
    pub key: String,
    /// Version that was written.
    pub version: u64,
    /// When, RFC 3339 in UTC.
    pub created_utc: String,
}

/// A value that was read.
pub struct Value {
    /// The plaintext, wiped on drop.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Its version.
    pub version: u64,
    /// When it was written, RFC 3339 in UTC.
    pub created_utc: String,
    /// Metadata as it was written.
    pub metadata: Option<serde_json::Value>,
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Value")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// An organisation.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Org {
    /// Its id.
    pub org_id: String,
    /// Its name.
    pub name: String,
}

/// A new organisation.
pub type NewOrg = Org;

/// A user that was just made.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewUser {
    /// The user's id.
    pub user_id: String,
    /// The user's name.
    pub name: String,
    /// Whether the user administers the organisation.
    pub is_admin: bool,
    /// The user's API key, shown this once.
    pub api_key: SecretString,
}

/// A user of the caller's organisation.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrgUser {
    /// The user's id.
    pub user_id: String,
    /// The user's name.
    pub name: String,
    /// Whether the user administers the organisation.
    pub is_admin: bool,
    /// Fingerprint of the user's public keys, once there are some.
    #[serde(default)]
    pub fingerprint: Option<String>,
    /// P-256 point, base64.
    #[serde(rename = "publicKeyB64", default)]
    pub public_key_b64: Option<String>,
    /// ML-KEM-768 key, base64.
    #[serde(rename = "publicKeyKyberB64", default)]
    pub public_key_kyber_b64: Option<String>,
}

/// The caller.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// The caller's organisation.
    pub org_id: String,
    /// The caller's id.
    pub user_id: String,
    /// The caller's name.
    pub name: String,
    /// Whether the caller administers the organisation.
    pub is_admin: bool,
    /// Whether the caller has made keys.
    pub has_keys: bool,
}

/// A user as admins see them.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdminUser {
    /// The user's id.
    pub user_id: String,
    /// The user's organisation.
    pub org_id: String,
    /// The user's name.
    pub name: String,
    /// Whether the user administers the organisation.
    pub is_admin: bool,
    /// Whether the user is shut out.
    pub disabled: bool,
    /// Whether the user has made keys.
    pub has_keys: bool,
}

/// An API key that was just made.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewApiKey {
    /// Its public id.
    pub api_key_id: String,
    /// The key, shown this once.
    pub api_key: SecretString,
    /// When it ends, RFC 3339 in UTC.
    pub expires_utc: Option<String>,
}

/// An API key, without the key.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// Its public id.
    pub api_key_id: String,
    /// When it was made, RFC 3339 in UTC.
    pub created_utc: String,
    /// When it ends, if ever.
    pub expires_utc: Option<String>,
    /// When it was last used, to about an hour.
    pub last_used_utc: Option<String>,
    /// `read`, `write` and methods of HTTP; `None` for all.
    pub methods: Option<Vec<String>>,
    /// Prefixes of the names of values.
    pub kv: Option<Vec<String>>,
    /// Patterns of the proxy's targets.
    pub hosts: Option<Vec<String>>,
    /// The proxy and nothing else.
    pub use_only: bool,
}

/// A file, without its contents.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct File {
    /// Its id.
    pub file_id: String,
    /// Its name.
    pub file_name: String,
    /// Its media type.
    pub content_type: String,
    /// Bytes of its contents.
    pub size_bytes: u64,
    /// When it was made, RFC 3339 in UTC.
    pub created_utc: String,
}

/// A share as its owner sees it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    /// Its id.
    pub share_id: String,
    /// Who may read.
    pub recipient_user_id: String,
    /// What the recipient may do.
    pub permission: String,
    /// What the two call it.
    pub alias: Option<String>,
    /// When it was made, RFC 3339 in UTC.
    pub created_utc: String,
    /// When it ends, if ever.
    pub expires_utc: Option<String>,
}

/// A share as its recipient sees it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InboundShare {
    /// Its id.
    pub share_id: String,
    /// Whose record it is.
    pub owner_user_id: String,
    /// The owner's display name.
    pub owner_name: String,
    /// What the recipient may do.
    pub permission: String,
    /// What the two call it.
    pub alias: Option<String>,
    /// When it was made, RFC 3339 in UTC.
    pub created_utc: String,
    /// When it ends, if ever.
    pub expires_utc: Option<String>,
}
