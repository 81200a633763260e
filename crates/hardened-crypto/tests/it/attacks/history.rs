//! Tries against the audit chain.

use crate::world::{ALICE, ORG, OTHER_ORG, refusal};
use hardened_crypto::{
    ErrorKind,
    audit_chain::{
        self, Actor, AuditEvent, BreakReason, Chain, ChainLink, Checkpoint, LINE_BYTES_MAX,
        LogText, SignedCheckpoint,
    },
    root_key::RootKeyring,
};
use secrecy::ExposeSecret;

fn event(time_utc_ms: i64, target: &str) -> AuditEvent {
    AuditEvent {
        time_utc_ms,
        actor: Actor::User(ALICE),
        action: LogText::new("kv.read").unwrap(),
        target: LogText::new(target).unwrap(),
        outcome: LogText::new("ok").unwrap(),
        new_version: Some(3),
        request_id: LogText::new("01J9").unwrap(),
        note: LogText::default(),
    }
}

fn chain_of(targets: &[&str]) -> (Chain, Vec<ChainLink>) {
    let mut chain = Chain::empty(ORG);
    let mut links = Vec::new();
    for (time, target) in (1_000..).zip(targets) {
        links.push(chain.append(event(time, target)).unwrap());
    }
    (chain, links)
}

const TARGETS: [&str; 5] = ["one", "two", "three", "four", "five"];

/// Where and why the chain breaks; `None` when it holds.
fn broken(links: &[ChainLink], checkpoints: &[Checkpoint]) -> Option<(u64, BreakReason)> {
    let verified = audit_chain::verify(ORG, links, checkpoints);
    verified
        .err()
        .map(|broken| (broken.sequence, broken.reason))
}

/// A checkpoint that was kept outside as text, under a root key that the attacker lacks.
fn kept(chain: &Chain) -> Checkpoint {
    let ring = |text: &str| RootKeyring::parse(text).unwrap();
    let (ours, theirs) = (
        RootKeyring::make_text().unwrap(),
        RootKeyring::make_text().unwrap(),
    );
    let signed = Checkpoint::of(chain, 2_000).sign(&ring(ours.expose_secret()));
    let text = signed.to_text();
    let parsed = SignedCheckpoint::parse(text.as_bytes()).unwrap();
    let forged = Checkpoint::of(chain, 2_000).sign(&ring(theirs.expose_secret()));
    let refused = forged.verify(&ring(ours.expose_secret()));
    assert_eq!(refusal(refused), ErrorKind::Tampered);
    parsed.verify(&ring(ours.expose_secret())).unwrap()
}

pub(super) fn rewritten() {
    let (chain, links) = chain_of(&TARGETS);
    let checkpoint = kept(&chain);
    assert_eq!(broken(&links, &[checkpoint]), None);
    let (_, rewritten) = chain_of(&["one", "two", "harmless", "four", "five"]);
    assert_eq!(broken(&rewritten, &[]), None);
    let found = broken(&rewritten, &[checkpoint]);
    assert_eq!(found, Some((5, BreakReason::CheckpointMismatch)));
    // Without hashing again, the altered link itself is named.
    let mut altered = links;
    altered[2].entry.event = event(1_002, "harmless");
    assert_eq!(broken(&altered, &[]), Some((3, BreakReason::HashMismatch)));
}

pub(super) fn cut_tail() {
    let (chain, links) = chain_of(&TARGETS);
    let checkpoint = kept(&chain);
    for left in 0..links.len() {
        let found = broken(&links[..left], &[checkpoint]);
        assert_eq!(found, Some((left as u64 + 1, BreakReason::CutOff)));
    }
}

pub(super) fn fork() {
    let (_, links) = chain_of(&TARGETS[..3]);
    let end = Chain::resume(ORG, 3, links[2].hash);
    let (mut one, mut other) = (end, end);
    let first = one.append(event(1_003, "four")).unwrap();
    let second = other.append(event(1_003, "another four")).unwrap();
    assert_eq!(first.entry.sequence, second.entry.sequence);
    let forked = [links.as_slice(), &[first, second]].concat();
    assert_eq!(broken(&forked, &[]), Some((5, BreakReason::Forked)));
}

pub(super) fn reordered() {
    let (_, links) = chain_of(&TARGETS);
    let pick = |order: &[usize]| {
        order
            .iter()
            .map(|at| links[*at].clone())
            .collect::<Vec<_>>()
    };
    let orders: [(&[usize], u64, BreakReason); 5] = [
        (&[0, 2, 1, 3, 4], 2, BreakReason::Gap),
        (&[0, 1, 3, 4], 3, BreakReason::Gap),
        (&[0, 1, 1, 2], 3, BreakReason::Repeated),
        (&[0, 1, 2, 0], 4, BreakReason::OutOfOrder),
        (&[1, 2], 1, BreakReason::Gap),
    ];
    for (order, sequence, reason) in orders {
        assert_eq!(broken(&pick(order), &[]), Some((sequence, reason)));
    }
    let foreign = Chain::empty(OTHER_ORG).append(event(1_000, "one")).unwrap();
    assert_eq!(broken(&[foreign], &[]), Some((1, BreakReason::ForeignOrg)));
}

pub(super) fn clock_set_back() {
    let mut chain = Chain::empty(ORG);
    let times = [1_000, 2_000, 1_500, 1_600];
    let links = times.map(|time| chain.append(event(time, "one")).unwrap());
    let verified = audit_chain::verify(ORG, &links, &[]).unwrap();
    assert_eq!(
        (verified.clock_steps_back, verified.first_step_back),
        (1, Some(3))
    );
}

pub(super) fn injection() -> Vec<ErrorKind> {
    let texts = [
        "a\nb",
        "a\r\nb",
        "a\tb",
        "a\0b",
        "\u{1b}[2K",
        "\u{202e}gpj.exe",
        "a\u{2028}b",
        "\u{7f}",
    ];
    let (_, links) = chain_of(&["one line is one entry"]);
    let line = links[0].to_line();
    assert_eq!(line.lines().count(), 1);
    assert_eq!(ChainLink::parse_line(line.as_bytes()).unwrap(), links[0]);
    texts
        .map(|text| refusal(LogText::<100>::new(text)))
        .to_vec()
}

pub(super) fn growth() -> Vec<ErrorKind> {
    let huge = "x".repeat(1 << 20);
    let fitting = AuditEvent {
        target: LogText::lossy(&huge),
        note: LogText::lossy(&huge),
        action: LogText::lossy(&huge),
        outcome: LogText::lossy(&huge),
        request_id: LogText::lossy(&huge),
        ..event(i64::MIN, "")
    };
    let link = Chain::resume(ORG, u64::MAX - 1, Chain::empty(ORG).hash()).append(fitting);
    assert!(link.unwrap().to_line().len() <= LINE_BYTES_MAX);
    let full = Chain::resume(ORG, u64::MAX, Chain::empty(ORG).hash()).append(event(0, "one"));
    vec![
        refusal(full),
        refusal(LogText::<64>::new(&"x".repeat(65))),
        refusal(LogText::<64>::new(&huge)),
    ]
}
