//! Reasons for refusal, one enum per family of operations.
//!
//! Promise: no variant carries text from outside, so no error can show a secret, a query or
//! a header value. Not here: egress errors ([`crate::egress`]) and status codes
//! (`vault-server`).

/// A reason why text does not name a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// There is no host.
    #[error("the host is missing")]
    Missing,
    /// Longer than [`crate::DNS_NAME_BYTES_MAX`], or a label longer than 63 bytes.
    #[error("the host name is too long")]
    TooLong,
    /// Two dots in a row, or a dot in front.
    #[error("the host name has an empty label")]
    EmptyLabel,
    /// `example.com.` and `example.com` are one name to DNS but two to `Host` and TLS.
    #[error("the host name ends with a dot")]
    TrailingDot,
    /// The host contains `%`: an escape or an IPv6 zone.
    #[error("the host is percent-encoded or has a zone")]
    Percent,
    /// A character that no host name has.
    #[error("the host has a forbidden character")]
    ForbiddenCharacter,
    /// A last label that is a number, but not four plain decimal parts.
    #[error("the host is an unusual spelling of an IPv4 address")]
    UnusualIpv4,
    /// Brackets around something that is not an IPv6 address.
    #[error("the host is not a readable IPv6 address")]
    BadIpv6,
    /// Not a valid internationalised name, or one that turns into another name on the way.
    #[error("the host is not a valid internationalised name")]
    BadIdna,
    /// A port that is not 1 to 65535 in plain decimal digits.
    #[error("the port is not a number from 1 to 65535")]
    BadPort,
}

/// A reason why text does not name a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Longer than [`crate::TARGET_BYTES_MAX`].
    #[error("the target URL is too long")]
    TooLong,
    /// No `scheme://` in front.
    #[error("the target URL is not absolute")]
    NotAbsolute,
    /// Neither `https` nor `http`.
    #[error("the scheme of the target URL is not supported")]
    UnknownScheme,
    /// `http`, and the policy does not permit it for this host.
    #[error("plain http is not permitted for this host")]
    HttpNotPermitted,
    /// `user@` or `user:password@` before the host.
    #[error("the target URL carries user information")]
    UserInfo,
    /// A backslash, which readers of URLs disagree about.
    #[error("the target URL contains a backslash")]
    Backslash,
    /// A space, a line break, a tab or another control character.
    #[error("the target URL contains white space or a control character")]
    WhitespaceOrControl,
    /// `#…`, which is never sent and so has no meaning here.
    #[error("the target URL has a fragment")]
    Fragment,
    /// A character in path or query that must be percent-encoded.
    #[error("the path or query has a character that must be percent-encoded")]
    PathCharacter,
    /// The host or the port was refused.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Our reading and that of the `url` or `http` crate differ, so somebody else's may too.
    #[error("the target URL is ambiguous")]
    Ambiguous,
}

/// A reason why text is not a host pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostPatternError {
    /// Longer than [`crate::HOST_PATTERN_BYTES_MAX`].
    #[error("the host pattern is too long")]
    TooLong,
    /// A `*` that is not the whole first label.
    #[error("a wildcard may only stand for the first labels, as in *.example.com")]
    MisplacedWildcard,
    /// `*`, `*.com`: would match a whole top-level domain.
    #[error("a wildcard needs at least two labels behind it")]
    WildcardTooBroad,
    /// `10.0.0.0/8`, `*.0.0.1`: a credential belongs to hosts, not to ranges of addresses.
    #[error("a host pattern cannot be a range of addresses")]
    AddressRange,
    /// `contains:` while the operator's switch is off.
    #[error("contains: patterns are not enabled")]
    ContainsNotEnabled,
    /// `contains:` with too short a text or with characters that no host name has.
    #[error("the text after contains: is too short or cannot be part of a host name")]
    BadContains,
    /// A scheme, a path, user information or another part of a URL.
    #[error("a host pattern is a host, not a URL")]
    NotAHost,
    /// The host or the port was refused.
    #[error(transparent)]
    Host(#[from] HostError),
}

/// A reason why text is not a path prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathPrefixError {
    /// Longer than [`crate::PATH_PREFIX_BYTES_MAX`].
    #[error("the path prefix is too long")]
    TooLong,
    /// No slash in front, or a character that no path has.
    #[error("a path prefix begins with a slash and is printable ASCII without a query")]
    NotAPath,
    /// Dot segments, empty segments, or escapes that readers understand differently.
    #[error("the path prefix can be read in two ways")]
    Ambiguous,
}

/// A reason why text is not a header template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// Longer than [`crate::TEMPLATE_BYTES_MAX`].
    #[error("the template is too long")]
    TooLong,
    /// No placeholder, so the secret would go nowhere.
    #[error("the template has no {{{{secret}}}} placeholder")]
    NoPlaceholder,
    /// More than one placeholder, an unknown one, or stray double braces.
    #[error(
        "the template must have exactly one placeholder, {{{{secret}}}} or {{{{secret|base64}}}}"
    )]
    BadPlaceholder,
    /// A character outside printable ASCII.
    #[error("the template has a character that cannot stand in a header")]
    ForbiddenCharacter,
    /// Space at an end, which receivers of headers cut off.
    #[error("the template begins or ends with a space")]
    EdgeSpace,
}

/// A reason why nothing was injected and the request was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InjectError {
    /// The header steers the connection, the framing or Sealgate itself.
    #[error("a credential cannot be injected into this header")]
    ForbiddenHeader,
    /// The query parameter has a name that is empty, too long or has two spellings.
    #[error("a credential cannot be injected into this query parameter")]
    ForbiddenParameter,
    /// The secret has no bytes.
    #[error("the credential is empty")]
    EmptyValue,
    /// Longer than [`crate::INJECTED_SECRET_BYTES_MAX`].
    #[error("the credential is too long for a header")]
    ValueTooLong,
    /// CR, LF, NUL or another control character.
    #[error("the credential contains a control character")]
    ControlCharacter,
    /// Space at an end, which receivers of headers cut off.
    #[error("the credential begins or ends with a space")]
    EdgeSpace,
    /// The credential's pattern does not match the target.
    #[error("the credential does not belong to this host")]
    OffOrigin,
    /// TRACE or TRACK with an injected credential: the answer would echo it.
    #[error("this method echoes the request and cannot carry a credential")]
    EchoingMethod,
    /// CONNECT has no target URL and is not a request to an upstream.
    #[error("CONNECT cannot be sent to a target")]
    Connect,
    /// The request carries no [`crate::Outbound`], so nobody decided where it goes.
    #[error("the request has no target")]
    NoTarget,
}
