//! The one parse of an accepted document, and how to walk in it. The signature is verified on these very
//! nodes, and identity is read from them (SM-02).

use std::collections::HashSet;

use bergshamra::xml::uppsala::{Attribute, Document, Element, NodeId, NodeKind, Parser};
use fluent_uri::Uri;

use crate::{
    refusal::Refusal,
    scan::{self, Comments, MAX_DEPTH},
    uri,
    xml::{is_carriable, is_identifier},
};

/// The attributes that XML Signature implementations may take for identifiers.
const IDENTIFYING: [&str; 4] = ["AssertionID", "ID", "Id", "id"];

/// Scans, parses and checks a document as a whole.
pub(crate) fn parse(document: &[u8], max_bytes: usize) -> Result<Document<'_>, Refusal> {
    parse_with(document, max_bytes, Comments::Refused)
}

/// The same for a document that is no token, in which comments may stand.
pub(crate) fn parse_commented(document: &[u8], max_bytes: usize) -> Result<Document<'_>, Refusal> {
    parse_with(document, max_bytes, Comments::Skipped)
}

fn parse_with(
    document: &[u8],
    max_bytes: usize,
    comments: Comments,
) -> Result<Document<'_>, Refusal> {
    let text = scan::scan(document, max_bytes, comments)?;
    let depth = u32::try_from(MAX_DEPTH + 1).unwrap_or(u32::MAX);
    let document = Parser::new()
        .with_forbid_dtd(true)
        .with_max_depth(depth)
        .parse(text)
        .map_err(|_| Refusal::NotXml)?;
    check(&document, comments)?;
    Ok(document)
}

fn check(document: &Document<'_>, comments: Comments) -> Result<(), Refusal> {
    let mut identifiers = HashSet::new();
    let mut assertions = 0;
    for id in document.descendants(document.root()) {
        match document.node_kind(id) {
            Some(NodeKind::Element(element)) => {
                assertions += usize::from(check_element(element)?);
                for attribute in &element.attributes {
                    if !is_carriable(&attribute.value) {
                        return Err(Refusal::NotXml);
                    }
                    if is_identifying(attribute) {
                        check_identifier(element, attribute)?;
                        if !identifiers.insert(attribute.value.as_ref()) {
                            return Err(Refusal::DuplicateIdentifier);
                        }
                    }
                }
            }
            Some(NodeKind::Text(text)) if is_carriable(text) => {}
            Some(NodeKind::Comment(_)) if comments == Comments::Skipped => {}
            // Characters that XML has none of, or what the scan has seen to already.
            _ => return Err(Refusal::NotXml),
        }
    }
    if assertions > 1 {
        return Err(Refusal::SeveralAssertions);
    }
    Ok(())
}

/// Whether the element is an assertion, encrypted or not, if it is acceptable at all.
fn check_element(element: &Element<'_>) -> Result<bool, Refusal> {
    let name = &element.name;
    let attribute_names = element.attributes.iter().map(|attribute| &attribute.name);
    for name in std::iter::once(name).chain(attribute_names) {
        let prefix = name.prefix.as_deref();
        if !is_name(&name.local_name) || !prefix.is_none_or(is_name) {
            return Err(Refusal::Name);
        }
        if prefix.is_some() && name.namespace_uri.is_none() {
            return Err(Refusal::Name);
        }
    }
    for (prefix, uri) in &element.namespace_declarations {
        let is_reserved = matches!(prefix.as_ref(), "xml" | "xmlns");
        if is_reserved || !(prefix.is_empty() || is_name(prefix)) {
            return Err(Refusal::Name);
        }
        // This one stands at every typed value.
        if uri != uri::SCHEMA_INSTANCE && !is_absolute(uri) {
            return Err(Refusal::Namespace);
        }
    }
    if name.namespace_uri.as_deref() == Some(uri::SIGNATURE)
        && matches!(name.local_name.as_ref(), "Object" | "Manifest")
    {
        return Err(Refusal::SignatureShape("Object"));
    }
    let is_assertion = matches!(name.local_name.as_ref(), "Assertion" | "EncryptedAssertion");
    if is_assertion && name.namespace_uri.as_deref() != Some(uri::ASSERTION) {
        return Err(Refusal::WrongRoot);
    }
    Ok(is_assertion)
}

