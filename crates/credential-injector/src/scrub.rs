//! Finds an injected secret in an answer and takes it out again.
//!
//! In: the secret that went up, and the answer's headers, body pieces and trailers in their
//! order. Out: the same with every occurrence overwritten by as many `*`, so that lengths stay
//! true. An upstream that repeats what it was sent (a debugging page, an error with the request
//! in it) would otherwise hand the caller a secret that it may use but not see.
//!
//! Promises: no byte of an occurrence gets through, across pieces of any size, also where spellings
//! contain or overlap one another; at most the secret's length
//! less one byte is kept back, and only while the last bytes may be the beginning of the secret;
//! kept bytes are wiped. Not here: compressed bodies, in which nothing can be seen (the caller
//! asks the upstream for `identity`), other spellings of the secret (an upstream that encodes it
//! means to), and secrets shorter than [`SCRUBBED_BYTES_MIN`], which would tear up innocent text.

use std::fmt;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};
use memchr::memmem;
use zeroize::{Zeroize, Zeroizing};

/// Shorter secrets are not looked for, in bytes.
pub const SCRUBBED_BYTES_MIN: usize = 8;

/// Texts up to this are searched byte by byte: preparing a search costs more than it saves.
const SHORT_TEXT_BYTES_MAX: usize = 1_024;

/// What stands in the place of each byte of a secret.
const MASK: u8 = b'*';

/// What happens to an answer that repeats the injected secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EchoScrub {
    /// It passes as it came.
    Off,
    /// The secret is overwritten.
    #[default]
    Redact,
    /// The answer is refused, or broken off where the secret begins.
    Refuse,
}

/// The answer repeats the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer repeats the injected credential")]
pub struct SecretEchoed;

/// The secret of one request, in the spellings that it was sent in.
#[derive(Clone)]
pub struct EchoedSecret {
    // Clones are few: headers, body and trailers of one answer.
    needles: Vec<Zeroizing<Box<[u8]>>>,
}

impl EchoedSecret {
    /// Looks for what follows the scheme of the injected header value (`Bearer …`), and behind
    /// `Basic` for the password alone, or for the user where that is too short. For the whole value
    /// where the token is too short, or where its first word is long for a scheme. `None` when all
    /// are too short.
    pub(crate) fn of_header(value: &HeaderValue) -> Option<Self> {
        let bytes = value.as_bytes();
        let space = memchr::memchr(b' ', bytes).unwrap_or(0);
        let (scheme, token) = (&bytes[..space], bytes[space..].trim_ascii());
        let mut needles = Vec::new();
        if scheme.eq_ignore_ascii_case(b"basic") {
            let mut pair = Zeroizing::new(vec![0; token.len()]);
            if let Ok(length) = STANDARD.decode_slice(token, &mut pair) {
                let mut parts = pair[..length].splitn(2, |byte| *byte == b':');
                let (user, password) = (parts.next(), parts.next());
                let password = password.and_then(needle);
                // Some put a key in the user's place and leave the password empty.
                needles.extend(password.or_else(|| user.and_then(needle)));
            }
        }
        needles.extend(needle(token));
        if token.len() < SCRUBBED_BYTES_MIN || scheme.len() >= SCRUBBED_BYTES_MIN {
            needles.extend(needle(bytes));
        }
        (!needles.is_empty()).then_some(Self { needles })
    }

    /// As [`EchoedSecret::of_header`], and for the value as it stands in a query.
    pub(crate) fn of_query(value: &HeaderValue, encoded: &[u8]) -> Option<Self> {
        let mut needles = Self::of_header(value).map_or_else(Vec::new, |found| found.needles);
        if encoded != value.as_bytes() {
            needles.extend(needle(encoded));
        }
        (!needles.is_empty()).then_some(Self { needles })
    }

