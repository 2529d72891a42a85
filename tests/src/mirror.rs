//! A listener that shows what it knows of a connection, and the files it needs.

use std::{net::SocketAddr, sync::Arc};

use cambist::{
    body::{Body, Incoming},
    config::{ClientCertificates, Hops, Http2, Limits, Tls},
    listener::{Connection, Door, Drain, Handler, Roles, bind_alone, serve, tls::Terminator},
};
use hyper::{Request, Response};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    http::Failure,
    tls::{Authority, Identity},
};

/// A directory with a server's certificate, and who made it.
pub struct Files {
    /// Where.
    pub directory: TempDir,
    /// Who.
    pub authority: Authority,
}

impl Files {
    /// A certificate for `localhost`.
    pub fn new() -> Result<Self, Failure> {
        let files = Self {
            directory: tempfile::tempdir()?,
            authority: Authority::new("servers")?,
        };
        files
            .authority
            .issue("localhost", 1)?
            .write(files.directory.path())?;
        Ok(files)
    }

    /// Settings with it.
    pub fn tls(&self) -> Tls {
        Tls {
            certificate_file: Some(self.directory.path().join("certificate.pem")),
            key_file: Some(self.directory.path().join("key.pem")),
            ..Tls::default()
        }
    }

    /// Settings that ask for certificates from `clients`.
    pub fn asking(&self, clients: &Authority, asked: ClientCertificates) -> Result<Tls, Failure> {
        let path = self.directory.path().join("clients.pem");
        std::fs::write(&path, clients.pem())?;
        Ok(Tls {
            client_certificates: asked,
            client_ca_file: Some(path),
            ..self.tls()
        })
    }
}

/// Answers with what it is told of the connection and the headers it gets.
struct Mirror;

impl Handler for Mirror {
    async fn handle(
        &self,
        request: &mut Request<Incoming>,
        connection: &Connection,
    ) -> Response<Body> {
        let certificates = connection.certificates.as_deref().unwrap_or_default();
        let names: Vec<&str> = request.headers().keys().map(AsRef::as_ref).collect();
        let seen = json!({
            "client": connection.client.to_string(),
            "is_secure": connection.is_secure,
            "is_anchored": connection.is_anchored,
            "certificates": certificates.iter().map(|one| base64_simd::STANDARD.encode_to_string(one)).collect::<Vec<_>>(),
            "headers": names,
        });
        Response::new(Body::full(seen.to_string()))
    }
}

/// A listener that answers with what its handler is told.
pub fn mirror(tls: &Tls, hops: Hops) -> Result<(SocketAddr, Drain), Failure> {
    let terminator = Terminator::open("test", tls, Http2::Always)?.map(Arc::new);
    let roles = Roles {
        sts: true,
        proxy: true,
    };
    let door = Arc::new(Door::new(
        "test",
        roles,
        Limits::default(),
        Http2::Always,
        hops,
        terminator,
    ));
    let socket = bind_alone("127.0.0.1:0".parse()?)?;
    let address = socket.local_addr()?;
    let drain = Drain::default();
    tokio::spawn(serve(socket, door, Arc::new(Mirror), drain.clone()));
    Ok((address, drain))
}

/// The JSON of a successful answer.
pub fn body(answer: &str) -> Result<Value, Failure> {
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("no body")?;
    Ok(serde_json::from_str(body)?)
}

/// A chain in base64.
pub fn encoded(identity: &Identity) -> Vec<String> {
    let chain = identity.chain.iter();
    chain
        .map(|one| base64_simd::STANDARD.encode_to_string(one))
        .collect()
}
