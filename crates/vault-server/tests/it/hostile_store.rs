//! Whoever can write the database file and has no root key: every column of every table, edited
//! while the server runs and while it is stopped, gives a refusal and never other data.
//!
//! What cannot be refused is listed in `docs/threat-model.md` under what level B can do; the
//! exceptions in `columns.rs` and the acts in `acts.rs` are those lines.

mod acts;
mod columns;
mod database;
mod log;
mod scene;
mod verdict;

use std::collections::BTreeSet;

use serde_json::Value;

use self::columns::{EMPTY, TABLES, Table};
use self::database::{EDITS, Edit, Intruder};
use self::scene::{PROBES, Probe, Scene, essence};
use self::verdict::{Verdict, verdict};
use crate::api_support::Calls;

/// What is refused before anything is edited.
const EXPECTED_REFUSALS: &[(&str, u16)] = &[
    ("with a wrong secret", 401),
    ("what was deleted", 404),
    ("bob reads one of his own", 404),
    ("a narrow key reads another name", 403),
    ("a token reads another name", 403),
    // Its time has not come.
    ("alice activates", 409),
];

/// A scene, an intruder beside it, and what every probe answers before anything is edited.
struct Stage {
    scene: Scene,
    intruder: Intruder,
    before: Vec<(u16, Value)>,
    log: Vec<[u8; 32]>,
}

impl Stage {
    async fn set() -> Self {
        let scene = Scene::set().await;
        let intruder = Intruder::at(&scene.api.database());
        let log = log::hashes(&scene.api, &scene.alice).await;
        let mut stage = Self {
            scene,
            intruder,
            before: Vec::new(),
            log: log.expect("a chain that verifies"),
        };
        for probe in PROBES {
            let answer = stage.ask(probe).await;
            assert!(
                answer.0 < 300 || EXPECTED_REFUSALS.contains(&(probe.name, answer.0)),
                "{}: {answer:?}",
                probe.name
            );
            stage.before.push(answer);
            if probe.writes {
                stage.clean();
            }
        }
        stage
    }

    async fn ask(&self, probe: &Probe) -> (u16, Value) {
        essence(probe, &(probe.call)(&self.scene).answer().await)
    }

    /// Takes back what was edited, and what the probes wrote.
    fn clean(&mut self) {
        self.intruder.put_back();
        self.scene.let_kept_rows_run_out();
    }

    /// What every probe of `table` says now.
    async fn verdicts(&mut self, table: &str) -> Vec<(&'static str, Verdict)> {
        self.scene.let_kept_rows_run_out();
        if table == "audit_blocks" {
            let now = log::hashes(&self.scene.api, &self.scene.alice).await;
            return vec![("the log", log::verdict(&self.log, now.as_deref()))];
        }
        let mut verdicts = Vec::new();
        for (probe, before) in PROBES.iter().zip(&self.before) {
            if probe.reads.contains(&table) {
                let after = self.ask(probe).await;
                verdicts.push((probe.name, verdict(probe, before, &after)));
            }
        }
        verdicts
    }

    /// Edits every column of a table; what breaks its rule.
    async fn edit_all(&mut self, table: &Table) -> Vec<String> {
        let mut broken = Vec::new();
        let (target, donor) = (self.scene.sql(table.target), self.scene.sql(table.donor));
        let columns = self.intruder.columns(table.name);
        let listed: BTreeSet<&str> = table.columns.iter().map(|(name, _)| *name).collect();
        let present: BTreeSet<&str> = columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(listed, present, "columns of {}", table.name);
        for column in &columns {
            let (_, rule) = table
                .columns
                .iter()
                .find(|(n, _)| *n == column.name)
                .unwrap();
            let mut edits = 0;
            for edit in EDITS {
                if edit == Edit::Leap && edits > 0 {
                    continue;
                }
                let place = (table.name, column);
                if !self.intruder.edit(place, (&target, &donor), edit) {
                    continue;
                }
                edits += 1;
                if let Some(before) = table.before {
                    self.intruder.execute(before);
                }
                let verdicts = self.verdicts(table.name).await;
                if let Some(why) = rule.broken_by(&verdicts) {
                    broken.push(format!("{}.{} {edit:?}: {why}", table.name, column.name));
                }
                self.clean();
            }
            assert!(edits > 0, "{}.{} was not edited", table.name, column.name);
        }
        broken
    }
}

#[tokio::test]
async fn the_tables_of_the_test_are_those_of_the_schema() {
    let scene = Scene::set().await;
    let intruder = Intruder::at(&scene.api.database());
    let listed = TABLES.iter().map(|table| table.name);
    let listed: BTreeSet<String> = listed
        .chain(EMPTY.iter().copied())
        .map(Into::into)
        .collect();
    let present: BTreeSet<String> = intruder.tables().into_iter().collect();
    assert_eq!(listed, present);
    for table in EMPTY {
        assert_eq!(intruder.count(table, "1"), 0, "{table} is in use");
    }
}

const PEOPLE: &[&str] = &[
    "orgs",
    "users",
    "api_keys",
    "api_key_scopes",
    "api_key_uses",
    "user_keys",
    "key_pairs",
];

#[tokio::test]
async fn no_column_of_people_and_keys_can_be_edited_unnoticed() {
    holds_for(PEOPLE).await;
}

#[tokio::test]
async fn no_column_of_anything_else_can_be_edited_unnoticed() {
    let others = TABLES.iter().map(|table| table.name);
    let others: Vec<_> = others.filter(|name| !PEOPLE.contains(name)).collect();
    holds_for(&others).await;
}

async fn holds_for(tables: &[&str]) {
    let mut stage = Stage::set().await;
    let mut broken = Vec::new();
    for table in TABLES.iter().filter(|t| tables.contains(&t.name)) {
        broken.extend(stage.edit_all(table).await);
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
