//! Lengths and bytes in one canonical order: how scopes and boxes are stored.
//!
//! Promise: reading is strict, so what was read is written again as the same bytes: no bytes are
//! left over, and every length is checked before anything is copied.

/// Appends a number and that many entries.
pub(super) fn put_list<'a>(out: &mut Vec<u8>, entries: impl ExactSizeIterator<Item = &'a [u8]>) {
    out.extend(short(entries.len()));
    for entry in entries {
        put_bytes(out, entry);
    }
}

/// Appends bytes behind their length.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(short(bytes.len()));
    out.extend(bytes);
}

fn short(length: usize) -> [u8; 2] {
    u16::try_from(length)
        .expect("every list and entry was checked against a smaller bound")
        .to_be_bytes()
}

/// Bytes that are still to be read. `None` from every call on bytes that end too early.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn count(&mut self) -> Option<usize> {
        self.array().map(u16::from_be_bytes).map(usize::from)
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.count()?;
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// A list of at most `entries_max` texts.
    pub(super) fn texts(&mut self, entries_max: usize) -> Option<Vec<String>> {
        let count = self.count().filter(|count| *count <= entries_max)?;
        (0..count)
            .map(|_| std::str::from_utf8(self.bytes()?).ok().map(str::to_owned))
            .collect()
    }
}
