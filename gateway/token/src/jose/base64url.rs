//! base64url without padding (RFC 7515 §2), in its only canonical spelling: no padding, no white space,
//! spare bits zero (SJ-17).

use base64_simd::URL_SAFE_NO_PAD;

/// Encodes `bytes`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// Appends the encoding of `bytes`.
pub(super) fn append(bytes: &[u8], out: &mut String) {
    URL_SAFE_NO_PAD.encode_append(bytes, out);
}

/// Decodes `text`; none unless it is the canonical spelling of something.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode_to_vec(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sj_17_only_the_canonical_spelling_decodes() {
        assert_eq!(decode(b"-_8").unwrap(), [0xfb, 0xff]);
        for text in [
            "-_8=", "+/8", "-_9", "-_ 8", "-_8\n", " -_8", "A", "-_8.", "-_8\0", "=", "-\u{e9}",
        ] {
            assert_eq!(decode(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn sj_17_long_input_is_checked_as_strictly_as_short_input() {
        let canonical = encode(&[0x5a; 100]);
        assert_eq!(decode(canonical.as_bytes()).unwrap(), [0x5a; 100]);
        for position in 0..canonical.len() {
            for intruder in [b'+', b'/', b'=', b' ', b'\n', 0, 0x80, 0xff] {
                let mut text = canonical.clone().into_bytes();
                text[position] = intruder;
                assert_eq!(decode(&text), None, "{intruder:#x} at {position}");
            }
        }
    }
}
