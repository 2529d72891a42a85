//! The URIs that SAML 2.0, XML Signature and XML Encryption name things by.

/// The namespace of assertions (saml-core §1.1).
pub const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// The namespace of protocol messages (saml-core §3).
pub const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
/// The namespace of metadata (saml-metadata §1.1).
pub const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
/// The namespace of XML Signature.
pub const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";
/// The namespace of XML Encryption 1.0.
pub const ENCRYPTION: &str = "http://www.w3.org/2001/04/xmlenc#";
/// The namespace of what XML Encryption 1.1 added.
pub const ENCRYPTION_11: &str = "http://www.w3.org/2009/xmlenc11#";
/// The namespace of XML Schema's types.
pub const SCHEMA: &str = "http://www.w3.org/2001/XMLSchema";
/// The namespace of XML Schema's attributes for instances.
pub const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Exclusive canonicalization without comments; also the namespace of its parameters.
pub const EXCLUSIVE_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// The transform that takes the signature out of what it signs.
pub const ENVELOPED_SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

/// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 9231 §2.3.2).
pub const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
/// RSASSA-PKCS1-v1_5 with SHA-384 (RFC 9231 §2.3.3).
pub const RSA_SHA384: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384";
/// RSASSA-PKCS1-v1_5 with SHA-512 (RFC 9231 §2.3.4).
pub const RSA_SHA512: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512";
/// ECDSA with SHA-256 (RFC 9231 §2.3.6).
pub const ECDSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
/// ECDSA with SHA-384 (RFC 9231 §2.3.6).
pub const ECDSA_SHA384: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384";
/// SHA-1, which is only ever a parameter of RSA-OAEP here.
pub const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";
/// SHA-256.
pub const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
/// SHA-384 (RFC 9231 §2.1.3).
pub const SHA384: &str = "http://www.w3.org/2001/04/xmldsig-more#sha384";
/// SHA-512.
pub const SHA512: &str = "http://www.w3.org/2001/04/xmlenc#sha512";

/// AES-128 in Galois/Counter Mode (XML Encryption 1.1 §5.2.4).
pub const AES128_GCM: &str = "http://www.w3.org/2009/xmlenc11#aes128-gcm";
/// AES-256 in Galois/Counter Mode (XML Encryption 1.1 §5.2.4).
pub const AES256_GCM: &str = "http://www.w3.org/2009/xmlenc11#aes256-gcm";
/// RSA-OAEP whose mask is made with SHA-1 (XML Encryption 1.1 §5.5.2).
pub const RSA_OAEP_MGF1P: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
/// RSA-OAEP with a mask of one's own choice (XML Encryption 1.1 §5.5.2).
pub const RSA_OAEP: &str = "http://www.w3.org/2009/xmlenc11#rsa-oaep";
/// MGF1 with SHA-256.
pub const MGF1_SHA256: &str = "http://www.w3.org/2009/xmlenc11#mgf1sha256";
/// The type of encrypted data that is one element.
pub const ENCRYPTED_ELEMENT: &str = "http://www.w3.org/2001/04/xmlenc#Element";

/// Confirmation by possession (saml-profiles §3.3).
pub const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
/// Confirmation by a key (saml-profiles §3.1).
pub const HOLDER_OF_KEY: &str = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key";
/// Confirmation by the word of an attester (saml-profiles §3.2).
pub const SENDER_VOUCHES: &str = "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches";

/// The status of a request that succeeded (saml-core §3.2.2.2).
pub const STATUS_SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
/// The format of an entity's name (saml-core §8.3.6).
pub const NAME_ID_ENTITY: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity";
/// The format of a name about which nothing is said (saml-core §8.3.1).
pub const NAME_ID_UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";

/// A password over a protected channel (saml-authn-context §3.4.9).
pub const PASSWORD_PROTECTED_TRANSPORT: &str =
    "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
/// A session that was there before (saml-authn-context §3.4.10).
pub const PREVIOUS_SESSION: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PreviousSession";
/// An X.509 certificate (saml-authn-context §3.4.11).
pub const X509: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:X509";
/// By means that are not told (saml-authn-context §3.4.25).
pub const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified";
