//! Validator components written by hand, so that each can be wrong in exactly one way.

use std::fmt::Write as _;

/// The interface's types, as they stand in `wit/types.wit`.
pub(crate) const TYPES: &str = r#"
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
"#;

/// Where an answer is put. `result` starts with its discriminant; the payload follows at 8.
pub(crate) const ANSWER: u32 = 1024;

/// A component to be spoiled.
pub(crate) struct Guest {
    /// Before everything else in the component.
    pub(crate) imports: String,
    /// The memory's limits, in pages.
    pub(crate) memory: String,
    /// Further fields of the core module.
    pub(crate) fields: String,
    /// The body of the exported function, which leaves the address of its answer. Without help it
    /// accepts everybody as `dana`.
    pub(crate) body: String,
    /// The body of the allocator that the host calls for the arguments.
    pub(crate) realloc: String,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            imports: TYPES.to_owned(),
            memory: "4".to_owned(),
            fields: String::new(),
            body: format!("(call $dana) (i32.const {ANSWER})"),
            realloc: "
              (global.set $heap (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
              (global.get $heap)
              (global.set $heap (i32.add (global.get $heap) (local.get 3)))"
                .to_owned(),
        }
    }
}

impl Guest {
    /// A guest whose function runs these instructions and then accepts `dana`.
    pub(crate) fn doing(instructions: &str) -> Self {
        let accepting = Self::default();
        Self {
            body: format!("{instructions} {}", accepting.body),
            ..accepting
        }
    }

    /// A guest that answers with these bytes at [`ANSWER`] and this data elsewhere.
    pub(crate) fn answering(words: &[(u32, u32)]) -> Self {
        let mut stores = String::new();
        for (offset, word) in words {
            let address = ANSWER + offset;
            write!(
                stores,
                "(i32.store (i32.const {address}) (i32.const {word}))"
            )
            .unwrap();
        }
        Self {
            body: format!("{stores} (i32.const {ANSWER})"),
            ..Self::default()
        }
    }

    /// The component's text.
    pub(crate) fn text(&self) -> String {
        let Self {
            imports,
            memory,
            fields,
            body,
            realloc,
        } = self;
        format!(
            r#"(component {imports}
              (core module $module
                (memory (export "memory") {memory})
                (global $heap (mut i32) (i32.const 65536))
                (data (i32.const 16) "dana")
                (func $dana
                  (i32.store (i32.const {subject}) (i32.const 16))
                  (i32.store (i32.const {length}) (i32.const 4)))
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) {realloc})
                {fields}
                (func (export "validate") (param i32 i32) (param $token i32) (param $length i32) (param $now i64)
                  (param i32 i32 i32 i32 i32 i32) (result i32) {body}))
              (core instance $core (instantiate $module))
              (func $validate (param "token" $token) (param "call" $call) (result (result $principal (error $refusal)))
                (canon lift (core func $core "validate") (memory $core "memory") (realloc (func $core "realloc"))))
              (instance $validator (export "validate-token" (func $validate)))
              (export "cambist:sts/validator@0.1.0" (instance $validator)))"#,
            subject = ANSWER + 8,
            length = ANSWER + 12,
        )
    }

    /// The component.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        wat::parse_str(self.text()).unwrap()
    }
}
