//! Algorithms, transforms and references that are refused before they are used (SM-10).

use super::*;

#[test]
fn sm_10_algorithms_are_judged_before_they_run() {
    let method = Refusal::Algorithm("SignatureMethod");
    let digest = Refusal::Algorithm("DigestMethod");
    let canonical = Refusal::Algorithm("CanonicalizationMethod");
    refuse_all([
        (
            "RSA with SHA-1",
            changed(
                uri::RSA_SHA256,
                "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
            ),
            method,
        ),
        (
            "RSA with MD5",
            changed(
                uri::RSA_SHA256,
                "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
            ),
            method,
        ),
        (
            "HMAC",
            changed(
                uri::RSA_SHA256,
                "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
            ),
            method,
        ),
        (
            "DSA",
            changed(
                uri::RSA_SHA256,
                "http://www.w3.org/2000/09/xmldsig#dsa-sha1",
            ),
            method,
        ),
        (
            "HMAC of no length",
            changed(
                "rsa-sha256\"></ds:SignatureMethod>",
                "hmac-sha256\"><ds:HMACOutputLength>0</ds:HMACOutputLength></ds:SignatureMethod>",
            ),
            Refusal::SignatureShape("SignatureMethod"),
        ),
        (
            "another kind of key",
            changed(uri::RSA_SHA256, uri::ECDSA_SHA256),
            Refusal::BadSignature,
        ),
        ("a SHA-1 digest", changed(uri::SHA256, uri::SHA1), digest),
        (
            "inclusive",
            changed(
                uri::EXCLUSIVE_C14N,
                "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
            ),
            canonical,
        ),
        (
            "with comments",
            changed(
                uri::EXCLUSIVE_C14N,
                "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
            ),
            canonical,
        ),
    ]);
}

#[test]
fn sm_10_transforms_are_exactly_two() {
    let second = "<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\">";
    let transform = |algorithm: &str| {
        changed(
            second,
            &second.replace("http://www.w3.org/2001/10/xml-exc-c14n#", algorithm),
        )
    };
    refuse_all([
        (
            "with comments, as transform",
            transform("http://www.w3.org/2001/10/xml-exc-c14n#WithComments"),
            Refusal::Transforms,
        ),
        (
            "XSLT",
            transform("http://www.w3.org/TR/1999/REC-xslt-19991116"),
            Refusal::Transforms,
        ),
        (
            "XPath",
            transform("http://www.w3.org/TR/1999/REC-xpath-19991116"),
            Refusal::Transforms,
        ),
        (
            "base64",
            transform("http://www.w3.org/2000/09/xmldsig#base64"),
            Refusal::Transforms,
        ),
        (
            "one transform",
            changed(
                "<ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"></ds:Transform>",
                "",
            ),
            Refusal::Transforms,
        ),
    ]);
}

#[test]
fn sm_10_a_signature_has_exactly_its_parts() {
    refuse_all([
        (
            "two digests",
            changed(
                "<ds:DigestValue>",
                "<ds:DigestValue>AAAA</ds:DigestValue><ds:DigestValue>",
            ),
            Refusal::SignatureShape("Reference"),
        ),
        (
            "a comment in a digest",
            changed("<ds:DigestValue>", "<ds:DigestValue><!-- x -->"),
            Refusal::Comment,
        ),
        (
            "two infos",
            changed(
                "</ds:SignedInfo>",
                "</ds:SignedInfo><ds:SignedInfo></ds:SignedInfo>",
            ),
            Refusal::SignatureShape("SignatureValue"),
        ),
        (
            "no value",
            changed("<ds:SignatureValue>", "<ds:SignatureValue>*"),
            Refusal::SignatureShape("SignatureValue"),
        ),
        (
            "an object",
            changed("</ds:Signature>", "<ds:Object></ds:Object></ds:Signature>"),
            Refusal::SignatureShape("Object"),
        ),
    ]);
}

#[test]
fn sm_10_references_are_never_followed() {
    for target in [
        "http://127.0.0.1:9/x",
        "file:///etc/passwd",
        "Cargo.toml",
        "../x",
        "#xpointer(/)",
    ] {
        let from = format!("URI=\"#{}\"", fixture::bearer().id);
        let document = changed(&from, &format!("URI=\"{target}\""));
        assert_eq!(examine(&document), Err(Refusal::Reference), "{target}");
    }
}
