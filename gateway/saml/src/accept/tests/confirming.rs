//! Who may present an assertion.

use super::*;

#[test]
fn a_bearer_is_confirmed_where_and_how_the_assertion_says() {
    let unconfirmed = |change: fn(&mut SubjectConfirmation), presenter: Presenter<'_>| {
        let mut model = fixture::bearer();
        change(confirmation(&mut model));
        examine_by(&acceptance(), &signed(&model), &presenter).err()
    };
    let nobody = Presenter::default();
    let refused = |reason| Some(Refusal::Unconfirmed(reason));
    let elsewhere = |c: &mut SubjectConfirmation| c.recipient = Some("https://evil".to_owned());
    assert_eq!(
        unconfirmed(elsewhere, nobody),
        refused(Unconfirmed::Recipient)
    );
    assert_eq!(
        unconfirmed(|c| c.recipient = None, nobody),
        refused(Unconfirmed::Recipient)
    );
    assert_eq!(
        unconfirmed(
            |c| c.method = ConfirmationMethod::Other("urn:x".to_owned()),
            nobody
        ),
        refused(Unconfirmed::Method)
    );

    let named = |c: &mut SubjectConfirmation| c.name_id = Some(NameId::new("web").into());
    assert_eq!(unconfirmed(named, nobody), refused(Unconfirmed::Name));
    let web = Presenter {
        identity: Some("web"),
        ..nobody
    };
    assert_eq!(unconfirmed(named, web), None);

    let answer = |c: &mut SubjectConfirmation| c.in_response_to = Some("_1".to_owned());
    let correlated = |correlation| Presenter {
        correlation,
        ..nobody
    };
    for (correlation, expected) in [
        (Correlation::NotJudged, None),
        (Correlation::Answers("_1"), None),
        (
            Correlation::Answers("_2"),
            refused(Unconfirmed::InResponseTo),
        ),
        (Correlation::Unsolicited, refused(Unconfirmed::InResponseTo)),
    ] {
        assert_eq!(unconfirmed(answer, correlated(correlation)), expected);
    }

    let mut model = fixture::bearer();
    model.subject.as_mut().unwrap().confirmations.clear();
    assert_eq!(
        examine(&signed(&model)),
        Err(Refusal::Unconfirmed(Unconfirmed::None))
    );
    model.subject = Some(Subject {
        name_id: None,
        ..fixture::bearer().subject.unwrap()
    });
    assert_eq!(examine(&signed(&model)), Err(Refusal::Missing("NameID")));
}

#[test]
fn an_address_confirms_whoever_comes_from_there() {
    let by = |named: &str, from: Option<&str>| {
        let mut model = fixture::bearer();
        confirmation(&mut model).address = Some(named.to_owned());
        let presenter = Presenter {
            address: from.map(|from| from.parse().unwrap()),
            ..Presenter::default()
        };
        examine_by(&acceptance(), &signed(&model), &presenter).map(|accepted| accepted.address)
    };
    for (named, from) in [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1", "::ffff:192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0::1", "2001:db8::1"),
    ] {
        let accepted = by(named, Some(from)).unwrap().unwrap();
        assert_eq!(accepted, from.parse::<IpAddr>().unwrap().to_canonical());
    }
    for (named, from) in [
        ("192.0.2.1", None),
        ("192.0.2.1", Some("192.0.2.10")),
        ("192.0.2.1", Some("2001:db8::1")),
        ("192.0.2.0/24", Some("192.0.2.1")),
        (" 192.0.2.1", Some("192.0.2.1")),
        ("gateway.example", Some("192.0.2.1")),
        ("", Some("192.0.2.1")),
    ] {
        let refused = Err(Refusal::Unconfirmed(Unconfirmed::Address));
        assert_eq!(by(named, from), refused, "{named} {from:?}");
    }
    assert_eq!(examine(&signed(&fixture::bearer())).unwrap().address, None);
}

#[test]
fn a_wrong_address_is_the_reason_whatever_comes_behind_it() {
    let mut model = fixture::bearer();
    confirmation(&mut model).address = Some("192.0.2.1".to_owned());
    let ended = SubjectConfirmation {
        address: None,
        not_on_or_after: Some(NOW.minus(3_600)),
        ..confirmation(&mut model).clone()
    };
    let subject = model.subject.as_mut().unwrap();
    subject.confirmations.push(ended);
    let refused = Err(Refusal::Unconfirmed(Unconfirmed::Address));
    assert_eq!(examine(&signed(&model)), refused);
}

#[test]
fn a_key_confirms_its_holder_only() {
    let (holder, other) = (RSA.key.certificate().der(), P256.key.certificate().der());
    let mut model = draft(Confirmation::HolderOfKey(holder)).assemble();
    let shows = |certificate| Presenter {
        certificate,
        ..Presenter::default()
    };
    let by = |model: &Assertion, certificate| {
        examine_by(&acceptance(), &signed(model), &shows(certificate)).err()
    };
    let refused = Some(Refusal::Unconfirmed(Unconfirmed::Key));
    assert_eq!(by(&model, Some(holder)), None);
    assert_eq!(by(&model, Some(other)), refused);
    assert_eq!(by(&model, None), refused);
    // A certificate that stands behind the holder's vouches for it; it does not hold the key.
    let keys = &mut confirmation(&mut model).keys;
    keys.first_mut().unwrap().certificates.push(other.to_vec());
    assert_eq!(by(&model, Some(holder)), None);
    assert_eq!(by(&model, Some(other)), refused);
}

#[test]
fn only_a_trusted_attester_vouches() {
    let document = signed(&draft(Confirmation::SenderVouches).assemble());
    for (identity, expected) in [
        (Some("portal"), None),
        (
            Some("web"),
            Some(Refusal::Unconfirmed(Unconfirmed::NotAttested)),
        ),
        (None, Some(Refusal::Unconfirmed(Unconfirmed::NotAttested))),
    ] {
        let presenter = Presenter {
            identity,
            ..Presenter::default()
        };
        let result = examine_by(&acceptance(), &document, &presenter);
        assert_eq!(result.err(), expected);
    }
}

#[test]
fn a_name_of_another_domain_is_another_name() {
    let qualified = |name_qualifier: Option<&str>, sp_name_qualifier: Option<&str>| {
        let mut model = fixture::bearer();
        let name = NameId {
            name_qualifier: name_qualifier.map(str::to_owned),
            sp_name_qualifier: sp_name_qualifier.map(str::to_owned),
            ..NameId::new("dana")
        };
        model.subject.as_mut().unwrap().name_id = Some(name.into());
        examine(&signed(&model)).err()
    };
    let refused = Some(Refusal::Qualified);
    assert_eq!(qualified(Some("https://idp.example.net/sts"), None), None);
    assert_eq!(qualified(Some("domain\t\"<&>"), None), None);
    assert_eq!(qualified(None, Some("urn:example:orders-sp")), None);
    assert_eq!(qualified(Some("https://other.example"), None), refused);
    assert_eq!(qualified(None, Some("urn:other")), refused);
}
