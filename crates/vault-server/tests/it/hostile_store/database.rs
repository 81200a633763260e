//! A writer of the database file beside the server: edits rows, and puts everything back.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, Error, ErrorCode, TransactionBehavior, params_from_iter};

/// The server goes on with the chain that it holds in memory: what came later stays.
const LOG: &str = "audit_blocks";
const PATIENCE: Duration = Duration::from_secs(20);

/// A column that can be written.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    kind: String,
    nullable: bool,
}

/// Every row of a table, as it was.
struct Kept {
    table: String,
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

/// Whoever holds the file and not the root key.
pub(crate) struct Intruder {
    db: Connection,
    kept: Vec<Kept>,
}

/// What happens to one column of the row under attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    /// Another value of the same type.
    Perturb,
    /// The value of another genuine row, which gets this one's.
    Swap,
    /// Nothing, where the column may hold nothing.
    Empty,
    /// A number far off, where the next one is taken.
    Leap,
}

/// Further than any number in use.
const LEAP: i64 = 1_000_003;

pub(crate) const EDITS: [Edit; 4] = [Edit::Perturb, Edit::Swap, Edit::Empty, Edit::Leap];

impl Intruder {
    pub(crate) fn at(database: &Path) -> Self {
        let db = Connection::open(database).unwrap();
        db.busy_timeout(PATIENCE).unwrap();
        db.execute_batch(
            "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; \
             PRAGMA synchronous = OFF",
        )
        .unwrap();
        let mut intruder = Self {
            db,
            kept: Vec::new(),
        };
        intruder.keep();
        intruder
    }

    /// Remembers all rows as they are.
    pub(crate) fn keep(&mut self) {
        let put_back = self.tables().into_iter();
        let keep_one = |table: String| {
            let columns: Vec<String> = self.columns(&table).into_iter().map(|c| c.name).collect();
            let rows = self.rows(&table, &columns, "1");
            Kept {
                table,
                columns,
                rows,
            }
        };
        self.kept = put_back.map(keep_one).collect();
    }

