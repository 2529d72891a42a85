//! What a response says around its assertion.

use super::*;

#[test]
fn a_response_must_report_success_from_the_issuer_to_us() {
    let document = response(&signed(&fixture::bearer()));
    for (from, to, expected) in [
        ("status:Success", "status:Responder", Refusal::Status),
        (
            "Destination=\"https://orders",
            "Destination=\"https://evil",
            Refusal::Destination,
        ),
        (
            "2.0:assertion\">https://idp",
            "2.0:assertion\">https://evil",
            Refusal::UnknownIssuer,
        ),
        (
            " ID=\"_response\" IssueInstant=\"2030",
            " ID=\"_response\" IssueInstant=\"2031",
            Refusal::NotYetValid("IssueInstant"),
        ),
        (
            "Version=\"2.0\"><saml:Issuer xmlns",
            "Version=\"1.1\"><saml:Issuer xmlns",
            Refusal::Version,
        ),
        (
            "<samlp:Status>",
            "<samlp:Extensions></samlp:Extensions><samlp:Status>",
            Refusal::Missing("Status"),
        ),
    ] {
        let changed = document.replacen(from, to, 1);
        assert_ne!(changed, document);
        assert_eq!(examine(&changed), Err(expected), "{to}");
    }
    let answering = document.replacen(" IssueInstant", " InResponseTo=\"_1\" IssueInstant", 1);
    let presenter = Presenter {
        correlation: Correlation::Answers("_2"),
        ..Presenter::default()
    };
    let result = examine_by(&acceptance(), &answering, &presenter);
    assert_eq!(result, Err(Refusal::InResponseTo));
    assert_eq!(examine(&response("")), Err(Refusal::Missing("Assertion")));
}

#[test]
fn a_signed_response_vouches_for_an_assertion_without_a_signature() {
    let document = sign(&response(&unsigned(&fixture::bearer())));
    assert_eq!(examine(&document).unwrap().assertion, fixture::bearer());
}

#[test]
fn sm_01_a_signed_error_vouches_for_nothing() {
    let failed =
        |content: &str| response(content).replacen("status:Success", "status:Responder", 1);
    let bare = unsigned(&fixture::bearer());
    for document in [
        sign(&failed("")),
        sign(&failed(&bare)),
        failed(&sign(&bare)),
    ] {
        assert_eq!(examine(&document), Err(Refusal::Status));
    }
}
