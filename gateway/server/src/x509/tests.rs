use cambist_core::{Proofs, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SanType, SerialNumber, date_time_ymd,
};
use serde_json::json;

use super::*;

const NOW: Timestamp = Timestamp(1_900_000_000);

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn leaf(adjust: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "dana");
    params.serial_number = Some(SerialNumber::from(7));
    params.not_before = date_time_ymd(2029, 1, 1);
    params.not_after = date_time_ymd(2031, 1, 1);
    params.subject_alt_names = vec![
        SanType::Rfc822Name("dana@a.example".try_into().unwrap()),
        SanType::URI("spiffe://a.example/dana".try_into().unwrap()),
    ];
    adjust(&mut params);
    params
}

fn signed(params: &CertificateParams, by: &CertifiedIssuer<'static, KeyPair>) -> Vec<u8> {
    let key = KeyPair::generate().unwrap();
    params.signed_by(&key, by).unwrap().der().to_vec()
}

fn validator(settings: &Value) -> Result<X509Validator, PublishError> {
    X509Validator::build(settings.as_object().unwrap())
}

fn check(
    validator: &X509Validator,
    token: &[u8],
    certificates: &[Vec<u8>],
) -> Result<Principal, Rejection> {
    let call = Call {
        now: NOW,
        instance: "i",
        correlation: "c",
        random: [0; 16],
        proofs: Proofs {
            certificates,
            ..Proofs::default()
        },
        purpose: cambist_core::Purpose::Issue,
    };
    validator.check(&Token::new(token), &call)
}

fn armoured(label: &str, der: &[u8]) -> String {
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        base64(der)
    )
}

fn pem(authority: &CertifiedIssuer<'static, KeyPair>) -> String {
    armoured("CERTIFICATE", authority.der())
}

fn list_pem(list: &rcgen::CertificateRevocationList) -> String {
    armoured("X509 CRL", list.der())
}

fn base64(der: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(der)
}

#[test]
fn a_proven_certificate_of_a_trusted_authority_is_a_principal() {
    let root = authority("root");
    let der = signed(&leaf(|_| ()), &root);
    for (source, subject) in [
        ("subject_dn", "CN=dana"),
        ("common_name", "dana"),
        ("email", "dana@a.example"),
        ("uri", "spiffe://a.example/dana"),
    ] {
        let settings =
            json!({"trust_anchors": pem(&root), "subject": source, "subject_prefix": "x:"});
        let validator = validator(&settings).unwrap();
        for token in [der.clone(), base64(&der).into_bytes()] {
            let principal = check(&validator, &token, std::slice::from_ref(&der)).unwrap();
            assert_eq!(principal.subject, format!("x:{subject}"));
            assert_eq!(principal.expires_at, Some(Timestamp(1_924_992_000)));
            assert_eq!(principal.claims["mail"], "dana@a.example");
            assert_eq!(principal.claims["issuer_dn"], "CN=root");
        }
    }
    for source in ["user_id", "principal_name", "dns"] {
        let validator =
            validator(&json!({"trust_anchors": pem(&root), "subject": source})).unwrap();
        let refused = check(&validator, &der, std::slice::from_ref(&der));
        assert_eq!(refused, Err(Rejection::Refused), "{source}");
    }
}

#[test]
fn a_certificate_counts_only_for_whoever_holds_its_key() {
    let root = authority("root");
    let (own, other) = (signed(&leaf(|_| ()), &root), signed(&leaf(|_| ()), &root));
    let validator = validator(&json!({"trust_anchors": pem(&root)})).unwrap();
    assert_eq!(check(&validator, &own, &[]), Err(Rejection::BadSignature));
    assert_eq!(
        check(&validator, &own, &[other]),
        Err(Rejection::BadSignature)
    );
    assert_eq!(
        check(&validator, b"junk!", std::slice::from_ref(&own)),
        Err(Rejection::Malformed)
    );
    assert_eq!(
        check(&validator, &vec![b'A'; 30_000], &[own]),
        Err(Rejection::TooLarge)
    );
}

