//! `kill -9` in the middle of a burst of writes: what was acknowledged is there afterwards.

use crate::support::Sealgate;
use std::time::Duration;
use vault_client::Write;

const ROUNDS: usize = 8;
const WRITERS: usize = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost() {
    let data = tempfile::tempdir().unwrap();
    let server = Sealgate::dev(data.path(), &[]);
    let keys = server.first_keys();
    assert!(server.terminate().success());

    let mut expected: Vec<(String, u64)> = Vec::new();
    for round in 0..ROUNDS {
        let server = Sealgate::dev(data.path(), &[]);
        let client = server.client(&keys.api_key);
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let client = client.clone();
                tokio::spawn(async move {
                    let name = format!("{round}/{writer}");
                    let mut acknowledged = 0;
                    // The value tells its version, so that a lost write cannot hide.
                    while client
                        .put(
                            &name,
                            (acknowledged + 1).to_string().as_bytes(),
                            &Write::default(),
                        )
                        .await
                        .is_ok_and(|written| written.version == acknowledged + 1)
                    {
                        acknowledged += 1;
                    }
                    (name, acknowledged)
                })
            })
            .collect();
        // Another moment each round; the burst has no end of its own.
        tokio::time::sleep(Duration::from_millis(50 + 37 * round as u64)).await;
        server.kill();
        for writer in writers {
            let (name, acknowledged) = writer.await.unwrap();
            if acknowledged > 0 {
                expected.push((name, acknowledged));
            }
        }
    }
    assert!(expected.len() > ROUNDS, "the bursts wrote something");

    let server = Sealgate::dev(data.path(), &[]);
    let client = server.client(&keys.api_key);
    let secret = keys.user_secret.as_str().into();
    for (name, acknowledged) in expected {
        let value = client.read(&name, &secret).await.unwrap();
        // The last write may have been committed without anybody hearing of it.
        assert!(
            value.version == acknowledged || value.version == acknowledged + 1,
            "{name}: {acknowledged} acknowledged, {} found",
            value.version
        );
        assert_eq!(value.bytes.as_slice(), value.version.to_string().as_bytes());
    }
}
