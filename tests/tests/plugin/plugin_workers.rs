//! Sandboxes that are used for several calls.

use cambist_core::{Call, Declared, Timestamp, Token, TokenType};
use cambist_plugin::Point;
use serde_json::json;
use tests::{
    guests,
    plugins::{binding, compiled},
};

use crate::{NOW, call};

/// A worker's questions are written into the same strings.
#[tokio::test]
async fn a_worker_is_asked_what_is_presented_and_nothing_of_before() {
    let plugin = compiled(guests::echo()).unwrap();
    let mut binding = binding("echo", &json!({}), &[]);
    binding.grants.reuse = true;
    let bound = plugin.bind(&[Point::Validator], binding).unwrap();
    let validator = bound.validator(TokenType::new("urn:example:echo"), Declared::default());
    for (later, subject) in [
        (0, "dana"),
        (1, "somebody with a much longer name"),
        (2, "x"),
        (3, "erin"),
        (0, "dana"),
    ] {
        let call = Call {
            now: Timestamp(NOW + later),
            ..call()
        };
        let token = Token::new(subject);
        let principal = validator.validate(&token, &call).await.unwrap();
        assert_eq!(principal.subject, subject);
        assert_eq!(principal.expires_at, Some(Timestamp(NOW + later + 60)));
    }
    assert_eq!(plugin.counts().failures, 0);
}
