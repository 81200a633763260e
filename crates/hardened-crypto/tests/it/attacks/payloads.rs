//! Tries against sealed values and files.

use crate::world::{OTHER_RECORD, flipped, refusal, value_place};
use hardened_crypto::{
    Error, ErrorKind,
    data_key::DataKey,
    payload::{self, CHUNK_BYTES, PREFIX_BYTES, PayloadContext, PayloadReader, RandomAccess},
};
use std::io::{Cursor, Read};

const SEALED_CHUNK: usize = CHUNK_BYTES + 16;

/// A data key, and two whole chunks and a short one under it.
fn sealed() -> (DataKey, Vec<u8>) {
    let key = DataKey::make().unwrap();
    let sealed = payload::seal(&key, &value_place(), &[7; 40_000]).unwrap();
    (key, sealed)
}

/// How the streaming reader ends, and how many bytes it released; memory must agree.
fn read(key: &DataKey, bytes: &[u8]) -> (ErrorKind, usize) {
    let mut released = Vec::new();
    let end = PayloadReader::new(bytes, key, &value_place())
        .and_then(|mut reader| reader.read_to_end(&mut released));
    assert!(payload::open(key, &value_place(), bytes).is_err());
    let error = end.expect_err("a clean end");
    let inner = error.get_ref().unwrap().downcast_ref::<Error>();
    assert!(released.iter().all(|byte| *byte == 7));
    (inner.unwrap().kind(), released.len())
}

pub(super) fn truncated() -> Vec<ErrorKind> {
    let (key, sealed) = sealed();
    let borders = [
        0,
        5,
        17,
        41,
        PREFIX_BYTES,
        PREFIX_BYTES + SEALED_CHUNK,
        PREFIX_BYTES + 2 * SEALED_CHUNK,
        sealed.len() - 1,
    ];
    borders.map(|at| read(&key, &sealed[..at]).0).to_vec()
}

pub(super) fn appended() -> Vec<ErrorKind> {
    let (key, sealed) = sealed();
    let more: [&[u8]; 4] = [&[0], &[0; 16], &[0; 20_000], &sealed];
    let read = |more: &&[u8]| read(&key, &[&sealed, *more].concat()).0;
    more.iter().map(read).collect()
}

pub(super) fn reordered() -> Vec<ErrorKind> {
    let (key, sealed) = sealed();
    let (prefix, chunks) = sealed.split_at(PREFIX_BYTES);
    let chunks: Vec<&[u8]> = chunks.chunks(SEALED_CHUNK).collect();
    let orders: [&[usize]; 6] = [
        &[1, 0, 2],
        &[0, 0, 1, 2],
        &[0, 2],
        &[1, 2],
        &[2],
        &[0, 1, 2, 2],
    ];
    let read = |order: &&[usize]| {
        let chunks: Vec<&[u8]> = order.iter().map(|at| chunks[*at]).collect();
        read(&key, &[prefix, &chunks.concat()].concat()).0
    };
    orders.iter().map(read).collect()
}

pub(super) fn spliced() -> Vec<ErrorKind> {
    let key = DataKey::make().unwrap();
    let seal = || payload::seal(&key, &value_place(), &[7; 40_000]).unwrap();
    let (one, other) = (seal(), seal());
    let cuts = [
        PREFIX_BYTES,
        PREFIX_BYTES + SEALED_CHUNK,
        PREFIX_BYTES + 2 * SEALED_CHUNK,
    ];
    let read = |cut: usize| read(&key, &[&one[..cut], &other[cut..]].concat()).0;
    cuts.map(read).to_vec()
}

pub(super) fn altered_prefix() -> Vec<ErrorKind> {
    let (key, sealed) = sealed();
    let read = |at: usize| {
        let (kind, released) = read(&key, &flipped(&sealed, at, 0));
        assert_eq!(released, 0);
        kind
    };
    (17..PREFIX_BYTES).map(read).collect()
}

pub(super) fn other_record() -> Vec<ErrorKind> {
    let (key, sealed) = sealed();
    let other = PayloadContext {
        record: OTHER_RECORD,
        ..value_place()
    };
    vec![refusal(payload::open(&key, &other, &sealed))]
}

pub(super) fn range_past_the_end() {
    let (key, sealed) = sealed();
    let mut access = RandomAccess::new(Cursor::new(&sealed), &key, &value_place()).unwrap();
    let mut buffer = [0xee; 100];
    for offset in [40_000, 40_001, 1 << 40, u64::MAX] {
        assert_eq!(access.read_at(offset, &mut buffer).unwrap(), 0);
    }
    assert_eq!(buffer, [0xee; 100]);
    assert_eq!(access.read_at(39_999, &mut buffer).unwrap(), 1);
    // A length that was cut is not authentic: no access at all.
    let cut = &sealed[..PREFIX_BYTES + SEALED_CHUNK + 16];
    assert!(RandomAccess::new(Cursor::new(cut), &key, &value_place()).is_err());
}

/// 257 chunks: the number crosses its first byte border. Wider ones are published vectors.
pub(super) fn counter_carry() {
    let key = DataKey::make().unwrap();
    let plain: Vec<u8> = (0..257 * CHUNK_BYTES + 1)
        .map(|at| (at / 997) as u8)
        .collect();
    let mut sealed = payload::seal(&key, &value_place(), &plain).unwrap();
    assert_eq!(
        *payload::open(&key, &value_place(), &sealed).unwrap(),
        plain
    );
    // Chunk 0 and chunk 256 differ in the carry alone.
    let (first, second) = (PREFIX_BYTES, PREFIX_BYTES + 256 * SEALED_CHUNK);
    let (front, back) = sealed.split_at_mut(second);
    front[first..first + SEALED_CHUNK].swap_with_slice(&mut back[..SEALED_CHUNK]);
    let swapped = payload::open(&key, &value_place(), &sealed);
    assert_eq!(refusal(swapped), ErrorKind::Tampered);
}

pub(super) fn early_release() -> Vec<ErrorKind> {
    let (key, sealed) = sealed();
    let read = |chunk: usize| {
        // The last byte of the chunk's tag.
        let end = (PREFIX_BYTES + (chunk + 1) * SEALED_CHUNK).min(sealed.len());
        let (kind, released) = read(&key, &flipped(&sealed, end - 1, 0));
        assert_eq!(released, chunk * CHUNK_BYTES);
        kind
    };
    (0..3).map(read).collect()
}

fn cut_and_extended(message: &[u8]) -> Vec<ErrorKind> {
    let key = DataKey::make().unwrap();
    let sealed = payload::seal(&key, &value_place(), message).unwrap();
    assert_eq!(
        *payload::open(&key, &value_place(), &sealed).unwrap(),
        message
    );
    let without_last = PREFIX_BYTES + message.len() / CHUNK_BYTES * SEALED_CHUNK;
    vec![
        read(&key, &sealed[..without_last]).0,
        read(&key, &sealed[..sealed.len() - 1]).0,
        read(&key, &[sealed.as_slice(), &sealed[without_last..]].concat()).0,
        read(&key, &[sealed.as_slice(), &[0]].concat()).0,
    ]
}

pub(super) fn empty_file() -> Vec<ErrorKind> {
    cut_and_extended(&[])
}

pub(super) fn one_whole_chunk() -> Vec<ErrorKind> {
    cut_and_extended(&[7; CHUNK_BYTES])
}