    /// Looks for a stored secret itself, whatever the template made of it; where that was an encoding,
    /// for `user` and `password` on either side of its first colon, too. `None` when all are too
    /// short.
    pub(crate) fn of_secret(secret: &[u8], sent: &HeaderValue) -> Option<Self> {
        let mut needles: Vec<_> = needle(secret).into_iter().collect();
        let encoded = memmem::find(sent.as_bytes(), secret).is_none();
        if encoded && let Some(colon) = memchr::memchr(b':', secret) {
            needles.extend(needle(&secret[..colon]));
            needles.extend(needle(&secret[colon + 1..]));
        }
        (!needles.is_empty()).then_some(Self { needles })
    }

    /// Looks for what either looks for.
    pub(crate) fn both(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(one.and(other)),
            (one, other) => one.or(other),
        }
    }

    /// Looks for what `other` looks for, too. A spelling that contains another one stays: to find
    /// the shorter is not to overwrite the longer.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for needle in other.needles {
            if self.needles.iter().all(|known| **known != *needle) {
                self.needles.push(needle);
            }
        }
        self
    }

    /// Looks for these bytes as they are; `None` when they are too short.
    #[must_use]
    pub fn of_bytes(secret: &[u8]) -> Option<Self> {
        needle(secret).map(|needle| Self {
            needles: vec![needle],
        })
    }

    /// Whether `text` holds the secret.
    #[must_use]
    pub fn is_in(&self, text: &[u8]) -> bool {
        self.needles.iter().any(|needle| is_in(text, needle))
    }

    /// Overwrites the secret in header values. Says whether it was there.
    pub fn redact_headers(&self, headers: &mut HeaderMap) -> bool {
        let mut found = false;
        for value in headers.values_mut() {
            if !self.is_in(value.as_bytes()) {
                continue;
            }
            found = true;
            let mut text = Zeroizing::new(value.as_bytes().to_vec());
            let places = self.occurrences(&text);
            overwrite(&mut text, &places);
            // Overwriting with printable bytes keeps a value valid.
            *value = HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("*"));
        }
        found
    }

    /// A filter for the pieces of one body.
    #[must_use]
    pub fn body_filter(self) -> BodyFilter {
        let longest = self.needles.iter().map(|needle| needle.len()).max();
        BodyFilter {
            // Sized beforehand: a buffer that grows leaves its old, unwiped bytes behind.
            kept: Zeroizing::new(Vec::with_capacity(longest.unwrap_or(0))),
            covered: 0,
            secret: self,
        }
    }

    /// Where occurrences of any spelling lie in `text`.
    fn occurrences(&self, text: &[u8]) -> Vec<Range<usize>> {
        let all = self.needles.iter().map(|needle| runs(needle, text));
        all.flatten().collect()
    }

    /// The length of the longest end of `text` that some occurrence may begin with.
    fn beginning_at_end(&self, text: &[u8]) -> usize {
        let of_needle = |needle: &[u8]| {
            let longest = text.len().min(needle.len() - 1);
            (1..=longest)
                .rev()
                .find(|length| text.ends_with(&needle[..*length]))
        };
        let lengths = self.needles.iter().filter_map(|needle| of_needle(needle));
        lengths.max().unwrap_or(0)
    }
}

/// Never shows the secret.
impl fmt::Debug for EchoedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EchoedSecret").finish_non_exhaustive()
    }
}

/// Whether `needle`, which is not empty, stands in `text`.
fn is_in(text: &[u8], needle: &[u8]) -> bool {
    if text.len() > SHORT_TEXT_BYTES_MAX {
        return memmem::find(text, needle).is_some();
    }
    memchr::memchr_iter(needle[0], text).any(|at| text[at..].starts_with(needle))
}

fn needle(secret: &[u8]) -> Option<Zeroizing<Box<[u8]>>> {
    (secret.len() >= SCRUBBED_BYTES_MIN).then(|| Zeroizing::new(secret.into()))
}

