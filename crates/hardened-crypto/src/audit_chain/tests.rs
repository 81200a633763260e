//! Every way to falsify a log, and what names it.

use super::*;
use crate::{error::ErrorKind, ids::UserId, root_key::RootKeyring};
use secrecy::ExposeSecret;

const ORG: OrgId = OrgId([1; 16]);
const OTHER_ORG: OrgId = OrgId([9; 16]);

fn event(number: u64) -> AuditEvent {
    AuditEvent {
        time_utc_ms: 1_790_000_000_000 + i64::try_from(number).unwrap(),
        actor: Actor::User(UserId([2; 16])),
        action: LogText::new("kv.write").unwrap(),
        target: LogText::new("kv/app/db").unwrap(),
        outcome: LogText::new("ok").unwrap(),
        new_version: Some(number),
        request_id: LogText::new("01J9ZK").unwrap(),
        note: LogText::new("10.0.0.7 curl/8.9").unwrap(),
    }
}

/// A chain of `size` entries, and its end after each of them, the empty one first.
fn chain(org: OrgId, size: u64) -> (Vec<ChainLink>, Vec<Chain>) {
    let mut end = Chain::empty(org);
    let mut ends = vec![end];
    let links = (1..=size)
        .map(|number| {
            let link = end.append(event(number)).unwrap();
            ends.push(end);
            link
        })
        .collect();
    (links, ends)
}

/// Hashes links again from `first` on, as who can write the database would.
fn rehash(links: &mut [ChainLink], first: usize) {
    let mut hash = match first {
        0 => Chain::empty(links[0].entry.org).hash(),
        _ => links[first - 1].hash,
    };
    for link in &mut links[first..] {
        hash = ChainHash::of_link(hash, &link.entry);
        link.hash = hash;
    }
}

fn checkpoint(chain: &Chain) -> Checkpoint {
    Checkpoint::of(chain, 1_790_000_001_000)
}

#[track_caller]
fn broken(links: &[ChainLink], checkpoints: &[Checkpoint], sequence: u64, reason: BreakReason) {
    let expected = BrokenLink { sequence, reason };
    assert_eq!(verify(ORG, links, checkpoints), Err(expected));
}

#[test]
fn an_honest_chain_verifies() {
    let (links, ends) = chain(ORG, 20);
    let checkpoints: Vec<_> = ends.iter().step_by(5).map(checkpoint).collect();
    let verified = verify(ORG, &links, &checkpoints).unwrap();
    assert_eq!(verified.chain, ends[20]);
    assert_eq!(verified.checkpoints_met, 5);
    assert_eq!(
        (verified.clock_steps_back, verified.first_step_back),
        (0, None)
    );
    assert_eq!(
        verify(ORG, &[] as &[ChainLink], &[]).unwrap().chain,
        ends[0]
    );
}

#[test]
fn verifying_starts_at_a_checkpoint_too() {
    let (links, ends) = chain(ORG, 20);
    let checkpoints = [
        checkpoint(&ends[5]),
        checkpoint(&ends[10]),
        checkpoint(&ends[20]),
    ];
    let mut verifier = Verifier::new(checkpoints[1].chain(), &checkpoints).unwrap();
    for link in &links[10..] {
        verifier.check(link).unwrap();
    }
    assert_eq!(verifier.finish().unwrap().checkpoints_met, 2);
}

/// The list stands for the whole entry: a new field has to be added here to compile.
#[test]
fn every_field_is_hashed() {
    let (links, _) = chain(ORG, 3);
    let AuditEvent {
        time_utc_ms: _,
        actor: _,
        action: _,
        target: _,
        outcome: _,
        new_version: _,
        request_id: _,
        note: _,
    } = links[1].entry.event;
    let edits: [fn(&mut AuditEvent); 12] = [
        |event| event.time_utc_ms += 1,
        |event| event.actor = Actor::User(UserId([3; 16])),
        |event| event.actor = Actor::System,
        |event| event.actor = Actor::Root,
        |event| event.actor = Actor::Anonymous,
        |event| event.action = LogText::new("kv.read").unwrap(),
        |event| event.target = LogText::new("kv/app/dc").unwrap(),
        |event| event.outcome = LogText::new("wrong_secret").unwrap(),
        |event| event.new_version = None,
        |event| event.new_version = Some(0),
        |event| event.request_id = LogText::default(),
        |event| event.note = LogText::default(),
    ];
    for edit in edits {
        let mut links = links.clone();
        edit(&mut links[1].entry.event);
        broken(&links, &[], 2, BreakReason::HashMismatch);
    }
    let mut moved = links;
    moved[1].entry.event.action = LogText::new("kv.writekv").unwrap();
    moved[1].entry.event.target = LogText::new("/app/db").unwrap();
    broken(&moved, &[], 2, BreakReason::HashMismatch);
}

