//! Shares as their recipient lists them, whatever the record is.

use axum::response::Response;
use hardened_crypto::wrap::Alias;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use vault_store::rows::RecordKind;
use vault_store::{Page, ShareId};

use super::PermissionDocument;
use super::outbox::SHARE_BYTES_MAX;
use crate::api::input::{id, page_limit};
use crate::api::output::secret_json;
use crate::api::utc::Utc;
use crate::api::{ApiState, with_next};
use crate::layers::UserSecret;
use crate::problem::Problem;
use crate::vault::principal::Principal;
use crate::vault::shares::{InboundShare, ListInbox};

/// Bytes of a display name at most, each escaped.
const NAME_BYTES_MAX: usize = 6 * vault_store::limits::DISPLAY_NAME_BYTES_MAX;

/// A share as its recipient sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InboundShareDocument<'a> {
    /// Its id.
    share_id: Uuid,
    /// Whose record it is.
    owner_user_id: Uuid,
    /// The owner's display name.
    owner_name: &'a str,
    /// What the two call it, or null.
    alias: Option<&'a str>,
    /// What the recipient may do.
    permission: PermissionDocument,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_utc: Utc,
    /// When it ends, or null.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_utc: Option<Utc>,
}

impl<'a> From<&'a InboundShare> for InboundShareDocument<'a> {
    fn from(share: &'a InboundShare) -> Self {
        Self {
            share_id: share.share_id.into(),
            owner_user_id: share.owner.into(),
            owner_name: &share.owner_name,
            alias: share.alias.as_ref().map(Alias::expose),
            permission: share.permission.into(),
            created_utc: Utc(share.created),
            expires_utc: share.expires.map(Utc),
        }
    }
}

/// Which shares to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InboxParameters {
    /// Only shares after this one.
    #[param(value_type = Option<Uuid>)]
    after: Option<String>,
    /// Shares in one page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// Shares of records of one kind with the caller that hold now.
pub(super) async fn list(
    state: &ApiState,
    caller: &Principal,
    kind: RecordKind,
    path: &str,
    parameters: InboxParameters,
    UserSecret(secret): UserSecret,
) -> Result<Response, Problem> {
    let limit = page_limit(parameters.limit)?;
    let after = parameters.after.as_deref().map(id).transpose()?;
    let wanted = ListInbox {
        after: after.map(ShareId::from),
        limit,
    };
    let found = state.vault.inbound_shares(caller, kind, wanted, &secret);
    let (Page { rows, more }, last) = found.await?;
    let documents: Vec<InboundShareDocument<'_>> = rows.iter().map(Into::into).collect();
    let room = documents.len() * (SHARE_BYTES_MAX + NAME_BYTES_MAX) + 2;
    let response = secret_json(&documents, room)?;
    let last = last.filter(|_| more).map(Into::into);
    Ok(with_next(response, path, last, limit))
}
