//! Canonical XML as it is written: the one place where text becomes markup.
//!
//! What comes out is in the form of Exclusive XML Canonicalization if the caller declares a namespace
//! where its prefix is first used and gives attributes in their canonical order.

use crate::uri;

/// Why something cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// XML 1.0 has no way to carry this character (XML 1.0 §2.2).
    #[error("XML cannot carry the character U+{0:04X}")]
    Character(u32),
    /// The schema demands what is not there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The identifier is not an ASCII `NCName`.
    #[error("not an identifier")]
    Identifier,
    /// A moment after the year 9999.
    #[error("a moment after the year 9999")]
    Moment,
    /// Assertions within assertions, too deep.
    #[error("assertions are nested too deep")]
    Nesting,
}

/// A document under way.
#[derive(Debug, Default)]
pub(crate) struct Xml(String);

impl Xml {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Begins a start tag; attributes may follow until [`body`](Self::body) ends it.
    pub(crate) fn start(&mut self, name: &'static str) -> &mut Self {
        self.0.push('<');
        self.0.push_str(name);
        self
    }

    /// Declares a namespace. Only our own constants come here.
    pub(crate) fn namespace(&mut self, prefix: &'static str, uri: &'static str) -> &mut Self {
        self.0.push_str(" xmlns:");
        self.0.push_str(prefix);
        self.0.push_str("=\"");
        self.0.push_str(uri);
        self.0.push('"');
        self
    }

    /// Adds an attribute. The caller keeps to the order: without a namespace first, then by name.
    pub(crate) fn attribute(
        &mut self,
        name: &'static str,
        value: &str,
    ) -> Result<&mut Self, WriteError> {
        self.0.push(' ');
        self.0.push_str(name);
        self.0.push_str("=\"");
        escape(&mut self.0, value, Place::Attribute)?;
        self.0.push('"');
        Ok(self)
    }

    /// Adds an attribute if there is one.
    pub(crate) fn optional(
        &mut self,
        name: &'static str,
        value: Option<&str>,
    ) -> Result<&mut Self, WriteError> {
        match value {
            Some(value) => self.attribute(name, value),
            None => Ok(self),
        }
    }

    /// Ends a start tag.
    pub(crate) fn body(&mut self) -> &mut Self {
        self.0.push('>');
        self
    }

    /// Adds text.
    pub(crate) fn text(&mut self, text: &str) -> Result<&mut Self, WriteError> {
        escape(&mut self.0, text, Place::Text)?;
        Ok(self)
    }

    /// Adds bytes as base64 text without line breaks.
    pub(crate) fn base64(&mut self, bytes: &[u8]) -> &mut Self {
        base64_simd::STANDARD.encode_append(bytes, &mut self.0);
        self
    }

    /// Writes a `ds:KeyInfo` that holds certificates, in DER form, of one key.
    pub(crate) fn key_info<'a>(
        &mut self,
        standing: Declares,
        certificates: impl IntoIterator<Item = &'a [u8]>,
    ) -> &mut Self {
        self.start("ds:KeyInfo");
        if standing == Declares::Signature {
            self.namespace("ds", uri::SIGNATURE);
        }
        self.body().start("ds:X509Data").body();
        for certificate in certificates {
            self.start("ds:X509Certificate")
                .body()
                .base64(certificate)
                .end("ds:X509Certificate");
        }
        self.end("ds:X509Data").end("ds:KeyInfo")
    }

    /// Writes an end tag.
    pub(crate) fn end(&mut self, name: &'static str) -> &mut Self {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
        self
    }

    /// Writes an element that holds only text.
    pub(crate) fn leaf(&mut self, name: &'static str, text: &str) -> Result<&mut Self, WriteError> {
        self.start(name).body();
        self.text(text)?;
        Ok(self.end(name))
    }

    /// Adds what another writer made.
    pub(crate) fn markup(&mut self, written: &str) -> &mut Self {
        self.0.push_str(written);
        self
    }
}

/// Whether an element must declare the namespace of XML Signature itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Declares {
    /// An element around it has.
    Nothing,
    /// It must.
    Signature,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Attribute,
    Text,
}