#[test]
fn dropped_added_repeated_and_moved_entries_are_named() {
    let (links, ends) = chain(ORG, 6);
    let mut dropped = links.clone();
    dropped.remove(2);
    broken(&dropped, &[], 3, BreakReason::Gap);

    let mut renumbered = dropped;
    for (number, link) in (1..).zip(&mut renumbered) {
        link.entry.sequence = number;
    }
    broken(&renumbered, &[], 3, BreakReason::HashMismatch);

    let mut repeated = links.clone();
    repeated.insert(3, links[2].clone());
    broken(&repeated, &[], 4, BreakReason::Repeated);

    let mut forked = links.clone();
    let mut behind_two = ends[2];
    forked.insert(3, behind_two.append(event(77)).unwrap());
    broken(&forked, &[], 4, BreakReason::Forked);

    let mut replayed = links.clone();
    replayed.insert(4, links[1].clone());
    broken(&replayed, &[], 5, BreakReason::OutOfOrder);

    let mut swapped = links.clone();
    swapped.swap(2, 3);
    broken(&swapped, &[], 3, BreakReason::Gap);
    let (one, other) = (swapped[2].entry.sequence, swapped[3].entry.sequence);
    swapped[2].entry.sequence = other;
    swapped[3].entry.sequence = one;
    broken(&swapped, &[], 3, BreakReason::HashMismatch);

    let mut headless = links;
    headless.remove(0);
    broken(&headless, &[], 1, BreakReason::Gap);
}

#[test]
fn a_cut_tail_is_seen_against_a_checkpoint_only() {
    let (links, ends) = chain(ORG, 6);
    let checkpoints = [checkpoint(&ends[3]), checkpoint(&ends[6])];
    assert!(verify(ORG, &links[..4], &[]).is_ok());
    assert!(verify(ORG, &links[..4], &checkpoints[..1]).is_ok());
    broken(&links[..4], &checkpoints, 5, BreakReason::CutOff);
    broken(&[], &checkpoints, 1, BreakReason::CutOff);
}

#[test]
fn a_rewritten_history_is_seen_against_a_checkpoint_only() {
    let (mut links, ends) = chain(ORG, 6);
    links[1].entry.event.outcome = LogText::new("denied").unwrap();
    rehash(&mut links, 1);
    assert!(verify(ORG, &links, &[]).is_ok());
    assert!(verify(ORG, &links, &[checkpoint(&ends[1])]).is_ok());
    // Given in any order, the first contradiction is named.
    let checkpoints = [
        checkpoint(&ends[6]),
        checkpoint(&ends[1]),
        checkpoint(&ends[4]),
    ];
    broken(&links, &checkpoints, 4, BreakReason::CheckpointMismatch);
}

#[test]
fn chains_of_two_organisations_do_not_mix() {
    let (mut links, _) = chain(ORG, 3);
    let (foreign, foreign_ends) = chain(OTHER_ORG, 3);
    assert_ne!(Chain::empty(ORG).hash(), Chain::empty(OTHER_ORG).hash());
    links[2] = foreign[2].clone();
    broken(&links, &[], 3, BreakReason::ForeignOrg);
    links[2].entry.org = ORG;
    broken(&links, &[], 3, BreakReason::HashMismatch);
    let theirs = [checkpoint(&foreign_ends[2])];
    broken(&links[..2], &theirs, 2, BreakReason::ForeignOrg);
}

#[test]
fn a_clock_set_back_is_reported() {
    let mut end = Chain::empty(ORG);
    let links: Vec<_> = [10, 20, 15, 15, 30, 29]
        .map(|number| end.append(event(number)).unwrap())
        .into();
    let verified = verify(ORG, &links, &[]).unwrap();
    assert_eq!(verified.clock_steps_back, 2);
    assert_eq!(verified.first_step_back, Some(3));
}