    /// Makes all rows as they were when they were last remembered.
    pub(crate) fn put_back(&mut self) {
        let all = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate);
        let all = all.unwrap();
        for kept in &self.kept {
            if kept.table == LOG {
                put_back_log(&all, kept);
                continue;
            }
            all.execute(&format!("DELETE FROM {}", kept.table), [])
                .unwrap();
            for row in &kept.rows {
                insert(&all, &kept.table, &kept.columns, row).unwrap();
            }
        }
        all.commit().unwrap();
    }

    /// Tables of the schema.
    pub(crate) fn tables(&self) -> Vec<String> {
        let sql = "SELECT name FROM sqlite_master WHERE type = 'table' \
                   AND name NOT LIKE 'sqlite_%' ORDER BY name";
        let mut statement = self.db.prepare(sql).unwrap();
        let names = statement.query_map([], |row| row.get(0)).unwrap();
        names.map(Result::unwrap).collect()
    }

    /// Columns of a table; generated ones follow from the others and are not among them.
    pub(crate) fn columns(&self, table: &str) -> Vec<Column> {
        let sql = "SELECT name, type, \"notnull\" FROM pragma_table_xinfo(?1) WHERE hidden = 0";
        let mut statement = self.db.prepare(sql).unwrap();
        let columns = statement.query_map([table], |row| {
            Ok(Column {
                name: row.get(0)?,
                kind: row.get(1)?,
                nullable: row.get::<_, i64>(2)? == 0,
            })
        });
        columns.unwrap().map(Result::unwrap).collect()
    }

    fn rows(&self, table: &str, columns: &[String], filter: &str) -> Vec<Vec<Value>> {
        let sql = format!("SELECT {} FROM {table} WHERE {filter}", columns.join(", "));
        let mut statement = self.db.prepare(&sql).unwrap();
        let rows = statement.query_map([], |row| {
            (0..columns.len())
                .map(|index| row.get::<_, Value>(index))
                .collect()
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// The rows of the table that the filter names.
    pub(crate) fn count(&self, table: &str, filter: &str) -> usize {
        self.rows(table, &["1".to_owned()], filter).len()
    }

    /// Runs SQL that must change something.
    pub(crate) fn execute(&self, sql: &str) {
        let before = self.db.total_changes();
        self.db.execute_batch(sql).unwrap();
        assert!(
            self.db.total_changes() > before,
            "nothing was changed: {sql}"
        );
    }

    /// Edits one column of the one row that `target` names; `donor` names another row. Returns
    /// whether anything is other than before.
    pub(crate) fn edit(
        &mut self,
        (table, column): (&str, &Column),
        (target, donor): (&str, &str),
        edit: Edit,
    ) -> bool {
        let columns = self.columns(table);
        let at = columns
            .iter()
            .position(|c| c.name == column.name)
            .expect("a column of the table");
        let names: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
        let one = |filter: &str| {
            let mut rows = self.rows(table, &names, filter);
            assert_eq!(rows.len(), 1, "{table} where {filter}");
            rows.remove(0)
        };
        let (mut row, mut other) = (one(target), one(donor));
        let before = row[at].clone();
        match edit {
            Edit::Perturb => row[at] = perturbed(&before, column),
            Edit::Swap => std::mem::swap(&mut row[at], &mut other[at]),
            Edit::Empty if column.nullable => row[at] = Value::Null,
            Edit::Leap => match before {
                Value::Integer(number) => row[at] = Value::Integer(number + LEAP),
                _ => return false,
            },
            Edit::Empty => return false,
        }
        if row[at] == before {
            return false;
        }
        let step = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate);
        let step = step.unwrap();
        let erase = format!("DELETE FROM {table} WHERE ({target}) OR ({donor})");
        assert_eq!(step.execute(&erase, []).unwrap(), 2, "{erase}");
        for row in [&row, &other] {
            match insert(&step, table, &names, row) {
                Ok(()) => {}
                // The place is taken by a third row.
                Err(Error::SqliteFailure(failure, _))
                    if failure.code == ErrorCode::ConstraintViolation =>
                {
                    return false;
                }
                Err(error) => panic!("{table}.{}: {error}", column.name),
            }
        }
        step.commit().unwrap();
        true
    }
}

/// Removes what is neither kept nor later than what is kept, and puts the kept in its place.
fn put_back_log(db: &Connection, kept: &Kept) {
    let column = |name: &str| kept.columns.iter().position(|c| c == name).unwrap();
    let (org, last) = (column("org_id"), column("last_seq"));
    let orgs: BTreeSet<Vec<u8>> = kept.rows.iter().map(|row| blob(&row[org])).collect();
    for org_id in &orgs {
        let of_org = kept.rows.iter().filter(|row| blob(&row[org]) == *org_id);
        let end = of_org.map(|row| integer(&row[last])).max();
        let sql = "DELETE FROM audit_blocks \
                   WHERE org_id = ?1 AND (last_seq <= ?2 OR last_seq >= ?3)";
        db.execute(sql, (org_id, end, LEAP)).unwrap();
    }
    let mut found = db
        .prepare("SELECT DISTINCT org_id FROM audit_blocks")
        .unwrap();
    let found = found.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    for org_id in found.map(Result::unwrap).collect::<Vec<_>>() {
        if !orgs.contains(&org_id) {
            db.execute("DELETE FROM audit_blocks WHERE org_id = ?1", [org_id])
                .unwrap();
        }
    }
    for row in &kept.rows {
        insert(db, LOG, &kept.columns, row).unwrap();
    }
}

fn blob(value: &Value) -> Vec<u8> {
    match value {
        Value::Blob(bytes) => bytes.clone(),
        other => panic!("not bytes: {other:?}"),
    }
}

fn integer(value: &Value) -> i64 {
    match value {
        Value::Integer(number) => *number,
        other => panic!("not a number: {other:?}"),
    }
}

fn insert(db: &Connection, table: &str, columns: &[String], row: &[Value]) -> Result<(), Error> {
    let marks = vec!["?"; columns.len()].join(", ");
    let sql = format!(
        "INSERT INTO {table} ({}) VALUES ({marks})",
        columns.join(", ")
    );
    let mut statement = db.prepare_cached(&sql).unwrap();
    statement.execute(params_from_iter(row)).map(drop)
}

/// Another value of the same type.
fn perturbed(value: &Value, column: &Column) -> Value {
    match value {
        Value::Null if column.kind == "INTEGER" => Value::Integer(4_000_000_000_000),
        Value::Null if column.kind == "TEXT" => Value::Text("x".to_owned()),
        Value::Null => Value::Blob(vec![0; 16]),
        Value::Integer(number) => Value::Integer(number + 1),
        Value::Real(number) => Value::Real(number + 1.0),
        Value::Text(text) => {
            let mut text = text.clone();
            let last = text.pop();
            text.push(if last == Some('x') { 'y' } else { 'x' });
            Value::Text(text)
        }
        Value::Blob(bytes) => {
            let mut bytes = bytes.clone();
            match bytes.last_mut() {
                Some(last) => *last ^= 1,
                None => bytes.push(1),
            }
            Value::Blob(bytes)
        }
    }
}
