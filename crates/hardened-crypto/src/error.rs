//! The one error of this crate: a small kind, and a fixed text that names the operation.
//!
//! Callers act on [`ErrorKind`]; the text is for operators. Neither holds anything taken
//! from the input, so both may be logged and shown.

/// What a caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The secret is not the one that protects this object: ask for another one.
    WrongSecret,
    /// The bytes do not authenticate in this place: wrong key, altered bytes and wrong
    /// context look alike, so that nobody can probe which it was.
    Tampered,
    /// The bytes are not an object that this version can read.
    Malformed,
    /// The object or request is readable and refused by a rule of this crate.
    Policy,
    /// The system gave no randomness or memory; trying again later may help.
    Unavailable,
}

/// Why an operation of this crate was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Error {
    kind: ErrorKind,
    what: &'static str,
}

/// Result of every fallible operation of this crate.
pub type Result<T, E = Error> = core::result::Result<T, E>;

impl Error {
    pub(crate) const fn new(kind: ErrorKind, what: &'static str) -> Self {
        Self { kind, what }
    }

    pub(crate) const fn wrong_secret(what: &'static str) -> Self {
        Self::new(ErrorKind::WrongSecret, what)
    }

    pub(crate) const fn tampered(what: &'static str) -> Self {
        Self::new(ErrorKind::Tampered, what)
    }

    pub(crate) const fn malformed(what: &'static str) -> Self {
        Self::new(ErrorKind::Malformed, what)
    }

    pub(crate) const fn policy(what: &'static str) -> Self {
        Self::new(ErrorKind::Policy, what)
    }

    pub(crate) const fn unavailable(what: &'static str) -> Self {
        Self::new(ErrorKind::Unavailable, what)
    }

    /// What the caller can do about it.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }
}