/// Attributes an implementation might find an element by, in whatever namespace they stand.
fn is_identifying(attribute: &Attribute<'_>) -> bool {
    IDENTIFYING.contains(&attribute.name.local_name.as_ref())
}

fn check_identifier(element: &Element<'_>, attribute: &Attribute<'_>) -> Result<(), Refusal> {
    let namespace = element.name.namespace_uri.as_deref();
    let local = element.name.local_name.as_ref();
    let belongs = match attribute.name.local_name.as_ref() {
        "ID" => matches!(
            (namespace, local),
            (Some(uri::ASSERTION), "Assertion")
                | (Some(uri::PROTOCOL), "Response")
                | (Some(uri::METADATA), _)
        ),
        "Id" => matches!(namespace, Some(uri::SIGNATURE | uri::ENCRYPTION)),
        _ => false,
    };
    if belongs && attribute.name.namespace_uri.is_none() && is_identifier(&attribute.value) {
        Ok(())
    } else {
        Err(Refusal::Identifier)
    }
}

/// Whether a part of a name is an `NCName` (XML Namespaces §3). That all of it is a name, the parser has
/// seen to; that the part begins like one, it has not.
fn is_name(part: &str) -> bool {
    !part.contains(':')
        && part.starts_with(|first| {
            !matches!(
                first,
                '0'..='9' | '-' | '.' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}' | '\u{2040}'
            )
        })
}

/// Whether it is a URI with a scheme (RFC 3986 §3), and nothing else: canonicalization elsewhere fails for
/// whatever is none, and for a port that is empty.
fn is_absolute(uri: &str) -> bool {
    Uri::parse(uri).is_ok_and(|uri| {
        let port = uri.authority().and_then(|authority| authority.port());
        port.is_none_or(|port| !port.is_empty())
    })
}

/// An element of a parsed document.
#[derive(Clone, Copy)]
pub(crate) struct Node<'d> {
    document: &'d Document<'d>,
    id: NodeId,
}

impl<'d> Node<'d> {
    /// The outermost element.
    pub(crate) fn root(document: &'d Document<'d>) -> Result<Self, Refusal> {
        let id = document.document_element().ok_or(Refusal::NotXml)?;
        Ok(Self { document, id })
    }

    pub(crate) const fn at(document: &'d Document<'d>, id: NodeId) -> Self {
        Self { document, id }
    }

    pub(crate) const fn id(self) -> NodeId {
        self.id
    }

    pub(crate) fn is(self, namespace: &str, name: &str) -> bool {
        self.document
            .element(self.id)
            .is_some_and(|element| element.name.matches(Some(namespace), name))
    }

    pub(crate) fn is_in(self, namespace: &str) -> bool {
        self.document
            .element(self.id)
            .is_some_and(|element| element.name.namespace_uri.as_deref() == Some(namespace))
    }

    pub(crate) fn parent(self) -> Option<Self> {
        let id = self.document.parent(self.id)?;
        self.document.element(id)?;
        Some(Self::at(self.document, id))
    }

