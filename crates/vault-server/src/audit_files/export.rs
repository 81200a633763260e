//! One link as one line of JSON.

use std::io::{self, Write};

use hardened_crypto::audit_chain::{
    Actor, AuditEntry, AuditEvent, ChainHash, ChainLink, LINE_BYTES_MAX, LogText,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::source::{AuditSource, SourceError};

/// Longest line: each byte of a text may be written as six, and the names of the fields.
pub const EXPORT_LINE_BYTES_MAX: usize = 6 * LINE_BYTES_MAX + 1_024;

const USER: &str = "user";
const HASH_BYTES: usize = 32;

/// A reason an export is incomplete.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The links could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The lines could not be written.
    #[error("cannot write the export: {0}")]
    Io(#[from] io::Error),
}

/// A link as an export tells it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExportLine {
    org_id: Uuid,
    sequence: u64,
    time_utc_ms: i64,
    actor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<Uuid>,
    action: String,
    target: String,
    outcome: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_version: Option<u64>,
    request_id: String,
    note: String,
    hash: String,
}

impl ExportLine {
    /// The line of a link.
    #[must_use]
    pub fn of(link: &ChainLink) -> Self {
        let event = &link.entry.event;
        let (actor, user_id) = match event.actor {
            Actor::User(user) => (USER, Some(Uuid::from_bytes(user.0))),
            Actor::Root => ("root", None),
            Actor::System => ("system", None),
            _ => ("anonymous", None),
        };
        Self {
            org_id: Uuid::from_bytes(link.entry.org.0),
            sequence: link.entry.sequence,
            time_utc_ms: event.time_utc_ms,
            actor: actor.to_owned(),
            user_id,
            action: event.action.to_string(),
            target: event.target.to_string(),
            outcome: event.outcome.to_string(),
            new_version: event.new_version,
            request_id: event.request_id.to_string(),
            note: event.note.to_string(),
            hash: hash_text(&link.hash),
        }
    }

    /// Reads a line, without its line end; `None` for anything else. Whether the link is genuine
    /// only its chain tells.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<ChainLink> {
        let read: Self = serde_json::from_slice(line).ok()?;
        let actor = match (read.actor.as_str(), read.user_id) {
            (USER, Some(user)) => Actor::User(user.into_bytes().into()),
            ("root", None) => Actor::Root,
            ("system", None) => Actor::System,
            ("anonymous", None) => Actor::Anonymous,
            _ => return None,
        };
        let event = AuditEvent {
            time_utc_ms: read.time_utc_ms,
            actor,
            action: LogText::new(&read.action).ok()?,
            target: LogText::new(&read.target).ok()?,
            outcome: LogText::new(&read.outcome).ok()?,
            new_version: read.new_version,
            request_id: LogText::new(&read.request_id).ok()?,
            note: LogText::new(&read.note).ok()?,
        };
        Some(ChainLink {
            entry: AuditEntry {
                sequence: read.sequence,
                org: read.org_id.into_bytes().into(),
                event,
            },
            hash: parse_hash(&read.hash)?,
        })
    }
}

/// The hash in hexadecimal.
pub(crate) fn hash_text(hash: &ChainHash) -> String {
    hash.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse_hash(text: &str) -> Option<ChainHash> {
    let mut hash = ChainHash([0; HASH_BYTES]);
    if text.len() != 2 * HASH_BYTES || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in hash.0.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(hash)
}

/// Writes every chain, one line for each link. Returns how many.
///
/// # Errors
/// [`ExportError`]; what was written before is whole lines.
pub fn export(source: &dyn AuditSource, mut out: impl Write) -> Result<u64, ExportError> {
    let mut written = 0;
    for org_id in source.orgs()? {
        let mut outcome = Ok(());
        source.links(org_id, &mut |link| {
            outcome = serde_json::to_vec(&ExportLine::of(&link))
                .map_err(io::Error::from)
                .and_then(|mut line| {
                    line.push(b'\n');
                    out.write_all(&line)
                });
            written += 1;
            outcome.is_ok()
        })?;
        outcome?;
    }
    out.flush()?;
    Ok(written)
}
