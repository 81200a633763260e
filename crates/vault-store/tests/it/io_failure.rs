//! After a real input/output error the writer never writes again, and nothing acknowledged is lost.
//!
//! The error is made by the system: a child process may only write files up to a size, and the
//! write beyond it fails (`EFBIG`) in the middle of a commit.

use std::io::{BufRead, BufReader, Write};

use vault_store::conformance::sample;
use vault_store::{Cause, Store, StoreError, ValueStore};

use crate::support::{add_people, child, create, database_of_child, new_path, put, reopen};

/// `SQLITE_IOERR` (<https://www.sqlite.org/rescode.html#ioerr>), the low byte of its family.
const IO_ERROR: i32 = 10;

const PAYLOAD_BYTES: usize = 20_000;

/// 4096 blocks are 2 MiB (or 4 MiB where the shell counts in KiB), less than the log grows to
/// between checkpoints. Without a handler, the signal would end the process before `write` fails.
const LIMITED: [&str; 3] = [
    "sh",
    "-c",
    "trap '' XFSZ; ulimit -f 4096 && exec \"$0\" \"$@\"",
];

#[tokio::test]
async fn a_failed_write_stops_the_writer_and_loses_nothing() {
    let (_directory, path) = new_path();
    let test = "io_failure::child_writes_until_the_system_refuses";
    let mut child = child(&LIMITED, test, &path).spawn().expect("a child");
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let acknowledged: Vec<u32> = lines
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix("ack ")?.parse().ok())
        .collect();
    assert!(
        child.wait().expect("the child ends").success(),
        "the child's own checks"
    );
    assert!(!acknowledged.is_empty());

    let store = reopen(&path);
    store.verify().await.expect("a whole file");
    for record in &acknowledged {
        let read = store
            .read_value(
                sample::name(1, 1, &record.to_string()),
                None,
                sample::user_id(1),
            )
            .await;
        let read = read.expect("readable").expect("acknowledged");
        assert_eq!(read.version.payload, vec![*record as u8; PAYLOAD_BYTES]);
        assert!(read.wrap.is_some());
    }
    // Opened anew, it writes again.
    store
        .commit(put(1_000_000, "again", PAYLOAD_BYTES).into())
        .await
        .expect("writable");
}

#[tokio::test]
#[ignore = "run in a child process by the test above"]
async fn child_writes_until_the_system_refuses() {
    let store = create(&database_of_child());
    add_people(&store).await;
    let mut record = 0;
    let error = loop {
        match store
            .commit(put(record, &record.to_string(), PAYLOAD_BYTES).into())
            .await
        {
            Ok(_) => {
                writeln!(std::io::stdout(), "ack {record}").expect("a pipe");
                record += 1;
            }
            Err(error) => break error,
        }
    };
    let StoreError::Unavailable {
        source: Some(Cause::Sqlite(code)),
        ..
    } = error
    else {
        panic!("unexpected: {error:?}");
    };
    assert_eq!(code & 0xff, IO_ERROR);

    // Small enough to succeed, if it were tried.
    let later = store.commit(put(2_000_000, "later", 1).into()).await;
    assert!(
        matches!(later, Err(StoreError::Unavailable { source: None, .. })),
        "{later:?}"
    );
    assert!(matches!(
        store.check().await,
        Err(StoreError::Unavailable { .. })
    ));
    assert_eq!(store.value(sample::name(1, 1, "later")).await, Ok(None));
    assert_eq!(
        store.value(sample::name(1, 1, &record.to_string())).await,
        Ok(None)
    );
    for stored in 0..record {
        let stored = store.value(sample::name(1, 1, &stored.to_string())).await;
        assert!(stored.expect("reads go on").is_some());
    }
}