#[test]
fn a_full_chain_takes_no_more() {
    let mut end = Chain::resume(ORG, u64::MAX, Chain::empty(ORG).hash());
    assert_eq!(end.append(event(1)).unwrap_err().kind(), ErrorKind::Policy);
    let (links, _) = chain(ORG, 1);
    let mut verifier = Verifier::new(end, &[]).unwrap();
    assert!(verifier.check(&links[0]).is_err());
}

#[test]
fn checkpoints_are_due_every_so_often() {
    let every = NonZeroU64::new(CHECKPOINT_EVERY_ENTRIES).unwrap();
    for (size, due) in [
        (0, false),
        (1, false),
        (999, false),
        (1000, true),
        (2000, true),
    ] {
        let chain = Chain::resume(ORG, size, ChainHash([0; 32]));
        assert_eq!(chain.checkpoint_is_due(every), due, "{size}");
    }
}

#[test]
fn the_hash_is_the_documented_one() {
    let (links, _) = chain(ORG, 1);
    let empty = [
        &[0][..],
        &Context::new(Domain::Audit)
            .text("chain")
            .bytes(&ORG.0)
            .finish(),
    ];
    let before = digest::digest(&digest::SHA256, &empty.concat());
    let entry = Context::new(Domain::Audit)
        .text("entry")
        .u64(1)
        .bytes(&1_790_000_000_001_i64.to_be_bytes())
        .bytes(&ORG.0)
        .u8(3)
        .bytes(&[2; 16])
        .text("kv.write")
        .text("kv/app/db")
        .text("ok")
        .u64(1)
        .text("01J9ZK")
        .text("10.0.0.7 curl/8.9")
        .finish();
    let hash = digest::digest(&digest::SHA256, &[&[1], before.as_ref(), &entry].concat());
    assert_eq!(links[0].hash.0, hash.as_ref());
}

#[test]
fn a_line_is_read_back() {
    let mut end = Chain::empty(ORG);
    let strange = AuditEvent {
        time_utc_ms: -1,
        actor: Actor::Anonymous,
        action: LogText::default(),
        target: LogText::new("kv/naïve ключ 🔑 | \"quoted\"").unwrap(),
        outcome: LogText::new("-").unwrap(),
        new_version: None,
        request_id: LogText::default(),
        note: LogText::new(" ").unwrap(),
    };
    let longest = AuditEvent {
        time_utc_ms: i64::MIN,
        actor: Actor::User(UserId([0xff; 16])),
        action: LogText::new(&"a".repeat(ACTION_BYTES_MAX)).unwrap(),
        target: LogText::new(&"t".repeat(TARGET_BYTES_MAX)).unwrap(),
        outcome: LogText::new(&"o".repeat(OUTCOME_BYTES_MAX)).unwrap(),
        new_version: Some(u64::MAX),
        request_id: LogText::new(&"r".repeat(REQUEST_ID_BYTES_MAX)).unwrap(),
        note: LogText::new(&"n".repeat(NOTE_BYTES_MAX)).unwrap(),
    };
    let mut links = [event(1), strange]
        .map(|event| end.append(event).unwrap())
        .to_vec();
    let mut near_full = Chain::resume(ORG, u64::MAX - 1, end.hash());
    links.push(near_full.append(longest).unwrap());
    for link in &links {
        let line = link.to_line();
        assert_eq!(ChainLink::parse_line(line.as_bytes()).as_ref(), Ok(link));
    }
    assert_eq!(links[2].to_line().len(), LINE_BYTES_MAX);
}

