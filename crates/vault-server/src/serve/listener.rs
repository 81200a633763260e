//! One listening socket per worker on one address.
//!
//! `SO_REUSEPORT` gives each worker its own accept queue, filled by the kernel, so that
//! workers share nothing on the way in.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::config::defaults::LISTEN_BACKLOG;

/// Binds `count` sockets to `address`. With port 0 the first takes a free port and the
/// others follow it.
///
/// # Errors
/// Whatever the system says, for example that the address is in use by another program.
pub(crate) fn bind_all(address: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    let first = bind(address)?;
    let bound = first.local_addr()?;
    let mut listeners = vec![first];
    while listeners.len() < count {
        listeners.push(bind(bound)?);
    }
    Ok(listeners)
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(LISTEN_BACKLOG).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}
