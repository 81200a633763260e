//! Binds a credential to the one target it may travel to, and rewrites the request.
//!
//! In: a [`Target`], the pattern and [`Injection`] of a credential, its opened bytes. Out:
//! an [`Outbound`], and from it and a client's request an [`OutboundRequest`].
//!
//! Promise: the only way to a rendered header value is [`Outbound::with_credential`], which
//! refuses a target that the pattern does not match. An `Outbound` neither changes its
//! target nor shows the value; an `OutboundRequest` is made by [`Outbound::apply`] alone and
//! hands the dialler that very target. So a credential cannot be injected for one origin and
//! sent to another without somebody rebuilding a request by hand.
//! Not here: opening the credential, dialling, TLS.

use std::fmt;

use http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue};
use http::{Method, Request};
use secrecy::SecretSlice;

use crate::{
    EchoScrub, EchoedSecret, HostPattern, InjectError, Target, Template, is_control_header,
    is_hop_by_hop, strip_request,
};

/// The longest secret that is injected into a header, in bytes.
pub const INJECTED_SECRET_BYTES_MAX: usize = 8 * 1024;

/// Headers that steer framing, routing or the conversation itself.
const NEVER_INJECTED: [&str; 8] = [
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "max-forwards",
    "trailer",
    "via",
];

/// The one control header that upstreams use for keys of their own. The client's `X-Api-Key`
/// is stripped before anything is injected, so the two never meet.
const SHARED_WITH_UPSTREAMS: &str = "x-api-key";

/// The place of a credential: a header and the shape of its value. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injection {
    header: HeaderName,
    template: Template,
}

impl Injection {
    /// A place that credentials may go to.
    ///
    /// # Errors
    ///
    /// [`InjectError::ForbiddenHeader`] for hop-by-hop, framing and control headers and for
    /// `Host`. `X-Api-Key` is permitted: many upstreams want their key there.
    pub fn new(header: HeaderName, template: Template) -> Result<Self, InjectError> {
        let control = is_control_header(&header) && header != SHARED_WITH_UPSTREAMS;
        if control || is_hop_by_hop(&header) || NEVER_INJECTED.contains(&header.as_str()) {
            return Err(InjectError::ForbiddenHeader);
        }
        Ok(Self { header, template })
    }

    /// `Authorization: Bearer {{secret}}`.
    pub fn bearer() -> Self {
        Self {
            header: AUTHORIZATION,
            template: Template::bearer(),
        }
    }

    /// The header that is replaced.
    pub fn header(&self) -> &HeaderName {
        &self.header
    }

    /// The shape of its value.
    pub fn template(&self) -> &Template {
        &self.template
    }
}

/// A decision: where a request goes and what is injected there, if anything.
///
/// Travels as a request extension to [`crate::InjectCredential`]. `Debug` shows target and
/// header name, never the value. It is `Clone` because request extensions ask for it; clones
/// share one buffer, which is wiped with the last of them.
#[derive(Clone)]
pub struct Outbound {
    target: Target,
    header: Option<(HeaderName, HeaderValue)>,
    echo_scrub: EchoScrub,
}

impl Outbound {
    /// Sends the client's own headers and injects nothing.
    pub fn pass_through(target: Target) -> Self {
        Self {
            target,
            header: None,
            echo_scrub: EchoScrub::default(),
        }
    }

    /// Sends the client's own value, verbatim, as `Authorization` (`X-Identity-Key`).
    ///
    /// # Errors
    ///
    /// [`InjectError`] if the value is empty, too long or has a control character.
    pub fn with_identity(target: Target, value: &HeaderValue) -> Result<Self, InjectError> {
        let value = Template::verbatim().render_bytes(value.as_bytes())?;
        Ok(Self {
            target,
            header: Some((AUTHORIZATION, value)),
            echo_scrub: EchoScrub::default(),
        })
    }

