//! Reads a forwarded certificate chain in each of the forms that proxies use.

use std::sync::Arc;

use hyper::header::HeaderValue;
use rustls_pki_types::{CertificateDer, pem::PemObject};

use super::Said;
use crate::config::ForwardedCertificate;

/// Most certificates of a chain. webpki builds paths of six at most.
const LONGEST_CHAIN: usize = 8;

/// A trusted hop sent something that is not what it is configured to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::listener) enum Unreadable {
    #[error("the certificate header stands in the request more than once")]
    Twice,
    #[error("a chain came without the client's own certificate")]
    ChainAlone,
    #[error("a certificate header is not written as configured")]
    Form,
    #[error("a certificate header does not hold a certificate")]
    Certificate,
    #[error("the certificate chain is longer than {LONGEST_CHAIN}")]
    Long,
}

impl Said {
    /// The chain, the client's own certificate first; none if the hop says nothing about one.
    pub(super) fn read(
        &self,
        form: ForwardedCertificate,
    ) -> Result<Option<Arc<[Vec<u8>]>>, Unreadable> {
        let chain = match form {
            ForwardedCertificate::None => None,
            ForwardedCertificate::Rfc9440 => self.rfc9440()?,
            ForwardedCertificate::Xfcc => single(&self.xfcc)?.map(xfcc).transpose()?.flatten(),
            ForwardedCertificate::Der => single(&self.configured)?.map(der).transpose()?,
            ForwardedCertificate::Pem => single(&self.configured)?.map(pem).transpose()?,
        };
        let Some(chain) = chain else { return Ok(None) };
        if chain.len() > LONGEST_CHAIN {
            return Err(Unreadable::Long);
        }
        for certificate in &chain {
            webpki::EndEntityCert::try_from(&CertificateDer::from(certificate.as_slice()))
                .map_err(|_| Unreadable::Certificate)?;
        }
        Ok(Some(chain.into()))
    }

    /// RFC 9440 §2: a byte sequence of RFC 8941, and a list of them that begins with the issuer.
    fn rfc9440(&self) -> Result<Option<Vec<Vec<u8>>>, Unreadable> {
        let Some(own) = single(&self.client_cert)? else {
            let alone = !self.client_cert_chain.is_empty();
            return if alone {
                Err(Unreadable::ChainAlone)
            } else {
                Ok(None)
            };
        };
        let mut chain = vec![byte_sequence(own)?];
        for value in &self.client_cert_chain {
            for item in text(value)?.split(',') {
                chain.push(byte_sequence(item)?);
            }
        }
        Ok(Some(chain))
    }
}

/// The only value. An empty one says that there is no certificate.
fn single(values: &[HeaderValue]) -> Result<Option<&str>, Unreadable> {
    match values {
        [] => Ok(None),
        [one] => Ok(Some(text(one)?.trim()).filter(|text| !text.is_empty())),
        _ => Err(Unreadable::Twice),
    }
}

fn text(value: &HeaderValue) -> Result<&str, Unreadable> {
    value.to_str().map_err(|_| Unreadable::Form)
}

/// RFC 8941 §3.3.5, without parameters.
fn byte_sequence(item: &str) -> Result<Vec<u8>, Unreadable> {
    let inner = item
        .trim()
        .strip_prefix(':')
        .and_then(|rest| rest.strip_suffix(':'))
        .ok_or(Unreadable::Form)?;
    base64(inner)
}

fn base64(text: &str) -> Result<Vec<u8>, Unreadable> {
    base64_simd::STANDARD
        .decode_to_vec(text)
        .map_err(|_| Unreadable::Form)
}

/// Base64 of DER, further certificates after commas.
fn der(value: &str) -> Result<Vec<Vec<u8>>, Unreadable> {
    value.split(',').map(|one| base64(one.trim())).collect()
}

/// PEM, its line breaks and other characters URL-encoded.
fn pem(value: &str) -> Result<Vec<Vec<u8>>, Unreadable> {
    let decoded = percent_decoded(value)?;
    let chain: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(&decoded)
        .map(|one| one.map(|der| der.to_vec()))
        .collect::<Result<_, _>>()
        .map_err(|_| Unreadable::Form)?;
    if chain.is_empty() {
        return Err(Unreadable::Form);
    }
    Ok(chain)
}

/// `X-Forwarded-Client-Cert`: elements after commas, each hop adding one; the last speaks of the client of
/// the hop that connected here. `Chain` holds the whole chain, `Cert` the client's own certificate.
fn xfcc(value: &str) -> Result<Option<Vec<Vec<u8>>>, Unreadable> {
    let element = quoted_split(value, ',').last().unwrap_or_default();
    let (mut cert, mut chain) = (None, None);
    for pair in quoted_split(element, ';') {
        let (key, value) = pair.split_once('=').ok_or(Unreadable::Form)?;
        let place = match key.trim() {
            key if key.eq_ignore_ascii_case("cert") => &mut cert,
            key if key.eq_ignore_ascii_case("chain") => &mut chain,
            _ => continue,
        };
        let value = value.trim();
        let value = value
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or(value);
        if place.replace(value).is_some() {
            return Err(Unreadable::Twice);
        }
    }
    chain.or(cert).map(pem).transpose()
}

/// Splits outside of double quotes, in which a backslash takes the next character along.
fn quoted_split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |c: char| {
        if is_escaped {
            is_escaped = false;
            return false;
        }
        match c {
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ => {}
        }
        c == separator && !is_quoted
    })
}

fn percent_decoded(text: &str) -> Result<Vec<u8>, Unreadable> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (Some(high), Some(low)) = (digit(bytes.next()), digit(bytes.next())) else {
            return Err(Unreadable::Form);
        };
        decoded.push(u8::try_from(high << 4 | low).map_err(|_| Unreadable::Form)?);
    }
    Ok(decoded)
}
