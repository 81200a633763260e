//! What an operator may choose about the audit log. Nothing here can be set through the API.

use std::path::PathBuf;

use crate::vault::audit::WhenUnavailable;

/// Choices about the audit log.
#[derive(Debug, Clone, Default)]
pub struct AuditConfig {
    /// File that checkpoints are appended to; `None` is one in the data directory. A place that
    /// the server's user can only append to is better.
    pub checkpoint_file: Option<PathBuf>,
    /// What happens to calls that cannot be recorded.
    pub when_unavailable: WhenUnavailable,
}
