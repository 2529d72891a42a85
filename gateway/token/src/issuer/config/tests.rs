use serde_json::json;

use super::*;

const ISSUER: &str = "https://i.example";

fn config() -> IssuerConfig {
    let jwks_uri = Some("https://i.example/jwks".to_owned());
    IssuerConfig {
        jwks_uri,
        ..IssuerConfig::new(ISSUER, vec!["us".to_owned()])
    }
}

#[test]
fn kf_01_only_https_or_plain_loopback_addresses() {
    let at = |uri: &str| {
        let config = IssuerConfig {
            jwks_uri: Some(uri.to_owned()),
            ..config()
        };
        config.check().map(|_| ()).map_err(|error| error.member)
    };
    for uri in [
        "https://a.example/jwks?p=1",
        "http://127.0.0.1:8080/jwks",
        "http://localhost/jwks",
        "http://[::1]:80/jwks",
    ] {
        assert_eq!(at(uri), Ok(()), "{uri}");
    }
    for uri in [
        "http://a.example/jwks",
        "http://127.0.0.1.evil.example/",
        "http://localhost.evil.example/",
        "http://169.254.169.254/latest",
        "http://[::2]/",
        "file:///etc/passwd",
        "ftp://a.example/",
        "data:application/json,{}",
        "https://user@a.example/",
        "https://a.example/#x",
        "https:///jwks",
        "/jwks",
        "",
        "https://a b/",
    ] {
        assert_eq!(at(uri), Err("jwks_uri".to_owned()), "{uri}");
    }
}

#[test]
fn every_mistake_names_its_member() {
    type Mistake = fn(&mut IssuerConfig);
    let mistakes: [(&str, Mistake); 15] = [
        ("issuer", |config| config.issuer = String::new()),
        ("issuer", |config| {
            *config = IssuerConfig::new("not a url", config.audiences.clone());
        }),
        ("issuer", |config| {
            *config = IssuerConfig::new("https://i.example?x", config.audiences.clone());
        }),
        ("audiences", |config| config.audiences = Vec::new()),
        ("audiences", |config| config.audiences = vec![String::new()]),
        ("algorithms", |config| config.algorithms = Vec::new()),
        ("algorithms[1]", |config| {
            config.algorithms = vec![Algorithm::Es256, Algorithm::Hs256];
        }),
        ("client_claim", |config| {
            config.client_claim = Some(String::new());
        }),
        ("leeway_seconds", |config| config.leeway_seconds = 61),
        ("max_age_seconds", |config| config.max_age_seconds = 59),
        ("max_age_seconds", |config| config.max_age_seconds = 3601),
        ("last_good_seconds", |config| config.last_good_seconds = 299),
        ("jwks", |config| config.jwks = Some(Map::new())),
        ("jwks", |config| {
            (config.jwks_uri, config.jwks) = (None, Some(Map::new()));
        }),
        ("jwks", |config| {
            let weak = json!({"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]});
            (config.jwks_uri, config.jwks) = (None, weak.as_object().cloned());
        }),
    ];
    for (member, mistake) in mistakes {
        let mut config = config();
        mistake(&mut config);
        let error = config.check().unwrap_err();
        assert_eq!(error.member, member, "{error}");
        assert!(!error.hint.is_empty());
    }
}

#[test]
fn configuration_has_defaults_and_no_unknown_members() {
    let config: IssuerConfig =
        serde_json::from_value(json!({"issuer": ISSUER, "audiences": ["us"]})).unwrap();
    assert_eq!(config, IssuerConfig::new(ISSUER, vec!["us".to_owned()]));
    assert_eq!(
        (
            config.leeway_seconds,
            config.max_age_seconds,
            config.last_good_seconds
        ),
        (30, 300, 86_400)
    );
    let unknown: Result<IssuerConfig, _> =
        serde_json::from_value(json!({"issuer": ISSUER, "audiences": ["us"], "audience": "x"}));
    assert!(
        unknown
            .unwrap_err()
            .to_string()
            .contains("unknown field `audience`")
    );
    let named: Result<IssuerConfig, _> = serde_json::from_value(
        json!({"issuer": ISSUER, "audiences": ["us"], "algorithms": ["ES512"]}),
    );
    assert!(
        named
            .unwrap_err()
            .to_string()
            .contains("unsupported algorithm `ES512`")
    );
    let written: Value = serde_json::to_value(&config).unwrap();
    assert_eq!(
        serde_json::from_value::<IssuerConfig>(written).unwrap(),
        config
    );
}
