//! Every attack that the design lists, what stops it, and a try at it.
//!
//! The table is the list of the reviewers' attacks of the cryptographic design, section by
//! section. `docs/attacks.md` is the same table for readers; a test keeps the two equal.

mod grants;
mod history;
mod objects;
mod payloads;
mod recovery;
mod secrets;
mod table;

use hardened_crypto::ErrorKind;
use std::{collections::BTreeMap, fmt::Write, fs, path::Path};
use table::ATTACKS;

/// One attack.
pub(crate) struct Attack {
    /// Section of the design.
    section: &'static str,
    /// What is tried.
    attack: &'static str,
    /// What stops it; for what is not this crate's matter, whose it is and why.
    stopped_by: &'static str,
    check: Check,
}

/// How a row is checked.
#[derive(Clone, Copy)]
pub(crate) enum Check {
    /// Each try of the function is refused with this kind.
    Refused(ErrorKind, fn() -> Vec<ErrorKind>),
    /// The function asserts what holds.
    Holds(fn()),
    /// Checked where it belongs.
    Elsewhere,
}

#[test]
fn every_attack_is_stopped() {
    let (mut tried, mut elsewhere) = (0, 0);
    for row in ATTACKS {
        match row.check {
            Check::Refused(expected, attempt) => {
                let refusals = attempt();
                assert!(!refusals.is_empty(), "{}: nothing was tried", row.attack);
                for (number, kind) in refusals.iter().enumerate() {
                    assert_eq!(*kind, expected, "{}: try {number}", row.attack);
                }
                tried += 1;
            }
            Check::Holds(property) => {
                property();
                tried += 1;
            }
            Check::Elsewhere => elsewhere += 1,
        }
    }
    assert_eq!((tried, elsewhere), (80, 18));
}

/// As many rows as the design lists attacks, in each of its sections.
#[test]
fn no_attack_of_the_design_is_missing() {
    let mut counted = BTreeMap::new();
    for row in ATTACKS {
        *counted.entry(section_number(row.section)).or_insert(0) += 1;
    }
    let listed = [
        (1, 8),
        (2, 5),
        (3, 11),
        (4, 10),
        (5, 9),
        (6, 7),
        (7, 4),
        (8, 4),
        (9, 10),
        (10, 7),
        (11, 9),
        (12, 7),
        (13, 7),
    ];
    assert_eq!(counted, BTreeMap::from(listed));
    assert_eq!(ATTACKS.len(), 98);
}

/// "3.4 Wraps and sharing" is section 4 of the design's chapter 3.
fn section_number(section: &str) -> u32 {
    let number = section.strip_prefix("3.").unwrap();
    let digits = number.split(' ').next().unwrap();
    digits.parse().unwrap()
}

fn render() -> String {
    let mut text = String::from(
        "# Attacks, and what stops them\n\n\
         Threat levels: (A) thief of the database file, (B) writer of the database, (C) malicious user or trustee inside the\n\
         organisation, (D) network client without credentials. Code inside the process is out of scope, except for shortening\n\
         exposure. Every row with a result is tried against the crate by `crates/hardened-crypto/tests/it/attacks.rs`, which also\n\
         holds this table: a test fails when the two differ. Rows marked *elsewhere* belong to the server or the store.\n",
    );
    let mut section = "";
    for row in ATTACKS {
        if row.section != section {
            section = row.section;
            let heading = section.split_once(' ').unwrap().1;
            let head = "| attack | what stops it | result |\n| --- | --- | --- |";
            write!(text, "\n## {heading}\n\n{head}\n").unwrap();
        }
        let result = match row.check {
            Check::Refused(kind, _) => format!("refused: `{kind:?}`"),
            Check::Holds(_) => "holds".to_owned(),
            Check::Elsewhere => "*elsewhere*".to_owned(),
        };
        writeln!(text, "| {} | {} | {result} |", row.attack, row.stopped_by).unwrap();
    }
    text
}

#[test]
fn the_page_for_readers_is_this_table() {
    let expected = render();
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("attacks.md");
    fs::write(&made, &expected).unwrap();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/attacks.md");
    let found = fs::read_to_string(page).unwrap_or_default();
    assert!(
        found == expected,
        "docs/attacks.md is out of date: copy {made:?} over it"
    );
}
