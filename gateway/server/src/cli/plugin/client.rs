//! A gateway's admin API, from the command line.

use std::{env, fs, io, net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, Response, StatusCode, Uri, body::Incoming, header};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    runtime::Builder,
};
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use super::{CliError, GatewayArguments, PluginError};
use crate::{config::Config, egress::tls::trust_roots};

/// Most bytes of an answer.
const ANSWER_BYTES: usize = 16 << 20;
/// Compiling an upload takes a while.
const PATIENCE: Duration = Duration::from_mins(2);
/// Most bytes of a token file.
const TOKEN_BYTES: u64 = 4096;

/// A connection's makings: where to, and the token.
pub(in crate::cli) struct Client {
    place: Target,
    token: Zeroizing<String>,
    ca_file: Option<PathBuf>,
}

/// The root of an admin listener.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    is_tls: bool,
    host: String,
    port: u16,
}

impl Client {
    /// The gateway that the arguments name, or the configuration.
    pub(in crate::cli) fn open(arguments: GatewayArguments) -> Result<Self, CliError> {
        let config = arguments.place.load([])?.config;
        let url = arguments.url.unwrap_or_else(|| local_url(&config));
        let place = Target::parse(&url).ok_or(PluginError::Url(url))?;
        let token = token(&config, &place, arguments.token_file)?;
        Ok(Self {
            place,
            token,
            ca_file: config.egress.ca_file,
        })
    }

    /// Sends one request; what the API answers, or its problem.
    pub(in crate::cli) fn send(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Value, CliError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(CliError::Runtime)?;
        let exchanged = runtime.block_on(async {
            tokio::time::timeout(PATIENCE, self.exchange(method, path, body))
                .await
                .unwrap_or_else(|_| Err(self.unreached(io::Error::from(io::ErrorKind::TimedOut))))
        });
        Ok(exchanged?)
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Value, PluginError> {
        let Target { is_tls, host, port } = &self.place;
        let stream = TcpStream::connect((host.as_str(), *port))
            .await
            .map_err(|error| self.unreached(error))?;
        let request = self.request(method, path, body)?;
        let response = if *is_tls {
            let roots = trust_roots(self.ca_file.as_deref()).map_err(PluginError::Protocol)?;
            let name = ServerName::try_from(host.clone())
                .map_err(|error| PluginError::Protocol(error.to_string()))?;
            let stream = TlsConnector::from(Arc::clone(&roots))
                .connect(name, stream)
                .await
                .map_err(|error| self.unreached(error))?;
            send(stream, request).await
        } else {
            send(stream, request).await
        };
        let (head, body) = response
            .map_err(|error| PluginError::Protocol(error.to_string()))?
            .into_parts();
        let body = Limited::new(body, ANSWER_BYTES)
            .collect()
            .await
            .map_err(|error| PluginError::Protocol(error.to_string()))?
            .to_bytes();
        answer(head.status, &body)
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Request<Full<Bytes>>, PluginError> {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.place.authority())
            .header(header::USER_AGENT, "cambist")
            .header(header::AUTHORIZATION, format!("Bearer {}", *self.token))
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| PluginError::Protocol(error.to_string()))
    }

    fn unreached(&self, source: io::Error) -> PluginError {
        let scheme = if self.place.is_tls { "https" } else { "http" };
        PluginError::NoGateway {
            url: format!("{scheme}://{}", self.place.authority()),
            source,
        }
    }
}

impl Target {
    /// The admin token goes over TLS, or stays on this machine.
    fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let is_tls = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority()?;
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let is_root = matches!(uri.path(), "" | "/") && uri.query().is_none();
        if !is_root || host.is_empty() || authority.as_str().contains('@') {
            return None;
        }
        let port = authority
            .port_u16()
            .unwrap_or(if is_tls { 443 } else { 80 });
        let target = Self { is_tls, host, port };
        (is_tls || target.is_here()).then_some(target)
    }

    fn is_here(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self
                .host
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }

    fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// The configured admin listener; one that listens everywhere listens here too.
fn local_url(config: &Config) -> String {
    let mut listen = config.admin.listen;
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen.ip() {
            IpAddr::V4(_) => IpAddr::from([127, 0, 0, 1]),
            IpAddr::V6(_) => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1_u16]),
        });
    }
    format!("{}://{listen}", config.admin.tls.scheme())
}

