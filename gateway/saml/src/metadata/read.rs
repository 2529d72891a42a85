//! Metadata of others. It is extensible, so what is not known here is skipped; what it says about keys and
//! places is all that is read.

use cambist_core::Timestamp;

use crate::{
    certificate::Certificate,
    dom::{self, Node, base64},
    read::moment,
    refusal::Refusal,
    uri,
    verify::{Signatures, TrustedKey},
};

/// Largest metadata document of one entity, in bytes.
pub const MAX_METADATA_BYTES: usize = 512 * 1024;
/// Keys of one role.
const MAX_KEYS: usize = 16;

/// What one entity says about itself in one role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// Its entity identifier.
    pub entity_id: String,
    /// Until when that holds.
    pub valid_until: Option<Timestamp>,
    /// Its keys to verify signatures with. An identity provider has at least one.
    pub signing: Vec<Certificate>,
    /// Its keys to encrypt to.
    pub encryption: Vec<Certificate>,
    /// Where it takes assertions (`AssertionConsumerService`), the default first.
    pub assertion_consumers: Vec<String>,
    /// The kinds of names it uses, URIs.
    pub name_id_formats: Vec<String>,
}

/// In which role an entity is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// As one that issues assertions.
    IdentityProvider,
    /// As one that takes them.
    ServiceProvider,
}

/// Why a document may be believed.
#[derive(Clone, Copy, Debug)]
pub enum Origin<'a> {
    /// Whoever configured it vouches for it.
    Configured,
    /// It must be signed as a whole with one of these keys.
    SignedBy(&'a [TrustedKey]),
}

/// Reads the metadata (an `md:EntityDescriptor`) of one entity.
pub fn read(
    document: &[u8],
    role: Role,
    origin: Origin<'_>,
    now: Timestamp,
) -> Result<Entity, Refusal> {
    let document = dom::parse_commented(document, MAX_METADATA_BYTES)?;
    let root = Node::root(&document)?;
    if !root.is(uri::METADATA, "EntityDescriptor") {
        return Err(Refusal::WrongRoot);
    }
    if let Origin::SignedBy(keys) = origin {
        let covered = Signatures::find(&document)?.verify(keys)?;
        covered.get(root).ok_or(Refusal::NotSigned)?;
    }
    let valid_until = moment(root, "validUntil")?;
    let descriptor = descriptor(root, role)?;
    let ends = [valid_until, moment(descriptor, "validUntil")?];
    let valid_until = ends.into_iter().flatten().min();
    if valid_until.is_some_and(|end| end <= now) {
        return Err(Refusal::Expired("validUntil"));
    }
    let (signing, encryption) = keys(descriptor)?;
    // Without a key nothing it signs can be verified; that it signs nothing is no way out (SM-05).
    if role == Role::IdentityProvider && signing.is_empty() {
        return Err(Refusal::Missing("KeyDescriptor"));
    }
    Ok(Entity {
        entity_id: root
            .attribute("entityID")
            .filter(|id| !id.is_empty())
            .ok_or(Refusal::Missing("entityID"))?
            .to_owned(),
        valid_until,
        signing,
        encryption,
        assertion_consumers: assertion_consumers(descriptor)?,
        name_id_formats: descriptor
            .all(uri::METADATA, "NameIDFormat")
            .into_iter()
            .map(|node| node.token("NameIDFormat"))
            .collect::<Result<_, _>>()?,
    })
}

/// The one descriptor of the role for SAML 2.0.
fn descriptor(root: Node<'_>, role: Role) -> Result<Node<'_>, Refusal> {
    let name = match role {
        Role::IdentityProvider => "IDPSSODescriptor",
        Role::ServiceProvider => "SPSSODescriptor",
    };
    let mut fitting = root.all(uri::METADATA, name).into_iter().filter(|node| {
        node.attribute("protocolSupportEnumeration")
            .is_some_and(|list| list.split(' ').any(|protocol| protocol == uri::PROTOCOL))
    });
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(Refusal::Missing(name)),
        (Some(_), Some(_)) => Err(Refusal::Unexpected("EntityDescriptor")),
    }
}

/// Keys to verify with and keys to encrypt to. A key of which nothing is said serves both
/// (saml-metadata §2.4.1.1). One that cannot be used here fails the whole: leaving it out would not be
/// what the entity said.
fn keys(descriptor: Node<'_>) -> Result<(Vec<Certificate>, Vec<Certificate>), Refusal> {
    let (mut signing, mut encryption) = (Vec::new(), Vec::new());
    for (count, node) in descriptor
        .all(uri::METADATA, "KeyDescriptor")
        .into_iter()
        .enumerate()
    {
        if count == MAX_KEYS {
            return Err(Refusal::TooLarge("KeyDescriptor"));
        }
        let certificate = certificate(node)?;
        match node.attribute("use") {
            Some("signing") => signing.push(certificate),
            Some("encryption") => encryption.push(certificate),
            None => {
                signing.push(certificate.clone());
                encryption.push(certificate);
            }
            Some(_) => return Err(Refusal::Value("use")),
        }
    }
    Ok((signing, encryption))
}

fn certificate(descriptor: Node<'_>) -> Result<Certificate, Refusal> {
    let mut node = descriptor;
    for name in ["KeyInfo", "X509Data", "X509Certificate"] {
        node = node
            .first_element(|child| child.is(uri::SIGNATURE, name))
            .ok_or(Refusal::Missing("X509Certificate"))?;
    }
    base64(&node.text("X509Certificate")?)
        .and_then(|der| Certificate::from_der(&der).ok())
        .ok_or(Refusal::Value("X509Certificate"))
}

/// Locations by rank: the one marked as default, then by index (saml-metadata §2.2.3).
fn assertion_consumers(descriptor: Node<'_>) -> Result<Vec<String>, Refusal> {
    let mut consumers = Vec::new();
    for node in descriptor.all(uri::METADATA, "AssertionConsumerService") {
        let location = node
            .attribute("Location")
            .ok_or(Refusal::Missing("Location"))?;
        let index: u16 = node
            .attribute("index")
            .and_then(|index| index.parse().ok())
            .ok_or(Refusal::Value("index"))?;
        let is_default = matches!(node.attribute("isDefault"), Some("true" | "1"));
        consumers.push((!is_default, index, location.to_owned()));
    }
    consumers.sort_unstable();
    consumers.dedup_by(|one, other| one.2 == other.2);
    Ok(consumers
        .into_iter()
        .map(|(_, _, location)| location)
        .collect())
}

#[cfg(test)]
mod tests;
