//! How an assertion travels as a token: base64url without padding (RFC 8693 §3, RFC 7522 §2.1); how a
//! response travels by the POST binding: base64 (saml-bindings §3.5.4).

use crate::{accept::MAX_DOCUMENT_BYTES, refusal::Refusal};

/// Most bytes of base64 text that are looked at: the largest document, with line breaks.
const MAX_TEXT_BYTES: usize = MAX_DOCUMENT_BYTES / 3 * 4 + MAX_DOCUMENT_BYTES / 16;

/// Encodes a document as a token.
pub fn encode_token(document: &str) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(document)
}

/// Decodes a token. The one canonical spelling without padding is accepted, and the same with padding,
/// as RFC 4648 §5 has it.
pub fn decode_token(token: &[u8]) -> Result<Vec<u8>, Refusal> {
    if token.len() > MAX_TEXT_BYTES {
        return Err(Refusal::TooLarge("token"));
    }
    let decoded = if token.last() == Some(&b'=') {
        base64_simd::URL_SAFE.decode_to_vec(token)
    } else {
        base64_simd::URL_SAFE_NO_PAD.decode_to_vec(token)
    };
    decoded.map_err(|_| Refusal::Base64)
}

/// Decodes the value of `SAMLResponse`, in which line breaks may stand.
pub fn decode_response(value: &[u8]) -> Result<Vec<u8>, Refusal> {
    if value.len() > MAX_TEXT_BYTES {
        return Err(Refusal::TooLarge("SAMLResponse"));
    }
    let dense: Vec<u8> = value
        .iter()
        .copied()
        .filter(|byte| !matches!(byte, b'\r' | b'\n'))
        .collect();
    base64_simd::STANDARD
        .decode_to_vec(&dense)
        .map_err(|_| Refusal::Base64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_base64url_with_or_without_padding() {
        let token = encode_token("<a>?</a>");
        assert_eq!(decode_token(token.as_bytes()).unwrap(), b"<a>?</a>");
        assert_eq!(decode_token(b"-_8").unwrap(), [0xfb, 0xff]);
        assert_eq!(decode_token(b"-_8=").unwrap(), [0xfb, 0xff]);
        for token in [&b"+/8"[..], b"-_9", b"-_8==", b"-_ 8", b"-_8\n", b"A", b"="] {
            assert_eq!(decode_token(token), Err(Refusal::Base64), "{token:?}");
        }
    }

    #[test]
    fn responses_are_base64_with_line_breaks() {
        assert_eq!(decode_response(b"+/\r\n8=\n").unwrap(), [0xfb, 0xff]);
        for value in [&b"-_8="[..], b"+/8", b"+/ 8=", b"+/9="] {
            assert_eq!(decode_response(value), Err(Refusal::Base64), "{value:?}");
        }
    }

    #[test]
    fn sm_09_size_is_judged_before_decoding() {
        let much = vec![b'A'; MAX_TEXT_BYTES + 1];
        assert_eq!(decode_token(&much), Err(Refusal::TooLarge("token")));
        assert_eq!(
            decode_response(&much),
            Err(Refusal::TooLarge("SAMLResponse"))
        );
    }
}
