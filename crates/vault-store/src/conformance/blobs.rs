//! Promises about bodies of files.

use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use super::sample::blob_id;
use crate::blobs::{BlobError, BlobStore, LostBody};
use crate::ids::{BlobId, UtcMillis};

/// What every promise here takes.
pub type SharedBlobs = Arc<dyn BlobStore>;

fn write(blobs: &SharedBlobs, body: BlobId, bytes: &[u8]) {
    let mut writer = blobs.create(body).expect("a new body");
    for part in bytes.chunks(1000) {
        writer.write_all(part).expect("room");
    }
    assert_eq!(writer.finish().expect("durable"), bytes.len() as u64);
}

fn read(blobs: &SharedBlobs, body: BlobId) -> Option<Vec<u8>> {
    let mut reader = blobs.open(body).expect("readable")?;
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).expect("readable");
    assert_eq!(reader.byte_count(), bytes.len() as u64);
    Some(bytes)
}

fn all(blobs: &SharedBlobs) -> Vec<BlobId> {
    let bodies = blobs.bodies().expect("readable");
    let mut bodies: Vec<_> = bodies.map(|body| body.expect("readable")).collect();
    bodies.sort();
    bodies
}

/// What was written comes back, from the start or from anywhere.
pub async fn a_body_comes_back_from_anywhere(blobs: SharedBlobs) {
    let bytes: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
    write(&blobs, blob_id(1), &bytes);
    write(&blobs, blob_id(2), &[]);
    assert_eq!(read(&blobs, blob_id(1)), Some(bytes.clone()));
    assert_eq!(read(&blobs, blob_id(2)), Some(Vec::new()));
    assert_eq!(read(&blobs, blob_id(3)), None);
    let mut reader = blobs.open(blob_id(1)).expect("readable").expect("a body");
    for (to, at) in [
        (SeekFrom::Start(70_000), 70_000),
        (SeekFrom::End(-10), 99_990),
        (SeekFrom::Start(3), 3),
    ] {
        assert_eq!(reader.seek(to).expect("seekable"), at);
        let mut part = [0; 10];
        reader.read_exact(&mut part).expect("readable");
        assert_eq!(part, bytes[at as usize..][..10]);
    }
}

/// Until it is finished a body is not there; given up, it never was.
pub async fn an_unfinished_body_is_none(blobs: SharedBlobs) {
    let mut writer = blobs.create(blob_id(1)).expect("a new body");
    writer.write_all(b"half").expect("room");
    assert_eq!(read(&blobs, blob_id(1)), None);
    assert_eq!(all(&blobs), Vec::new());
    drop(writer);
    assert_eq!(read(&blobs, blob_id(1)), None);
    assert_eq!(blobs.remove_unfinished().expect("readable"), 0);
    write(&blobs, blob_id(1), b"whole");
    assert_eq!(read(&blobs, blob_id(1)), Some(b"whole".to_vec()));
}

/// A body never changes, and no two writers have one id.
pub async fn a_body_is_written_once(blobs: SharedBlobs) {
    let writer = blobs.create(blob_id(1)).expect("a new body");
    assert!(matches!(blobs.create(blob_id(1)), Err(BlobError::Exists)));
    writer.finish().expect("durable");
    assert!(matches!(blobs.create(blob_id(1)), Err(BlobError::Exists)));
    assert_eq!(read(&blobs, blob_id(1)), Some(Vec::new()));
    assert_eq!(all(&blobs), [blob_id(1)]);
}

/// Deleted once, readable to the end by whoever had it open, and free to be written again.
pub async fn a_deleted_body_is_gone(blobs: SharedBlobs) {
    write(&blobs, blob_id(1), b"one");
    write(&blobs, blob_id(2), b"two");
    let mut open = blobs.open(blob_id(1)).expect("readable").expect("a body");
    assert!(blobs.delete(blob_id(1)).expect("removed"));
    assert!(!blobs.delete(blob_id(1)).expect("nothing to do"));
    assert_eq!(read(&blobs, blob_id(1)), None);
    let mut bytes = Vec::new();
    open.read_to_end(&mut bytes).expect("readable");
    assert_eq!(bytes, b"one");
    assert_eq!(all(&blobs), [blob_id(2)]);
    write(&blobs, blob_id(1), b"new");
    assert_eq!(read(&blobs, blob_id(1)), Some(b"new".to_vec()));
}

/// Every finished body is listed, whatever its id.
pub async fn all_bodies_are_listed(blobs: SharedBlobs) {
    let mut bodies: Vec<_> = (0..300_u32)
        .map(|number| {
            BlobId::from_bytes([
                (number % 7) as u8,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                (number >> 8) as u8,
                number as u8,
            ])
        })
        .collect();
    for body in &bodies {
        write(&blobs, *body, b"x");
    }
    bodies.sort();
    assert_eq!(all(&blobs), bodies);
}

/// Set aside it is no body, and nothing of it is lost until it is removed.
pub async fn a_body_set_aside_can_be_taken_back(blobs: SharedBlobs) {
    let (first, second) = (UtcMillis(1_800_000_000_000), UtcMillis(1_800_000_000_001));
    write(&blobs, blob_id(1), b"one");
    write(&blobs, blob_id(2), b"two");
    write(&blobs, blob_id(3), b"three");
    assert!(blobs.set_aside(blob_id(1), first).expect("moved"));
    assert!(blobs.set_aside(blob_id(2), second).expect("moved"));
    assert!(!blobs.set_aside(blob_id(1), second).expect("nothing to do"));
    assert!(!blobs.set_aside(blob_id(4), second).expect("nothing to do"));
    assert_eq!(read(&blobs, blob_id(1)), None);
    assert_eq!(all(&blobs), [blob_id(3)]);
    let lost = |body, since, is_old| LostBody {
        body,
        since,
        is_old,
    };
    let [one, two] = [1, 2].map(blob_id);
    assert_eq!(
        all_lost(&blobs),
        [lost(one, first, false), lost(two, second, false)]
    );
    for body in [one, two] {
        assert!(blobs.note_old(body, second).expect("moved"));
        assert!(!blobs.note_old(body, first).expect("nothing to do"));
    }
    assert!(!blobs.note_old(blob_id(3), first).expect("a body"));
    assert_eq!(
        all_lost(&blobs),
        [lost(one, second, true), lost(two, second, true)]
    );
    assert_eq!(all(&blobs), [blob_id(3)]);
    assert!(blobs.take_back(blob_id(1)).expect("moved"));
    assert!(!blobs.take_back(blob_id(1)).expect("nothing to do"));
    assert_eq!(read(&blobs, blob_id(1)), Some(b"one".to_vec()));
    assert!(!blobs.delete_lost(blob_id(1)).expect("a body again"));
    assert!(blobs.delete_lost(blob_id(2)).expect("removed"));
    assert!(!blobs.delete_lost(blob_id(2)).expect("nothing to do"));
    assert_eq!(all_lost(&blobs), []);
    assert_eq!(all(&blobs), [blob_id(1), blob_id(3)]);
}

fn all_lost(blobs: &SharedBlobs) -> Vec<LostBody> {
    let lost = blobs.lost().expect("readable");
    let mut lost: Vec<_> = lost.map(|body| body.expect("readable")).collect();
    lost.sort_by_key(|lost| lost.body);
    lost
}
