//! Decides what travels to a target.
//!
//! In: a target and the client's choice. Out: an [`Outbound`], bound to that target. Promise:
//! a credential that was asked for and is not there is an error, never a silent fall-back to
//! the client's own headers.

use credential_injector::{InjectError, Outbound, Target};
use http::Method;
use vault_store::RecordId;

use super::control::Choice;
use crate::problem::{Code, Problem};
use crate::vault::Vault;
use crate::vault::credentials::CredentialSecret;
use crate::vault::error::VaultError;
use crate::vault::principal::Principal;
use crate::vault::scope::Access;

/// Turns a choice into a decision. No upstream is contacted. `vault` is `None` on a server that
/// keeps no credentials.
///
/// # Errors
/// `out_of_scope` for a host or method that the API key is not for, before anything else;
/// `credential_not_found`, `credential_ambiguous`, `forbidden` for a credential of another host,
/// `out_of_scope` and `token_outdated` for a token; `missing_header` without its secret,
/// `wrong_passphrase`, `wrong_user_secret`, `too_many_attempts`, `tampered`.
/// `malformed_request` for an identity that cannot stand in a header.
pub(crate) async fn decide(
    vault: Option<&Vault>,
    caller: &Principal,
    method: &Method,
    target: Target,
    choice: Choice,
    secret: Option<CredentialSecret>,
) -> Result<Outbound, Problem> {
    authorise(caller, method, &target)?;
    if let Some(grant) = &caller.grant {
        let vault = vault.ok_or(VaultError::CredentialNotFound)?;
        let named = granted_choice(choice, secret.is_some())?;
        let finding = vault.outbound_with_token(grant, method, target, named);
        return Ok(finding.await?);
    }
    match choice {
        Choice::PassThrough => Ok(Outbound::pass_through(target)),
        Choice::Identity(value) => Ok(Outbound::with_identity(target, &value)?),
        Choice::Stored(named) => {
            let vault = vault.ok_or(VaultError::CredentialNotFound)?;
            let named = named.map(Into::into);
            let finding = vault.outbound_with_credential(caller, target, named, secret.as_ref());
            // It may hash a password, and is large: a box keeps it out of other requests' futures.
            Ok(Box::pin(finding).await?)
        }
    }
}

/// Holds a scoped API key to its hosts and methods, whatever is injected.
fn authorise(caller: &Principal, method: &Method, target: &Target) -> Result<(), VaultError> {
    let permitted = caller.scope.as_ref().is_none_or(|scope| {
        scope.permits_method(Access::of(method), method) && scope.permits_target(target)
    });
    if permitted {
        Ok(())
    } else {
        Err(VaultError::OutOfScope)
    }
}

/// What a token is asked to inject. It brings its own keys, and nothing else travels with it.
fn granted_choice(choice: Choice, has_secret: bool) -> Result<Option<RecordId>, Problem> {
    match choice {
        Choice::PassThrough => Ok(None),
        Choice::Stored(named) if !has_secret => Ok(named.map(Into::into)),
        _ => Err(Problem::new(
            Code::TwoCredentials,
            "An access token excludes X-Identity-Key and secrets of credentials.",
        )),
    }
}

impl From<InjectError> for Problem {
    fn from(error: InjectError) -> Self {
        match error {
            InjectError::EchoingMethod | InjectError::Connect => Problem::new(
                Code::MethodNotAllowed,
                "This method cannot be sent to a target.",
            ),
            InjectError::OffOrigin => Problem::new(
                Code::Forbidden,
                "The credential does not belong to this target.",
            ),
            InjectError::NoTarget => Problem::from_status(http::StatusCode::INTERNAL_SERVER_ERROR),
            _ => Problem::new(
                Code::MalformedRequest,
                "The credential cannot stand in a header.",
            ),
        }
    }
}
