//! One link as one line of text, for export and for the log.
//!
//! ```text
//! sg1 TAB sequence TAB UTC ms TAB organisation TAB actor TAB action TAB target TAB outcome
//!     TAB new version or - TAB request id TAB note TAB hash
//! ```
//!
//! Numbers are decimal, ids and the hash lower-case hexadecimal; no field can hold a tab or a
//! line end, so nothing is escaped. Exactly one line stands for one link.

use super::{
    Actor, AuditEntry, AuditEvent, ChainHash, ChainLink, LogText,
    entry::{
        ACTION_BYTES_MAX, NOTE_BYTES_MAX, OUTCOME_BYTES_MAX, REQUEST_ID_BYTES_MAX, TARGET_BYTES_MAX,
    },
};
use crate::{
    error::{Error, Result},
    ids::{OrgId, UserId},
};
use std::fmt::Write;

/// Longest line, without a line end.
pub const LINE_BYTES_MAX: usize = 3 * 20 // numbers
    + 32 + 5 + 32 + 64 // organisation, actor, hash
    + ACTION_BYTES_MAX
    + TARGET_BYTES_MAX
    + OUTCOME_BYTES_MAX
    + REQUEST_ID_BYTES_MAX
    + NOTE_BYTES_MAX
    + FORMAT.len()
    + FIELDS
    - 1;

const FORMAT: &str = "sg1";
const FIELDS: usize = 12;
const ABSENT: &str = "-";
const USER: &str = "user:";

const UNREADABLE: Error = Error::malformed("not a line of the audit log");

impl ChainLink {
    /// The line, without a line end.
    #[must_use]
    pub fn to_line(&self) -> String {
        let AuditEntry {
            sequence,
            org,
            event,
        } = &self.entry;
        let version = event.new_version.map(|version| version.to_string());
        let fields = [
            FORMAT,
            &sequence.to_string(),
            &event.time_utc_ms.to_string(),
            &hex(&org.0),
            &actor_text(event.actor),
            event.action.as_str(),
            event.target.as_str(),
            event.outcome.as_str(),
            version.as_deref().unwrap_or(ABSENT),
            event.request_id.as_str(),
            event.note.as_str(),
            &hex(&self.hash.0),
        ];
        fields.join("\t")
    }

    /// Reads a line, without its line end. Whether the link is genuine only its chain tells.
    ///
    /// # Errors
    /// `Malformed` for anything that [`to_line`](Self::to_line) does not write.
    pub fn parse_line(line: &[u8]) -> Result<Self> {
        if line.len() > LINE_BYTES_MAX {
            return Err(UNREADABLE);
        }
        let line = std::str::from_utf8(line).map_err(|_| UNREADABLE)?;
        let mut fields = [""; FIELDS];
        let mut found = line.split('\t');
        for field in &mut fields {
            *field = found.next().ok_or(UNREADABLE)?;
        }
        let link = Self::from_fields(fields)?;
        // One spelling: no leading zeros or plus signs, no capital digits, no further field.
        if link.to_line() == line {
            Ok(link)
        } else {
            Err(UNREADABLE)
        }
    }

    fn from_fields(fields: [&str; FIELDS]) -> Result<Self> {
        let [
            _,
            sequence,
            time,
            org,
            actor,
            action,
            target,
            outcome,
            version,
            request_id,
            note,
            hash,
        ] = fields;
        let event = AuditEvent {
            time_utc_ms: time.parse().map_err(|_| UNREADABLE)?,
            actor: parse_actor(actor)?,
            action: text(action)?,
            target: text(target)?,
            outcome: text(outcome)?,
            new_version: match version {
                ABSENT => None,
                number => Some(number.parse().map_err(|_| UNREADABLE)?),
            },
            request_id: text(request_id)?,
            note: text(note)?,
        };
        let entry = AuditEntry {
            sequence: sequence.parse().map_err(|_| UNREADABLE)?,
            org: OrgId(parse_hex(org)?),
            event,
        };
        Ok(Self {
            entry,
            hash: ChainHash(parse_hex(hash)?),
        })
    }
}

fn text<const BYTES_MAX: usize>(field: &str) -> Result<LogText<BYTES_MAX>> {
    LogText::new(field).map_err(|_| UNREADABLE)
}

fn actor_text(actor: Actor) -> String {
    match actor {
        Actor::Anonymous => "anonymous".to_owned(),
        Actor::Root => "root".to_owned(),
        Actor::System => "system".to_owned(),
        Actor::User(user) => format!("{USER}{}", hex(&user.0)),
    }
}

fn parse_actor(field: &str) -> Result<Actor> {
    match field {
        "anonymous" => Ok(Actor::Anonymous),
        "root" => Ok(Actor::Root),
        "system" => Ok(Actor::System),
        _ => {
            let user = field.strip_prefix(USER).ok_or(UNREADABLE)?;
            Ok(Actor::User(UserId(parse_hex(user)?)))
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
    }
    text
}

/// Reads exactly `2 * N` digits. Callers compare with [`hex`], which has one spelling.
pub(super) fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N]> {
    if text.len() != 2 * N || !text.is_ascii() {
        return Err(UNREADABLE);
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        let digits = &text[2 * at..2 * at + 2];
        *byte = u8::from_str_radix(digits, 16).map_err(|_| UNREADABLE)?;
    }
    Ok(bytes)
}
