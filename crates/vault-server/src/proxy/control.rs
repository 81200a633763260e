//! Reads the headers that speak to the proxy itself.
//!
//! In: request headers. Out: the target, the choice of a credential, the time to wait. Each
//! header may stand once; a second one is refused, because nobody can say which was meant.

use std::time::Duration;

use credential_injector::{SchemePolicy, Target, TargetError};
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use uuid::Uuid;

use super::base_url;
use super::retry::Retry;
use crate::config::Limits;
use crate::config::defaults::{
    RETRY_COUNT_MAX, RETRY_DELAY_MAX_MILLISECONDS, RETRY_DELAY_MILLISECONDS,
};
use crate::layers::secret_headers::{X_USER_SECRET, one_secret};
use crate::problem::{Code, Problem};
use crate::vault::credentials::CredentialSecret;

/// Names the target of the explicit door.
pub const X_TARGET_URL: HeaderName = HeaderName::from_static("x-target-url");
/// Becomes `Authorization`, verbatim.
pub const X_IDENTITY_KEY: HeaderName = HeaderName::from_static("x-identity-key");
/// The passphrase of a stored credential.
pub const X_PROXY_MASTER_KEY: HeaderName = HeaderName::from_static("x-proxy-master-key");
/// Names a stored credential.
pub const X_CREDENTIAL_ID: HeaderName = HeaderName::from_static("x-credential-id");
/// Seconds to wait for the first byte of the answer.
pub const X_PROXY_TIMEOUT: HeaderName = HeaderName::from_static("x-proxy-timeout");

/// How often to try again.
pub const X_RETRY_COUNT: HeaderName = HeaderName::from_static("x-retry-count");
/// Milliseconds to wait before trying again.
pub const X_RETRY_DELAY: HeaderName = HeaderName::from_static("x-retry-delay");

/// Digits of the largest timeout that is read.
const TIMEOUT_DIGITS_MAX: usize = 6;

/// Whether a request is meant for the proxy: by its header, whatever its method and path, or by
/// a path of the base-URL door.
#[must_use]
pub fn is_for_the_door<B>(request: &http::Request<B>) -> bool {
    request.headers().contains_key(&X_TARGET_URL) || base_url::is_base(request.uri().path())
}

/// What the client wants injected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Nothing: its own `Authorization` travels.
    PassThrough,
    /// This value as `Authorization`. The value is marked sensitive.
    Identity(HeaderValue),
    /// A stored credential, named or found by the target's host.
    Stored(Option<Uuid>),
}

/// The value of the one header called `name`.
///
/// # Errors
/// `malformed_request` when it is repeated.
fn at_most_one<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a HeaderValue>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(Problem::new(
            Code::MalformedRequest,
            "A control header of the proxy stands in the request more than once.",
        )),
    }
}

/// Reads the target of either door.
///
/// # Errors
/// `target_invalid`, also for a request to both doors at once, since nobody can say which target
/// was meant; `target_forbidden` for plain http where it is not permitted.
pub fn read_target<B>(
    request: &http::Request<B>,
    schemes: &SchemePolicy,
) -> Result<Target, Problem> {
    let base = base_url::is_base(request.uri().path());
    let header = at_most_one(request.headers(), &X_TARGET_URL)?;
    match (header, base) {
        (Some(value), false) => parse_target(value.to_str().map_err(|_| invalid())?, schemes),
        (None, true) => base_url::read(request.uri(), schemes).map_err(refused),
        _ => Err(invalid()),
    }
}

fn invalid() -> Problem {
    Problem::new(
        Code::TargetInvalid,
        "The target is not one unmistakable absolute https URL.",
    )
}

/// Reads the URL of a target.
///
/// # Errors
/// As [`read_target`].
pub fn parse_target(text: &str, schemes: &SchemePolicy) -> Result<Target, Problem> {
    Target::parse(text, schemes).map_err(refused)
}

fn refused(error: TargetError) -> Problem {
    match error {
        TargetError::HttpNotPermitted => Problem::new(
            Code::TargetForbidden,
            "Plain http is not permitted for this target.",
        ),
        _ => invalid(),
    }
}

