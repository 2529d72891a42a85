//! Judges one document of somebody else, given on standard input:
//! `cargo run -p cambist-saml --example accept -- CERTIFICATE [DECRYPTION-KEY]`.
//! Prints `accepted` with the subject's name, or `refused` with the exact reason.

use std::{
    error::Error,
    fs,
    io::{self, Read as _},
    time::{SystemTime, UNIX_EPOCH},
};

use cambist_core::Timestamp;
use cambist_saml::{
    accept::{Acceptance, MAX_DOCUMENT_BYTES, Once, Presenter, TrustedIssuer},
    certificate::Certificate,
    decryption::DecryptionKey,
    verify::TrustedKey,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let certificate = fs::read_to_string(arguments.next().ok_or("a certificate is needed")?)?;
    let key = TrustedKey::new(&Certificate::from_pem(&certificate)?)?;
    let mut decryption_keys = Vec::new();
    if let Some(path) = arguments.next() {
        decryption_keys.push(DecryptionKey::from_pem(&fs::read_to_string(path)?)?);
    }
    let acceptance = Acceptance {
        issuers: vec![TrustedIssuer {
            entity_id: "https://idp.example.net/sts".to_owned(),
            keys: vec![key],
            name_qualifiers: Vec::new(),
            valid_until: None,
        }],
        audiences: vec!["urn:example:orders-sp".to_owned()],
        recipients: vec!["https://orders.example.com/acs".to_owned()],
        recipient_required: true,
        attesters: Vec::new(),
        decryption_keys,
        skew: 30,
        max_lifetime: 3600,
        max_bytes: MAX_DOCUMENT_BYTES,
        once: Once::Marked,
    };
    let mut document = Vec::new();
    io::stdin().read_to_end(&mut document)?;
    let now = Timestamp(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs());
    match acceptance.examine(&document, &Presenter::default(), now) {
        Ok(examined) => println!("accepted {}", examined.name()),
        Err(refusal) => println!("refused {refusal}"),
    }
    Ok(())
}
