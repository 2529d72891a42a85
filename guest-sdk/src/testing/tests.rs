use std::{
    ffi::OsStr,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use super::{host::golden_cases, *};
use crate::{
    Fault, Refusal, clock, crypto,
    http::{self, Credential, Response},
    kv,
    log::{self, Level},
    random, secrets,
};

#[test]
fn what_is_not_on_the_bench_may_not_be_had() {
    Bench::new().run(|| {
        assert_eq!(
            secrets::open("x").unwrap_err(),
            secrets::Error::Unknown("x".to_owned())
        );
        assert_eq!(
            crypto::key("x").unwrap_err(),
            crypto::Error::Unknown("x".to_owned())
        );
        let refusal = Refusal::from(http::Request::get("https://x").send().unwrap_err());
        assert_eq!(refusal.fault, Fault::Internal);
    });
}

#[test]
fn a_secret_is_used_and_seen_only_if_that_was_allowed() {
    let bench = Bench::new()
        .secret("client", "s3cret")
        .revealed("pepper", "salt");
    bench.run(|| {
        let secret = secrets::open("client").unwrap();
        assert!(secret.matches("s3cret") && !secret.matches("s3cre") && !secret.matches(""));
        assert_eq!(secret.reveal(), Err(secrets::Error::Denied));
        assert_eq!(secrets::open("pepper").unwrap().reveal().unwrap(), b"salt");
    });
}

#[test]
fn a_key_for_hs256_makes_the_macs_of_rfc_4231() {
    // RFC 4231 §4.3.
    let bench = Bench::new().hmac_key("ticket", "Jefe");
    bench.run(|| {
        let key = crypto::key("ticket").unwrap();
        let mac = key.sign("what do ya want for nothing?").unwrap();
        assert_eq!(mac[..4], [0x5b, 0xdc, 0xc1, 0x46]);
        assert_eq!(key.algorithm(), "HS256");
        assert_eq!(key.public_jwk(), None);
        key.verify("what do ya want for nothing?", &mac).unwrap();
        assert_eq!(key.verify("what?", &mac), Err(crypto::Error::BadSignature));
        assert_eq!(key.verify("what?", []), Err(crypto::Error::BadSignature));
    });
}

#[test]
fn requests_reach_the_test_with_their_credential() {
    let bench = Bench::new().secret("client", "s3cret").http(|request| {
        assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", "https://as.example"));
        assert!(matches!(&request.credential,
            Some(Credential::Basic(user, secret)) if user == "gateway" && secret.matches("s3cret")));
        Ok(Response::new(200).with_header("x-was", "here").with_body("{}"))
    });
    let response = bench.run(|| {
        let secret = secrets::open("client").unwrap();
        http::Request::post("https://as.example")
            .credential(Credential::Basic("gateway".to_owned(), secret))
            .send()
    });
    assert_eq!(response.unwrap().header("x-was"), Some("here"));
}

#[test]
fn what_is_stored_ends_by_the_benchs_clock() {
    let bench = Bench::new().kv("seed", "1");
    bench.run(|| {
        assert_eq!(kv::get("seed").unwrap().unwrap(), b"1");
        assert!(kv::add("once", "", 60).unwrap());
        assert!(!kv::add("once", "", 60).unwrap());
        assert_eq!(kv::set("never", "", 0), Err(kv::Error::OutOfBounds));
        assert_eq!(
            kv::add(&"k".repeat(257), "", 1),
            Err(kv::Error::OutOfBounds)
        );
    });
    bench.advance_ms(59_999);
    assert!(!bench.run(|| kv::add("once", "", 60)).unwrap());
    bench.advance_ms(1);
    assert!(bench.run(|| kv::add("once", "", 60)).unwrap());
    bench.run(|| kv::remove("once")).unwrap();
    assert_eq!(bench.run(|| kv::get("once")).unwrap(), None);
}

#[test]
fn a_store_may_be_away() {
    let added = Bench::new().without_kv().run(|| kv::add("once", "", 60));
    assert_eq!(added, Err(kv::Error::Unavailable));
    let refusal = Refusal::from(kv::Error::Unavailable);
    assert_eq!(refusal.fault, Fault::Unavailable);
}

#[test]
fn a_bench_is_taken_away_even_from_a_test_that_panics() {
    let bench = Bench::new().secret("client", "s3cret").now_ms(7);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        bench.run(|| {
            log::warn("about to panic");
            assert_eq!(clock::now_ms(), 8);
        });
    }));
    assert!(outcome.is_err());
    assert!(secrets::open("client").is_err());
    assert_eq!(bench.lines(), [(Level::Warn, "about to panic".to_owned())]);
}

#[test]
fn randomness_is_the_same_every_time() {
    let draw = || Bench::new().run(|| [random::bytes(2), random::bytes(2)]);
    assert_eq!(draw(), [vec![0, 1], vec![2, 3]]);
    assert_eq!(draw(), draw());
}

#[test]
fn the_golden_cases_are_the_programs_word() {
    let run = |program| golden_cases(OsStr::new(program), Path::new("."));
    assert_eq!(run("true"), Ok(()));
    assert!(run("false").unwrap_err().contains("failed"));
    assert!(run("no-such-program").unwrap_err().contains("CAMBIST"));
}

#[test]
fn a_key_may_have_a_public_half() {
    let bench = Bench::new()
        .key_with("signing", "EdDSA", |_| vec![7], |_, _| false)
        .public_jwk("signing", r#"{"kty":"OKP"}"#);
    bench.run(|| {
        let key = crypto::key("signing").unwrap();
        assert_eq!(key.public_jwk().as_deref(), Some(r#"{"kty":"OKP"}"#));
        assert_eq!(key.sign("x"), Ok(vec![7]));
    });
}
