#![no_main]
use libfuzzer_sys::fuzz_target;
use vault_server::vault::audit::links_of;
use vault_store::{OrgId, rows::AuditBlockRow};

const HASH_BYTES: usize = 32;

// The first and last sequence numbers, then the entries of a block. One block has one encoding,
// and its numbers are those of its entries.
fuzz_target!(|data: &[u8]| {
    let Some((first_seq, rest)) = data.split_first_chunk() else {
        return;
    };
    let Some((last_seq, entries)) = rest.split_first_chunk() else {
        return;
    };
    let Some(hash) = entries.last_chunk::<HASH_BYTES>() else {
        return;
    };
    let block = AuditBlockRow {
        org_id: OrgId::from_bytes([1; 16]),
        first_seq: u64::from_be_bytes(*first_seq),
        last_seq: u64::from_be_bytes(*last_seq),
        previous_hash: [0; HASH_BYTES],
        hash: *hash,
        entries: entries.to_vec(),
    };
    let Ok(links) = links_of(&block) else {
        return;
    };
    let mut bytes = Vec::new();
    for (number, link) in (block.first_seq..).zip(&links) {
        assert_eq!(link.entry.sequence, number);
        let event = link.entry.event.to_bytes();
        let length = u16::try_from(event.len()).expect("it was read from as many");
        bytes.extend(length.to_be_bytes());
        bytes.extend(event);
        bytes.extend(link.hash.0);
    }
    assert_eq!(bytes, entries);
    assert_eq!(
        links.last().map(|link| link.entry.sequence),
        Some(block.last_seq)
    );
});
