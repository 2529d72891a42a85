//! Documents made to cost much.

use std::fs;

use super::*;

/// CPU time of this thread, in milliseconds.
fn cpu_milliseconds() -> u64 {
    let statistics = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let spent: u64 = statistics.split(' ').next().unwrap().parse().unwrap();
    spent / 1_000_000
}

#[test]
fn sm_09_hostile_documents_are_refused_cheaply() {
    // A hundred times what it costs when it is compiled for use; quadratic work would cost more by far.
    const BOUND: u64 = 1000;
    for (name, start, unit, end) in [
        ("attributes", "<a", " a#####=\"\"", "/>"),
        ("namespaces", "<a", " xmlns:n#####=\"urn:x\"", "/>"),
        ("start tags", "", "<a>", ""),
        ("empty elements", "<a>", "<b/>", "</a>"),
        (
            "few attributes each",
            "<a>",
            "<b a=\"\" b=\"\" c=\"\" d=\"\"/>",
            "</a>",
        ),
        ("text", "<a>", "xxxxxxxx", "</a>"),
        ("references", "<a>", "&amp;", "</a>"),
        (
            "entities",
            "<!DOCTYPE a [",
            "<!ENTITY e##### \"&e;&e;\">",
            "]><a/>",
        ),
        (
            "signatures",
            "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">",
            "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"/>",
            "</saml:Assertion>",
        ),
        ("comments", "<a>", "<!---->", "</a>"),
        ("sections", "<a>", "<![CDATA[]]>", "</a>"),
    ] {
        for size in [1 << 20, MAX_DOCUMENT_BYTES] {
            let count = (size - start.len() - end.len()) / unit.len();
            let mut document = start.to_owned();
            for number in 0..count {
                document.push_str(&unit.replace("#####", &format!("{number:05}")));
            }
            document.push_str(end);
            let before = cpu_milliseconds();
            let refusal = examine(&document).unwrap_err();
            let spent = cpu_milliseconds() - before;
            assert!(
                spent < BOUND,
                "{size} bytes of {name}: {spent} ms, {refusal}"
            );
            if size > MAX_DOCUMENT_BYTES {
                assert!(matches!(refusal, Refusal::TooLarge(_)), "{name}: {refusal}");
            }
        }
    }
}
