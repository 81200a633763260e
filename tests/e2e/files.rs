//! Files through the real binary: a large one in little memory, and `kill -9` in mid-upload.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::channel::Channel;
use reqwest::Body;
use secrecy::SecretString;
use vault_client::NewFile;

use crate::support::{PATIENCE, Sealgate, files_below};

const MIB: u64 = 1024 * 1024;
/// The largest file that is taken.
const FILE_BYTES: u64 = 1024 * MIB;
const PIECE_BYTES: u64 = 64 * 1024;
/// What the server may have in memory at any time. The secret is a generated one, so that no
/// password hash takes its 19 MiB.
const RESIDENT_BYTES_MAX: u64 = 64 * MIB;

/// The piece at this place of the file: no two are alike.
fn piece(index: u64) -> Bytes {
    let mut bytes = vec![0x5a; PIECE_BYTES as usize];
    bytes[..8].copy_from_slice(&index.to_be_bytes());
    bytes.into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_one_gibibyte_takes_little_memory() {
    let directory = tempfile::tempdir().unwrap();
    let server = Sealgate::quiet_dev(directory.path());
    let keys = server.first_keys();
    let (client, secret) = (server.client(&keys.api_key), keys.user_secret.into());

    let (mut sender, body) = Channel::<Bytes>::new(4);
    let sending = tokio::spawn(async move {
        for index in 0..FILE_BYTES / PIECE_BYTES {
            sender.send_data(piece(index)).await.unwrap();
        }
    });
    let file = NewFile {
        name: "large.bin",
        content_type: "application/x-large",
        body: Body::wrap(body),
    };
    let stored = client.upload(file, &secret).await.unwrap();
    sending.await.unwrap();
    assert_eq!(stored.size_bytes, FILE_BYTES);
    assert!(
        server.resident_bytes_max() < RESIDENT_BYTES_MAX,
        "on the way in"
    );

    let mut stream = client
        .download(&stored.file_id, None, &secret)
        .await
        .unwrap();
    assert_eq!(stream.byte_count(), Some(FILE_BYTES));
    assert_eq!(stream.content_type(), Some("application/x-large"));
    let (mut index, mut kept) = (0, Vec::new());
    while let Some(bytes) = stream.chunk().await.unwrap() {
        kept.extend_from_slice(&bytes);
        let whole = kept.len() - kept.len() % PIECE_BYTES as usize;
        for received in kept[..whole].chunks(PIECE_BYTES as usize) {
            assert!(received == piece(index), "piece {index}");
            index += 1;
        }
        kept.drain(..whole);
    }
    assert_eq!((index, kept.len()), (FILE_BYTES / PIECE_BYTES, 0));
    let most = server.resident_bytes_max();
    assert!(most < RESIDENT_BYTES_MAX, "{most} bytes on the way out");

    client.delete_file(&stored.file_id).await.unwrap();
    assert_eq!(bodies(directory.path()), 0);
}

/// Bodies of files, finished or not.
fn bodies(data_dir: &Path) -> usize {
    let files = files_below(&data_dir.join("files"));
    let is_body = |path: &Path| path.file_name().is_some_and(|name| name != "lock");
    files.iter().filter(|(path, _)| is_body(path)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_in_mid_upload_leaves_nothing_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let server = Sealgate::dev(directory.path(), &[]);
    let keys = server.first_keys();
    let secret: SecretString = keys.user_secret.as_str().into();
    let client = server.client(&keys.api_key);
    let whole = |name| NewFile {
        name,
        content_type: "text/plain",
        body: Body::from("kept"),
    };
    let kept = client.upload(whole("a"), &secret).await.unwrap();
    let head = format!(
        "POST /v1/files?fileName=b HTTP/1.1\r\nHost: a\r\nX-Api-Key: {}\r\nX-User-Secret: {}\r\n\
         Content-Type: text/plain\r\nContent-Length: {FILE_BYTES}\r\n\r\n",
        keys.api_key, keys.user_secret
    );
    let address = server.base.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&vec![b'x'; 3 * MIB as usize]).unwrap();
    let started = Instant::now();
    while bodies(directory.path()) < 2 {
        assert!(started.elapsed() < PATIENCE, "the upload never began");
        tokio::task::yield_now().await;
    }
    server.kill();
    assert_eq!(bodies(directory.path()), 2);

    let server = Sealgate::dev(directory.path(), &[]);
    assert_eq!(bodies(directory.path()), 1);
    let client = server.client(&keys.api_key);
    let files = client.files(None, &secret).await.unwrap();
    let ids: Vec<_> = files.iter().map(|file| &file.file_id).collect();
    assert_eq!(ids, [&kept.file_id]);
    let mut stream = client.download(&kept.file_id, None, &secret).await.unwrap();
    let bytes = stream.chunk().await.unwrap().unwrap();
    assert_eq!(bytes, b"kept");
    assert!(server.terminate().success());
}