    /// Injects a credential that belongs to the target's host.
    ///
    /// # Errors
    ///
    /// [`InjectError::OffOrigin`] if `pattern` does not match the target; otherwise
    /// [`InjectError`] if the secret cannot stand in a header.
    pub fn with_credential(
        target: Target,
        pattern: &HostPattern,
        injection: &Injection,
        secret: &SecretSlice<u8>,
    ) -> Result<Self, InjectError> {
        if !pattern.matches_target(&target) {
            return Err(InjectError::OffOrigin);
        }
        let value = injection.template.render(secret)?;
        Ok(Self {
            target,
            header: Some((injection.header.clone(), value)),
            echo_scrub: EchoScrub::default(),
        })
    }

    /// Where the request goes.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Says what happens to an answer that repeats the credential.
    #[must_use]
    pub fn with_echo_scrub(mut self, echo_scrub: EchoScrub) -> Self {
        self.echo_scrub = echo_scrub;
        self
    }

    /// What happens to an answer that repeats the credential.
    pub fn echo_scrub(&self) -> EchoScrub {
        self.echo_scrub
    }

    /// What to look for in the answer; `None` when nothing is injected, when the injected value
    /// is too short to be looked for, and when scrubbing is off.
    pub fn echoed_secret(&self) -> Option<EchoedSecret> {
        let (_, value) = self.header.as_ref()?;
        match self.echo_scrub {
            EchoScrub::Off => None,
            EchoScrub::Redact | EchoScrub::Refuse => EchoedSecret::of_header(value),
        }
    }

    /// Whether a credential travels along.
    pub fn injects(&self) -> bool {
        self.header.is_some()
    }

    /// Refuses methods that cannot be sent: CONNECT always, TRACE and TRACK with a credential.
    ///
    /// # Errors
    ///
    /// [`InjectError::Connect`] or [`InjectError::EchoingMethod`].
    pub fn check_method(&self, method: &Method) -> Result<(), InjectError> {
        if method.as_str().eq_ignore_ascii_case("CONNECT") {
            return Err(InjectError::Connect);
        }
        if self.injects() && echoes_request(method) {
            return Err(InjectError::EchoingMethod);
        }
        Ok(())
    }

    /// Makes the upstream's request of the client's: strips, sets `Host` and the absolute
    /// URI from the target, replaces the injected header. The body is not touched.
    ///
    /// # Errors
    ///
    /// As [`Outbound::check_method`].
    pub fn apply<B>(self, mut request: Request<B>) -> Result<OutboundRequest<B>, InjectError> {
        self.check_method(request.method())?;
        let headers = request.headers_mut();
        strip_request(headers);
        // Replaces in place, further values included.
        headers.insert(HOST, self.target.host_header());
        if let Some((name, value)) = self.header {
            headers.insert(name, value);
        }
        *request.uri_mut() = self.target.uri();
        Ok(OutboundRequest {
            request,
            target: self.target,
        })
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound")
            .field("target", &self.target)
            .field("header", &self.header.as_ref().map(|(name, _)| name))
            .finish_non_exhaustive()
    }
}

/// A request ready for its upstream, together with the target it was made for.
///
/// Its connection is dialled to [`OutboundRequest::target`] and to nothing else.
pub struct OutboundRequest<B> {
    request: Request<B>,
    target: Target,
}

impl<B> OutboundRequest<B> {
    /// Where to dial.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// What to send.
    pub fn request(&self) -> &Request<B> {
        &self.request
    }

    /// Target and request, for the upstream client.
    pub fn into_parts(self) -> (Target, Request<B>) {
        (self.target, self.request)
    }
}

/// Method and target. `Debug` of the request would show headers and the query.
impl<B> fmt::Debug for OutboundRequest<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboundRequest")
            .field("method", self.request.method())
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// Whether the answer to a method repeats the request, credential and all: TRACE (RFC 9110,
/// section 9.3.8) and TRACK, in any case, as some servers read methods so.
pub fn echoes_request(method: &Method) -> bool {
    ["TRACE", "TRACK"]
        .iter()
        .any(|echo| method.as_str().eq_ignore_ascii_case(echo))
}
