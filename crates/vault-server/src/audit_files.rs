//! The audit logs as files: checked and exported beside the server, or without it.
//!
//! In: a database file or an export, checkpoints, and the root key if there is one. Out: the
//! first broken link of each chain, or how far it goes and which rows are older than it.
//!
//! Promise: nothing is written but what is asked for; a server may be running on the database.
//! Without the root key checkpoints prove nothing, and are refused rather than believed.

mod export;
mod rows;
mod source;
mod verify;

pub(crate) use export::hash_text;
pub use export::{EXPORT_LINE_BYTES_MAX, ExportError, ExportLine, export};
pub use rows::{OLD_ROWS_MAX, OldRow};
pub use source::{AuditSource, DatabaseSource, ExportSource, SourceError};
pub use verify::{ChainFault, ChainReport, Finding, checkpoints_of, verify};