#[test]
fn chain_purpose_and_time_are_judged() {
    let (root, stranger) = (authority("root"), authority("stranger"));
    let mut between = CertificateParams::default();
    between.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    between
        .distinguished_name
        .push(DnType::CommonName, "between");
    let between = CertifiedIssuer::signed_by(between, KeyPair::generate().unwrap(), &root).unwrap();
    let validator = validator(&json!({"trust_anchors": pem(&root)})).unwrap();
    let judge = |der: &Vec<u8>, more: &[Vec<u8>]| {
        let chain: Vec<Vec<u8>> = std::iter::once(der.clone())
            .chain(more.iter().cloned())
            .collect();
        check(&validator, der, &chain).map(|principal| principal.subject)
    };
    assert_eq!(
        judge(&signed(&leaf(|_| ()), &stranger), &[]),
        Err(Rejection::UnknownIssuer)
    );
    let deep = signed(&leaf(|_| ()), &between);
    assert_eq!(judge(&deep, &[]), Err(Rejection::UnknownIssuer));
    assert_eq!(
        judge(&deep, &[between.der().to_vec()]),
        Ok("CN=dana".to_owned())
    );
    let old = leaf(|params| params.not_after = date_time_ymd(2030, 1, 1));
    assert_eq!(judge(&signed(&old, &root), &[]), Err(Rejection::Expired));
    let early = leaf(|params| params.not_before = date_time_ymd(2030, 12, 1));
    assert_eq!(
        judge(&signed(&early, &root), &[]),
        Err(Rejection::NotYetValid)
    );
    let server =
        leaf(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    assert_eq!(
        judge(&signed(&server, &root), &[]),
        Err(Rejection::WrongType)
    );
    let authority = leaf(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    assert_eq!(
        judge(&signed(&authority, &root), &[]),
        Err(Rejection::WrongType)
    );
    let many = vec![between.der().to_vec(); 9];
    assert_eq!(judge(&deep, &many), Err(Rejection::TooLarge));
}

#[test]
fn a_required_purpose_must_be_named() {
    let root = authority("root");
    let settings = json!({"trust_anchors": pem(&root), "require_client_purpose": true});
    let validator = validator(&settings).unwrap();
    let without = signed(&leaf(|_| ()), &root);
    assert_eq!(
        check(&validator, &without, std::slice::from_ref(&without)),
        Err(Rejection::WrongType)
    );
    let client =
        leaf(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]);
    let with = signed(&client, &root);
    check(&validator, &with, std::slice::from_ref(&with)).unwrap();
}

#[test]
fn revoked_certificates_and_stale_lists_are_refused() {
    let root = authority("root");
    let der = signed(&leaf(|_| ()), &root);
    let list = |revoked: u64, next: i32| {
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2029, 1, 1),
            next_update: date_time_ymd(next, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: SerialNumber::from(revoked),
                revocation_time: date_time_ymd(2029, 2, 1),
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&root).unwrap()
    };
    let judge = |list: String, stale: bool| {
        let settings = json!({
            "trust_anchors": pem(&root), "revocation_lists": [list], "accept_stale_lists": stale
        });
        check(
            &validator(&settings).unwrap(),
            &der,
            std::slice::from_ref(&der),
        )
        .map(|p| p.subject)
    };
    let accepted = Ok("CN=dana".to_owned());
    assert_eq!(
        judge(list_pem(&list(7, 2031)), false),
        Err(Rejection::Refused)
    );
    assert_eq!(judge(list_pem(&list(8, 2031)), false), accepted);
    assert_eq!(judge(base64(list(8, 2031).der()), false), accepted);
    assert_eq!(
        judge(list_pem(&list(8, 2030)), false),
        Err(Rejection::Refused)
    );
    assert_eq!(judge(list_pem(&list(8, 2030)), true), accepted);
}

#[test]
fn sc_08_names_with_control_characters_are_refused() {
    let root = authority("root");
    let validator = validator(&json!({"trust_anchors": pem(&root)})).unwrap();
    for params in [
        leaf(|params| {
            params
                .distinguished_name
                .push(DnType::CommonName, "dana\0.evil.example");
        }),
        leaf(|params| {
            params
                .distinguished_name
                .push(DnType::OrganizationName, "a\0b");
        }),
        leaf(|params| {
            let name = SanType::URI("spiffe://a.example/dana\0x".try_into().unwrap());
            params.subject_alt_names.push(name);
        }),
        leaf(|params| {
            let name = SanType::Rfc822Name("dana@a.example\0.evil".try_into().unwrap());
            params.subject_alt_names.push(name);
        }),
    ] {
        let der = signed(&params, &root);
        let refused = check(&validator, &der, std::slice::from_ref(&der));
        assert_eq!(refused, Err(Rejection::Refused));
    }
}

#[test]
fn a_mistake_in_settings_is_named() {
    let root = pem(&authority("root"));
    for (settings, path) in [
        (json!({}), ""),
        (json!({"trust_anchors": ""}), "trust_anchors"),
        (json!({"trust_anchors": "junk"}), "trust_anchors"),
        (
            json!({"trust_anchors": root, "revocation_lists": ["junk!"]}),
            "revocation_lists[0]",
        ),
        (
            json!({"trust_anchors": root, "subject": "nickname"}),
            "subject",
        ),
        (json!({"trust_anchors": root, "anchors": root}), ""),
    ] {
        let Err(error) = validator(&settings) else {
            panic!("accepted {settings}")
        };
        assert!(error.path.starts_with(path), "{settings}: {error}");
    }
}