#[test]
fn a_line_has_one_spelling() {
    let (links, _) = chain(ORG, 1);
    let line = links[0].to_line();
    let hash = line.rsplit('\t').next().unwrap().to_owned();
    for other in [
        String::new(),
        line.replace("sg1", "sg2"),
        line.replace("sg1\t1\t", "sg1\t01\t"),
        line.replace("sg1\t1\t", "sg1\t+1\t"),
        line.replace("sg1\t1\t", "sg1\t-1\t"),
        line.replace("sg1\t1\t", "sg1\t18446744073709551616\t"),
        line.replace(&hash, &hash.to_uppercase()),
        line.replace(&hash, &hash[2..]),
        line.replace("user:", "user:+"),
        line.replace("user:", "admin:"),
        line.replace("kv.write", "kv\u{85}write"),
        line.replace("kv.write", &"a".repeat(ACTION_BYTES_MAX + 1)),
        line.replace('\t', " "),
        format!("{line}\t"),
        format!("{line}\n"),
        format!(" {line}"),
        "\t".repeat(LINE_BYTES_MAX + 1),
    ] {
        assert_ne!(other, line);
        let error = ChainLink::parse_line(other.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{other:?}");
    }
    assert!(ChainLink::parse_line(b"\xff").is_err());
    for at in 0..line.len() {
        assert!(
            ChainLink::parse_line(&line.as_bytes()[..at]).is_err(),
            "length {at}"
        );
    }
}

fn ring(text: &str) -> RootKeyring {
    RootKeyring::parse(text).unwrap()
}

#[test]
fn a_checkpoint_text_is_as_documented() {
    let key = "1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let (_, ends) = chain(ORG, 12);
    let text = checkpoint(&ends[12]).sign(&ring(key)).to_text();
    let lines: Vec<_> = text.split('\n').collect();
    assert_eq!(lines[0], "sealgate.audit/01010101010101010101010101010101");
    assert_eq!(lines[1], "12");
    assert_eq!(lines[2].len(), 44);
    assert_eq!(lines[3], "time-utc-ms 1790000001000");
    assert_eq!(lines[4], "");
    assert!(lines[5].starts_with("— sealgate.audit AAAAA"));
    assert_eq!(lines[6..], [""]);
    let longest = Checkpoint::of(&Chain::resume(ORG, u64::MAX, ends[1].hash()), i64::MIN);
    assert!(longest.sign(&ring(key)).to_text().len() <= CHECKPOINT_TEXT_BYTES_MAX);
}

#[test]
fn a_checkpoint_verifies_under_its_root_key_only() {
    let (text, other_text) = (
        RootKeyring::make_text().unwrap(),
        RootKeyring::make_text().unwrap(),
    );
    let (text, other_text) = (text.expose_secret(), other_text.expose_secret());
    let (_, ends) = chain(ORG, 3);
    let made = checkpoint(&ends[3]);
    let signed = made.sign(&ring(text));
    let read = SignedCheckpoint::parse(signed.to_text().as_bytes()).unwrap();
    assert_eq!(read, signed);
    assert_eq!(read.verify(&ring(text)), Ok(made));
    assert_eq!(
        read.verify(&ring(other_text)).unwrap_err().kind(),
        ErrorKind::Tampered
    );
    // After a rotation the old key still verifies, and the new one signs.
    let rotated = ring(&format!("{text}{}", other_text.replace("1:", "2:")));
    assert_eq!(read.verify(&rotated), Ok(made));
    let new = made.sign(&rotated);
    assert_eq!(new.verify(&rotated), Ok(made));
    assert!(new.verify(&ring(text)).is_err());
}

#[test]
fn every_altered_checkpoint_is_refused() {
    let root = RootKeyring::make_text().unwrap();
    let ring = ring(root.expose_secret());
    let (_, ends) = chain(ORG, 3);
    let text = checkpoint(&ends[3]).sign(&ring).to_text().into_bytes();
    let verifies = |text: &[u8]| SignedCheckpoint::parse(text).and_then(|one| one.verify(&ring));
    assert!(verifies(&text).is_ok());
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut altered = text.clone();
            altered[at] ^= 1 << bit;
            assert!(verifies(&altered).is_err(), "byte {at} bit {bit}");
        }
        assert!(SignedCheckpoint::parse(&text[..at]).is_err(), "length {at}");
    }
    for other in ["3\n", "+3\n", "03\n", "4\n"] {
        let altered =
            String::from_utf8(text.clone())
                .unwrap()
                .replacen("\n3\n", &format!("\n{other}"), 1);
        assert_eq!(verifies(altered.as_bytes()).is_ok(), other == "3\n");
    }
    let longer = [text.as_slice(), b"\n"].concat();
    assert!(SignedCheckpoint::parse(&longer).is_err());
    assert!(SignedCheckpoint::parse(&vec![b'\n'; CHECKPOINT_TEXT_BYTES_MAX + 1]).is_err());
}

#[test]
fn a_broken_link_says_which() {
    let broken = BrokenLink {
        sequence: 7,
        reason: BreakReason::Gap,
    };
    assert_eq!(broken.to_string(), "audit entry 7: missing");
    assert_eq!(Error::from(broken).kind(), ErrorKind::Tampered);
}
