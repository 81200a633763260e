//! Checks of files.

use super::{Checked, ROW_BYTES, countable, first, next, storable, within, wraps_of_version};
use crate::change_set::FileChange;
use crate::error::StoreError;
use crate::limits;
use crate::rows::{FileRow, WrapRow};

pub(super) fn file_change(change: &FileChange) -> Checked {
    match change {
        FileChange::Insert { row, wraps } => {
            first(row.version)?;
            if row.content_version != 1 {
                return Err(StoreError::Invalid("the first body of a file is 1"));
            }
            file(row, wraps)
        }
        FileChange::ReplaceBody {
            expected_version,
            share_revision,
            row,
            wraps,
        } => {
            next(*expected_version, row.version)?;
            storable(*share_revision)?;
            if row.content_version < 2 {
                return Err(StoreError::Invalid("a later body of a file is above 1"));
            }
            file(row, wraps)
        }
        FileChange::Delete {
            expected_version, ..
        } => countable(*expected_version).map(|()| ROW_BYTES),
        FileChange::ForgetErasedBody(_) => Ok(ROW_BYTES),
    }
}

fn file(row: &FileRow, wraps: &[WrapRow]) -> Checked {
    countable(row.content_version)?;
    storable(row.sealed_bytes)?;
    let label = within(&row.label_box, 1, limits::LABEL_BOX_BYTES_MAX, "file label")?;
    Ok(label + wraps_of_version(wraps, (row.file_id, row.content_version))?)
}
