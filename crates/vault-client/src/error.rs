//! Why a call did not give what was asked for.

use serde::Deserialize;

/// An error document of the server (RFC 9457), without anything that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// Stable code in snake_case.
    pub code: String,
    /// What it means, in a sentence.
    pub detail: String,
    /// Names the request in the server's log.
    pub request_id: Option<String>,
}

/// A failed call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The server refused.
    #[error("the server answered {}: {}", .0.code, .0.detail)]
    Refused(Problem),
    /// The server could not be reached or broke off.
    #[error("the server could not be reached")]
    Transport(#[source] reqwest::Error),
    /// The answer is not one of this API.
    #[error("the answer was not understood: {0}")]
    Answer(&'static str),
    /// Something sealed was not opened, or could not be made.
    #[error("{0}")]
    Sealed(#[from] hardened_crypto::Error),
    /// The client was given something unusable.
    #[error("{0}")]
    Usage(&'static str),
}

impl From<reqwest::Error> for ClientError {
    fn from(error: reqwest::Error) -> Self {
        // A URL can hold a value's name; the caller knows it anyway.
        Self::Transport(error.without_url())
    }
}
