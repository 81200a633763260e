//! Decides what travels to a target.
//!
//! In: a target and the client's choice. Out: an [`Outbound`], bound to that target. Promise:
//! a credential that was asked for and is not there is an error, never a silent fall-back to
//! the client's own headers.

use credential_injector::{InjectError, Outbound, Target};

use super::control::Choice;
use crate::problem::{Code, Problem};

/// Turns a choice into a decision. No upstream is contacted.
///
/// # Errors
/// `credential_not_found`: this version keeps no credentials, so none can fit.
/// `malformed_request` for an identity that cannot stand in a header.
pub(crate) fn decide(target: Target, choice: &Choice) -> Result<Outbound, Problem> {
    match choice {
        Choice::PassThrough => Ok(Outbound::pass_through(target)),
        Choice::Identity(value) => Ok(Outbound::with_identity(target, value)?),
        Choice::Stored(_) => Err(Problem::new(
            Code::CredentialNotFound,
            "No stored credential fits this request.",
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
