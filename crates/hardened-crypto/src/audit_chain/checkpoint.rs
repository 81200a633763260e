//! What a chain was at one time, under the root key, to be kept outside the database.
//!
//! The text follows C2SP tlog-checkpoint in a signed note (c2sp.org/signed-note), with HMAC
//! in the place of a signature: who can check it could also have made it. Key id: 4 bytes in
//! front of the MAC, as in a signed note.
//!
//! ```text
//! sealgate.audit/<organisation, 32 hexadecimal digits>
//! <size>
//! <hash, standard base64>
//! time-utc-ms <time>
//!
//! — sealgate.audit <standard base64 of u32 root key id | HMAC-SHA256>
//! ```

use super::{
    Chain, ChainHash,
    line::{hex, parse_hex},
};
use crate::{
    context::{Context, Domain},
    error::{Error, Result},
    ids::OrgId,
    root_key::{Purpose, RootKeyring},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::hmac;

/// Entries between two checkpoints, unless configured otherwise.
pub const CHECKPOINT_EVERY_ENTRIES: u64 = 1000;
/// Longest text of a checkpoint.
pub const CHECKPOINT_TEXT_BYTES_MAX: usize = 512;

const ORIGIN: &str = "sealgate.audit";
const MAC_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 4 + MAC_BYTES;

const UNREADABLE: Error = Error::malformed("not an audit checkpoint");

/// What a chain was at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    org: OrgId,
    size: u64,
    hash: ChainHash,
    time_utc_ms: i64,
}

impl Checkpoint {
    /// What `chain` is now.
    #[must_use]
    pub fn of(chain: &Chain, time_utc_ms: i64) -> Self {
        Self {
            org: chain.org(),
            size: chain.size(),
            hash: chain.hash(),
            time_utc_ms,
        }
    }

    /// Signs it with the current root key.
    #[must_use]
    pub fn sign(self, ring: &RootKeyring) -> SignedCheckpoint {
        let key = ring.current();
        let mut mac = [0; MAC_BYTES];
        let tag = hmac::sign(key.of(Purpose::AuditCheckpoint), &self.signed_bytes());
        mac.copy_from_slice(tag.as_ref());
        SignedCheckpoint {
            checkpoint: self,
            key_id: key.id(),
            mac,
        }
    }

    /// Whose chain it is of.
    #[must_use]
    pub fn org(&self) -> OrgId {
        self.org
    }

    /// Number of entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Hash of the last link.
    #[must_use]
    pub fn hash(&self) -> ChainHash {
        self.hash
    }

    /// When it was made: UTC milliseconds since the epoch.
    #[must_use]
    pub fn time_utc_ms(&self) -> i64 {
        self.time_utc_ms
    }

    /// The chain at this point, to append or verify from here.
    #[must_use]
    pub fn chain(&self) -> Chain {
        Chain::resume(self.org, self.size, self.hash)
    }

    /// The note, up to the empty line.
    fn note(&self) -> String {
        format!(
            "{ORIGIN}/{}\n{}\n{}\ntime-utc-ms {}\n",
            hex(&self.org.0),
            self.size,
            STANDARD.encode(self.hash.0),
            self.time_utc_ms,
        )
    }

    fn signed_bytes(&self) -> Vec<u8> {
        Context::new(Domain::Audit)
            .text("checkpoint")
            .text(&self.note())
            .finish()
    }
}

/// A checkpoint as it is kept. It says nothing until [`verify`](Self::verify) has checked it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    key_id: u32,
    mac: [u8; MAC_BYTES],
}

impl SignedCheckpoint {
    /// Checks the MAC; constant time in the MAC.
    ///
    /// # Errors
    /// `Tampered` when it is another one, or of a root key the ring does not hold.
    pub fn verify(&self, ring: &RootKeyring) -> Result<Checkpoint> {
        const REFUSED: Error = Error::tampered("an audit checkpoint did not authenticate");
        let key = ring.find(self.key_id).ok_or(REFUSED)?;
        let signed = self.checkpoint.signed_bytes();
        hmac::verify(key.of(Purpose::AuditCheckpoint), &signed, &self.mac)
            .map(|()| self.checkpoint)
            .map_err(|_| REFUSED)
    }

    /// The text, with its last line end.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut signature = [0; SIGNATURE_BYTES];
        signature[..4].copy_from_slice(&self.key_id.to_be_bytes());
        signature[4..].copy_from_slice(&self.mac);
        let note = self.checkpoint.note();
        format!("{note}\n\u{2014} {ORIGIN} {}\n", STANDARD.encode(signature))
    }

    /// Reads the text. Exactly one text stands for one checkpoint.
    ///
    /// # Errors
    /// `Malformed` for anything that [`to_text`](Self::to_text) does not write.
    pub fn parse(text: &[u8]) -> Result<Self> {
        if text.len() > CHECKPOINT_TEXT_BYTES_MAX {
            return Err(UNREADABLE);
        }
        let text = std::str::from_utf8(text).map_err(|_| UNREADABLE)?;
        let mut lines = text.split('\n');
        let mut line = |prefix: &str| {
            lines
                .next()
                .and_then(|line| line.strip_prefix(prefix))
                .ok_or(UNREADABLE)
        };
        let checkpoint = Checkpoint {
            org: OrgId(parse_hex(line("sealgate.audit/")?)?),
            size: line("")?.parse().map_err(|_| UNREADABLE)?,
            hash: ChainHash(parse_base64(line("")?)?),
            time_utc_ms: line("time-utc-ms ")?.parse().map_err(|_| UNREADABLE)?,
        };
        line("")?;
        let signature: [u8; SIGNATURE_BYTES] = parse_base64(line("\u{2014} sealgate.audit ")?)?;
        let (key_id, mac_bytes) = signature.split_first_chunk().ok_or(UNREADABLE)?;
        let mut mac = [0; MAC_BYTES];
        mac.copy_from_slice(mac_bytes);
        let parsed = Self {
            checkpoint,
            key_id: u32::from_be_bytes(*key_id),
            mac,
        };
        // One spelling: no leading zeros or plus signs, no capital digits, nothing behind.
        if parsed.to_text() == text {
            Ok(parsed)
        } else {
            Err(UNREADABLE)
        }
    }
}

fn parse_base64<const N: usize>(text: &str) -> Result<[u8; N]> {
    let decoded = STANDARD.decode(text).map_err(|_| UNREADABLE)?;
    decoded.try_into().map_err(|_| UNREADABLE)
}
