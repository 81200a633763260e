//! Shares as the owner of a record makes, lists and ends them, whatever the record is.

use std::borrow::Cow;

use axum::extract::Request;
use axum::response::Response;
use hardened_crypto::key_pair::Fingerprint;
use hardened_crypto::wrap::Alias;
use http::StatusCode;
use http::Uri;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use vault_store::Page;
use zeroize::Zeroize;

use super::PermissionDocument;
use crate::api::input::{id, json, page_limit};
use crate::api::output::secret_json;
use crate::api::utc::{self, Utc};
use crate::api::{ApiState, read_json, with_next};
use crate::layers::UserSecret;
use crate::problem::{Code, Problem};
use crate::vault::error::Invalid;
use crate::vault::principal::Principal;
use crate::vault::records::OwnRecord;
use crate::vault::shares::{NewShare, Share};
use crate::vault::value_name::is_printable;

/// Room for a share in JSON: ids, times, and an alias with every character escaped.
pub(super) const SHARE_BYTES_MAX: usize = 2 * 1024;
/// Digits of a fingerprint.
const FINGERPRINT_DIGITS: usize = 64;

/// A share to make.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewShareDocument<'a> {
    /// A user of the same organisation.
    #[serde(borrow)]
    #[schema(value_type = String, format = Uuid)]
    recipient_user_id: Cow<'a, str>,
    /// What the recipient may do: `read` for values and files, `use` for credentials.
    permission: PermissionDocument,
    /// What the two call it: 1 to 254 bytes of printable UTF-8. Nobody else can read it.
    #[serde(default, borrow)]
    #[schema(value_type = Option<String>)]
    alias: Option<Cow<'a, str>>,
    /// Hidden and unreadable from then on: RFC 3339 with an offset, in the future.
    #[serde(default, borrow)]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_utc: Option<Cow<'a, str>>,
    /// The recipient's fingerprint, 64 hexadecimal digits: with other keys nothing is shared.
    #[serde(default, borrow)]
    #[schema(value_type = Option<String>)]
    recipient_fingerprint: Option<Cow<'a, str>>,
}

impl Drop for NewShareDocument<'_> {
    fn drop(&mut self) {
        // A text with escapes was copied; a borrowed one is wiped with the body.
        if let Some(Cow::Owned(copied)) = &mut self.alias {
            copied.zeroize();
        }
    }
}

/// A share as its owner sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShareDocument<'a> {
    /// Its id.
    share_id: Uuid,
    /// Who may read or use it.
    recipient_user_id: Uuid,
    /// What the recipient may do.
    permission: PermissionDocument,
    /// What the two call it; absent without an alias, and without `X-User-Secret`.
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<&'a str>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_utc: Utc,
    /// When it ends, or null.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_utc: Option<Utc>,
}

impl<'a> From<&'a Share> for ShareDocument<'a> {
    fn from(share: &'a Share) -> Self {
        Self {
            share_id: share.share_id.into(),
            recipient_user_id: share.recipient.into(),
            permission: share.permission.into(),
            alias: share.alias.as_ref().map(Alias::expose),
            created_utc: Utc(share.created),
            expires_utc: share.expires.map(Utc),
        }
    }
}

/// Which shares to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ShareListParameters {
    /// Only shares with recipients after this one.
    #[param(value_type = Option<Uuid>)]
    after: Option<String>,
    /// Shares in one page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// How to revoke.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RevokeParameters {
    /// Write the current contents again, under a new data key.
    #[serde(default)]
    pub(super) rekey: bool,
}

/// Shares a record as the body says.
pub(super) async fn share(
    state: &ApiState,
    caller: &Principal,
    what: OwnRecord<'_>,
    UserSecret(secret): UserSecret,
    request: Request,
) -> Result<Response, Problem> {
    let (Parts { headers, .. }, body) = request.into_parts();
    let body = read_json(&headers, body).await?;
    let document: NewShareDocument<'_> = json(body.as_bytes())?;
    let alias = document.alias.as_deref().map(checked_alias).transpose()?;
    let expires = document.expires_utc.as_deref().map(utc::parse);
    let pinned = document.recipient_fingerprint.as_deref().map(fingerprint);
    let new = NewShare {
        recipient: id(&document.recipient_user_id)?.into(),
        permission: document.permission.into(),
        fingerprint: pinned.transpose()?,
        alias: alias.as_ref(),
        expires: expires.transpose()?,
    };
    let mut made = state.vault.share(caller, what, new, &secret).await?;
    made.alias = alias;
    let mut response = secret_json(&ShareDocument::from(&made), SHARE_BYTES_MAX)?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// Live shares of a record, in the order of the ids of their recipients.
pub(super) async fn list(
    state: &ApiState,
    caller: &Principal,
    what: OwnRecord<'_>,
    parameters: ShareListParameters,
    secret: Result<UserSecret, Problem>,
    uri: &Uri,
) -> Result<Response, Problem> {
    let limit = page_limit(parameters.limit)?;
    let after = parameters.after.as_deref().map(id).transpose()?;
    let secret = match secret {
        Ok(UserSecret(secret)) => Some(secret),
        Err(problem) if problem.code() == Code::MissingHeader => None,
        Err(problem) => return Err(problem),
    };
    let after = after.map(Into::into);
    let found = state
        .vault
        .shares_of(caller, what, after, limit, secret.as_ref());
    let Page { rows, more } = found.await?;
    let documents: Vec<ShareDocument<'_>> = rows.iter().map(Into::into).collect();
    let response = secret_json(&documents, documents.len() * SHARE_BYTES_MAX + 2)?;
    let last = rows
        .last()
        .filter(|_| more)
        .map(|last| last.recipient.into());
    Ok(with_next(response, uri.path(), last, limit))
}

fn checked_alias(text: &str) -> Result<Alias, Problem> {
    let alias = Alias::new(text).ok();
    let alias = alias.filter(|alias| alias.expose().chars().all(is_printable));
    alias.ok_or_else(|| Invalid::Alias.into())
}

fn fingerprint(text: &str) -> Result<Fingerprint, Problem> {
    let refused = || {
        Problem::new(
            Code::MalformedRequest,
            "A fingerprint has 64 hexadecimal digits.",
        )
    };
    if text.len() != FINGERPRINT_DIGITS || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(refused());
    }
    let mut bytes = [0; FINGERPRINT_DIGITS / 2];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).map_err(|_| refused())?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| refused())?;
    }
    Ok(Fingerprint(bytes))
}
