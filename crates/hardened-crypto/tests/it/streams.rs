//! The streaming reader and writer, and random access, under every kind of bad input.

use crate::world::value_place;
use hardened_crypto::{
    Error, ErrorKind,
    data_key::DataKey,
    payload::{self, CHUNK_BYTES, PREFIX_BYTES, PayloadReader, PayloadWriter, RandomAccess},
};
use proptest::prelude::*;
use std::{
    io::{self, Cursor, Read, Write},
    panic::{AssertUnwindSafe, catch_unwind},
};

const SEALED_CHUNK: usize = CHUNK_BYTES + 16;
/// Lengths around everything that has a border.
const LENGTHS: [usize; 9] = [0, 1, 20, 16_383, 16_384, 16_385, 32_767, 32_768, 40_000];

fn message(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 % 251) as u8).collect()
}

fn sealed(length: usize) -> (DataKey, Vec<u8>) {
    let data_key = DataKey::make().unwrap();
    let sealed = payload::seal(&data_key, &value_place(), &message(length)).unwrap();
    (data_key, sealed)
}

/// What came out, and how it ended.
fn read_all(data_key: &DataKey, inner: impl Read) -> (Vec<u8>, io::Result<usize>) {
    let mut released = Vec::new();
    let end = PayloadReader::new(inner, data_key, &value_place())
        .and_then(|mut reader| reader.read_to_end(&mut released));
    (released, end)
}

fn kind_of(error: &io::Error) -> Option<ErrorKind> {
    let inner = error.get_ref()?.downcast_ref::<Error>()?;
    Some(inner.kind())
}

/// The reader ends in an error and has released nothing but verified whole chunks.
fn check_refused(what: &str, data_key: &DataKey, altered: &[u8], original: &[u8]) {
    let (released, end) = read_all(data_key, altered);
    let error = end.expect_err(what);
    assert_eq!(kind_of(&error), Some(ErrorKind::Tampered), "{what}");
    assert!(original.starts_with(&released), "{what}");
    assert_eq!(released.len() % CHUNK_BYTES, 0, "{what}");
    assert!(
        payload::open(data_key, &value_place(), altered).is_err(),
        "{what}"
    );
}

/// Prefix and chunks of a payload, to be put together in other ways.
fn parts(sealed: &[u8]) -> (&[u8], Vec<&[u8]>) {
    let (prefix, chunks) = sealed.split_at(PREFIX_BYTES);
    (prefix, chunks.chunks(SEALED_CHUNK).collect())
}

fn assemble(prefix: &[u8], chunks: &[&[u8]]) -> Vec<u8> {
    [prefix, &chunks.concat()].concat()
}

#[test]
fn streams_and_memory_agree() {
    for length in LENGTHS {
        let (data_key, sealed) = sealed(length);
        assert_eq!(sealed.len(), payload::sealed_bytes(length));
        let (streamed, end) = read_all(&data_key, sealed.as_slice());
        assert_eq!(end.unwrap(), length);
        assert_eq!(streamed, message(length));

        let mut writer = PayloadWriter::new(Vec::new(), &data_key, &value_place()).unwrap();
        writer.write_all(&message(length)).unwrap();
        let written = writer.finish().unwrap();
        assert_eq!(written.len(), sealed.len());
        let opened = payload::open(&data_key, &value_place(), &written).unwrap();
        assert_eq!(*opened, message(length));
    }
}

/// Gives one byte at a time, and is interrupted before each.
struct Dribble<'a>(&'a [u8], bool);

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let count = buffer.len().min(1);
        self.0.read(&mut buffer[..count])
    }
}

#[test]
fn one_byte_reads_and_writes() {
    let (data_key, sealed) = sealed(16_385);
    let inner = Dribble(&sealed, false);
    let mut reader = PayloadReader::new(inner, &data_key, &value_place()).unwrap();
    let mut one_by_one = Vec::new();
    let mut byte = [0; 1];
    while reader.read(&mut byte).unwrap() == 1 {
        one_by_one.push(byte[0]);
    }
    assert_eq!(one_by_one, message(16_385));
    assert_eq!(reader.read(&mut byte).unwrap(), 0);
    assert_eq!(reader.read(&mut []).unwrap(), 0);

    let mut writer = PayloadWriter::new(Vec::new(), &data_key, &value_place()).unwrap();
    for byte in message(16_385) {
        writer.write_all(&[byte]).unwrap();
    }
    let written = writer.finish().unwrap();
    let opened = payload::open(&data_key, &value_place(), &written).unwrap();
    assert_eq!(*opened, message(16_385));
}

