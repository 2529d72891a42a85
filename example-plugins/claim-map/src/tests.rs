use cambist_guest::Fault;

use super::*;

const NOW: u64 = 1_900_000_000;

fn dana() -> Principal {
    Principal::new("dana")
        .claim("given_name", "Dana")
        .claim("family_name", "Meyer")
        .claim("number", 7)
        .claim("groups", ["sales", "ops"])
}

fn map(wanted: &[(&str, &str)]) -> Result<Vec<Claim>, Refusal> {
    let wanted: Vec<_> = wanted
        .iter()
        .map(|(name, from)| ((*name).to_owned(), (*from).to_owned()))
        .collect();
    let issuance = Issuance::new("https://sts.example", dana(), "app");
    ClaimMap::map_claims(&issuance, &wanted, &Call::at(NOW))
}

#[test]
fn claims_are_renamed_with_their_type() {
    assert_eq!(
        map(&[
            ("memberOf", "groups"),
            ("employee", "number"),
            ("x", "missing")
        ])
        .unwrap(),
        [
            Claim::new("memberOf", ["sales", "ops"]),
            Claim::new("employee", 7)
        ]
    );
}

#[test]
fn claims_are_combined() {
    assert_eq!(
        map(&[
            ("name", "{given_name} {family_name}"),
            ("badge", "no. {number}!")
        ])
        .unwrap(),
        [
            Claim::new("name", "Dana Meyer"),
            Claim::new("badge", "no. 7!")
        ]
    );
}

#[test]
fn what_lacks_a_part_is_left_out() {
    assert_eq!(
        map(&[("name", "{given_name} {middle_name}"), ("g", "{groups}")]).unwrap(),
        []
    );
}

#[test]
fn claims_are_set() {
    let made = map(&[("region", "=eu-1"), ("empty", "="), ("odd", "={x")]).unwrap();
    assert_eq!(
        made,
        [
            Claim::new("region", "eu-1"),
            Claim::new("empty", ""),
            Claim::new("odd", "{x")
        ]
    );
}

#[test]
fn a_template_that_is_not_closed_is_the_operators_mistake() {
    assert_eq!(
        map(&[("name", "{given_name")]).unwrap_err().fault,
        Fault::Internal
    );
}

#[test]
fn acr_is_said_in_the_clients_words_or_not_at_all() {
    let call = Call::at(NOW).with("names", ["urn:am:level=2=silver", "gold=high"]);
    let acr = |context: &str| {
        ClaimMap::map_acr(&"t".into(), &dana().authentication_context(context), &call).unwrap()
    };
    assert_eq!(acr("urn:am:level=2").as_deref(), Some("silver"));
    assert_eq!(acr("gold").as_deref(), Some("high"));
    assert_eq!(acr("bronze"), None);
    assert_eq!(ClaimMap::map_acr(&"t".into(), &dana(), &call), Ok(None));
}

#[test]
fn amr_is_said_in_the_clients_words_once_each() {
    let subject = dana()
        .authentication_method("DataStore")
        .authentication_method("LDAP")
        .authentication_method("otp");
    let call = Call::at(NOW).with("names", ["DataStore=pwd", "LDAP=pwd"]);
    let amr = |call: &Call| ClaimMap::map_amr(&"t".into(), &subject, call).unwrap();
    assert_eq!(amr(&call), ["pwd", "otp"]);
    assert_eq!(amr(&Call::at(NOW)), ["DataStore", "LDAP", "otp"]);
}