/// Where `needle` lies in `text`, occurrences that overlap or touch as one range, in one pass
/// whatever the two look like (Knuth, Morris and Pratt).
fn runs(needle: &[u8], text: &[u8]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    // Most texts hold none, which is found out faster.
    let Some(first) = memmem::find(text, needle) else {
        return runs;
    };
    let borders = borders(needle);
    let mut matched = 0;
    for (at, byte) in text.iter().enumerate().skip(first) {
        matched = grown(needle, &borders, matched, *byte);
        if matched < needle.len() {
            continue;
        }
        let (from, to) = (at + 1 - matched, at + 1);
        match runs.last_mut() {
            Some(last) if from <= last.end => last.end = to,
            _ => runs.push(from..to),
        }
        matched = borders[matched - 1];
    }
    runs
}

/// For each beginning of `needle`, the length of the longest other beginning that it ends with.
fn borders(needle: &[u8]) -> Vec<usize> {
    let mut borders = vec![0; needle.len()];
    for at in 1..needle.len() {
        borders[at] = grown(needle, &borders, borders[at - 1], needle[at]);
    }
    borders
}

/// The length of the longest beginning of `needle` that ends with `byte`, where the longest
/// without it was `matched`, less than the whole.
fn grown(needle: &[u8], borders: &[usize], mut matched: usize, byte: u8) -> usize {
    while matched > 0 && needle[matched] != byte {
        matched = borders[matched - 1];
    }
    matched + usize::from(needle[matched] == byte)
}

fn overwrite(text: &mut [u8], found: &[Range<usize>]) {
    for range in found {
        text[range.clone()].fill(MASK);
    }
}

/// Overwrites the secret in the pieces of one body.
#[derive(Debug)]
pub struct BodyFilter {
    secret: EchoedSecret,
    /// The last bytes as they came, since a longer spelling may begin within a shorter one.
    kept: Zeroizing<Vec<u8>>,
    /// How many of them belong to an occurrence whose beginning has gone on already.
    covered: usize,
}

/// A piece that may go on.
#[derive(Debug, PartialEq, Eq)]
pub struct Filtered {
    /// The bytes, possibly none.
    pub bytes: Bytes,
    /// Whether the secret was in them.
    pub found: bool,
}

impl BodyFilter {
    /// Takes the next piece and gives what is certain by now.
    pub fn push(&mut self, piece: Bytes) -> Filtered {
        if self.kept.is_empty() && !self.secret.is_in(&piece) {
            let keep = self.secret.beginning_at_end(&piece);
            // The usual case: the very piece goes on, uncopied.
            return self.split(piece, keep);
        }
        let mut joined = BytesMut::with_capacity(self.kept.len() + piece.len());
        joined.extend_from_slice(&self.kept);
        joined.extend_from_slice(&piece);
        self.forget_kept();
        let found = self.secret.occurrences(&joined);
        let cut = joined.len() - self.secret.beginning_at_end(&joined);
        self.kept.extend_from_slice(&joined[cut..]);
        // Those that begin behind the cut will be found once more.
        let begun = found.iter().filter(|range| range.start < cut);
        let end = begun.map(|range| range.end).fold(self.covered, usize::max);
        overwrite(&mut joined, &found);
        joined[..self.covered].fill(MASK);
        self.covered = end.saturating_sub(cut);
        joined[cut..].zeroize();
        joined.truncate(cut);
        Filtered {
            bytes: joined.freeze(),
            found: !found.is_empty(),
        }
    }

    /// What was kept back, once the body has ended.
    pub fn finish(&mut self) -> Bytes {
        let mut rest = BytesMut::from(&self.kept[..]);
        overwrite(&mut rest, &self.secret.occurrences(&self.kept));
        rest[..self.covered].fill(MASK);
        self.covered = 0;
        self.forget_kept();
        rest.freeze()
    }

    /// How many bytes are kept back.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.kept.len()
    }

    fn split(&mut self, mut piece: Bytes, keep: usize) -> Filtered {
        let rest = piece.split_off(piece.len() - keep);
        self.kept.extend_from_slice(&rest);
        Filtered {
            bytes: piece,
            found: false,
        }
    }

    fn forget_kept(&mut self) {
        // Wipes and empties, the capacity stays.
        self.kept.zeroize();
    }
}