#[test]
fn truncation_anywhere_near_a_border() {
    let (data_key, sealed) = sealed(40_000);
    let borders = [
        0,
        17,
        PREFIX_BYTES,
        PREFIX_BYTES + SEALED_CHUNK,
        PREFIX_BYTES + 2 * SEALED_CHUNK,
        sealed.len(),
    ];
    for border in borders {
        for at in border.saturating_sub(20)..(border + 20).min(sealed.len()) {
            let what = format!("cut at {at}");
            check_refused(&what, &data_key, &sealed[..at], &message(40_000));
        }
    }
}

#[test]
fn chunks_swapped_repeated_dropped_and_appended() {
    // Two whole chunks and a short one.
    let (data_key, sealed) = sealed(40_000);
    let (prefix, chunks) = parts(&sealed);
    let [first, second, last] = chunks[..] else {
        panic!("three chunks");
    };
    let junk = [0; 100];
    let altered: [(&str, &[&[u8]]); 15] = [
        ("swapped", &[second, first, last]),
        ("first repeated", &[first, first, second, last]),
        ("first in place of the second", &[first, first, last]),
        ("second in place of the first", &[second, second, last]),
        ("first dropped", &[second, last]),
        ("second dropped", &[first, last]),
        ("last dropped", &[first, second]),
        ("all but the last dropped", &[last]),
        ("all dropped", &[]),
        ("last repeated", &[first, second, last, last]),
        ("last in front", &[last, first, second, last]),
        ("whole chunk behind the last", &[first, second, last, first]),
        ("a byte behind the last", &[first, second, last, &junk[..1]]),
        (
            "a tag's length behind the last",
            &[first, second, last, &junk[..16]],
        ),
        ("junk behind the last", &[first, second, last, &junk]),
    ];
    for (what, chunks) in altered {
        let altered = assemble(prefix, chunks);
        check_refused(what, &data_key, &altered, &message(40_000));
    }
    assert_eq!(assemble(prefix, &[first, second, last]), sealed);
}

#[test]
fn payloads_of_one_key_do_not_splice() {
    let data_key = DataKey::make().unwrap();
    let seal = || payload::seal(&data_key, &value_place(), &message(40_000)).unwrap();
    let (one, other) = (seal(), seal());
    let (prefix, chunks) = parts(&one);
    let (other_prefix, other_chunks) = parts(&other);
    let spliced = [
        ("another prefix", assemble(other_prefix, &chunks)),
        (
            "another first",
            assemble(prefix, &[other_chunks[0], chunks[1], chunks[2]]),
        ),
        (
            "another second",
            assemble(prefix, &[chunks[0], other_chunks[1], chunks[2]]),
        ),
        (
            "another last",
            assemble(prefix, &[chunks[0], chunks[1], other_chunks[2]]),
        ),
    ];
    for (what, altered) in spliced {
        check_refused(what, &data_key, &altered, &message(40_000));
    }
    // Salt of one, commitment of the other.
    let salt_end = PREFIX_BYTES - 32;
    let mixed = [
        &prefix[..salt_end],
        &other_prefix[salt_end..],
        &chunks.concat(),
    ]
    .concat();
    check_refused("mixed prefix", &data_key, &mixed, &message(40_000));
}

/// Nothing is released before its chunk has verified, and all before a bad chunk is.
#[test]
fn a_bad_chunk_releases_nothing_of_itself() {
    let (data_key, sealed) = sealed(40_000);
    for chunk in 0..3 {
        let mut altered = sealed.clone();
        altered[PREFIX_BYTES + chunk * SEALED_CHUNK + 5] ^= 1;
        let mut reader = PayloadReader::new(&altered[..], &data_key, &value_place()).unwrap();
        let mut buffer = vec![0xee; 50_000];
        let mut released = 0;
        let error = loop {
            match reader.read(&mut buffer[released..]) {
                Ok(0) => panic!("a clean end"),
                Ok(count) => released += count,
                Err(error) => break error,
            }
        };
        assert_eq!(kind_of(&error), Some(ErrorKind::Tampered));
        assert_eq!(released, chunk * CHUNK_BYTES);
        assert_eq!(buffer[..released], message(40_000)[..released]);
        assert!(buffer[released..].iter().all(|byte| *byte == 0xee));
        // And it stays in error.
        for _ in 0..3 {
            let again = reader.read(&mut buffer).unwrap_err();
            assert_eq!(kind_of(&again), Some(ErrorKind::Tampered));
        }
    }
}

