//! Our types as SQLite columns, and a cursor over the columns of a result row.
//!
//! Numbers are stored as signed 64-bit integers and converted with a check both ways.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use crate::ids::{
    BlobId, KeyId, OrgId, RecordId, RecoverySetId, RestoreId, ShareId, TokenId, UserId, UtcMillis,
};
use crate::rows::{Grant, Permission, RecordKind, RestoreState, RowMac};

macro_rules! id_column {
    ($($name:ident),+) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.as_bytes())))
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                <[u8; 16]>::column_result(value).map(Self::from_bytes)
            }
        }
    )+};
}

id_column!(
    OrgId,
    UserId,
    RecordId,
    ShareId,
    BlobId,
    TokenId,
    RecoverySetId,
    RestoreId
);

macro_rules! number_column {
    ($($name:ident),+) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.number().into())
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let number = i64::column_result(value)?;
                u8::try_from(number)
                    .ok()
                    .and_then(Self::from_number)
                    .ok_or(FromSqlError::OutOfRange(number))
            }
        }
    )+};
}

number_column!(RecordKind, Permission, RestoreState);

/// Null stands for the owner.
impl ToSql for Grant {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Owner => Ok(ToSqlOutput::Borrowed(ValueRef::Null)),
            Self::Share(share_id) => share_id.to_sql(),
        }
    }
}

impl FromSql for Grant {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Option::<ShareId>::column_result(value).map(|share| share.map_or(Self::Owner, Self::Share))
    }
}

impl ToSql for KeyId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(
            self.as_str().as_bytes(),
        )))
    }
}

impl FromSql for KeyId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::parse(value.as_str()?).ok_or(FromSqlError::InvalidType)
    }
}

impl ToSql for UtcMillis {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl FromSql for UtcMillis {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i64::column_result(value).map(Self)
    }
}

/// A `u64` in a column.
pub(super) struct Count(pub(super) u64);

impl ToSql for Count {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        i64::try_from(self.0)
            .map(ToSqlOutput::from)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
    }
}

impl FromSql for Count {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = i64::column_result(value)?;
        u64::try_from(number)
            .map(Self)
            .map_err(|_| FromSqlError::OutOfRange(number))
    }
}

/// Takes the columns of a result row from left to right.
pub(super) struct Columns<'r, 's> {
    row: &'r rusqlite::Row<'s>,
    next: usize,
}

impl<'r, 's> Columns<'r, 's> {
    pub(super) fn new(row: &'r rusqlite::Row<'s>) -> Self {
        Self { row, next: 0 }
    }

    pub(super) fn take<T: FromSql>(&mut self) -> rusqlite::Result<T> {
        let column = self.next;
        self.next += 1;
        self.row.get(column)
    }

    pub(super) fn count(&mut self) -> rusqlite::Result<u64> {
        self.take::<Count>().map(|count| count.0)
    }

    /// Two columns, the key id and the tag.
    pub(super) fn mac(&mut self) -> rusqlite::Result<RowMac> {
        Ok(RowMac {
            key_id: self.take()?,
            tag: self.take()?,
        })
    }

    /// A row of `width` columns from an outer join: `None` if its first column is null, which no
    /// stored row has.
    pub(super) fn joined<T>(
        &mut self,
        width: usize,
        decode: impl FnOnce(&mut Self) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        let end = self.next + width;
        let present = self.row.get_ref(self.next)? != ValueRef::Null;
        let decoded = present.then(|| decode(self)).transpose()?;
        self.next = end;
        Ok(decoded)
    }
}