/// Reads which credential is wanted.
///
/// # Errors
/// `two_credentials` for contradicting headers, `malformed_request` for an id that is none.
pub fn read_choice(headers: &HeaderMap) -> Result<Choice, Problem> {
    let identity = at_most_one(headers, &X_IDENTITY_KEY)?;
    let passphrase = at_most_one(headers, &X_PROXY_MASTER_KEY)?;
    let id = at_most_one(headers, &X_CREDENTIAL_ID)?
        .map(read_id)
        .transpose()?;
    // Beside an identity a user secret means nothing: some clients send it with every call.
    let secret = identity.is_none() && headers.contains_key(&X_USER_SECRET);
    match (identity, passphrase.is_some() || id.is_some() || secret) {
        (Some(_), true) => Err(Problem::new(
            Code::TwoCredentials,
            "X-Identity-Key and a stored credential exclude each other.",
        )),
        (Some(value), false) => Ok(Choice::Identity(value.clone())),
        (None, true) => Ok(Choice::Stored(id)),
        (None, false) => Ok(Choice::PassThrough),
    }
}

/// Reads the secret of a stored credential, if there is one: its passphrase, or the secret of the
/// caller's keys.
///
/// # Errors
/// `malformed_request` when repeated, `missing_header` when empty, `two_credentials` for both.
pub fn read_secret(headers: &HeaderMap) -> Result<Option<CredentialSecret>, Problem> {
    let given = |name| headers.contains_key(name);
    match (given(&X_PROXY_MASTER_KEY), given(&X_USER_SECRET)) {
        (false, false) => Ok(None),
        (true, false) => {
            let passphrase = one_secret(headers, &X_PROXY_MASTER_KEY)?;
            Ok(Some(CredentialSecret::Passphrase(passphrase)))
        }
        (false, true) => {
            let secret = one_secret(headers, &X_USER_SECRET)?;
            Ok(Some(CredentialSecret::UserSecret(secret)))
        }
        (true, true) => Err(Problem::new(
            Code::TwoCredentials,
            "X-Proxy-Master-Key and X-User-Secret exclude each other.",
        )),
    }
}

fn read_id(value: &HeaderValue) -> Result<Uuid, Problem> {
    let id = value.to_str().ok().and_then(|text| text.parse().ok());
    id.ok_or_else(|| Problem::new(Code::MalformedRequest, "X-Credential-ID is not a UUID."))
}

/// How long the first byte of an answer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// After the last piece of the request's body.
    pub still: Duration,
    /// In all, whatever moves meanwhile.
    pub total: Duration,
}

/// Reads how long to wait for the first byte of the answer. A time that is asked for, whole
/// seconds from 1 to the configured maximum, is the time in all. Without one the configured
/// default counts from the end of the request's body, and the maximum is the time in all: an
/// upload may take longer than an answer.
///
/// # Errors
/// `malformed_request`.
pub fn read_timeout(headers: &HeaderMap, limits: &Limits) -> Result<Patience, Problem> {
    let Some(value) = at_most_one(headers, &X_PROXY_TIMEOUT)? else {
        return Ok(Patience {
            still: limits.proxy_first_byte_timeout,
            total: limits.proxy_first_byte_timeout_max,
        });
    };
    let digits = value.as_bytes();
    let plain = digits.len() <= TIMEOUT_DIGITS_MAX && digits.iter().all(u8::is_ascii_digit);
    let seconds = value.to_str().ok().filter(|_| plain);
    seconds
        .and_then(|text| text.parse().ok())
        .map(Duration::from_secs)
        .filter(|wanted| !wanted.is_zero() && *wanted <= limits.proxy_first_byte_timeout_max)
        .map(|total| Patience {
            still: total,
            total,
        })
        .ok_or_else(|| {
            Problem::new(
                Code::MalformedRequest,
                "X-Proxy-Timeout is not a whole number of seconds in the permitted range.",
            )
        })
}

