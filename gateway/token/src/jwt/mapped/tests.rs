use cambist_core::{BoxFuture, ExchangeError};
use serde_json::json;

use super::*;
use crate::fixture::{Fixture, client, id_claims, with};

/// Mappers that answer what their binding says.
pub(crate) struct Fixed;

struct Answer(Value);

impl<T: serde::de::DeserializeOwned + Send + 'static> Mapper<T> for Answer {
    fn map<'a>(
        &'a self,
        _issuance: &'a Issuance<'a>,
        _call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<T, IssueError>> {
        let answer = serde_json::from_value(self.0.clone())
            .map_err(|_| IssueError::Impossible("the mapper says no"));
        Box::pin(std::future::ready(answer))
    }
}

impl MapperSource for Fixed {
    fn claims(
        &self,
        binding: &Value,
        wanted: &BTreeMap<String, String>,
    ) -> Result<ClaimMapper, BuildError> {
        let mut claims = binding.clone();
        claims["wanted"] = json!(wanted);
        Ok(Arc::new(Answer(claims)))
    }

    fn acr(&self, binding: &Value) -> Result<AcrMapper, BuildError> {
        if binding.is_string() || binding.is_null() {
            Ok(Arc::new(Answer(binding.clone())))
        } else {
            Err(BuildError::new("plugin", "unknown", "a known one"))
        }
    }

    fn amr(&self, binding: &Value) -> Result<AmrMapper, BuildError> {
        Ok(Arc::new(Answer(binding.clone())))
    }
}

#[tokio::test]
async fn mappers_decide_claims_acr_and_amr() {
    let fixture = Fixture::new();
    let (provider, _) = fixture
        .provider(
            "id_token",
            json!({
                "claims": {"email": "mail"},
                "claim_mapper": {"team": ["a", "b"]},
                "acr_mapper": "high",
                "amr_mapper": ["otp"],
            }),
        )
        .unwrap();
    let claims = with(with(id_claims(), "acr", json!("low")), "mail", json!("a@b"));
    let exchanged = fixture
        .exchange(&claims, provider, &client(&["orders"], true))
        .await
        .unwrap();
    let issued = fixture.read(&exchanged);
    assert_eq!(issued["team"], json!(["a", "b"]));
    assert_eq!(issued["wanted"], json!({"email": "mail"}));
    assert_eq!(
        (&issued["acr"], &issued["amr"]),
        (&json!("high"), &json!(["otp"]))
    );
    assert_eq!(issued.get("email"), None);
}

#[tokio::test]
async fn a_mapper_may_leave_its_part_out_and_may_refuse() {
    let fixture = Fixture::new();
    let claims = with(id_claims(), "acr", json!("low"));
    let issue = async |settings| {
        let (provider, _) = fixture.provider("id_token", settings).unwrap();
        fixture
            .exchange(&claims, provider, &client(&["orders"], true))
            .await
    };
    let silent = issue(json!({"acr_mapper": null, "amr_mapper": []}))
        .await
        .unwrap();
    assert_eq!(fixture.read(&silent).get("acr"), None);
    let refused = issue(json!({"amr_mapper": "not a list"}))
        .await
        .unwrap_err();
    assert_eq!(
        refused,
        ExchangeError::Issue(IssueError::Impossible("the mapper says no"))
    );
}

#[test]
fn a_binding_that_does_not_hold_is_named() {
    let fixture = Fixture::new();
    let error = fixture
        .provider("id_token", json!({"acr_mapper": {"plugin": "x"}}))
        .err()
        .unwrap();
    assert_eq!(error.member, "acr_mapper.plugin");
    let elsewhere = fixture.provider("access_token", json!({"acr_mapper": "high"}));
    assert_eq!(elsewhere.err().unwrap().member, "acr_mapper");
}
