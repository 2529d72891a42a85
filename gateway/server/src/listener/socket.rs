//! Sockets that listen.

use std::{io, net::SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

const BACKLOG: i32 = 4096;

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// A listener of its own: fails when anything else listens there. To be called inside a runtime.
pub fn bind_alone(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// `count` listeners on one address, among which the kernel spreads connections. Fails when anything else
/// listens there: sharing must not let two gateways answer by turns.
pub fn bind_shared(
    address: SocketAddr,
    count: usize,
) -> io::Result<(SocketAddr, Vec<std::net::TcpListener>)> {
    let alone = socket(address)?;
    alone.bind(&address.into())?;
    let address = alone
        .local_addr()?
        .as_socket()
        .ok_or_else(|| io::Error::other("not an IP socket"))?;
    drop(alone);
    let listeners = (0..count.max(1)).map(|_| {
        let shared = socket(address)?;
        shared.set_reuse_port(true)?;
        shared.bind(&address.into())?;
        shared.listen(BACKLOG)?;
        Ok(shared.into())
    });
    Ok((address, listeners.collect::<io::Result<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_address_is_refused_although_ports_may_be_shared() {
        let (address, held) = bind_shared("127.0.0.1:0".parse().unwrap(), 2).unwrap();
        assert_eq!(held.len(), 2);
        assert!(bind_shared(address, 1).is_err());
    }
}
