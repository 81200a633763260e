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

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue};
use http::{Method, Request};
use secrecy::{ExposeSecret, SecretSlice};

use crate::query_parameter::{QueryParameter, encode};
use crate::{
    EchoScrub, EchoedSecret, HostPattern, InjectError, Target, Template, is_control_header,
    is_hop_by_hop, strip_request,
};

/// The longest secret that is injected, in bytes.
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

/// Where in a request a credential goes.
///
/// Its text is canonical, so it can be bound to a sealed credential: the lower-case name of a
/// header, or `?` and the name of a query parameter. No header name has a `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slot {
    /// A header, which is replaced.
    Header(HeaderName),
    /// A parameter of the target's query, which is replaced.
    Query(QueryParameter),
}

impl Slot {
    /// Reads the canonical text, and header names in any case.
    ///
    /// # Errors
    ///
    /// [`InjectError::ForbiddenHeader`] or [`InjectError::ForbiddenParameter`].
    pub fn parse(text: &str) -> Result<Self, InjectError> {
        match text.strip_prefix('?') {
            Some(name) => QueryParameter::parse(name).map(Self::Query),
            None => HeaderName::from_bytes(text.as_bytes())
                .map(Self::Header)
                .map_err(|_| InjectError::ForbiddenHeader),
        }
    }
}

/// The canonical text.
impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => f.write_str(name.as_str()),
            Self::Query(name) => write!(f, "?{name}"),
        }
    }
}

/// The place of a credential and the shape of its value. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injection {
    slot: Slot,
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
        Self::into_slot(Slot::Header(header), template)
    }

    /// As [`Injection::new`], for any slot.
    ///
    /// # Errors
    ///
    /// As [`Injection::new`].
    pub fn into_slot(slot: Slot, template: Template) -> Result<Self, InjectError> {
        if let Slot::Header(header) = &slot {
            check_header(header)?;
        }
        Ok(Self { slot, template })
    }

    /// `Authorization: Bearer {{secret}}`.
    pub fn bearer() -> Self {
        Self {
            slot: Slot::Header(AUTHORIZATION),
            template: Template::bearer(),
        }
    }

    /// Where it goes.
    pub fn slot(&self) -> &Slot {
        &self.slot
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
    injected: Option<Injected>,
    echo_scrub: EchoScrub,
}

/// A rendered value and its place.
#[derive(Clone)]
struct Injected {
    slot: Slot,
    /// As a header carries it. Marked sensitive.
    value: HeaderValue,
    /// As a query carries it; for a query alone.
    encoded: Option<Bytes>,
    /// The stored secret itself, which a template may have wrapped or encoded.
    plain: Option<EchoedSecret>,
}

impl Outbound {
    /// Sends the client's own headers and injects nothing.
    pub fn pass_through(target: Target) -> Self {
        Self {
            target,
            injected: None,
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
            injected: Some(Injected {
                slot: Slot::Header(AUTHORIZATION),
                value,
                encoded: None,
                plain: None,
            }),
            echo_scrub: EchoScrub::default(),
        })
    }

    /// Injects a credential that belongs to the target's host.
    ///
    /// # Errors
    ///
    /// [`InjectError::OffOrigin`] if `pattern` does not match the target, or does not let
    /// credentials go there in the clear; otherwise
    /// [`InjectError`] if the secret cannot stand in a header.
    pub fn with_credential(
        target: Target,
        pattern: &HostPattern,
        injection: &Injection,
        secret: &SecretSlice<u8>,
    ) -> Result<Self, InjectError> {
        if !pattern.lets_credentials_go_to(&target) {
            return Err(InjectError::OffOrigin);
        }
        let value = injection.template.render(secret)?;
        let encoded = match injection.slot {
            Slot::Header(_) => None,
            // Keeps the wiping buffer itself.
            Slot::Query(_) => Some(Bytes::from_owner(encode(value.as_bytes()))),
        };
        Ok(Self {
            target,
            injected: Some(Injected {
                // Expose: to be looked for in the answer.
                plain: EchoedSecret::of_secret(secret.expose_secret(), &value),
                encoded,
                value,
                slot: injection.slot.clone(),
            }),
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
        let injected = self.injected.as_ref()?;
        let sent = match (self.echo_scrub, &injected.encoded) {
            (EchoScrub::Off, _) => return None,
            (_, None) => EchoedSecret::of_header(&injected.value),
            (_, Some(encoded)) => EchoedSecret::of_query(&injected.value, encoded),
        };
        EchoedSecret::both(sent, injected.plain.clone())
    }

    /// Whether a credential travels along.
    pub fn injects(&self) -> bool {
        self.injected.is_some()
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
    /// URI from the target, replaces the injected header or parameter. The body is not touched.
    ///
    /// # Errors
    ///
    /// As [`Outbound::check_method`]; `ValueTooLong` for a query that grows beyond measure.
    pub fn apply<B>(self, mut request: Request<B>) -> Result<OutboundRequest<B>, InjectError> {
        self.check_method(request.method())?;
        let mut uri = self.target.uri();
        let headers = request.headers_mut();
        strip_request(headers);
        // Replaces in place, further values included.
        headers.insert(HOST, self.target.host_header());
        if let Some(Injected {
            slot,
            value,
            encoded,
            ..
        }) = self.injected
        {
            match slot {
                Slot::Header(name) => {
                    headers.insert(name, value);
                }
                Slot::Query(name) => {
                    let own = self.target.parsed_path_and_query();
                    let encoded = encoded.unwrap_or_default();
                    uri = self.target.uri_at(name.put(own, &encoded)?);
                }
            }
        }
        *request.uri_mut() = uri;
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
            .field("slot", &self.injected.as_ref().map(|one| &one.slot))
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

fn check_header(header: &HeaderName) -> Result<(), InjectError> {
    let control = is_control_header(header) && header != SHARED_WITH_UPSTREAMS;
    if control || is_hop_by_hop(header) || NEVER_INJECTED.contains(&header.as_str()) {
        return Err(InjectError::ForbiddenHeader);
    }
    Ok(())
}

/// Whether the answer to a method repeats the request, credential and all: TRACE (RFC 9110,
/// section 9.3.8) and TRACK, in any case, as some servers read methods so.
pub fn echoes_request(method: &Method) -> bool {
    ["TRACE", "TRACK"]
        .iter()
        .any(|echo| method.as_str().eq_ignore_ascii_case(echo))
}
