//! One call from its beginning to its one entry.
//!
//! In: an open [`Call`] around everything that a call does, and notes from wherever something
//! is learnt: who calls (`identify`), which route (`enter_route`), which object (`about`). Out:
//! the entry, once.
//!
//! Promise: whoever comes first records; nobody does so twice. A call that was abandoned by its
//! client before it was answered is recorded too.

use std::borrow::Cow;
use std::fmt::Display;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hardened_crypto::audit_chain::{Actor, AuditEvent, LogText, TARGET_BYTES_MAX, tag_name};
use uuid::Uuid;
use vault_store::rows::AuditEntry;
use vault_store::{KeyId, OrgId, UserId};

use super::SERVER_LOG;
use super::log::AuditLog;
use crate::vault::principal::{Principal, Role};

tokio::task_local! {
    static CURRENT: Arc<Call>;
}

/// What a call is called before its route is known.
const UNROUTED: &str = "unknown";
/// Outcome of a call whose client did not wait for the answer.
const ABANDONED: &str = "abandoned";
/// Outcome of what may go to another chain than that of the path.
const NOT_FOUND: &str = "not_found";
/// In front of the tag of a value's name.
const NAME: &str = "name";
const VALUE: &str = "value";

/// Whether the call has its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// On its way into the store.
    Joining,
    Recorded,
}

struct State {
    caller: Option<Caller>,
    action: &'static str,
    /// Objects as `kind:id`, with one space between them.
    target: String,
    /// Name of a value, for as long as its record is not known.
    name: Option<String>,
    /// The organisation that root acts on.
    about_org: Option<OrgId>,
    stage: Stage,
    abandoned: bool,
}

#[derive(Clone, Copy)]
struct Caller {
    actor: Actor,
    /// `None` for root.
    member: Option<(OrgId, UserId)>,
    key_id: KeyId,
}

/// How a call ended.
#[derive(Debug, Clone, Copy)]
pub struct CallEnd<'a> {
    /// `ok`, or the code of the problem.
    pub outcome: &'a str,
    /// What else there is to tell: `name=value` with spaces between.
    pub note: &'a str,
}

impl CallEnd<'_> {
    /// Done as asked.
    pub const OK: CallEnd<'static> = CallEnd {
        outcome: "ok",
        note: "",
    };
}

/// One call.
pub struct Call {
    log: Arc<AuditLog>,
    request_id: String,
    state: Mutex<State>,
}

impl Call {
    /// A call that has just come in. `request_id` is the server's own.
    #[must_use]
    pub fn open(log: &Arc<AuditLog>, request_id: String) -> Arc<Self> {
        Arc::new(Self {
            log: Arc::clone(log),
            request_id,
            state: Mutex::new(State {
                caller: None,
                action: UNROUTED,
                target: String::new(),
                name: None,
                about_org: None,
                stage: Stage::Open,
                abandoned: false,
            }),
        })
    }

    /// Runs `work` as this call. When it is dropped unfinished, the call is recorded as
    /// abandoned.
    pub async fn run<T>(self: &Arc<Self>, work: impl Future<Output = T>) -> T {
        let waiting = Waiting(Some(Arc::clone(self)));
        let done = CURRENT.scope(Arc::clone(self), work).await;
        waiting.arrived();
        done
    }

    /// Says who calls.
    pub fn identify(&self, principal: &Principal) {
        let (actor, member) = match principal.role {
            Role::Root => (Actor::Root, None),
            Role::User {
                org_id, user_id, ..
            } => {
                let actor = Actor::User((*user_id.as_bytes()).into());
                (actor, Some((org_id, user_id)))
            }
        };
        self.state().caller = Some(Caller {
            actor,
            member,
            key_id: principal.key_id,
        });
    }

    /// The id that its answer carries.
    pub(super) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Where it is recorded.
    pub(crate) fn log(&self) -> &AuditLog {
        &self.log
    }

    /// Whether somebody was recognised.
    #[must_use]
    pub fn is_identified(&self) -> bool {
        self.state().caller.is_some()
    }

    /// Says what is asked for, one of the server's own words.
    pub fn act(&self, action: &'static str) {
        self.state().action = action;
    }

    /// Says which object it is about.
    pub fn about(&self, kind: &'static str, id: impl Display) {
        self.state().about(kind, id);
    }

    /// Says which value it is about, by its name: the entry gets a tag of it.
    pub fn about_name(&self, name: String) {
        self.state().name = Some(name);
    }