/// Fails once after `good` bytes, then goes on as if nothing had been.
struct Breaks<'a> {
    inner: &'a [u8],
    good: usize,
    broken: bool,
}

impl Read for Breaks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.good == 0 && !self.broken {
            self.broken = true;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let limit = if self.broken { usize::MAX } else { self.good };
        let count = buffer.len().min(limit);
        let count = self.inner.read(&mut buffer[..count])?;
        self.good = self.good.saturating_sub(count);
        Ok(count)
    }
}

#[test]
fn an_inner_reader_that_fails_midway() {
    let (data_key, sealed) = sealed(40_000);
    let places = [
        0, 5, 16, 17, 72, 73, 74, 1000, 16_472, 16_473, 16_474, 30_000,
    ];
    for good in places.into_iter().chain([sealed.len() - 1, sealed.len()]) {
        let inner = Breaks {
            inner: &sealed,
            good,
            broken: false,
        };
        let mut reader = match PayloadReader::new(inner, &data_key, &value_place()) {
            Ok(reader) => reader,
            Err(error) => {
                assert!(good < PREFIX_BYTES);
                assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
                continue;
            }
        };
        let mut released = Vec::new();
        let error = reader.read_to_end(&mut released).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert!(message(40_000).starts_with(&released));
        // What the source says afterwards no longer matters.
        let again = reader.read(&mut [0; 1]).unwrap_err();
        assert_eq!(kind_of(&again), Some(ErrorKind::Unavailable));
    }
}

/// Gives the prefix and half a chunk, panics once, and goes on.
struct Panics<'a> {
    inner: &'a [u8],
    calls: usize,
}

impl Read for Panics<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.calls += 1;
        assert_ne!(self.calls, 4, "a source that panics on purpose");
        let count = buffer.len().min(8_000);
        self.inner.read(&mut buffer[..count])
    }
}

/// A caller who catches the panic of a source gets nothing unverified out of the reader.
#[test]
fn an_inner_reader_that_panics_midway() {
    let (data_key, sealed) = sealed(40_000);
    let inner = Panics {
        inner: &sealed,
        calls: 0,
    };
    let mut reader = PayloadReader::new(inner, &data_key, &value_place()).unwrap();
    let mut buffer = [0xee; 100];
    let caught = catch_unwind(AssertUnwindSafe(|| reader.read(&mut buffer).is_ok()));
    assert!(caught.is_err());
    let error = reader.read(&mut buffer).unwrap_err();
    assert_eq!(kind_of(&error), Some(ErrorKind::Tampered));
    assert_eq!(buffer, [0xee; 100]);
}

/// Takes so many bytes, then is full.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let count = buffer.len().min(self.0);
        self.0 -= count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_inner_writer_that_fails_midway() {
    let data_key = DataKey::make().unwrap();
    let sealed = payload::sealed_bytes(40_000);
    for room in [
        0,
        10,
        17,
        72,
        73,
        1000,
        16_473,
        30_000,
        sealed - 17,
        sealed - 1,
    ] {
        let finished =
            PayloadWriter::new(Full(room), &data_key, &value_place()).and_then(|mut writer| {
                let written = writer.write_all(&message(40_000));
                if written.is_err() {
                    // Broken for good: neither a retry nor the end goes through.
                    assert!(writer.write_all(b"more").is_err());
                    assert!(writer.finish().is_err());
                    return written;
                }
                writer.finish().map(|_| ())
            });
        assert!(finished.is_err(), "room for {room}");
    }
    let mut writer = PayloadWriter::new(Full(sealed), &data_key, &value_place()).unwrap();
    writer.write_all(&message(40_000)).unwrap();
    assert!(writer.finish().is_ok());
}