/// Escapes as Canonical XML 1.0 §2.3 does.
fn escape(out: &mut String, text: &str, place: Place) -> Result<(), WriteError> {
    // Most text needs nothing, and to look at all of it at once is cheaper than to stop at the first byte.
    let needs_care = text.bytes().fold(false, |found, byte| {
        found | matches!(byte, 0..=0x1f | b'"' | b'&' | b'<' | b'>' | 0xef)
    });
    if !needs_care {
        out.push_str(text);
        return Ok(());
    }
    let mut clean = 0;
    for (at, byte) in text.bytes().enumerate() {
        let entity = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' if place == Place::Text => "&gt;",
            b'"' if place == Place::Attribute => "&quot;",
            b'\t' if place == Place::Attribute => "&#x9;",
            b'\n' if place == Place::Attribute => "&#xA;",
            b'\r' => "&#xD;",
            b'\t' | b'\n' => continue,
            0..=0x1f => return Err(WriteError::Character(byte.into())),
            // U+FFFE and U+FFFF are the only other characters that XML has no place for.
            0xef => match text.as_bytes().get(at + 1..at + 3) {
                Some([0xbf, 0xbe]) => return Err(WriteError::Character(0xfffe)),
                Some([0xbf, 0xbf]) => return Err(WriteError::Character(0xffff)),
                _ => continue,
            },
            _ => continue,
        };
        out.push_str(text.get(clean..at).unwrap_or_default());
        out.push_str(entity);
        clean = at + 1;
    }
    out.push_str(text.get(clean..).unwrap_or_default());
    Ok(())
}

/// Whether all characters of `text` are characters of XML 1.0 (§2.2).
pub(crate) fn is_carriable(text: &str) -> bool {
    let has_suspect = text.bytes().fold(false, |found, byte| {
        found | matches!(byte, 0..=8 | 0xb | 0xc | 0xe..=0x1f | 0xef)
    });
    !has_suspect
        || text.chars().all(|c| {
            matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
        })
}

/// Whether `text` is an ASCII `NCName`, which every identifier we make and accept must be.
pub fn is_identifier(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        && text.len() <= 256
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &str, place: Place) -> Result<String, WriteError> {
        let mut out = String::new();
        escape(&mut out, text, place).map(|()| out)
    }

    #[test]
    fn markup_in_text_stays_text() {
        let hostile = "</saml:NameID><saml:NameID>admin & \"x\" ]]>\r\n\t";
        assert_eq!(
            escaped(hostile, Place::Text).unwrap(),
            "&lt;/saml:NameID&gt;&lt;saml:NameID&gt;admin &amp; \"x\" ]]&gt;&#xD;\n\t"
        );
        assert_eq!(
            escaped(hostile, Place::Attribute).unwrap(),
            "&lt;/saml:NameID>&lt;saml:NameID>admin &amp; &quot;x&quot; ]]>&#xD;&#xA;&#x9;"
        );
    }

    #[test]
    fn characters_that_xml_cannot_carry_are_refused() {
        for code in (0..0x20).chain([0xfffe, 0xffff]) {
            if matches!(code, 0x9 | 0xa | 0xd) {
                continue;
            }
            let text = format!("a{}b", char::from_u32(code).unwrap());
            for place in [Place::Text, Place::Attribute] {
                assert_eq!(escaped(&text, place), Err(WriteError::Character(code)));
            }
        }
        assert_eq!(
            escaped("\u{fffd}\u{fffc}\u{10ffff}\u{7f}", Place::Text)
                .unwrap()
                .len(),
            11
        );
    }

    #[test]
    fn identifiers_are_ascii_names_without_colon() {
        for good in ["_a", "s2ab", "a.b-c_d"] {
            assert!(is_identifier(good), "{good}");
        }
        for bad in ["", "1a", "-a", "a b", "a:b", "ä", "a\"", &"a".repeat(257)] {
            assert!(!is_identifier(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_can_be_carried_is_escaped_and_nothing_else(text in "(?s).{0,20}") {
            prop_assert_eq!(escaped(&text, Place::Text).is_ok(), is_carriable(&text));
            prop_assert_eq!(escaped(&text, Place::Attribute).is_ok(), is_carriable(&text));
        }

        #[test]
        fn what_is_escaped_parses_back_to_itself(text in "(?s).{0,60}") {
            let (Ok(body), Ok(value)) =
                (escaped(&text, Place::Text), escaped(&text, Place::Attribute))
            else {
                return Ok(());
            };
            let document = format!("<a b=\"{value}\">{body}</a>");
            let parsed = bergshamra::xml::uppsala::parse(&document).unwrap();
            let root = parsed.document_element().unwrap();
            prop_assert_eq!(&parsed.text_content_deep(root), &text);
            prop_assert_eq!(parsed.get_attribute(root, "b"), Some(text.as_str()));
        }
    }
}
