//! Whether the caller of the current request still may what they might at its beginning.
//!
//! In: a caller whom authentication recognised, around everything that is done for them. Out: the
//! judgement of the same authenticator, whenever it is asked for. Between the head of a request
//! and its end there is time to shut its caller out: while the body comes, and while a secret
//! waits to be hashed. So it is asked after a body, after a hash, as pieces of a file come, and
//! before every commit.
//!
//! Promise: nobody has to remember it. It is asked where bodies are read, where secrets are hashed
//! and where changes are committed, which no use case goes around.
//! Not here: work that no request asked for. It has no caller, and goes on.

use std::sync::Arc;

use super::Authenticator;
use crate::vault::error::VaultError;
use crate::vault::principal::Principal;

tokio::task_local! {
    static CURRENT: Arc<Standing>;
}

struct Standing {
    authenticator: Arc<dyn Authenticator>,
    caller: Principal,
}

/// Does `work` for a caller.
pub(super) async fn with_caller<T>(
    authenticator: Arc<dyn Authenticator>,
    caller: Principal,
    work: impl Future<Output = T>,
) -> T {
    let standing = Standing {
        authenticator,
        caller,
    };
    CURRENT.scope(Arc::new(standing), work).await
}

/// Judges the current caller once more.
///
/// # Errors
/// Those of [`Authenticator::judge_again`].
pub(crate) async fn judge_again() -> Result<(), VaultError> {
    let Ok(standing) = CURRENT.try_with(Arc::clone) else {
        return Ok(());
    };
    standing.authenticator.judge_again(&standing.caller).await
}