/// From the file, the environment, or the data directory; that one only for a gateway on this machine.
fn token(
    config: &Config,
    place: &Target,
    file: Option<PathBuf>,
) -> Result<Zeroizing<String>, PluginError> {
    if file.is_none()
        && let Ok(token) = env::var("CAMBIST_TOKEN")
        && !token.is_empty()
    {
        return trimmed(&Zeroizing::new(token));
    }
    let path = match file {
        Some(path) => path,
        None if place.is_here() => config.data_dir.join("admin-token"),
        None => return Err(PluginError::NoToken),
    };
    let failed = |source| PluginError::File {
        doing: "read",
        path: path.clone(),
        source,
    };
    let size = match fs::metadata(&path) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(PluginError::NoToken),
        Err(error) => return Err(failed(error)),
    };
    if size > TOKEN_BYTES {
        return Err(failed(io::Error::from(io::ErrorKind::FileTooLarge)));
    }
    trimmed(&Zeroizing::new(fs::read_to_string(&path).map_err(failed)?))
}

fn trimmed(text: &str) -> Result<Zeroizing<String>, PluginError> {
    let token = text.trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(PluginError::NoToken);
    }
    Ok(Zeroizing::new(token.to_owned()))
}

async fn send<S>(
    stream: S,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, hyper::Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    sender.send_request(request).await
}

fn answer(status: StatusCode, body: &[u8]) -> Result<Value, PluginError> {
    let value: Value = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(body).unwrap_or_default()
    };
    if status.is_success() {
        return Ok(value);
    }
    let text = |member: &str| {
        let text = value.get(member).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let (path, detail) = (text("path"), text("detail"));
    Err(PluginError::Refused {
        status: status.as_u16(),
        detail: match (path.as_str(), detail.as_str()) {
            (_, "") => "it did not say why".to_owned(),
            ("", detail) => detail.to_owned(),
            (path, detail) => format!("{path}: {detail}"),
        },
        hint: match text("hint") {
            hint if hint.is_empty() => "is this the admin listener of a gateway?".to_owned(),
            hint => hint,
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_token_goes_over_tls_or_stays_here() {
        for good in [
            "https://gate.example",
            "https://gate.example:8443/",
            "http://127.0.0.1:8081",
            "http://[::1]:8081",
            "http://localhost",
        ] {
            assert!(Target::parse(good).is_some(), "{good}");
        }
        for bad in [
            "http://gate.example",
            "http://10.0.0.1:8081",
            "https://user@gate.example",
            "https://gate.example/admin",
            "gate.example",
            "",
            "ftp://localhost",
        ] {
            assert_eq!(Target::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn au_07_the_local_token_is_for_the_local_gateway_only() {
        let directory = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: directory.path().to_owned(),
            ..Config::default()
        };
        let file = directory.path().join("admin-token");
        let here = Target::parse("http://127.0.0.1:8081").unwrap();
        let there = Target::parse("https://gate.example").unwrap();
        assert!(matches!(
            token(&config, &here, None),
            Err(PluginError::NoToken)
        ));
        fs::write(&file, "abc\n").unwrap();
        assert_eq!(*token(&config, &here, None).unwrap(), "abc");
        assert!(matches!(
            token(&config, &there, None),
            Err(PluginError::NoToken)
        ));
        assert_eq!(*token(&config, &there, Some(file.clone())).unwrap(), "abc");
        fs::write(&file, "x".repeat(5000)).unwrap();
        assert!(token(&config, &here, None).is_err());
    }

    #[test]
    fn a_listener_everywhere_is_reached_here() {
        let mut config = Config::default();
        assert_eq!(local_url(&config), "http://127.0.0.1:8081");
        config.admin.listen = "0.0.0.0:9".parse().unwrap();
        assert_eq!(local_url(&config), "http://127.0.0.1:9");
        config.admin.listen = "[::]:9".parse().unwrap();
        assert_eq!(local_url(&config), "http://[::1]:9");
    }

    #[test]
    fn a_problem_says_what_and_what_to_do() {
        let problem = json!({"detail": "is too large", "hint": "make it smaller", "path": "x"});
        let error = answer(StatusCode::CONFLICT, problem.to_string().as_bytes()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the gateway refused (409): x: is too large\n  hint: make it smaller"
        );
        assert!(error.is_conflict());
        let error = answer(StatusCode::NOT_FOUND, b"<html>").unwrap_err();
        assert!(error.is_not_found());
        assert_eq!(answer(StatusCode::NO_CONTENT, b"").unwrap(), Value::Null);
    }
}