/// Reads whether and how to try again; `None` unless asked for. The delay is in milliseconds.
///
/// # Errors
/// `malformed_request`: no whole number, over its maximum, or a delay without a count.
pub fn read_retry(headers: &HeaderMap) -> Result<Option<Retry>, Problem> {
    let refused = || {
        Problem::new(
            Code::MalformedRequest,
            "X-Retry-Count or X-Retry-Delay is not a whole number in the permitted range.",
        )
    };
    let number = |name: &HeaderName, max: u64| -> Result<Option<u64>, Problem> {
        let Some(value) = at_most_one(headers, name)? else {
            return Ok(None);
        };
        let digits = value.as_bytes();
        let plain = digits.len() <= TIMEOUT_DIGITS_MAX && digits.iter().all(u8::is_ascii_digit);
        let text = value.to_str().ok().filter(|_| plain);
        let read = text.and_then(|text| text.parse().ok());
        read.filter(|number| *number <= max)
            .map(Some)
            .ok_or_else(refused)
    };
    let count = number(&X_RETRY_COUNT, u64::from(RETRY_COUNT_MAX))?;
    let delay = number(&X_RETRY_DELAY, RETRY_DELAY_MAX_MILLISECONDS)?;
    let milliseconds = delay.unwrap_or(RETRY_DELAY_MILLISECONDS);
    match count.map(u32::try_from) {
        None if delay.is_none() => Ok(None),
        Some(Ok(count)) => Ok(Some(Retry {
            count,
            delay: Duration::from_millis(milliseconds),
        })),
        _ => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        };
        // `from_iter` would replace repeated names.
        let mut map = HeaderMap::new();
        for (name, value) in headers.iter().map(pair) {
            map.append(name, value);
        }
        map
    }

    #[test]
    fn choices() {
        const ID: &str = "4a2e5d18-df99-4d66-a212-3cb5d9f0f9b3";
        let check = |headers: &[(&'static str, &str)], expected: Result<Choice, Code>| {
            let found = read_choice(&map(headers)).map_err(|p| p.code());
            assert_eq!(found, expected, "{headers:?}");
        };
        check(&[], Ok(Choice::PassThrough));
        check(
            &[("x-identity-key", "Bearer a")],
            Ok(Choice::Identity(HeaderValue::from_static("Bearer a"))),
        );
        check(&[("x-proxy-master-key", "p")], Ok(Choice::Stored(None)));
        check(
            &[("x-credential-id", ID)],
            Ok(Choice::Stored(ID.parse().ok())),
        );
        check(&[("x-user-secret", "s")], Ok(Choice::Stored(None)));
        check(
            &[("x-user-secret", "s"), ("x-identity-key", "a")],
            Ok(Choice::Identity(HeaderValue::from_static("a"))),
        );
        check(&[("x-credential-id", "7")], Err(Code::MalformedRequest));
        check(
            &[("x-identity-key", "a"), ("x-proxy-master-key", "p")],
            Err(Code::TwoCredentials),
        );
        check(
            &[("x-identity-key", "a"), ("x-credential-id", ID)],
            Err(Code::TwoCredentials),
        );
        check(
            &[("x-identity-key", "a"), ("x-identity-key", "a")],
            Err(Code::MalformedRequest),
        );
    }

    #[test]
    fn timeouts() {
        let limits = Limits::default();
        let read = |text: &str| read_timeout(&map(&[("x-proxy-timeout", text)]), &limits);
        assert_eq!(
            read_timeout(&map(&[]), &limits),
            Ok(Patience {
                still: limits.proxy_first_byte_timeout,
                total: limits.proxy_first_byte_timeout_max,
            })
        );
        for seconds in [1, 600] {
            let total = Duration::from_secs(seconds);
            let asked = Patience {
                still: total,
                total,
            };
            assert_eq!(read(&seconds.to_string()), Ok(asked));
        }
        for refused in [
            "",
            "0",
            "601",
            "-1",
            "+1",
            "1.5",
            " 1 s",
            "99999999999999999999",
        ] {
            assert_eq!(
                read(refused).unwrap_err().code(),
                Code::MalformedRequest,
                "{refused}"
            );
        }
    }

    #[test]
    fn retries() {
        let check = |headers: &[(&'static str, &str)],
                     expected: Result<Option<(u32, u64)>, Code>| {
            let expected = expected.map(|wanted| {
                wanted.map(|(count, milliseconds)| Retry {
                    count,
                    delay: Duration::from_millis(milliseconds),
                })
            });
            let found = read_retry(&map(headers)).map_err(|problem| problem.code());
            assert_eq!(found, expected, "{headers:?}");
        };
        check(&[], Ok(None));
        check(&[("x-retry-count", "0")], Ok(Some((0, 200))));
        check(
            &[("x-retry-count", "5"), ("x-retry-delay", "10000")],
            Ok(Some((5, 10_000))),
        );
        for refused in ["6", "-1", "+1", "1.5", "", "99999999999999999999"] {
            check(&[("x-retry-count", refused)], Err(Code::MalformedRequest));
        }
        check(&[("x-retry-delay", "1")], Err(Code::MalformedRequest));
        check(
            &[("x-retry-count", "1"), ("x-retry-delay", "10001")],
            Err(Code::MalformedRequest),
        );
        check(
            &[("x-retry-count", "1"), ("x-retry-count", "1")],
            Err(Code::MalformedRequest),
        );
    }
}
