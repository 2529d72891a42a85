use proptest::prelude::*;

use super::*;

fn refused(document: &[u8], max_bytes: usize) -> Result<&str, Refusal> {
    scan(document, max_bytes, Comments::Refused)
}

fn refusal(text: &str) -> Refusal {
    refused(text.as_bytes(), 1 << 20).unwrap_err()
}

#[test]
fn ordinary_documents_pass_without_their_declaration() {
    for (text, expected) in [
        ("<a/>", "<a/>"),
        ("<a b='>' c=\"/\">x</a>\n", "<a b='>' c=\"/\">x</a>\n"),
        ("<?xml version=\"1.0\"?><a/>", "<a/>"),
        (
            "<?xml version='1.0' encoding='utf-8' standalone='no' ?>\n<a/>",
            "\n<a/>",
        ),
    ] {
        assert_eq!(refused(text.as_bytes(), 100).unwrap(), expected);
    }
}

#[test]
fn sm_09_a_document_is_measured_before_it_is_parsed() {
    assert_eq!(refused(b"<a/>", 3), Err(Refusal::TooLarge("document")));
    let deep = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(refused(deep(MAX_DEPTH).as_bytes(), 1 << 20).is_ok());
    assert_eq!(refusal(&deep(MAX_DEPTH + 1)), Refusal::Depth);
    let wide = |width: usize| format!("<a>{}</a>", "<b/>".repeat(width));
    assert!(refused(wide(MAX_ELEMENTS - 1).as_bytes(), 1 << 20).is_ok());
    assert_eq!(refusal(&wide(MAX_ELEMENTS)), Refusal::TooLarge("elements"));
    let attributes = |count: usize| -> String {
        let list: Vec<String> = (0..count).map(|n| format!("a{n}='='")).collect();
        format!("<a {}/>", list.join(" "))
    };
    assert!(refused(attributes(MAX_ATTRIBUTES).as_bytes(), 1 << 20).is_ok());
    assert_eq!(
        refusal(&attributes(20_000)),
        Refusal::TooLarge("attributes")
    );
    let long = format!("<a b='{}'/>", "x".repeat(MAX_TAG_BYTES));
    assert_eq!(refusal(&long), Refusal::TooLarge("tag"));
}

#[test]
fn sm_09_what_is_no_element_and_no_text_is_refused() {
    for (text, expected) in [
        ("<!DOCTYPE a><a/>", Refusal::Doctype),
        ("<!doctype a><a/>", Refusal::Doctype),
        ("<a><!ENTITY x 'y'></a>", Refusal::Doctype),
        ("<a>x<!-- y --></a>", Refusal::Comment),
        ("<a>x<?y?></a>", Refusal::ProcessingInstruction),
        ("<a><![CDATA[x]]></a>", Refusal::Cdata),
        (
            " <?xml version=\"1.0\"?><a/>",
            Refusal::ProcessingInstruction,
        ),
        ("<a b='x\ny'/>", Refusal::Whitespace),
        ("<a b=\"x\ty\"/>", Refusal::Whitespace),
        ("<a b='x\ry'/>", Refusal::Whitespace),
        ("<?xml version=\"1.1\"?><a/>", Refusal::Declaration),
        (
            "<?xml version=\"1.0\" encoding=\"UTF-16\"?><a/>",
            Refusal::Declaration,
        ),
        ("<?xmlversion=\"1.0\"?><a/>", Refusal::Declaration),
        ("<?xml version=\"1.0\"", Refusal::Declaration),
        ("<a", Refusal::NotXml),
        ("<a>", Refusal::NotXml),
        ("</a>", Refusal::NotXml),
        ("<a b='", Refusal::NotXml),
        ("<a b='<'/>", Refusal::NotXml),
    ] {
        assert_eq!(refusal(text), expected, "{text}");
    }
    assert_eq!(refused(b"<a>\xff</a>", 100), Err(Refusal::NotXml));
    assert_eq!(
        refused(b"\xef\xbb\xbf<?xml?><a/>", 100),
        Err(Refusal::ProcessingInstruction)
    );
}

#[test]
fn comments_are_skipped_where_they_may_stand() {
    let skip = |text: &'static str| scan(text.as_bytes(), 100, Comments::Skipped);
    for text in ["<!----><a/>", "<a><!-- <b> & -- > --></a>", "<a/><!-- -->"] {
        assert_eq!(skip(text), Ok(text));
    }
    for text in ["<!--><a/>", "<a><!-- </a>", "<!-"] {
        assert!(skip(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_scanned_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = refused(&bytes, 100);
    }

    #[test]
    fn any_markup_is_scanned_without_panic(text in "[<>/!?a='\" \\-\\[\\]xml]{0,60}") {
        let _ = refused(text.as_bytes(), 100);
            let _ = scan(text.as_bytes(), 100, Comments::Skipped);
    }
}
