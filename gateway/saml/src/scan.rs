//! A look at the bytes before any parser sees them, in one pass and without memory: what would cost a
//! parser much, or what parsers differ in, is refused here (SM-09).

use crate::{refusal::Refusal, xml::is_carriable};

/// Elements within elements.
pub(crate) const MAX_DEPTH: usize = 40;
/// Elements in all.
const MAX_ELEMENTS: usize = 5_000;
/// Attributes and namespace declarations of one element.
const MAX_ATTRIBUTES: usize = 32;
/// One tag.
const MAX_TAG_BYTES: usize = 8 * 1024;
/// The XML declaration.
const MAX_DECLARATION_BYTES: usize = 128;

/// What becomes of comments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comments {
    /// They are refused: in a token they have no business, and some have read names only up to one.
    Refused,
    /// They may stand there.
    Skipped,
}

/// Checks a document and gives it back without its XML declaration.
pub(crate) fn scan(document: &[u8], max_bytes: usize, comments: Comments) -> Result<&str, Refusal> {
    if document.len() > max_bytes {
        return Err(Refusal::TooLarge("document"));
    }
    let text = std::str::from_utf8(document).map_err(|_| Refusal::NotXml)?;
    let text = without_declaration(text)?;
    if !is_carriable(text) {
        return Err(Refusal::NotXml);
    }
    let mut depth = 0_usize;
    let mut elements = 0_usize;
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte == b'<') {
        let tag = rest.get(at + 1..).unwrap_or_default();
        let length = match tag.first() {
            Some(b'?') => return Err(Refusal::ProcessingInstruction),
            Some(b'!') if tag.starts_with(b"!--") => match comments {
                Comments::Refused => return Err(Refusal::Comment),
                Comments::Skipped => comment(tag)?,
            },
            Some(b'!') if tag.starts_with(b"![CDATA[") => return Err(Refusal::Cdata),
            Some(b'!') => return Err(Refusal::Doctype),
            Some(b'/') => {
                depth = depth.checked_sub(1).ok_or(Refusal::NotXml)?;
                let head = tag.get(..MAX_TAG_BYTES.min(tag.len())).unwrap_or_default();
                head.iter()
                    .position(|byte| *byte == b'>')
                    .ok_or(Refusal::NotXml)?
            }
            _ => {
                let (length, is_empty) = start_tag(tag)?;
                elements += 1;
                if elements > MAX_ELEMENTS {
                    return Err(Refusal::TooLarge("elements"));
                }
                if depth == MAX_DEPTH {
                    return Err(Refusal::Depth);
                }
                depth += usize::from(!is_empty);
                length
            }
        };
        rest = tag.get(length + 1..).unwrap_or_default();
    }
    if depth == 0 {
        Ok(text)
    } else {
        Err(Refusal::NotXml)
    }
}

/// The length of a comment up to its `>`.
fn comment(tag: &[u8]) -> Result<usize, Refusal> {
    let content = tag.get(3..).unwrap_or_default();
    let end = content
        .windows(3)
        .position(|window| window == b"-->")
        .ok_or(Refusal::NotXml)?;
    Ok(3 + end + 2)
}

/// The length of a start tag up to its `>`, and whether it is an empty element's.
fn start_tag(tag: &[u8]) -> Result<(usize, bool), Refusal> {
    let mut quote = None;
    let mut attributes = 0_usize;
    let mut before = 0;
    for (at, byte) in tag.iter().copied().enumerate() {
        if at > MAX_TAG_BYTES {
            return Err(Refusal::TooLarge("tag"));
        }
        match (quote, byte) {
            (Some(open), byte) if byte == open => quote = None,
            // XML makes spaces of these, and not every processor does (XML 1.0 §3.3.3).
            (Some(_), b'\t' | b'\n' | b'\r') => return Err(Refusal::Whitespace),
            (_, b'<') => return Err(Refusal::NotXml),
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'=') => {
                attributes += 1;
                if attributes > MAX_ATTRIBUTES {
                    return Err(Refusal::TooLarge("attributes"));
                }
            }
            (None, b'>') => return Ok((at, before == b'/')),
            _ => {}
        }
        before = byte;
    }
    Err(Refusal::NotXml)
}

/// Takes the XML declaration away, if it says nothing but version 1.0 and UTF-8.
fn without_declaration(text: &str) -> Result<&str, Refusal> {
    let Some(declaration) = text.strip_prefix("<?xml") else {
        return Ok(text);
    };
    let (declaration, behind) = declaration.split_once("?>").ok_or(Refusal::Declaration)?;
    if declaration.len() > MAX_DECLARATION_BYTES
        || !declaration.starts_with([' ', '\n', '\r', '\t'])
    {
        return Err(Refusal::Declaration);
    }
    for (at, part) in declaration.split_ascii_whitespace().enumerate() {
        let part = part.replace('\'', "\"").to_ascii_lowercase();
        let is_fine = match part.as_str() {
            "version=\"1.0\"" => at == 0,
            "encoding=\"utf-8\"" => at == 1,
            "standalone=\"yes\"" | "standalone=\"no\"" => at > 0,
            _ => false,
        };
        if !is_fine {
            return Err(Refusal::Declaration);
        }
    }
    Ok(behind)
}

#[cfg(test)]
mod tests;
