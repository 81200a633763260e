//! Bodies of files, edited by somebody with write access to their directory.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::api_files::{bodies, content, upload};
use super::api_support::{Api, Calls, TestUser, text};
use super::frames;
use super::support::PATIENCE;

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

/// HTTP/2 has two ends of a stream, and a client can tell them apart.
#[tokio::test]
async fn over_http2_a_flipped_chunk_resets_the_stream_and_never_ends_it() {
    let stored = stored().await;
    let mut stream = TcpStream::connect(stored.api.address).await.unwrap();
    let open = [frames::opening(), frames::window_update(0, 1 << 30)].concat();
    stream.write_all(&open).await.unwrap();
    let headers = [
        ("x-api-key", stored.user.key.as_str()),
        ("x-user-secret", &stored.user.secret),
        ("accept", "application/octet-stream"),
    ];
    let mut number = 1;
    let mut read = async || {
        let request = [
            frames::get_of(number, &stored.path, &headers),
            frames::window_update(number, 1 << 30),
        ];
        stream.write_all(&request.concat()).await.unwrap();
        let came = frames::read_stream(&mut stream, number);
        let came = tokio::time::timeout(PATIENCE, came).await.unwrap();
        number += 2;
        came
    };
    for chunk in [0_u64, 1, 6, 7, 19] {
        for within in [0, SEALED_CHUNK - 1] {
            let at = PREFIX + chunk * SEALED_CHUNK + within;
            flip(&stored.body, at);
            let came = read().await;
            flip(&stored.body, at);
            assert!(came.reset.is_some(), "chunk {chunk} ended cleanly");
            assert!(came.data.len() <= chunk as usize * CHUNK, "chunk {chunk}");
            assert!(came.data == stored.bytes[..came.data.len()]);
            // The connection goes on, and what is sound ends as it should.
            let came = read().await;
            assert!(came.reset.is_none() && came.data == stored.bytes);
        }
    }
}

/// Every body in the place of every other one: of another file, another user, another
/// organisation, and of the same file before and after its rekey.
#[tokio::test]
async fn no_body_passes_for_another_one() {
    let api = Api::start().await;
    let alice = api.org_with_keys("a").await;
    let bob = api.add_user(&alice.key, &alice.org_id, "bob", false).await;
    api.generate(&bob).await;
    let stranger = api.org_with_keys("other").await;
    let mut files = Vec::new();
    for user in [&alice, &alice, &bob, &stranger] {
        let before = bodies(&api);
        let id = upload(&api, user, "f", content(SIZE)).await;
        let body = bodies(&api).into_iter().find(|body| !before.contains(body));
        files.push((user, format!("/v1/files/{id}"), body.unwrap()));
    }
    // The first one gets another data key; its older body is kept to be played back.
    let (_, path, body) = &files[0];
    let (older, known) = (std::fs::read(body).unwrap(), bodies(&api));
    let share = json!({"recipientUserId": bob.user_id, "permission": "read"});
    let call = api.post(&format!("{path}/shares")).both(&alice);
    let share = text(&call.json(&share).answer().await.json(), "shareId");
    let call = api.delete(&format!("{path}/shares/{share}?rekey=true"));
    assert_eq!(call.both(&alice).answer().await.status, 204);
    let rekeyed = bodies(&api).into_iter().find(|body| !known.contains(body));
    files[0].2 = rekeyed.unwrap();
    // Two of them get another generation of keys.
    for user in [&bob, &stranger] {
        let rotated = api.post("/v1/keys/rotate").both(user).answer().await;
        assert_eq!(rotated.status, 200, "{rotated:?}");
    }

    let sealed: Vec<_> = files.iter().map(|file| std::fs::read(&file.2)).collect();
    let sealed: Vec<_> = sealed.into_iter().map(Result::unwrap).collect();
    assert!(sealed.iter().all(|body| body.len() == older.len()));
    for (at, (user, path, body)) in files.iter().enumerate() {
        let others = sealed.iter().enumerate().filter(|(from, _)| *from != at);
        let others = others.map(|(_, body)| body).chain([&older]);
        for other in others {
            std::fs::write(body, other).unwrap();
            for accept in ["application/octet-stream", "application/json"] {
                let call = api.get(path).both(user).header("Accept", accept);
                call.answer().await.is_problem(400, "tampered");
            }
        }
        // Chunks of another body behind one's own beginning.
        let other = &sealed[(at + 1) % sealed.len()];
        let cut = (PREFIX + SEALED_CHUNK) as usize;
        let spliced = [&sealed[at][..cut], &other[cut..]].concat();
        std::fs::write(body, spliced).unwrap();
        let call = api.get(path).both(user).answer().await;
        call.is_problem(400, "tampered");
        std::fs::write(body, &sealed[at]).unwrap();
        let read = api.get(path).both(user).answer().await;
        assert_eq!(read.status, 200, "{read:?}");
    }
}