/// A writer that is dropped leaves bytes that every reader refuses.
#[test]
fn a_writer_without_an_end_is_a_truncation() {
    let data_key = DataKey::make().unwrap();
    for length in LENGTHS {
        let mut written = Vec::new();
        let mut writer = PayloadWriter::new(&mut written, &data_key, &value_place()).unwrap();
        writer.write_all(&message(length)).unwrap();
        writer.flush().unwrap();
        drop(writer);
        check_refused("no end", &data_key, &written, &message(length));
        assert!(RandomAccess::new(Cursor::new(&written), &data_key, &value_place()).is_err());
    }
}

#[test]
fn random_access_behind_the_end() {
    for length in LENGTHS {
        let (data_key, sealed) = sealed(length);
        let mut access =
            RandomAccess::new(Cursor::new(&sealed), &data_key, &value_place()).unwrap();
        assert_eq!(access.len(), length as u64);
        assert_eq!(access.is_empty(), length == 0);
        let mut buffer = [0; 10];
        for offset in [length as u64, length as u64 + 1, u64::MAX - 5, u64::MAX] {
            assert_eq!(access.read_at(offset, &mut buffer).unwrap(), 0);
        }
        assert_eq!(access.read_at(0, &mut []).unwrap(), 0);
    }
}

/// Touching a bad chunk fails, and leaves nothing unverified in the buffer; other chunks
/// stay readable.
#[test]
fn random_access_verifies_what_it_touches() {
    let (data_key, mut sealed) = sealed(40_000);
    sealed[PREFIX_BYTES + SEALED_CHUNK + 9] ^= 1;
    let mut access = RandomAccess::new(Cursor::new(&sealed), &data_key, &value_place()).unwrap();
    let mut buffer = vec![0xee; 20_000];
    assert_eq!(
        access.read_at(0, &mut buffer[..CHUNK_BYTES]).unwrap(),
        CHUNK_BYTES
    );
    assert_eq!(buffer[..CHUNK_BYTES], message(40_000)[..CHUNK_BYTES]);
    buffer.fill(0xee);
    let error = access.read_at(16_000, &mut buffer).unwrap_err();
    assert_eq!(kind_of(&error), Some(ErrorKind::Tampered));
    assert_eq!(buffer[..384], message(40_000)[16_000..CHUNK_BYTES]);
    assert!(buffer[384..].iter().all(|byte| *byte == 0xee));
    assert_eq!(
        access.read_at(2 * CHUNK_BYTES as u64, &mut buffer).unwrap(),
        7232
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_access_equals_slices(
        length in 0..50_000_usize,
        ranges in prop::collection::vec((0..60_000_u64, 0..40_000_usize), 1..8),
    ) {
        let (data_key, sealed) = sealed(length);
        let whole = message(length);
        let mut access = RandomAccess::new(Cursor::new(&sealed), &data_key, &value_place())?;
        for (offset, count) in ranges {
            let mut buffer = vec![0; count];
            let read = access.read_at(offset, &mut buffer)?;
            let start = (offset as usize).min(length);
            let end = (start + count).min(length);
            prop_assert_eq!(&buffer[..read], &whole[start..end]);
        }
    }

    #[test]
    fn any_reads_and_writes_round_trip(
        length in 0..50_000_usize, write in 1..20_000_usize, read in 1..20_000_usize,
    ) {
        let data_key = DataKey::make().unwrap();
        let mut writer = PayloadWriter::new(Vec::new(), &data_key, &value_place())?;
        for part in message(length).chunks(write) {
            writer.write_all(part)?;
        }
        let sealed = writer.finish()?;
        let mut reader = PayloadReader::new(sealed.as_slice(), &data_key, &value_place())?;
        let (mut opened, mut buffer) = (Vec::new(), vec![0; read]);
        loop {
            match reader.read(&mut buffer)? {
                0 => break,
                count => opened.extend_from_slice(&buffer[..count]),
            }
        }
        prop_assert_eq!(opened, message(length));
    }

    #[test]
    fn any_altered_byte_is_refused(length in 0..50_000_usize, at: prop::sample::Index, bit in 0..8_u32) {
        let (data_key, sealed) = sealed(length);
        let altered = crate::world::flipped(&sealed, at.index(sealed.len()), bit);
        let (released, end) = read_all(&data_key, altered.as_slice());
        prop_assert!(end.is_err());
        prop_assert!(message(length).starts_with(&released));
    }
}
