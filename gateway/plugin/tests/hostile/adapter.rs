//! The one place that knows how a host is made and asked.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use cambist_core::{
    Call, Declared, Fault, Principal, Timestamp, Token, TokenType, ValidateError, Validator,
};
use cambist_plugin::{
    Binding, Compilation, Grants, HostLimits, Nowhere, PluginHost, PluginKey, PluginRejected,
    Point, manifest::Isolation,
};

/// How long a call may take: long enough for a busy machine, short enough for many attacks.
pub(crate) const CALL_TIME: Duration = Duration::from_millis(500);

pub(crate) fn host(compilation: Compilation) -> PluginHost {
    let limits = HostLimits {
        concurrent_calls: 8,
        turn_wait: Duration::from_secs(5),
        call_time: CALL_TIME,
        ..HostLimits::default()
    };
    PluginHost::new(limits, compilation, Arc::new(Nowhere)).unwrap()
}

/// Uploads a component and binds it as a validator. One that asks for a key gets it, as does one that asks for
/// several calls of a sandbox.
pub(crate) fn compile(
    host: &PluginHost,
    bytes: &[u8],
) -> Result<Arc<dyn Validator>, PluginRejected> {
    let plugin = Arc::new(host.compile(bytes)?);
    let key: Arc<dyn PluginKey> = Arc::new(Blank);
    let keys = plugin.manifest().keys.keys().cloned();
    let binding = Binding {
        name: "guest".to_owned(),
        grants: Grants {
            keys: keys
                .map(|name| (name, Arc::clone(&key)))
                .collect::<BTreeMap<_, _>>(),
            reuse: plugin.manifest().isolation == Isolation::Worker,
            ..Grants::default()
        },
        ..Binding::default()
    };
    let bound = plugin.bind(&[Point::Validator], binding).unwrap();
    Ok(bound.validator(TokenType::new("urn:example:ticket"), Declared::default()))
}

pub(crate) async fn ask(validator: &Arc<dyn Validator>) -> Result<Arc<Principal>, ValidateError> {
    let call = Call {
        now: Timestamp(1_900_000_000),
        instance: "alpha/orders",
        correlation: "c-1",
        random: [0; 16],
        proofs: cambist_core::Proofs::default(),
        purpose: cambist_core::Purpose::Issue,
    };
    validator.validate(&Token::new("a token"), &call).await
}

/// The reason for which a call failed closed, as the plugin's fault.
pub(crate) fn reason(answer: Result<Arc<Principal>, ValidateError>) -> String {
    match answer {
        Err(ValidateError::Fault(Fault::Plugin { plugin, reason })) => {
            assert!(plugin.starts_with("guest@sha256:"), "{plugin}");
            reason
        }
        other => panic!("not a plugin's fault: {other:?}"),
    }
}

/// A key that signs nothing.
struct Blank;

impl PluginKey for Blank {
    fn algorithm(&self) -> &'static str {
        "HS256"
    }

    fn sign(&self, _data: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn verify(&self, _data: &[u8], _signature: &[u8]) -> bool {
        false
    }

    fn public_jwk(&self) -> Option<String> {
        None
    }
}