    /// The elements within, where only white space may stand between them.
    pub(crate) fn elements(self, what: &'static str) -> Result<Elements<'d>, Refusal> {
        let mut nodes = Vec::new();
        for child in self.document.children_iter(self.id) {
            match self.document.node_kind(child) {
                Some(NodeKind::Element(_)) => nodes.push(Self::at(self.document, child)),
                Some(NodeKind::Text(text)) if is_blank(text) => {}
                _ => return Err(Refusal::Unexpected(what)),
            }
        }
        Ok(Elements {
            what,
            nodes: nodes.into_iter().peekable(),
        })
    }

    /// The elements of one name within, whatever else stands there.
    pub(crate) fn all(self, namespace: &str, name: &str) -> Vec<Self> {
        self.document
            .children_iter(self.id)
            .map(|child| Self::at(self.document, child))
            .filter(|child| child.is(namespace, name))
            .collect()
    }

    /// The first element within that fits.
    pub(crate) fn first_element(self, fits: impl Fn(Self) -> bool) -> Option<Self> {
        self.document
            .children_iter(self.id)
            .map(|child| Self::at(self.document, child))
            .find(|child| self.document.element(child.id).is_some() && fits(*child))
    }

    /// Whether there is an element within.
    pub(crate) fn has_elements(self) -> bool {
        self.document
            .children_iter(self.id)
            .any(|child| self.document.element(child).is_some())
    }

    /// All of the text, where no element may stand within (SM-03).
    pub(crate) fn text(self, what: &'static str) -> Result<String, Refusal> {
        let mut whole = String::new();
        for child in self.document.children_iter(self.id) {
            match self.document.node_kind(child) {
                Some(NodeKind::Text(text)) => whole.push_str(text),
                _ => return Err(Refusal::Unexpected(what)),
            }
        }
        Ok(whole)
    }

    /// The text of a URI or another value around which white space means nothing; never empty.
    pub(crate) fn token(self, what: &'static str) -> Result<String, Refusal> {
        self.attributes_within(&[], what)?;
        let text = self.text(what)?;
        let trimmed = text.trim_matches(is_space);
        if trimmed.is_empty() {
            return Err(Refusal::Missing(what));
        }
        Ok(trimmed.to_owned())
    }

    /// An attribute without a namespace.
    pub(crate) fn attribute(self, name: &str) -> Option<&'d str> {
        self.attribute_in(None, name)
    }

    pub(crate) fn attribute_in(self, namespace: Option<&str>, name: &str) -> Option<&'d str> {
        self.document
            .element(self.id)?
            .attributes
            .iter()
            .find(|attribute| {
                attribute.name.local_name == name
                    && attribute.name.namespace_uri.as_deref() == namespace
            })
            .map(|attribute| attribute.value.as_ref())
    }

    /// Refuses attributes besides those named.
    pub(crate) fn attributes_within(
        self,
        allowed: &[&str],
        what: &'static str,
    ) -> Result<(), Refusal> {
        let are_fine = self.document.element(self.id).is_some_and(|element| {
            element.attributes.iter().all(|attribute| {
                attribute.name.namespace_uri.is_none()
                    && allowed.contains(&attribute.name.local_name.as_ref())
            })
        });
        if are_fine {
            Ok(())
        } else {
            Err(Refusal::Unexpected(what))
        }
    }

    /// What a prefix stands for here.
    pub(crate) fn namespace_of(self, prefix: &str) -> Option<&'d str> {
        let mut node = Some(self);
        while let Some(Self { document, id }) = node {
            let declared = document
                .element(id)?
                .namespace_declarations
                .iter()
                .find(|(declared, _)| declared == prefix);
            if let Some((_, uri)) = declared {
                return Some(uri);
            }
            node = Self { document, id }.parent();
        }
        None
    }
}

/// Elements in the order they stand, to be taken one by one.
pub(crate) struct Elements<'d> {
    what: &'static str,
    nodes: std::iter::Peekable<std::vec::IntoIter<Node<'d>>>,
}

impl<'d> Elements<'d> {
    /// The next element, if it is the one named.
    pub(crate) fn take(&mut self, namespace: &str, name: &str) -> Option<Node<'d>> {
        self.nodes.next_if(|node| node.is(namespace, name))
    }

    /// The next element, whatever it is.
    pub(crate) fn take_any(&mut self) -> Option<Node<'d>> {
        self.nodes.next()
    }

    /// The next element, which must be the one named.
    pub(crate) fn require(
        &mut self,
        namespace: &str,
        name: &str,
        refusal: Refusal,
    ) -> Result<Node<'d>, Refusal> {
        self.take(namespace, name).ok_or(refusal)
    }

    /// Refuses whatever is left.
    pub(crate) fn end(mut self) -> Result<(), Refusal> {
        match self.nodes.next() {
            None => Ok(()),
            Some(_) => Err(Refusal::Unexpected(self.what)),
        }
    }
}

const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn is_blank(text: &str) -> bool {
    text.chars().all(is_space)
}

/// The bytes of base64 text in which white space may stand.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    let dense: Vec<u8> = text
        .bytes()
        .filter(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
        .collect();
    base64_simd::STANDARD.decode_to_vec(&dense).ok()
}
