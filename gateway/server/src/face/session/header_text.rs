//! Text in a header field: as it is, or in encoded words (RFC 2047 §2).

use hyper::header::HeaderValue;
use zeroize::Zeroizing;

/// Most bytes of a decoded header.
const MAX_BYTES: usize = 2048;

/// The text of a header. None if it cannot be read as text.
pub(super) fn decode(value: &HeaderValue) -> Option<Zeroizing<String>> {
    let text = std::str::from_utf8(value.as_bytes()).ok()?;
    let mut decoded = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    // Blanks between two encoded words belong to neither (RFC 2047 §6.2).
    let mut was_word = false;
    while !rest.is_empty() {
        let Some((before, word, behind)) = next_word(rest) else {
            decoded.push_str(rest);
            break;
        };
        if !(was_word && before.chars().all(|c| matches!(c, ' ' | '\t'))) {
            decoded.push_str(before);
        }
        decoded.push_str(&word?);
        was_word = true;
        rest = behind;
    }
    (decoded.len() <= MAX_BYTES).then_some(decoded)
}

/// The text before the next encoded word, what it says, and the text behind it. None without one; what is
/// shaped like one and cannot be read is an error, not text: it may be half a password.
type Word<'t> = (&'t str, Option<Zeroizing<String>>, &'t str);

fn next_word(text: &str) -> Option<Word<'_>> {
    let (before, rest) = text.split_once("=?")?;
    let (charset, rest) = rest.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    let (encoded, behind) = rest.split_once("?=")?;
    Some((before, word(charset, encoding, encoded), behind))
}

fn word(charset: &str, encoding: &str, encoded: &str) -> Option<Zeroizing<String>> {
    let bytes = match encoding {
        "B" | "b" => Zeroizing::new(base64_simd::STANDARD.decode_to_vec(encoded).ok()?),
        "Q" | "q" => quoted(encoded)?,
        _ => return None,
    };
    // A language may follow the character set (RFC 2231 §5).
    let charset = charset.split('*').next().unwrap_or_default();
    if charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("us-ascii") {
        let text = std::str::from_utf8(&bytes).ok()?;
        Some(Zeroizing::new(text.to_owned()))
    } else if charset.eq_ignore_ascii_case("iso-8859-1") {
        Some(Zeroizing::new(
            bytes.iter().copied().map(char::from).collect(),
        ))
    } else {
        None
    }
}

/// The `Q` encoding (RFC 2047 §4.2).
fn quoted(encoded: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(encoded.len()));
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'_' => b' ',
            b'=' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).ok()?
            }
            other => other,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Option<String> {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        decode(&value).map(|text| (*text).clone())
    }

    #[test]
    fn encoded_words_are_read_in_both_encodings() {
        for (given, meant) in [
            ("dana", "dana"),
            ("S3cr3t=?-42", "S3cr3t=?-42"),
            ("jürgen", "jürgen"),
            ("=?UTF-8?B?asO8cmdlbg==?=", "jürgen"),
            ("=?utf-8?b?asO8cmdlbg==?=", "jürgen"),
            ("=?UTF-8?Q?j=C3=BCrgen_x?=", "jürgen x"),
            ("=?ISO-8859-1?Q?j=FCrgen?=", "jürgen"),
            ("=?UTF-8?B?asO8?= =?UTF-8?B?cmdlbg==?=", "jürgen"),
            ("x =?UTF-8?B?asO8?= y", "x jü y"),
        ] {
            assert_eq!(text(given).as_deref(), Some(meant), "{given}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_no_text() {
        for given in [
            "=?UTF-8?B?!!?=",
            "=?UTF-8?B?/w==?=",
            "=?UTF-8?X?abc?=",
            "=?KOI8-R?B?asO8?=",
            "=?UTF-8?Q?=G0?=",
            "=?UTF-8?Q?=4?=",
        ] {
            assert_eq!(text(given), None, "{given}");
        }
        assert!(decode(&HeaderValue::from_bytes(b"\xff").unwrap()).is_none());
    }
}