    /// Whether this call has its entry, or somebody who will make it.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.state().stage != Stage::Open
    }

    /// Takes the duty to record this call; `false` when somebody has it.
    pub(crate) fn claim(&self) -> bool {
        let mut state = self.state();
        let open = state.stage == Stage::Open;
        if open {
            state.stage = Stage::Recorded;
        }
        open
    }

    /// As [`Call::claim`], for an entry on its way into the store.
    pub(super) fn join(&self) -> bool {
        let mut state = self.state();
        let open = state.stage == Stage::Open;
        if open {
            state.stage = Stage::Joining;
        }
        open
    }

    /// What became of the entry on its way. After a failure the call is open again.
    pub(super) fn joined(&self, stored: bool) {
        let mut state = self.state();
        state.stage = if stored { Stage::Recorded } else { Stage::Open };
        let lost = !stored && state.abandoned;
        drop(state);
        if lost {
            self.record_abandoned();
        }
    }

    /// The entry that this call has if it ends so.
    pub(crate) fn entry(&self, end: CallEnd<'_>, new_version: Option<u64>) -> AuditEntry {
        self.entry_with(end, new_version, std::iter::empty())
    }

    /// As [`Call::entry`], with objects that belong to this end alone: another attempt may have
    /// others.
    pub(super) fn entry_with(
        &self,
        end: CallEnd<'_>,
        new_version: Option<u64>,
        objects: impl Iterator<Item = (&'static str, String)>,
    ) -> AuditEntry {
        let state = self.state();
        let mut target = self.target(&state);
        for (kind, id) in objects {
            add(target.to_mut(), format!("{kind}:{id}"));
        }
        let (actor, member, key) = match &state.caller {
            Some(caller) => (caller.actor, caller.member, Some(caller.key_id)),
            None => (Actor::Anonymous, None, None),
        };
        let org_id = match member {
            Some((org_id, _)) => org_id,
            // A mistyped organisation gets no chain.
            None if end.outcome == NOT_FOUND => SERVER_LOG,
            None => state.about_org.unwrap_or(SERVER_LOG),
        };
        let note = match (key, end.note) {
            (None, note) => note.into(),
            (Some(key), "") => Cow::from(format!("key={key}")),
            (Some(key), note) => Cow::from(format!("key={key} {note}")),
        };
        let event = AuditEvent {
            time_utc_ms: self.log.now().0,
            actor,
            action: LogText::lossy(state.action),
            target: LogText::lossy(&target),
            outcome: LogText::lossy(end.outcome),
            new_version,
            request_id: LogText::lossy(&self.request_id),
            note: LogText::lossy(&note),
        };
        AuditEntry {
            org_id,
            entry: event.to_bytes(),
        }
    }

    fn target<'a>(&self, state: &'a State) -> Cow<'a, str> {
        let member = state.caller.and_then(|caller| caller.member);
        let known = state.target.starts_with(VALUE);
        match (&state.name, member) {
            (Some(name), Some((org_id, user_id))) if !known => {
                let (org, user) = (*org_id.as_bytes(), *user_id.as_bytes());
                let tag = tag_name(self.log.root_keys(), org.into(), user.into(), name);
                let space = if state.target.is_empty() { "" } else { " " };
                format!("{NAME}:{tag}{space}{}", state.target).into()
            }
            _ => state.target.as_str().into(),
        }
    }

    fn abandon(&self) {
        let mut state = self.state();
        state.abandoned = true;
        let (open, identified) = (state.stage == Stage::Open, state.caller.is_some());
        drop(state);
        match (open, identified) {
            (true, true) => self.record_abandoned(),
            (true, false) => self.log.note_stranger(),
            // Its entry is on its way.
            (false, _) => {}
        }
    }

    fn record_abandoned(&self) {
        if self.claim() {
            let end = CallEnd {
                outcome: ABANDONED,
                note: "",
            };
            self.log.record_later(self.entry(end, None));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn about(&mut self, kind: &str, id: impl Display) {
        let item = format!("{kind}:{id}");
        if self.target.split(' ').any(|known| known == item) {
            return;
        }
        // A value stands first, in the place of its name.
        let has_room = self.target.len() + item.len() < TARGET_BYTES_MAX;
        let is_late = !self.target.starts_with(VALUE) && !self.target.is_empty();
        if kind == VALUE && is_late && has_room {
            self.target = format!("{item} {}", self.target);
            return;
        }
        add(&mut self.target, item);
    }
}

/// Adds an object to the others, while there is room.
fn add(target: &mut String, item: String) {
    if target.len() + item.len() >= TARGET_BYTES_MAX {
        return;
    }
    if target.is_empty() {
        *target = item;
        return;
    }
    target.push(' ');
    target.push_str(&item);
}

/// Notices that a call is dropped before it was done.
struct Waiting(Option<Arc<Call>>);

impl Waiting {
    fn arrived(mut self) {
        self.0 = None;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(call) = &self.0 {
            call.abandon();
        }
    }
}

/// The call that this task works for.
pub(crate) fn current() -> Option<Arc<Call>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// Says who makes the current call.
pub(crate) fn identify(principal: &Principal) {
    // Nobody listens where calls are not recorded.
    let _ = CURRENT.try_with(|call| call.identify(principal));
}

/// Says which object the current call is about.
pub(crate) fn about(kind: &'static str, id: impl Into<Uuid>) {
    let _ = CURRENT.try_with(|call| call.about(kind, id.into()));
}

/// Says which organisation root acts on.
pub(crate) fn about_org(org_id: OrgId) {
    let _ = CURRENT.try_with(|call| call.state().about_org = Some(org_id));
}

/// Says what the current call asks for.
pub(crate) fn enter_route(action: &'static str) {
    let _ = CURRENT.try_with(|call| call.act(action));
}
