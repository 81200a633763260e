//! Carries bytes between a client and an upstream that have left HTTP behind.
//!
//! In: both ends, once each has changed the protocol. Promise: a tunnel ends when either end
//! closes and the other has followed, when no byte has moved for the idle bound, when its total
//! time is over, or when the server stops. It holds the client's places among the connections and the
//! requests all the while, and one small buffer per direction.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::account::Account;
use super::streaming::Progress;
use crate::config::Limits;
use crate::layers::limit_in_flight::RequestPlace;
use crate::serve::Place;

/// Bytes that are read at once, per direction.
const BUFFER_BYTES: usize = 16 * 1_024;

/// How long a tunnel may last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TunnelLimits {
    idle: Duration,
    total: Duration,
}

impl TunnelLimits {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            idle: limits.proxy_stream_idle,
            total: limits.proxy_tunnel_total,
        }
    }
}

/// Runs a tunnel to its end.
pub(crate) async fn run(
    (client, upstream): (OnUpgrade, OnUpgrade),
    limits: TunnelLimits,
    (place, counted): (Place, Option<RequestPlace>),
    account: Option<Arc<Account>>,
) {
    let progress = Progress::counted(None, counted);
    let carried = async {
        let (client, upstream) = tokio::try_join!(client, upstream).map_err(io::Error::other)?;
        carry(client, upstream, &progress, account.as_deref()).await
    };
    // Whoever is left learns of the end by its connection's.
    tokio::select! {
        carried = carried => {
            if let (Ok(()), Some(account)) = (carried, &account) {
                account.completed();
            }
        }
        () = progress.stands_still_for(limits.idle) => {}
        () = tokio::time::sleep(limits.total) => {}
        () = place.stopped() => {}
    }
}

async fn carry(
    client: Upgraded,
    upstream: Upgraded,
    progress: &Arc<Progress>,
    account: Option<&Account>,
) -> io::Result<()> {
    let sent = |bytes| account.map_or((), |account| account.sent(bytes));
    let received = |bytes| account.map_or((), |account| account.received(bytes));
    let (client_in, client_out) = tokio::io::split(TokioIo::new(client));
    let (upstream_in, upstream_out) = tokio::io::split(TokioIo::new(upstream));
    tokio::try_join!(
        pump(client_in, upstream_out, progress, sent),
        pump(upstream_in, client_out, progress, received),
    )?;
    Ok(())
}

/// Carries one direction up to and including its end.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    progress: &Arc<Progress>,
    count: impl Fn(usize),
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let bytes = from.read(&mut buffer).await?;
        if bytes == 0 {
            return to.shutdown().await;
        }
        progress.note();
        to.write_all(&buffer[..bytes]).await?;
        to.flush().await?;
        count(bytes);
        progress.note();
    }
}
