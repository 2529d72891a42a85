//! What issuing and accepting cost beside the bare cryptography, in CPU time of one thread:
//! `cargo run --release -p cambist-saml --example ratios`.

use std::{error::Error, fs, hint::black_box, time::Duration};

use aws_lc_rs::{
    rand::{self, SystemRandom},
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
        ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use cambist_core::Timestamp;
use cambist_saml::{
    SelfSigned,
    accept::{Acceptance, MAX_DOCUMENT_BYTES, Once, Presenter, TrustedIssuer},
    algorithm::{Cipher, KeyTransport, SignatureAlgorithm},
    certificate::Certificate,
    decryption::DecryptionKey,
    draft::{Confirmation, Draft, identifier},
    encryption::RecipientKey,
    issue::{Extent, Protection, Sealing, issue},
    model::{Attribute, AttributeValue, NameId},
    signing::{Generated, SigningKey},
    uri,
    verify::TrustedKey,
};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};

const NOW: Timestamp = Timestamp(1_896_321_906);
const BATCHES: usize = 9;

fn main() -> Result<(), Box<dyn Error>> {
    let rsa = generate(SignatureAlgorithm::RsaSha256)?;
    let p256 = generate(SignatureAlgorithm::EcdsaSha256)?;
    let message = [0x5a; 600];
    let rng = SystemRandom::new();

    let der = PrivatePkcs8KeyDer::from_pem_slice(rsa.private_key.as_bytes())?;
    let pair = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der())?;
    let mut signature = vec![0; pair.public_modulus_len()];
    let sign = measure(|| {
        pair.sign(&RSA_PKCS1_SHA256, &rng, &message, &mut signature)
            .is_ok()
    })?;
    let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref())?;
    let verify = measure(|| public.verify_sig(&message, &signature).is_ok())?;
    report("RSA-2048", &rsa, sign, verify)?;

    let der = PrivatePkcs8KeyDer::from_pem_slice(p256.private_key.as_bytes())?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_pkcs8_der())?;
    let sign = measure(|| pair.sign(&rng, &message).is_ok())?;
    let signature = pair.sign(&rng, &message).map_err(|_| "signing failed")?;
    let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref())?;
    let verify = measure(|| public.verify_sig(&message, signature.as_ref()).is_ok())?;
    report("P-256", &p256, sign, verify)?;

    encryption(&rsa)?;
    hostile(&rsa)
}

fn report(name: &str, key: &Generated, sign: f64, verify: f64) -> Result<(), Box<dyn Error>> {
    println!("{name}: raw signature {sign:.1} us, raw verification {verify:.1} us");
    let acceptance = acceptance(key.key.certificate(), None)?;
    let protection = Protection {
        signing: Some(&key.key),
        ..Protection::default()
    };
    for (size, attributes) in [("small", 1), ("large", 40)] {
        let document = issue(&draft(attributes)?.assemble(), &protection)?;
        let issuing = measure(|| {
            draft(attributes).is_ok_and(|draft| issue(&draft.assemble(), &protection).is_ok())
        })?;
        let accepting = measure(|| {
            let result = acceptance.examine(document.as_bytes(), &Presenter::default(), NOW);
            result.is_ok()
        })?;
        println!(
            "{name}, {size} ({} bytes): issue {issuing:.1} us = {:.3} of raw, accept {accepting:.1} us = {:.3} of raw",
            document.len(),
            sign / issuing,
            verify / accepting,
        );
    }
    Ok(())
}

fn encryption(key: &Generated) -> Result<(), Box<dyn Error>> {
    let certificate = key.key.certificate();
    let recipient = RecipientKey::new(certificate, Cipher::default(), KeyTransport::default())?;
    let protection = |sealing| Protection {
        signing: Some(&key.key),
        sealing,
        ..Protection::default()
    };
    let model = draft(1)?.assemble();
    let clear = issue(&model, &protection(None))?;
    let sealing = Sealing {
        recipient: &recipient,
        extent: Extent::Assertion,
    };
    let sealed = issue(&model, &protection(Some(sealing)))?;
    let sealing = measure(|| recipient.seal(&clear).is_ok())?;
    let acceptance = acceptance(certificate, Some(&key.private_key))?;
    let accepting = measure(|| {
        let result = acceptance.examine(sealed.as_bytes(), &Presenter::default(), NOW);
        result.is_ok()
    })?;
    println!(
        "encrypt {} bytes: {sealing:.1} us; accept encrypted {accepting:.1} us",
        clear.len()
    );
    Ok(())
}

