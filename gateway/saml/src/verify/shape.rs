//! The one shape of a signature that is accepted (saml-core §5.4): anything else is refused before a
//! transform runs or a reference is followed.

use bergshamra::xml::uppsala::Document;

use crate::{
    algorithm::SignatureAlgorithm,
    dom::{Elements, Node, base64},
    refusal::Refusal,
    uri,
};

/// One for the response and one for the assertion.
const MAX_SIGNATURES: usize = 2;
/// Prefixes that a signature may name for canonicalization.
const MAX_PREFIX_LIST_BYTES: usize = 256;

/// A signature that stands where it may.
pub(super) struct Found<'d> {
    pub(super) signature: Node<'d>,
    /// What it stands in, and covers.
    pub(super) parent: Node<'d>,
    pub(super) algorithm: SignatureAlgorithm,
}

pub(super) fn find<'d>(document: &'d Document<'d>) -> Result<Vec<Found<'d>>, Refusal> {
    let mut found: Vec<Found<'d>> = Vec::new();
    for id in document.descendants(document.root()) {
        let node = Node::at(document, id);
        if !node.is(uri::SIGNATURE, "Signature") {
            continue;
        }
        let parent = node.parent().ok_or(Refusal::SignaturePosition)?;
        if found.len() == MAX_SIGNATURES || found.iter().any(|one| one.parent.id() == parent.id()) {
            return Err(Refusal::SignaturePosition);
        }
        check_position(node, parent)?;
        let algorithm = check_signature(node, parent)?;
        found.push(Found {
            signature: node,
            parent,
            algorithm,
        });
    }
    Ok(found)
}

/// Right behind the issuer of an assertion or a response; a response may have none, and metadata has none.
fn check_position(signature: Node<'_>, parent: Node<'_>) -> Result<(), Refusal> {
    let is_assertion = parent.is(uri::ASSERTION, "Assertion");
    let is_root = parent.parent().is_none();
    let is_response = is_root && parent.is(uri::PROTOCOL, "Response");
    let is_metadata = is_root && parent.is(uri::METADATA, "EntityDescriptor");
    let first = parent.first_element(|_| true);
    let issuer = first.filter(|first| first.is(uri::ASSERTION, "Issuer"));
    let expected = match issuer {
        Some(issuer) if is_assertion || is_response => {
            parent.first_element(|node| node.id() != issuer.id())
        }
        None if is_response || is_metadata => first,
        _ => None,
    };
    if expected.is_some_and(|expected| expected.id() == signature.id()) {
        Ok(())
    } else {
        Err(Refusal::SignaturePosition)
    }
}

fn required<'d>(elements: &mut Elements<'d>, name: &'static str) -> Result<Node<'d>, Refusal> {
    elements.require(uri::SIGNATURE, name, Refusal::SignatureShape(name))
}

fn check_signature(signature: Node<'_>, parent: Node<'_>) -> Result<SignatureAlgorithm, Refusal> {
    let shape = Refusal::SignatureShape("Signature");
    signature
        .attributes_within(&["Id"], "Signature")
        .map_err(|_| shape)?;
    let mut parts = signature.elements("Signature").map_err(|_| shape)?;
    let info = required(&mut parts, "SignedInfo")?;
    let value = required(&mut parts, "SignatureValue")?;
    // Its content is of no interest: keys come from configuration alone.
    parts.take(uri::SIGNATURE, "KeyInfo");
    parts.end().map_err(|_| shape)?;
    check_base64(value, "SignatureValue")?;

    let shape = Refusal::SignatureShape("SignedInfo");
    info.attributes_within(&["Id"], "SignedInfo")
        .map_err(|_| shape)?;
    let mut parts = info.elements("SignedInfo").map_err(|_| shape)?;
    let canonicalization = required(&mut parts, "CanonicalizationMethod")?;
    let method = required(&mut parts, "SignatureMethod")?;
    let reference = required(&mut parts, "Reference")?;
    parts.end().map_err(|_| shape)?;
    if !is_exclusive(canonicalization) {
        return Err(Refusal::Algorithm("CanonicalizationMethod"));
    }
    let algorithm = leaf_algorithm(method, "SignatureMethod")?;
    let algorithm =
        SignatureAlgorithm::from_uri(algorithm).ok_or(Refusal::Algorithm("SignatureMethod"))?;
    check_reference(reference, parent)?;
    Ok(algorithm)
}

