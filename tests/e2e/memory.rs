//! How much memory callers can make the server hold.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use crate::support::{PATIENCE, Sealgate};

const MIB: u64 = 1024 * 1024;
/// The budget for collected bodies, by default.
const BODY_BUDGET_BYTES: u64 = 64 * MIB;
/// Connections, and what the allocator keeps.
const SLACK_BYTES: u64 = 64 * MIB;
/// The largest JSON document that is taken.
const DOCUMENT_BYTES: usize = 2 * 1024 * 1024;
const UPLOADS: usize = 150;

/// Says that a document comes.
fn announce(server: &Sealgate, api_key: &str) -> TcpStream {
    let address = server.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "PUT /v1/kv/half HTTP/1.1\r\nHost: a\r\nX-Api-Key: {api_key}\r\n\
         Content-Type: application/json\r\nContent-Length: {DOCUMENT_BYTES}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

#[test]
fn half_sent_documents_take_no_more_than_their_budget() {
    let directory = tempfile::tempdir().unwrap();
    let server = Sealgate::dev(directory.path(), &[]);
    let api_key = server.first_keys().api_key;
    let before = server.resident_bytes();
    let all_but_the_last = vec![b' '; DOCUMENT_BYTES - 1];
    let (mut open, mut most) = (Vec::new(), before);
    for _ in 0..UPLOADS {
        let mut stream = announce(&server, &api_key);
        // A refused document is not read to its end.
        let _refused = stream.write_all(&all_but_the_last);
        open.push(stream);
        most = most.max(server.resident_bytes());
    }
    let grown = most - before;
    assert!(grown < BODY_BUDGET_BYTES + SLACK_BYTES, "{grown} bytes");
    // They did use up what one user may hold: the next one is refused on its head alone.
    let mut late = announce(&server, &api_key);
    let mut answer = vec![0; 1024];
    let length = late.read(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]).to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 503 "), "{answer}");
    assert!(answer.contains("\r\nretry-after: "), "{answer}");
}
