//! Typed asynchronous client of the Sealgate API.
//!
//! What it does: turns calls into requests and answers into types or a [`ClientError`]. What
//! goes in: an address, an API key, and for reads the user secret. What it promises: secrets
//! travel in sensitive headers only, never in a URL, an error or `Debug`; redirects are not
//! followed, so a key reaches no other origin; private keys for recovery are opened in this
//! process and never sent. What is not here: retries, caching, and the
//! proxy door, which any HTTP client uses as it is.
//!
//! ```no_run
//! use vault_client::{Client, Write};
//!
//! # async fn example() -> Result<(), vault_client::ClientError> {
//! let client = Client::new("http://127.0.0.1:8200", "sgk_…".into())?;
//! let secret = "sgs_…".into();
//! client.generate_keys(&secret).await?;
//! client.put("app/db", b"postgres://app:pass@db/main", &Write::default()).await?;
//! let value = client.read("app/db", &secret).await?;
//! assert_eq!(value.bytes.as_slice(), b"postgres://app:pass@db/main");
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod api_keys;
mod client;
mod credentials;
mod error;
mod files;
mod keys;
mod kv;
pub mod recovery;
mod shares;
mod tokens;
mod types;
mod users;

pub use api_keys::{KeyLimits, KeysOf};
pub use client::Client;
pub use credentials::{Credential, CredentialSecret, CredentialShare, NewCredential};
pub use error::{ClientError, Problem};
pub use files::{FileStream, NewFile};
pub use keys::{OpenKeys, Rotation};
pub use kv::{Expect, Write};
pub use shares::{Shared, SharedKind, Terms};
pub use tokens::{NewToken, Token, TokenGrant};
pub use types::{
    AdminUser, ApiKey, File, InboundShare, KeyStatus, Me, NewApiKey, NewOrg, NewUser, Org, OrgUser,
    PublicKeys, Share, Value, Written,
};
pub use users::UserPatch;