/// What documents cost that were made to cost much: as large as they like, and as large as is read at all.
fn hostile(key: &Generated) -> Result<(), Box<dyn Error>> {
    let acceptance = acceptance(key.key.certificate(), None)?;
    for size in [1 << 20, MAX_DOCUMENT_BYTES] {
        for (name, start, unit, end) in HOSTILE {
            let count = (size - start.len() - end.len()) / unit.len();
            let mut document = (*start).to_owned();
            for number in 0..count {
                // Five digits tell names apart, where they have to be.
                document.push_str(&unit.replace("#####", &format!("{number:05}")));
            }
            document.push_str(end);
            let refuse = || {
                let verdict = acceptance.examine(document.as_bytes(), &Presenter::default(), NOW);
                verdict.err()
            };
            fs::write("/proc/self/clear_refs", "5")?;
            let before = peak_kilobytes()?;
            let refusal = refuse().ok_or("a hostile document was accepted")?;
            let memory = peak_kilobytes()? - before;
            let spent = measure(|| refuse().is_some())?;
            println!(
                "hostile, {} bytes of {name}: {spent:.1} us, {memory} kB ({refusal})",
                document.len()
            );
        }
    }
    Ok(())
}

/// What it is, and how it begins, goes on and ends.
const HOSTILE: [(&str, &str, &str, &str); 8] = [
    ("attributes", "<a", " a#####=\"\"", "/>"),
    ("namespaces", "<a", " xmlns:n#####=\"urn:x\"", "/>"),
    ("start tags", "", "<a>", ""),
    ("empty elements", "<a>", "<b/>", "</a>"),
    ("text", "<a>", "xxxxxxxx", "</a>"),
    (
        "entities",
        "<!DOCTYPE a [",
        "<!ENTITY e##### \"&e;&e;\">",
        "]><a/>",
    ),
    (
        "signatures",
        "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">",
        "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"/>",
        "</saml:Assertion>",
    ),
    ("comments", "<a>", "<!---->", "</a>"),
];

/// The most memory the process has had since it was last asked to forget.
fn peak_kilobytes() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let digits = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(digits.ok_or("no VmHWM")?.parse()?)
}

/// CPU microseconds of one call: the median over batches long enough for the kernel's clock ticks.
fn measure(mut call: impl FnMut() -> bool) -> Result<f64, Box<dyn Error>> {
    let mut batch = |calls: u32| -> Result<Duration, Box<dyn Error>> {
        let before = cpu_nanoseconds()?;
        for _ in 0..calls {
            if !black_box(call()) {
                return Err("a measured call failed".into());
            }
        }
        Ok(Duration::from_nanos(cpu_nanoseconds()? - before))
    };
    let mut calls = 16;
    while batch(calls)? < Duration::from_millis(200) {
        calls *= 2;
    }
    let mut spent = Vec::with_capacity(BATCHES);
    for _ in 0..BATCHES {
        spent.push(batch(calls)?);
    }
    spent.sort_unstable();
    let median = spent.get(BATCHES / 2).copied().unwrap_or_default();
    Ok(median.as_secs_f64() * 1e6 / f64::from(calls))
}

fn cpu_nanoseconds() -> Result<u64, Box<dyn Error>> {
    let statistics = fs::read_to_string("/proc/thread-self/schedstat")?;
    let spent = statistics.split(' ').next().ok_or("no statistics")?;
    Ok(spent.parse()?)
}

fn generate(algorithm: SignatureAlgorithm) -> Result<Generated, Box<dyn Error>> {
    let certificate = SelfSigned {
        name: "ratios",
        now: NOW,
        days: 1,
        random: [1; 16],
    };
    Ok(SigningKey::generate(algorithm, &certificate)?)
}

fn draft(attributes: usize) -> Result<Draft<'static>, Box<dyn Error>> {
    let mut random = [0; 20];
    rand::fill(&mut random)?;
    let attribute = |number| Attribute {
        name: format!("urn:example:attribute:{number}"),
        values: vec![AttributeValue::Text("dana@example.com".to_owned())],
        ..Attribute::default()
    };
    Ok(Draft {
        id: identifier(&random),
        issuer: "https://idp.example.net/sts",
        relying_party: "urn:example:orders-sp",
        recipient: Some("https://orders.example.com/acs"),
        issued_at: NOW,
        expires_at: NOW.plus(600),
        confirmation: Confirmation::Bearer,
        name_id: NameId::with_format("dana", uri::NAME_ID_UNSPECIFIED),
        authenticated_at: NOW,
        authn_context_class: uri::PASSWORD_PROTECTED_TRANSPORT,
        attributes: (0..attributes).map(attribute).collect(),
    })
}

fn acceptance(
    certificate: &Certificate,
    decryption_key: Option<&str>,
) -> Result<Acceptance, Box<dyn Error>> {
    let decryption_keys = decryption_key.map(DecryptionKey::from_pem).transpose()?;
    Ok(Acceptance {
        issuers: vec![TrustedIssuer {
            entity_id: "https://idp.example.net/sts".to_owned(),
            keys: vec![TrustedKey::new(certificate)?],
            name_qualifiers: Vec::new(),
            valid_until: None,
        }],
        audiences: vec!["urn:example:orders-sp".to_owned()],
        recipients: vec!["https://orders.example.com/acs".to_owned()],
        recipient_required: true,
        attesters: Vec::new(),
        decryption_keys: decryption_keys.into_iter().collect(),
        skew: 30,
        max_lifetime: 3600,
        max_bytes: MAX_DOCUMENT_BYTES,
        once: Once::Every,
    })
}
