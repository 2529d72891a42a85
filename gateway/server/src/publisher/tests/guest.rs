//! The least component that fills a point.

use cambist_plugin::{Manifest, manifest::embed};
use serde_json::json;

/// Nothing that runs.
pub(super) const BOX: &[u8] = b"a box of chocolates";

/// Traps whenever it is asked. `salt` makes another component of it.
const GUEST: &str = r#"(component
  (import "cambist:sts/types@0.1.0" (instance $types
    (type $value' (variant (case "text" string) (case "integer" s64) (case "boolean" bool) (case "texts" (list string))
      (case "json" string)))
    (export "value" (type $value (eq $value')))
    (type $pair (tuple string $value))
    (type $call' (record (field "now" u64) (field "instance" string) (field "correlation" string)
      (field "config" (list $pair))))
    (export "call" (type $call (eq $call')))
    (type $token' (record (field "token-type" string) (field "bytes" (list u8))))
    (export "token" (type $token (eq $token')))
    (type $claim' (record (field "name" string) (field "value" $value)))
    (export "claim" (type $claim (eq $claim')))
    (type $actor' (record (field "issuer" (option string)) (field "subject" string)))
    (export "actor" (type $actor (eq $actor')))
    (type $principal' (record (field "subject" string) (field "issuer" (option string)) (field "audiences" (list string))
      (field "client" (option string)) (field "scopes" (option (list string))) (field "expires-at" (option u64))
      (field "authenticated-at" (option u64)) (field "authentication-context" (option string))
      (field "authentication-methods" (list string)) (field "claims" (list $claim))
      (field "actors" (list $actor)) (field "may-act" (option (list $claim)))))
    (export "principal" (type $principal (eq $principal')))
    (type $fault' (enum "malformed" "refused" "expired" "not-yet-valid" "bad-signature" "wrong-audience" "unavailable" "internal"))
    (export "fault" (type $fault (eq $fault')))
    (type $refusal' (record (field "fault" $fault) (field "code" (option string)) (field "message" (option string))
      (field "detail" (option string))))
    (export "refusal" (type $refusal (eq $refusal')))))
  (alias export $types "call" (type $call))
  (alias export $types "token" (type $token))
  (alias export $types "principal" (type $principal))
  (alias export $types "refusal" (type $refusal))
  (core module $module
    (memory (export "memory") 1)
    (global i32 (i32.const SALT))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
    (func (export "validate") PARAMS (result i32) unreachable))
  (core instance $core (instantiate $module))
  (func $validate (param "token" $token) (param "call" $call) (result (result $principal (error $refusal)))
    (canon lift (core func $core "validate") (memory $core "memory") (realloc (func $core "realloc"))))
  (instance $validator (export "validate-token" (func $validate)))
  (export "cambist:sts/validator@0.1.0" (instance $validator)))"#;

/// A token's two texts, the time, two texts and a list.
const PARAMS: &str = "(param i32 i32 i32 i32) (param i64) (param i32 i32 i32 i32 i32 i32)";

/// A plugin `badge` of this version, which opens the key `badge`.
pub(super) fn plugin(version: &str, salt: u8) -> Vec<u8> {
    let text = GUEST
        .replace("SALT", &salt.to_string())
        .replace("PARAMS", PARAMS);
    let manifest = json!({
        "name": "badge",
        "version": version,
        "capabilities": {"crypto": "checks badges"},
        "keys": {"badge": {"description": "the key of badges", "algorithms": ["HS256"]}},
    });
    let manifest = Manifest::from_json(manifest.to_string().as_bytes()).unwrap();
    embed(&wat::parse_str(text).unwrap(), &manifest).unwrap()
}
