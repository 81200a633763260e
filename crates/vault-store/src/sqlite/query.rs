//! The few shapes of query that all nouns share. Statements are prepared once per connection.

use rusqlite::{Connection, OptionalExtension, Result, ToSql};

use super::columns::Columns;
use super::failure::store_error;
use crate::error::StoreError;
use crate::limits::LIST_LIMIT_MAX;
use crate::store::Page;

/// Runs a statement; the number of rows it changed.
pub(super) fn execute(db: &Connection, sql: &str, params: &[&dyn ToSql]) -> Result<usize> {
    db.prepare_cached(sql)?.execute(params)
}

/// The one row of a query, if there is one.
pub(super) fn one<T>(
    db: &Connection,
    sql: &str,
    params: &[&dyn ToSql],
    decode: impl FnOnce(&mut Columns<'_, '_>) -> Result<T>,
) -> std::result::Result<Option<T>, StoreError> {
    db.prepare_cached(sql)
        .and_then(|mut query| {
            query
                .query_row(params, |row| decode(&mut Columns::new(row)))
                .optional()
        })
        .map_err(store_error)
}

/// The one number of a query, if it has a row.
pub(super) fn count(
    db: &Connection,
    sql: &str,
    params: &[&dyn ToSql],
) -> std::result::Result<Option<u64>, StoreError> {
    one(db, sql, params, |columns| columns.count())
}

/// All rows of a query that is bounded by what is stored.
pub(super) fn all<T>(
    db: &Connection,
    sql: &str,
    params: &[&dyn ToSql],
    decode: impl Fn(&mut Columns<'_, '_>) -> Result<T>,
) -> std::result::Result<Vec<T>, StoreError> {
    let collect = || {
        db.prepare_cached(sql)?
            .query_map(params, |row| decode(&mut Columns::new(row)))?
            .collect::<Result<Vec<_>>>()
    };
    collect().map_err(store_error)
}

/// A page of a query whose first parameter is its `LIMIT`.
pub(super) fn page<T>(
    db: &Connection,
    sql: &str,
    limit: u32,
    params: &[&dyn ToSql],
    decode: impl Fn(&mut Columns<'_, '_>) -> Result<T>,
) -> std::result::Result<Page<T>, StoreError> {
    let limit = limit.min(LIST_LIMIT_MAX);
    // One more than wanted tells whether the list goes on.
    let fetched = limit + 1;
    let mut with_limit: Vec<&dyn ToSql> = vec![&fetched];
    with_limit.extend_from_slice(params);
    let mut rows = all(db, sql, &with_limit, decode)?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    Ok(Page { rows, more })
}
