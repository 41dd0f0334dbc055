//! Listening sockets: one per worker and address, among which the kernel spreads connections.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that wait to be accepted.
pub(super) const BACKLOG: i32 = 4096;

/// Bytes that a socket takes before its client has room for them: what a slow reader costs, and how
/// soon it is seen that it reads at all.
const NOT_SENT: u32 = 256 * 1024;

/// ProxyError says why the data path cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A thread cannot be started.
    #[error("cannot start a worker thread")]
    Thread(#[source] io::Error),
}

/// Opens one socket per worker. All have the same port, also when any was asked for.
///
/// # Errors
/// Where the address is in use by somebody else, or not ours to use.
pub(super) fn listen(address: SocketAddr, workers: usize) -> Result<Vec<TcpListener>, ProxyError> {
    let open = || -> io::Result<Vec<TcpListener>> {
        // Sockets that share a port also share it with another process of the same user: the
        // first bind, alone, finds that out.
        if address.port() != 0 {
            drop(bind(address, false)?);
        }
        let first = bind(address, true)?;
        let bound = first.local_addr()?;
        let mut sockets = vec![first];
        for _ in 1..workers {
            sockets.push(bind(bound, true)?);
        }
        Ok(sockets)
    };
    open().map_err(|source| ProxyError::Listen { address, source })
}

fn bind(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    if shared {
        // Accepted sockets inherit it.
        socket.set_tcp_nodelay(true)?;
        socket.set_tcp_notsent_lowat(NOT_SENT)?;
        socket.set_nonblocking(true)?;
        socket.listen(BACKLOG)?;
    }
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_address_is_taken() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let error = listen(address, 2).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot listen on {address}")), "{error}");
    }

    #[test]
    fn workers_share_a_port() {
        let sockets = listen("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        let ports: Vec<_> = sockets.iter().map(|s| s.local_addr().unwrap().port()).collect();
        assert!(ports.iter().all(|port| *port == ports[0] && *port != 0));
    }
}
