//! Making tokens.

use base64_simd::URL_SAFE_NO_PAD;
use cambist_guest::{Call, Issuance, Issued, Refusal, crypto};
use serde_json::{Map, Value, json};

/// A JWT, of the kind that is configured.
pub(crate) fn jwt(issuance: &Issuance, call: &Call) -> Result<Issued, Refusal> {
    let is_access_token = call.required_text("kind")? == "access_token";
    let lifetime = u64::try_from(call.required_integer("lifetime")?)
        .map_err(|_| Refusal::internal("the lifetime is negative"))?;
    let expires_at = issuance.end(call.now, lifetime);
    let subject = &issuance.subject;
    let mut claims = json!({
        "iss": issuance.issuer,
        "sub": subject.subject,
        "aud": match issuance.audiences.as_slice() {
            [one] => json!(one),
            several => json!(several),
        },
        "exp": expires_at,
        "iat": call.now,
        "jti": issuance.id,
    });
    let mut set = |name: &str, value: Value| {
        if let Value::Object(claims) = &mut claims {
            claims.insert(name.to_owned(), value);
        }
    };
    if let Some(act) = act(issuance) {
        set("act", act);
    }
    if is_access_token {
        set("client_id", json!(issuance.client));
        if !issuance.scopes.is_empty() {
            set("scope", json!(issuance.scopes.join(" ")));
        }
    } else {
        set("azp", json!(issuance.client));
        if let Some(nonce) = &issuance.nonce {
            set("nonce", json!(nonce));
        }
    }
    let key = crypto::key("jwt")?;
    let typ = if is_access_token { "at+jwt" } else { "JWT" };
    let header = json!({"alg": key.algorithm(), "typ": typ});
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode_to_string(value.to_string());
    let signed = format!("{}.{}", encode(&header), encode(&claims));
    let signature = URL_SAFE_NO_PAD.encode_to_string(key.sign(&signed)?);
    let token = format!("{signed}.{signature}");
    Ok(if is_access_token {
        Issued::bearer(token, expires_at)
    } else {
        Issued::not_applicable(token, expires_at)
    })
}

fn act(issuance: &Issuance) -> Option<Value> {
    let mut inner: Option<Value> = None;
    for actor in issuance.actors.iter().rev() {
        let mut act = Map::new();
        act.insert("sub".to_owned(), json!(actor.subject));
        if let Some(issuer) = &actor.issuer {
            act.insert("iss".to_owned(), json!(issuer));
        }
        if let Some(inner) = inner.take() {
            act.insert("act".to_owned(), inner);
        }
        inner = Some(Value::Object(act));
    }
    inner
}
