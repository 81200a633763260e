//! An event as bytes: what a store is given to chain, and keeps.
//!
//! ```text
//! version u8 = 1 | UTC ms i64 | actor u8, 3: user id | 0 or 1: new version u64
//!     | action | target | outcome | request id | note, each as u16 length and bytes
//! ```
//!
//! Integers are big-endian. Exactly one run of bytes stands for one event. The hash of a link
//! is not over these bytes but over the context encoding of the entry.

use super::{
    Actor, AuditEvent, LogText,
    entry::{
        ACTION_BYTES_MAX, NOTE_BYTES_MAX, OUTCOME_BYTES_MAX, REQUEST_ID_BYTES_MAX, TARGET_BYTES_MAX,
    },
};
use crate::{
    error::{Error, Result},
    ids::UserId,
};

const VERSION: u8 = 1;
const USER: u8 = 3;
const TEXTS: usize = 5;

/// Longest event.
pub const EVENT_BYTES_MAX: usize = 1
    + 8
    + 17
    + 9
    + 2 * TEXTS
    + ACTION_BYTES_MAX
    + TARGET_BYTES_MAX
    + OUTCOME_BYTES_MAX
    + REQUEST_ID_BYTES_MAX
    + NOTE_BYTES_MAX;

const UNREADABLE: Error = Error::malformed("not an audit event");

impl AuditEvent {
    /// The bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let texts = [
            self.action.as_str(),
            self.target.as_str(),
            self.outcome.as_str(),
            self.request_id.as_str(),
            self.note.as_str(),
        ];
        let text_bytes: usize = texts.iter().map(|text| text.len()).sum();
        let mut bytes = Vec::with_capacity(EVENT_BYTES_MAX.min(64 + text_bytes));
        bytes.push(VERSION);
        bytes.extend(self.time_utc_ms.to_be_bytes());
        match self.actor {
            Actor::Anonymous => bytes.push(0),
            Actor::Root => bytes.push(1),
            Actor::System => bytes.push(2),
            Actor::User(user) => {
                bytes.push(USER);
                bytes.extend(user.0);
            }
        }
        match self.new_version {
            None => bytes.push(0),
            Some(version) => {
                bytes.push(1);
                bytes.extend(version.to_be_bytes());
            }
        }
        for text in texts {
            let length = u16::try_from(text.len()).expect("the bounds of the texts fit");
            bytes.extend(length.to_be_bytes());
            bytes.extend(text.as_bytes());
        }
        bytes
    }

    /// Reads the bytes.
    ///
    /// # Errors
    /// `Malformed` for anything that [`to_bytes`](Self::to_bytes) does not write.
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self> {
        let mut input = Input(bytes);
        if input.byte()? != VERSION {
            return Err(UNREADABLE);
        }
        let event = Self {
            time_utc_ms: i64::from_be_bytes(input.array()?),
            actor: match input.byte()? {
                0 => Actor::Anonymous,
                1 => Actor::Root,
                2 => Actor::System,
                USER => Actor::User(UserId(input.array()?)),
                _ => return Err(UNREADABLE),
            },
            new_version: match input.byte()? {
                0 => None,
                1 => Some(u64::from_be_bytes(input.array()?)),
                _ => return Err(UNREADABLE),
            },
            action: input.text()?,
            target: input.text()?,
            outcome: input.text()?,
            request_id: input.text()?,
            note: input.text()?,
        };
        if input.0.is_empty() {
            Ok(event)
        } else {
            Err(UNREADABLE)
        }
    }
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn take(&mut self, count: usize) -> Result<&[u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(UNREADABLE)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| UNREADABLE)
    }

    fn byte(&mut self) -> Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn text<const BYTES_MAX: usize>(&mut self) -> Result<LogText<BYTES_MAX>> {
        let length = usize::from(u16::from_be_bytes(self.array()?));
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| UNREADABLE)?;
        LogText::new(text).map_err(|_| UNREADABLE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(actor: Actor, new_version: Option<u64>) -> AuditEvent {
        AuditEvent {
            time_utc_ms: -1,
            actor,
            action: LogText::new("kv.read").unwrap(),
            target: LogText::new("value:1").unwrap(),
            outcome: LogText::new("ok").unwrap(),
            new_version,
            request_id: LogText::new("r").unwrap(),
            note: LogText::default(),
        }
    }

    #[test]
    fn every_event_comes_back_and_no_part_of_one_is_an_event() {
        for actor in [
            Actor::Anonymous,
            Actor::Root,
            Actor::System,
            Actor::User(UserId([7; 16])),
        ] {
            for version in [None, Some(u64::MAX)] {
                let event = event(actor, version);
                let bytes = event.to_bytes();
                assert_eq!(AuditEvent::parse_bytes(&bytes).unwrap(), event);
                for cut in 0..bytes.len() {
                    assert!(AuditEvent::parse_bytes(&bytes[..cut]).is_err(), "{cut}");
                }
                let longer = [bytes.as_slice(), &[0]].concat();
                assert!(AuditEvent::parse_bytes(&longer).is_err());
            }
        }
    }

    #[test]
    fn an_altered_byte_is_another_event_or_none() {
        let event = event(Actor::User(UserId([7; 16])), Some(1));
        let bytes = event.to_bytes();
        for at in 0..bytes.len() {
            for flip in [1, 0x80] {
                let mut altered = bytes.clone();
                altered[at] ^= flip;
                if let Ok(other) = AuditEvent::parse_bytes(&altered) {
                    assert_ne!(other, event, "byte {at}");
                    assert_eq!(other.to_bytes(), altered, "byte {at}");
                }
            }
        }
    }

    #[test]
    fn the_longest_event_fits() {
        let text = |bytes: usize| "x".repeat(bytes);
        let longest = AuditEvent {
            action: LogText::new(&text(ACTION_BYTES_MAX)).unwrap(),
            target: LogText::new(&text(TARGET_BYTES_MAX)).unwrap(),
            outcome: LogText::new(&text(OUTCOME_BYTES_MAX)).unwrap(),
            request_id: LogText::new(&text(REQUEST_ID_BYTES_MAX)).unwrap(),
            note: LogText::new(&text(NOTE_BYTES_MAX)).unwrap(),
            ..event(Actor::User(UserId([7; 16])), Some(1))
        };
        assert_eq!(longest.to_bytes().len(), EVENT_BYTES_MAX);
    }
}
