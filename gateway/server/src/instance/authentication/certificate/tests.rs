use std::{str::FromStr, sync::Arc};

use cambist_core::{BoxFuture, Fetch, FetchError, Fetched};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType, date_time_ymd,
};
use serde_json::{Value, json};

use super::{
    super::{Authentication, AuthenticationDocument},
    *,
};

/// In 2027.
const NOW: Timestamp = Timestamp(1_800_000_000);

struct Nowhere;

impl Fetch for Nowhere {
    fn get<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(std::future::ready(Err(FetchError::Forbidden(
            url.to_owned(),
        ))))
    }
}

fn pem(der: &[u8]) -> String {
    let body = base64_simd::STANDARD.encode_to_string(der);
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CountryName, "DE");
    name.push(DnType::OrganizationName, "Example, Inc.");
    name.push(DnType::CommonName, common);
    name
}

fn params(common: &str, names: Vec<SanType>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name(common);
    params.subject_alt_names = names;
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2036, 1, 1);
    params
}

fn authority(common: &str) -> Authority {
    let mut params = params(common, Vec::new());
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn issued(by: &Authority, params: &CertificateParams) -> Vec<u8> {
    let key = KeyPair::generate().unwrap();
    params.signed_by(&key, by).unwrap().der().to_vec()
}

fn built(document: Value) -> Result<CertificateRule, String> {
    let document: AuthenticationDocument = serde_json::from_value(document).unwrap();
    let fetch: Arc<dyn Fetch> = Arc::new(Nowhere);
    match Authentication::build("web", &document, "https://sts.example/oauth2/i", &fetch) {
        Ok(Authentication::Certificate(rule)) => Ok(rule),
        Ok(other) => panic!("{:?}", other.names()),
        Err(error) => Err(error.to_string()),
    }
}

fn rule(authority: &Authority, member: &str, value: &str) -> CertificateRule {
    built(
        json!({"method": "tls_client_auth", "authorities": [pem(authority.der())], member: value}),
    )
    .unwrap()
}

fn text(name: &str) -> rcgen::string::Ia5String {
    name.try_into().unwrap()
}

fn all_names() -> Vec<SanType> {
    vec![
        SanType::DnsName(text("web.example")),
        SanType::URI(text("https://web.example/client")),
        SanType::IpAddress(IpAddr::from_str("192.0.2.7").unwrap()),
        SanType::Rfc822Name(text("web@example.com")),
    ]
}

#[test]
fn mt_02_one_registered_name_is_compared() {
    let authority = authority("Authority");
    let own = issued(&authority, &params("web", all_names()));
    for (member, right, wrong) in [
        (
            "subject_dn",
            "CN=web,O=Example\\, Inc.,C=DE",
            "CN=web,O=Example,C=DE",
        ),
        ("subject_dn", "CN=web,O=Example\\, Inc.,C=DE", "CN=web"),
        ("san_dns", "web.example", "example"),
        (
            "san_uri",
            "https://web.example/client",
            "https://web.example/",
        ),
        ("san_ip", "192.0.2.7", "192.0.2.8"),
        ("san_email", "web@example.com", "app@example.com"),
    ] {
        let chain = [own.clone()];
        assert!(
            rule(&authority, member, right).accepts(&chain, NOW),
            "{member}"
        );
        assert!(
            !rule(&authority, member, wrong).accepts(&chain, NOW),
            "{member}"
        );
    }
}

#[test]
fn mt_02_the_chain_must_end_at_a_configured_authority() {
    let (ours, theirs) = (authority("Authority"), authority("Authority"));
    let rule = rule(&ours, "san_dns", "web.example");
    let good = issued(&ours, &params("web", all_names()));
    assert!(rule.accepts(std::slice::from_ref(&good), NOW));
    let foreign = issued(&theirs, &params("web", all_names()));
    assert!(!rule.accepts(std::slice::from_ref(&foreign), NOW));
    assert!(
        !rule.accepts(&[foreign, theirs.der().to_vec()], NOW),
        "an authority that came along is no reason to trust it"
    );
    assert!(!rule.accepts(&[], NOW));
    assert!(!rule.accepts(&[b"junk".to_vec()], NOW));
    assert!(!rule.accepts(&vec![good.clone(); 9], NOW));
}

#[test]
fn mt_02_an_intermediate_authority_is_followed() {
    let root = authority("Root");
    let mut middle = params("Middle", Vec::new());
    middle.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let middle = CertifiedIssuer::signed_by(middle, KeyPair::generate().unwrap(), &root).unwrap();
    let own = issued(&middle, &params("web", all_names()));
    let rule = rule(&root, "san_dns", "web.example");
    assert!(!rule.accepts(std::slice::from_ref(&own), NOW));
    assert!(rule.accepts(&[own, middle.der().to_vec()], NOW));
}

#[test]
fn mt_09_time_and_purpose_count() {
    let authority = authority("Authority");
    let rule = rule(&authority, "san_dns", "web.example");
    let mut past = params("web", all_names());
    past.not_after = date_time_ymd(2026, 2, 1);
    assert!(!rule.accepts(&[issued(&authority, &past)], NOW));
    let mut future = params("web", all_names());
    future.not_before = date_time_ymd(2035, 1, 1);
    assert!(!rule.accepts(&[issued(&authority, &future)], NOW));
    for (purpose, fits) in [
        (ExtendedKeyUsagePurpose::ClientAuth, true),
        (ExtendedKeyUsagePurpose::ServerAuth, false),
    ] {
        let mut params = params("web", all_names());
        params.extended_key_usages = vec![purpose];
        assert_eq!(rule.accepts(&[issued(&authority, &params)], NOW), fits);
    }
}

#[test]
fn sc_08_a_nul_makes_another_name() {
    let authority = authority("Authority");
    let own = issued(
        &authority,
        &params(
            "web\0.evil",
            vec![SanType::DnsName(text("web.example\0.evil"))],
        ),
    );
    for (member, value) in [
        ("san_dns", "web.example"),
        ("subject_dn", "CN=web,O=Example\\, Inc.,C=DE"),
    ] {
        assert!(!rule(&authority, member, value).accepts(std::slice::from_ref(&own), NOW));
    }
}

#[test]
fn mt_03_a_self_signed_certificate_is_pinned() {
    let key = KeyPair::generate().unwrap();
    let (mine, again) = (
        params("web", Vec::new()).self_signed(&key).unwrap(),
        params("web", Vec::new())
            .self_signed(&KeyPair::generate().unwrap())
            .unwrap(),
    );
    let rule = built(json!({
        "method": "self_signed_tls_client_auth", "certificates": [pem(mine.der())]
    }))
    .unwrap();
    assert!(rule.accepts(&[mine.der().to_vec()], NOW));
    assert!(!rule.accepts(&[again.der().to_vec()], NOW));
    assert!(!rule.accepts(&[again.der().to_vec(), mine.der().to_vec()], NOW));
    assert!(
        !rule.accepts(&[mine.der().to_vec()], Timestamp(2_100_000_000)),
        "it ended"
    );
}

#[test]
fn an_x509_svid_has_exactly_one_uri() {
    let authority = authority("spiffe");
    let rule = built(json!({
        "method": "spiffe_x509", "spiffe_id": "spiffe://example.org/ns/shop/*", "authorities": [pem(authority.der())]
    }))
    .unwrap();
    assert_eq!(rule.names(), ["spiffe_x509"]);
    let uris = |uris: &[&str]| {
        let names = uris.iter().map(|uri| SanType::URI(text(uri))).collect();
        [issued(&authority, &params("x", names))]
    };
    let web = "spiffe://example.org/ns/shop/web";
    assert!(rule.accepts(&uris(&[web]), NOW));
    assert!(!rule.accepts(&uris(&[web, "spiffe://example.org/ns/shop/app"]), NOW));
    assert!(!rule.accepts(&uris(&[]), NOW));
    assert!(!rule.accepts(&uris(&["spiffe://evil.org/ns/shop/web"]), NOW));
}

#[test]
fn mistakes_name_their_member() {
    let pem = pem(authority("Authority").der());
    for (document, said) in [
        (
            json!({"method": "tls_client_auth", "authorities": [pem]}),
            "subject_dn",
        ),
        (
            json!({"method": "tls_client_auth", "authorities": [pem], "san_dns": "a", "san_uri": "b"}),
            "san_dns",
        ),
        (
            json!({"method": "tls_client_auth", "authorities": [], "san_dns": "a"}),
            "authorities",
        ),
        (
            json!({"method": "tls_client_auth", "authorities": ["x"], "san_dns": "a"}),
            "authorities[0]",
        ),
        (
            json!({"method": "tls_client_auth", "authorities": [pem], "subject_dn": "web"}),
            "subject_dn",
        ),
        (
            json!({"method": "self_signed_tls_client_auth", "certificates": []}),
            "certificates",
        ),
        (
            json!({"method": "spiffe_x509", "spiffe_id": "https://x/y", "authorities": [pem]}),
            "spiffe_id",
        ),
        (
            json!({"method": "spiffe_x509", "spiffe_id": "spiffe://td/a/../b", "authorities": [pem]}),
            "spiffe_id",
        ),
        (json!({"method": "private_key_jwt"}), "jwks"),
        (
            json!({"method": "spiffe_jwt", "spiffe_id": "spiffe://td/a"}),
            "jwks",
        ),
    ] {
        match built(document.clone()) {
            Ok(_) => panic!("built: {document}"),
            Err(error) => assert!(error.contains(said), "{document}: {error}"),
        }
    }
}