fn check_reference(reference: Node<'_>, parent: Node<'_>) -> Result<(), Refusal> {
    let shape = Refusal::SignatureShape("Reference");
    reference
        .attributes_within(&["URI"], "Reference")
        .map_err(|_| shape)?;
    let target = reference
        .attribute("URI")
        .and_then(|uri| uri.strip_prefix('#'));
    if target.is_none() || target != parent.attribute("ID") {
        return Err(Refusal::Reference);
    }
    let mut parts = reference.elements("Reference").map_err(|_| shape)?;
    let transforms = required(&mut parts, "Transforms")?;
    let method = required(&mut parts, "DigestMethod")?;
    let value = required(&mut parts, "DigestValue")?;
    parts.end().map_err(|_| shape)?;
    check_transforms(transforms)?;
    let method = leaf_algorithm(method, "DigestMethod")?;
    if !matches!(method, uri::SHA256 | uri::SHA384 | uri::SHA512) {
        return Err(Refusal::Algorithm("DigestMethod"));
    }
    check_base64(value, "DigestValue")
}

/// First the signature is taken out, then the rest is canonicalised; nothing else, and in this order.
fn check_transforms(transforms: Node<'_>) -> Result<(), Refusal> {
    let refused = |_| Refusal::Transforms;
    transforms
        .attributes_within(&[], "Transforms")
        .map_err(refused)?;
    let mut parts = transforms.elements("Transforms").map_err(refused)?;
    let enveloped = parts.require(uri::SIGNATURE, "Transform", Refusal::Transforms)?;
    let canonical = parts.require(uri::SIGNATURE, "Transform", Refusal::Transforms)?;
    parts.end().map_err(refused)?;
    let is_enveloped = leaf_algorithm(enveloped, "Transform")
        .is_ok_and(|algorithm| algorithm == uri::ENVELOPED_SIGNATURE);
    if is_enveloped && is_exclusive(canonical) {
        Ok(())
    } else {
        Err(Refusal::Transforms)
    }
}

/// The algorithm of an element that has no parameters.
fn leaf_algorithm<'d>(node: Node<'d>, what: &'static str) -> Result<&'d str, Refusal> {
    let shape = Refusal::SignatureShape(what);
    node.attributes_within(&["Algorithm"], what)
        .map_err(|_| shape)?;
    node.elements(what)
        .and_then(Elements::end)
        .map_err(|_| shape)?;
    node.attribute("Algorithm").ok_or(shape)
}

/// Whether it names exclusive canonicalization, perhaps with a list of prefixes.
fn is_exclusive(node: Node<'_>) -> bool {
    let names_it = node.attributes_within(&["Algorithm"], "").is_ok()
        && node.attribute("Algorithm") == Some(uri::EXCLUSIVE_C14N);
    let Ok(mut parts) = node.elements("") else {
        return false;
    };
    let parameters_are_fine = parts
        .take(uri::EXCLUSIVE_C14N, "InclusiveNamespaces")
        .is_none_or(|list| {
            list.attributes_within(&["PrefixList"], "").is_ok()
                && list.elements("").and_then(Elements::end).is_ok()
                && list
                    .attribute("PrefixList")
                    .is_some_and(|prefixes| prefixes.len() <= MAX_PREFIX_LIST_BYTES)
        });
    names_it && parameters_are_fine && parts.end().is_ok()
}

fn check_base64(node: Node<'_>, what: &'static str) -> Result<(), Refusal> {
    let shape = Refusal::SignatureShape(what);
    node.attributes_within(&["Id"], what).map_err(|_| shape)?;
    let text = node.text(what).map_err(|_| shape)?;
    match base64(&text) {
        Some(bytes) if !bytes.is_empty() => Ok(()),
        _ => Err(shape),
    }
}
