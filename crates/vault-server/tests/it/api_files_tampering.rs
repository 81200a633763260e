//! Bodies of files, edited by somebody with write access to their directory.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::api_files::{bodies, content, upload};
use super::api_support::{Api, Calls, TestUser};

const CHUNK: usize = 16 * 1_024;
const SEALED_CHUNK: u64 = CHUNK as u64 + 16;
/// Header, salt and commitment.
const PREFIX: u64 = hardened_crypto::payload::PREFIX_BYTES as u64;
const SIZE: usize = 20 * CHUNK + 7;

struct Stored {
    api: Api,
    user: TestUser,
    path: String,
    body: PathBuf,
    bytes: Vec<u8>,
}

async fn stored() -> Stored {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let bytes = content(SIZE);
    let id = upload(&api, &user, "f", bytes.clone()).await;
    let body = bodies(&api).pop().unwrap();
    Stored {
        path: format!("/v1/files/{id}"),
        api,
        user,
        body,
        bytes,
    }
}

impl Stored {
    /// Reads raw: how much came, and whether the end was clean.
    async fn read(&self) -> (u16, Vec<u8>, bool) {
        let call = self.api.get(&self.path).both(&self.user);
        let call = call.header("Accept", "application/octet-stream");
        let mut received = Vec::new();
        // Broken off before even the head was sent, if the very first chunk is refused.
        let Ok(mut response) = call.send().await else {
            return (200, received, false);
        };
        let status = response.status().as_u16();
        loop {
            match response.chunk().await {
                Ok(Some(bytes)) => received.extend_from_slice(&bytes),
                Ok(None) => return (status, received, true),
                Err(_) => return (status, received, false),
            }
        }
    }

    async fn is_refused(&self) {
        for accept in ["application/octet-stream", "application/json"] {
            let call = self.api.get(&self.path).both(&self.user);
            let answer = call.header("Accept", accept).answer().await;
            answer.is_problem(400, "tampered");
        }
    }
}

/// Flips one bit; twice is as before.
fn flip(body: &Path, at: u64) {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(body)
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    byte[0] ^= 1;
    file.write_all_at(&byte, at).unwrap();
}

#[tokio::test]
async fn a_flipped_chunk_breaks_the_transfer_before_a_byte_of_it() {
    let stored = stored().await;
    for chunk in [0_u64, 1, 7, 19] {
        for within in [0, 100, SEALED_CHUNK - 1] {
            let at = PREFIX + chunk * SEALED_CHUNK + within;
            flip(&stored.body, at);
            let (status, received, clean) = stored.read().await;
            assert_eq!(status, 200, "chunk {chunk}");
            assert!(!clean, "chunk {chunk} at {within} ended cleanly");
            let sound = chunk as usize * CHUNK;
            assert!(
                received.len() <= sound,
                "{} bytes of {sound}",
                received.len()
            );
            assert!(received == stored.bytes[..received.len()]);
            let json = stored.api.get(&stored.path).both(&stored.user);
            let json = match json.send().await {
                Ok(begun) => begun.bytes().await,
                Err(error) => Err(error),
            };
            assert!(json.is_err(), "chunk {chunk} in JSON ended cleanly");
            flip(&stored.body, at);
        }
    }
    let (status, received, clean) = stored.read().await;
    assert!(status == 200 && clean && received == stored.bytes);
}

#[tokio::test]
async fn header_commitment_and_last_chunk_are_checked_before_the_answer() {
    let stored = stored().await;
    let last = PREFIX + 20 * SEALED_CHUNK;
    for at in [0, 5, PREFIX - 40, PREFIX - 1, last, last + 7 + 15] {
        flip(&stored.body, at);
        stored.is_refused().await;
        flip(&stored.body, at);
    }
    let (status, received, clean) = stored.read().await;
    assert!(status == 200 && clean && received == stored.bytes);
}

#[tokio::test]
async fn cut_off_longer_and_missing_bodies_are_refused() {
    let stored = stored().await;
    let sealed = std::fs::read(&stored.body).unwrap();
    for length in [
        0,
        PREFIX - 1,
        PREFIX,
        PREFIX + SEALED_CHUNK,
        PREFIX + 20 * SEALED_CHUNK,
        sealed.len() as u64 - 1,
    ] {
        let cut = &sealed[..usize::try_from(length).unwrap()];
        std::fs::write(&stored.body, cut).unwrap();
        stored.is_refused().await;
    }
    let mut longer = sealed.clone();
    longer.push(0);
    std::fs::write(&stored.body, &longer).unwrap();
    stored.is_refused().await;
    longer.truncate(sealed.len());
    longer.extend_from_slice(&sealed[PREFIX as usize..]);
    std::fs::write(&stored.body, &longer).unwrap();
    stored.is_refused().await;
    std::fs::remove_file(&stored.body).unwrap();
    stored.is_refused().await;
    std::fs::write(&stored.body, &sealed).unwrap();
    let (status, received, clean) = stored.read().await;
    assert!(status == 200 && clean && received == stored.bytes);
}

#[tokio::test]
async fn bodies_and_rows_of_two_files_cannot_be_exchanged() {
    let stored = stored().await;
    let other = upload(&stored.api, &stored.user, "g", content(SIZE)).await;
    let both = bodies(&stored.api);
    let second = both.iter().find(|path| **path != stored.body).unwrap();
    let (a, b) = (
        std::fs::read(&stored.body).unwrap(),
        std::fs::read(second).unwrap(),
    );
    std::fs::write(&stored.body, &b).unwrap();
    std::fs::write(second, &a).unwrap();
    stored.is_refused().await;
    std::fs::write(&stored.body, &a).unwrap();
    std::fs::write(second, &b).unwrap();
    let Stored {
        api, user, path, ..
    } = stored;
    // The same in the database, by name of the body and by what is wrapped.
    for column in ["sha256", "label_box", "sealed_bytes", "updated"] {
        let db = rusqlite::Connection::open(api.database()).unwrap();
        let edit = format!(
            "UPDATE files SET {column} = CASE typeof({column}) WHEN 'blob' THEN zeroblob(length({column})) ELSE {column} + 1 END WHERE record_id = ?1"
        );
        let id = uuid::Uuid::parse_str(&other).unwrap();
        let before: rusqlite::types::Value = db
            .query_row(
                &format!("SELECT {column} FROM files WHERE record_id = ?1"),
                [id.as_bytes()],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(db.execute(&edit, [id.as_bytes()]).unwrap(), 1, "{column}");
        let read = api
            .get(&format!("/v1/files/{other}"))
            .both(&user)
            .answer()
            .await;
        read.is_problem(400, "tampered");
        let list = api.get("/v1/files").both(&user).answer().await;
        list.is_problem(400, "tampered");
        let back = format!("UPDATE files SET {column} = ?1 WHERE record_id = ?2");
        db.execute(&back, rusqlite::params![before, id.as_bytes()])
            .unwrap();
    }
    let read = api.get(&path).both(&user).answer().await;
    assert_eq!(read.status, 200, "{read:?}");
}
