//! Rules that one value alone cannot break, and those that need more than its kind.

use std::net::SocketAddr;

use tracing_subscriber::EnvFilter;

use super::{
    ClientCertificates, ClientTrust, Config, ForwardedCertificate, Hops, Problem, Role, Tls,
};

/// Collects what is wrong, at the place where the value came from.
struct Findings<'a, F> {
    origin: F,
    problems: &'a mut Vec<Problem>,
}

impl<F: Fn(&str) -> String> Findings<'_, F> {
    fn wrong(&mut self, path: &str, message: impl Into<String>) {
        self.problems
            .push(Problem::new((self.origin)(path), message));
    }
}

pub(super) fn check(config: &Config, origin: impl Fn(&str) -> String, problems: &mut Vec<Problem>) {
    let mut findings = Findings { origin, problems };
    let public = config.public.listen;
    if public.ip().is_unspecified() && config.public.url.is_none() {
        findings.wrong(
            "public.listen",
            format!(
                "`public.listen` is {public}, which is no address clients can use: set `public.url` to the one they do, such as \"https://sts.example\""
            ),
        );
    }
    cookie(config, &mut findings);
    listeners(config, &mut findings);
    if let Err(error) = EnvFilter::try_new(&config.log.filter) {
        findings.wrong(
            "log.filter",
            format!(
                "`log.filter` expects a level or directives such as \"info,cambist=debug\": {error}"
            ),
        );
    }
}

fn cookie<F: Fn(&str) -> String>(config: &Config, findings: &mut Findings<'_, F>) {
    let cookie = config.sessions.cookie.as_str();
    let is_name = (1..=64).contains(&cookie.len())
        && cookie
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if !is_name {
        findings.wrong(
            "sessions.cookie",
            "`sessions.cookie` expects 1 to 64 letters, digits, hyphens and underscores, as it names a header too",
        );
    }
}

fn listeners<F: Fn(&str) -> String>(config: &Config, findings: &mut Findings<'_, F>) {
    let (public, admin) = (&config.public, &config.admin);
    let mut taken = vec![("public".to_owned(), public.listen)];
    secrecy("admin", admin.listen, admin.allow_remote, findings);
    apart("admin".to_owned(), admin.listen, &mut taken, findings);
    tls("public", &public.tls, findings);
    tls("admin", &admin.tls, findings);
    hops("public", &public.hops, findings);
    hops("admin", &admin.hops, findings);
    for (name, listener) in &config.listener {
        let section = format!("listener.{name}");
        tls(&section, &listener.tls, findings);
        hops(&section, &listener.hops, findings);
        let is_admin = listener.roles.contains(&Role::Admin);
        if listener.roles.is_empty() {
            let path = format!("{section}.roles");
            findings.wrong(
                &path,
                format!("`{path}` is needed: \"sts\" and \"proxy\", or \"admin\""),
            );
        } else if is_admin && listener.roles.iter().any(|role| *role != Role::Admin) {
            let path = format!("{section}.roles");
            findings.wrong(
                &path,
                format!(
                    "`{path}`: admin stands alone, so that whom strangers reach never administers"
                ),
            );
        }
        if listener.url.is_some() && !listener.takes_certificates() {
            let path = format!("{section}.url");
            findings.wrong(
                &path,
                format!(
                    "`{path}` is for listeners of the role sts that take client certificates: set `{section}.tls.client_certificates`, or leave it out"
                ),
            );
        }
        let Some(listen) = listener.listen else {
            let path = format!("{section}.listen");
            findings.wrong(&path, format!("`{path}` is needed: an address to bind"));
            continue;
        };
        if is_admin {
            secrecy(&section, listen, listener.allow_remote, findings);
        }
        apart(section, listen, &mut taken, findings);
    }
}

/// AU-07: whoever reaches an admin listener is one token away from issuing anything.
fn secrecy<F: Fn(&str) -> String>(
    section: &str,
    listen: SocketAddr,
    allow_remote: bool,
    findings: &mut Findings<'_, F>,
) {
    if !listen.ip().to_canonical().is_loopback() && !allow_remote {
        let path = format!("{section}.listen");
        findings.wrong(
            &path,
            format!(
                "`{path}` is {listen}, which other machines reach: set `{section}.allow_remote = true` to mean it, or use 127.0.0.1:{}",
                listen.port()
            ),
        );
    }
}

fn apart<F: Fn(&str) -> String>(
    section: String,
    listen: SocketAddr,
    taken: &mut Vec<(String, SocketAddr)>,
    findings: &mut Findings<'_, F>,
) {
    let clash = taken.iter().find(|(_, other)| {
        let overlap = other.ip() == listen.ip()
            || other.ip().is_unspecified()
            || listen.ip().is_unspecified();
        other.port() == listen.port() && listen.port() != 0 && overlap
    });
    if let Some((name, other)) = clash {
        let path = format!("{section}.listen");
        findings.wrong(
            &path,
            format!("`{path}` ({listen}) and `{name}.listen` ({other}) need different ports"),
        );
    }
    taken.push((section, listen));
}

fn tls<F: Fn(&str) -> String>(section: &str, tls: &Tls, findings: &mut Findings<'_, F>) {
    let mut needs = |key: &str, because: &str| {
        let (path, because) = (
            format!("{section}.tls.{key}"),
            format!("{section}.tls.{because}"),
        );
        findings.wrong(&because, format!("`{because}` needs `{path}`"));
    };
    match (&tls.certificate_file, &tls.key_file) {
        (Some(_), None) => needs("key_file", "certificate_file"),
        (None, Some(_)) => needs("certificate_file", "key_file"),
        _ => {}
    }
    let asks = tls.client_certificates != ClientCertificates::None;
    if asks && !tls.is_on() {
        needs("certificate_file", "client_certificates");
    } else if asks && tls.client_trust == ClientTrust::Anchors && tls.client_ca_file.is_none() {
        needs("client_ca_file", "client_certificates");
    }
    if tls.client_crl_file.is_some() && tls.client_ca_file.is_none() {
        needs("client_ca_file", "client_crl_file");
    }
}

fn hops<F: Fn(&str) -> String>(section: &str, hops: &Hops, findings: &mut Findings<'_, F>) {
    let because = format!("{section}.hops.certificate");
    if hops.certificate != ForwardedCertificate::None && hops.trusted.is_empty() {
        findings.wrong(
            &because,
            format!("`{because}` needs `{section}.hops.trusted`"),
        );
    } else if hops.certificate.needs_header() && hops.certificate_header.is_none() {
        findings.wrong(
            &because,
            format!("`{because}` needs `{section}.hops.certificate_header`"),
        );
    }
}
