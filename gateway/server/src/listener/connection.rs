//! What a handler is told about whence a request came.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use hyper::header::HeaderValue;

use super::Roles;

/// Whence a request came.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Who connected.
    pub peer: SocketAddr,
    /// Who sent the request: the peer, or whom a trusted hop names.
    pub client: IpAddr,
    /// The same in text.
    pub client_text: HeaderValue,
    /// Whether the client's own connection is encrypted, as far as is known.
    pub is_secure: bool,
    /// The certificates the client proved to hold, in DER, its own first.
    pub certificates: Option<Arc<[Vec<u8>]>>,
    /// Whether these lead to an authority configured for the listener, are in their time and not revoked.
    /// If not, the client has the key and nothing else is known about it.
    pub is_anchored: bool,
    /// What the listener serves.
    pub roles: Roles,
}

impl Connection {
    /// A connection without encryption or certificates to a listener with every public role.
    pub fn plain(peer: SocketAddr) -> Self {
        let client = peer.ip().to_canonical();
        Self {
            peer,
            client,
            client_text: text(client),
            is_secure: false,
            certificates: None,
            is_anchored: false,
            roles: Roles {
                sts: true,
                proxy: true,
            },
        }
    }

    /// The same connection, on behalf of this client.
    pub fn set_client(&mut self, client: IpAddr) {
        self.client = client;
        self.client_text = text(client);
    }

    /// The client's address. The port is known only of one that connected itself.
    pub fn client_address(&self) -> SocketAddr {
        if self.client == self.peer.ip().to_canonical() {
            self.peer
        } else {
            SocketAddr::new(self.client, 0)
        }
    }
}

fn text(address: IpAddr) -> HeaderValue {
    // Addresses are written with characters that any header may have.
    HeaderValue::try_from(address.to_string()).unwrap_or(HeaderValue::from_static("unknown"))
}
