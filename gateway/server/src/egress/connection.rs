//! One connection to one checked address.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use cambist_core::FetchError;
use http_body_util::Full;
use hyper::{Uri, client::conn::http1::SendRequest, header::HeaderValue};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{EgressRules, address};

/// What requests are sent through.
pub(super) type Sender = SendRequest<Full<Bytes>>;

/// Where a connection leads. The host is without brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    is_tls: bool,
    host: String,
    port: u16,
}

impl Place {
    /// The place and the path of a URL that may be asked for at all.
    pub(super) fn of(url: &Uri) -> Result<(Self, String), FetchError> {
        let refuse = || FetchError::Forbidden(url.to_string().chars().take(200).collect());
        let is_tls = match url.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(refuse()),
        };
        let authority = url.authority().ok_or_else(refuse)?;
        if authority.as_str().contains('@') {
            return Err(refuse());
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_ascii_lowercase();
        let port = authority.port_u16().unwrap_or(usual_port(is_tls));
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        Ok((Self { is_tls, host, port }, path.to_owned()))
    }

    /// A host and a port, without any protocol of ours.
    pub(super) fn named(host: &str, port: u16, is_tls: bool) -> Self {
        Self {
            is_tls,
            host: host.to_ascii_lowercase(),
            port,
        }
    }

    /// The `Host` of a request to it (RFC 9110 §7.2).
    pub(super) fn host_header(&self) -> Result<HeaderValue, FetchError> {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        let text = if self.port == usual_port(self.is_tls) {
            host
        } else {
            format!("{host}:{}", self.port)
        };
        HeaderValue::try_from(text).map_err(|_| FetchError::Forbidden(self.host.clone()))
    }

    /// Resolves the name, checks the addresses and connects to one that may be reached, as that address.
    pub(super) async fn connect(
        &self,
        rules: &Arc<EgressRules>,
        tls: &TlsConnector,
    ) -> Result<Sender, FetchError> {
        let address = self.resolve(rules).await?;
        let stream = TcpStream::connect(address).await.map_err(unreachable)?;
        if self.is_tls {
            let name = ServerName::try_from(self.host.clone())
                .map_err(|_| FetchError::Forbidden(self.host.clone()))?;
            handshake(tls.connect(name, stream).await.map_err(unreachable)?).await
        } else {
            handshake(stream).await
        }
    }

    pub(super) async fn resolve(&self, rules: &EgressRules) -> Result<SocketAddr, FetchError> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port))
            .await
            .map_err(unreachable)?;
        let mut refused = false;
        for address in found {
            if address::is_allowed(&rules.allow, &self.host, address, self.is_tls) {
                return Ok(address);
            }
            refused = true;
        }
        if refused {
            return Err(FetchError::Forbidden(format!(
                "{}:{}",
                self.host, self.port
            )));
        }
        Err(FetchError::Unreachable(format!(
            "{} has no address",
            self.host
        )))
    }
}

const fn usual_port(is_tls: bool) -> u16 {
    if is_tls { 443 } else { 80 }
}

fn unreachable(error: impl std::fmt::Display) -> FetchError {
    FetchError::Unreachable(error.to_string())
}

async fn handshake<S>(stream: S) -> Result<Sender, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(unreachable)?;
    tokio::spawn(connection);
    Ok(sender)
}
