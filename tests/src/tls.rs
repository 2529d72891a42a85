//! Authorities, certificates and a client that shows them.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SerialNumber,
};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::http::Failure;

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

/// A certificate chain with its key.
pub struct Identity {
    /// The certificates, its own first.
    pub chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

impl Authority {
    /// A root.
    pub fn new(name: &str) -> Result<Self, Failure> {
        let key = KeyPair::generate()?;
        let parameters = authority(name)?;
        let certificate = parameters.self_signed(&key)?.der().clone();
        Ok(Self {
            issuer: Issuer::new(parameters, key),
            certificate,
        })
    }

    /// An authority below this one.
    pub fn below(&self, name: &str) -> Result<Self, Failure> {
        let key = KeyPair::generate()?;
        let parameters = authority(name)?;
        let certificate = parameters.signed_by(&key, &self.issuer)?.der().clone();
        Ok(Self {
            issuer: Issuer::new(parameters, key),
            certificate,
        })
    }

    /// Another certificate for an authority's key, from this authority.
    pub fn cross_sign(&self, other: &Self, name: &str) -> Result<CertificateDer<'static>, Failure> {
        let parameters = authority(name)?;
        Ok(parameters
            .signed_by(other.issuer.key(), &self.issuer)?
            .der()
            .clone())
    }

    /// A certificate for `name` with this serial number.
    pub fn issue(&self, name: &str, serial: u64) -> Result<Identity, Failure> {
        let key = KeyPair::generate()?;
        let mut parameters = leaf(name)?;
        parameters.serial_number = Some(SerialNumber::from(serial));
        let certificate = parameters.signed_by(&key, &self.issuer)?.der().clone();
        Ok(Identity {
            chain: vec![certificate],
            key: key.serialize_der(),
        })
    }

    /// One that ended a day ago.
    pub fn issue_ended(&self, name: &str) -> Result<Identity, Failure> {
        let key = KeyPair::generate()?;
        let mut parameters = leaf(name)?;
        parameters.not_after = (SystemTime::now() - Duration::from_hours(24)).into();
        let certificate = parameters.signed_by(&key, &self.issuer)?.der().clone();
        Ok(Identity {
            chain: vec![certificate],
            key: key.serialize_der(),
        })
    }

    /// A list of revoked serial numbers in PEM, in force for an hour.
    pub fn revoke(&self, serials: &[u64]) -> Result<String, Failure> {
        let now = SystemTime::now();
        let list = CertificateRevocationListParams {
            this_update: (now - Duration::from_mins(1)).into(),
            next_update: (now + Duration::from_hours(1)).into(),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials
                .iter()
                .map(|serial| RevokedCertParams {
                    serial_number: SerialNumber::from(*serial),
                    revocation_time: (now - Duration::from_mins(1)).into(),
                    reason_code: None,
                    invalidity_date: None,
                })
                .collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(pem("X509 CRL", list.signed_by(&self.issuer)?.der()))
    }

    /// The authority's own certificate.
    pub const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The authority's own certificate in PEM.
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }
}

impl Identity {
    /// One that nobody vouches for.
    pub fn self_signed(name: &str) -> Result<Self, Failure> {
        let key = KeyPair::generate()?;
        let certificate = leaf(name)?.self_signed(&key)?.der().clone();
        Ok(Self {
            chain: vec![certificate],
            key: key.serialize_der(),
        })
    }

    /// Its chain in PEM.
    pub fn certificate_pem(&self) -> String {
        self.chain
            .iter()
            .map(|one| pem("CERTIFICATE", one))
            .collect()
    }

    /// Its key in PEM.
    pub fn key_pem(&self) -> String {
        pem("PRIVATE KEY", &self.key)
    }

    /// Writes chain and key to files in `directory`.
    pub fn write(&self, directory: &Path) -> Result<(PathBuf, PathBuf), Failure> {
        let (certificate, key) = (directory.join("certificate.pem"), directory.join("key.pem"));
        std::fs::write(&certificate, self.certificate_pem())?;
        std::fs::write(&key, self.key_pem())?;
        Ok((certificate, key))
    }

    /// Its key.
    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()))
    }
}

fn authority(name: &str) -> Result<CertificateParams, Failure> {
    let mut parameters = CertificateParams::new(Vec::new())?;
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters.use_authority_key_identifier_extension = true;
    Ok(parameters)
}

fn leaf(name: &str) -> Result<CertificateParams, Failure> {
    let mut parameters = CertificateParams::new(vec![name.to_owned()])?;
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    Ok(parameters)
}

/// Bytes in PEM (RFC 7468).
pub fn pem(label: &str, der: &[u8]) -> String {
    let text = base64_simd::STANDARD.encode_to_string(der);
    let mut lines = String::new();
    for (index, character) in text.chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            lines.push('\n');
        }
        lines.push(character);
    }
    format!("-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n")
}

/// How a client connects.
pub struct Client<'a> {
    /// The authority it trusts.
    pub trusts: &'a Authority,
    /// What it shows.
    pub shows: Option<&'a Identity>,
    /// Versions it speaks.
    pub versions: &'static [&'static SupportedProtocolVersion],
    /// Protocols it offers.
    pub protocols: &'a [&'a [u8]],
}

impl<'a> Client<'a> {
    /// One that shows nothing.
    pub const fn trusting(trusts: &'a Authority) -> Self {
        Self {
            trusts,
            shows: None,
            versions: rustls::ALL_VERSIONS,
            protocols: &[],
        }
    }

    /// One that shows a certificate.
    pub const fn showing(trusts: &'a Authority, identity: &'a Identity) -> Self {
        Self {
            shows: Some(identity),
            ..Self::trusting(trusts)
        }
    }

    /// Its TLS settings.
    pub fn config(&self) -> Result<ClientConfig, Failure> {
        let mut roots = RootCertStore::empty();
        roots.add(self.trusts.certificate.clone())?;
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(self.versions)?
            .with_root_certificates(roots);
        let mut config = match self.shows {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                builder.with_client_auth_cert(identity.chain.clone(), identity.key())?
            }
        };
        config.alpn_protocols = self.protocols.iter().map(|name| name.to_vec()).collect();
        Ok(config)
    }

    /// Shakes hands with a server that is `localhost`.
    pub async fn connect(&self, address: SocketAddr) -> Result<TlsStream<TcpStream>, Failure> {
        let stream = TcpStream::connect(address).await?;
        let connector = TlsConnector::from(Arc::new(self.config()?));
        let name = ServerName::try_from("localhost")?;
        Ok(connector.connect(name, stream).await?)
    }

    /// GETs `path`. With TLS 1.3 a refused certificate is noticed only when reading.
    pub async fn get(&self, address: SocketAddr, path: &str) -> Result<String, Failure> {
        self.get_with(address, path, "").await
    }

    /// GETs `path` with further header lines.
    pub async fn get_with(
        &self,
        address: SocketAddr,
        path: &str,
        lines: &str,
    ) -> Result<String, Failure> {
        let mut stream = self.connect(address).await?;
        get(&mut stream, path, &format!("Connection: close\r\n{lines}")).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

/// Asks for `path`.
pub async fn get(
    stream: &mut TlsStream<TcpStream>,
    path: &str,
    lines: &str,
) -> Result<(), Failure> {
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.flush().await?;
    Ok(())
}

/// The certificate the server showed.
pub fn shown(stream: &TlsStream<TcpStream>) -> Option<CertificateDer<'static>> {
    let connection: &ClientConnection = stream.get_ref().1;
    connection
        .peer_certificates()
        .and_then(|chain| chain.first())
        .map(|one| one.clone().into_owned())
}
