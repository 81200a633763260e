//! The signals that end the server politely.

use std::io;

/// Ready at the first SIGTERM or SIGINT.
///
/// # Errors
/// When the system does not let the process listen for signals.
#[cfg(unix)]
pub fn on_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
    })
}

/// Ready at the first Ctrl-C.
///
/// # Errors
/// Never here; the signature is that of the other systems.
#[cfg(not(unix))]
pub fn on_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async move {
        // Without a handler there is nothing to wait for but the end of the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        tracing::info!("stopping");
    })
}
