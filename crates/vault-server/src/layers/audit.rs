//! Records every call, before its answer leaves.
//!
//! In: a request, and the answer from below. Out: the same answer once the call has its entry,
//! or `audit_unavailable`. It stands right around authentication, so that who is refused there
//! is counted too. A call that changed something was recorded with the change; a proxied one is
//! recorded at its end; everything else here.
//!
//! Not here: what was refused before anybody was asked who they are: requests over the bound,
//! and heads that cannot be read. The log has a line of these.

use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::MatchedPath;
use http::{Method, Uri};
use tower::{Layer, Service};
use vault_store::KEY_ID_CHARS;

use super::{BoxFuture, Request, RequestId, Response};
use crate::api::HEALTH_PATH;
use crate::api::actions::{self, action_of};
use crate::api::input::{id_in_segment, percent_decode};
use crate::problem::{Code, Problem};
use crate::proxy::is_for_the_door;
use crate::vault::audit::{self, AuditLog, AuditUnavailable, Call, CallEnd};

/// The parameter that is a name and not an id.
const NAME_PARAMETER: &str = "key";
/// The parameter that names an organisation.
const ORG_PARAMETER: &str = "orgId";
/// The parameter that is the public id of an API key.
const KEY_PARAMETER: &str = "apiKeyId";
const KEY: &str = "key";
/// In the place of an id that is none: its text is the client's.
const UNREADABLE: &str = "unreadable";

/// Makes [`Audit`].
#[derive(Clone)]
pub struct AuditLayer {
    log: Option<Arc<AuditLog>>,
}

impl AuditLayer {
    /// Records calls in `log`; `None` on a server that keeps nothing.
    #[must_use]
    pub fn new(log: Option<Arc<AuditLog>>) -> Self {
        Self { log }
    }
}

/// Records calls.
#[derive(Clone)]
pub struct Audit<S> {
    inner: S,
    log: Option<Arc<AuditLog>>,
}

impl<S> Layer<S> for AuditLayer {
    type Service = Audit<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Audit {
            inner,
            log: self.log.clone(),
        }
    }
}

impl<S> Service<Request> for Audit<S>
where
    S: Service<Request, Response = Response, Error = Problem, Future = BoxFuture>,
{
    type Response = Response;
    type Error = Problem;
    type Future = BoxFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Problem>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> BoxFuture {
        let for_the_door = is_for_the_door(&request);
        let is_health = request.uri().path() == HEALTH_PATH && !for_the_door;
        let Some(log) = self.log.clone().filter(|_| !is_health) else {
            return self.inner.call(request);
        };
        let id = request.extensions().get::<RequestId>();
        let call = Call::open(&log, id.map(ToString::to_string).unwrap_or_default());
        if for_the_door {
            call.act(actions::PROXY);
        }
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = call.run(answer).await;
            finish(&log, &call, answer).await
        })
    }
}

async fn finish(
    log: &AuditLog,
    call: &Arc<Call>,
    answer: Result<Response, Problem>,
) -> Result<Response, Problem> {
    if call.is_recorded() || is_silent(&answer) {
        return answer;
    }
    if !call.is_identified() {
        log.note_stranger();
        return answer;
    }
    let end = CallEnd {
        outcome: outcome_of(&answer),
        note: "",
    };
    match log.record_end(call, end).await {
        Ok(()) => answer,
        // It says already that nothing was done, and why.
        Err(AuditUnavailable) if is_server_error(&answer) => answer,
        Err(unavailable) => Err(unavailable.into()),
    }
}

fn outcome_of(answer: &Result<Response, Problem>) -> &'static str {
    let problem = match answer {
        Ok(response) => response.extensions().get::<Problem>(),
        Err(problem) => Some(problem),
    };
    problem.map_or(CallEnd::OK.outcome, |problem| problem.code().as_str())
}

fn is_server_error(answer: &Result<Response, Problem>) -> bool {
    match answer {
        Ok(response) => response.status().is_server_error(),
        Err(problem) => problem.code().status().is_server_error(),
    }
}

fn is_silent(answer: &Result<Response, Problem>) -> bool {
    let route = answer.as_ref().ok();
    let route = route.and_then(|response| response.extensions().get::<MatchedPath>());
    route.is_some_and(|route| actions::SILENT.contains(&route.as_str()))
}

impl From<AuditUnavailable> for Problem {
    fn from(_: AuditUnavailable) -> Self {
        Problem::new(
            Code::AuditUnavailable,
            "The call cannot be recorded at the moment, so it is not served.",
        )
    }
}

/// Tells the current call which operation it is, and of which objects. To be called inside
/// routing, where the route is known.
pub(crate) fn note_route(method: &Method, route: &MatchedPath, uri: &Uri) {
    let Some(call) = audit::current() else {
        return;
    };
    audit::enter_route(action_of(method, route.as_str()));
    let segments = route.as_str().split('/').zip(uri.path().split('/'));
    for (template, segment) in segments {
        let Some(parameter) = parameter_of(template) else {
            continue;
        };
        if parameter == NAME_PARAMETER {
            call.about_name(percent_decode(segment).unwrap_or_default());
            continue;
        }
        if parameter == KEY_PARAMETER {
            let readable = |id: &String| id.len() == KEY_ID_CHARS && is_plain(id);
            let id = percent_decode(segment).filter(readable);
            call.about(KEY, id.as_deref().unwrap_or(UNREADABLE));
            continue;
        }
        let id = id_in_segment(Some(segment)).ok();
        if let (ORG_PARAMETER, Some(id)) = (parameter, id) {
            audit::about_org(id.into());
        }
        let kind = kind_of(parameter);
        match id {
            Some(id) => call.about(kind, id),
            None => call.about(kind, UNREADABLE),
        }
    }
}

fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.bytes().all(plain)
}

fn parameter_of(template: &str) -> Option<&str> {
    template.strip_prefix('{')?.strip_suffix('}')
}

/// `share` of `shareId`.
fn kind_of(parameter: &str) -> &'static str {
    const KINDS: &[(&str, &str)] = &[
        (ORG_PARAMETER, "org"),
        ("userId", "user"),
        ("shareId", "share"),
        ("credentialId", "credential"),
        ("fileId", "file"),
        ("tokenId", "token"),
        ("trusteeUserId", "trustee"),
        ("ownerUserId", "owner"),
        ("restoreId", "restore"),
    ];
    let known = KINDS.iter().find(|(name, _)| *name == parameter);
    known.map_or("object", |(_, kind)| kind)
}
