//! The host against components that are wrong on purpose.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod answers;
mod calls;
mod guest;
mod uploads;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use cambist_core::{
    Call, Declared, Fault, Principal, Timestamp, Token, TokenType, ValidateError, Validator,
};
use cambist_plugin::{Compilation, HostLimits, PluginBinding, PluginHost};

use guest::Guest;

const NOW: u64 = 1_900_000_000;

fn host() -> PluginHost {
    host_of(HostLimits {
        concurrent_calls: 4,
        call_time: Duration::from_millis(50),
        ..HostLimits::default()
    })
}

fn host_of(limits: HostLimits) -> PluginHost {
    PluginHost::new(limits, Compilation::default()).unwrap()
}

fn binding() -> PluginBinding {
    PluginBinding {
        name: "guest".to_owned(),
        token_type: TokenType::new("urn:example:ticket"),
        settings: BTreeMap::from([("colour".to_owned(), "green".to_owned())]),
        declared: Declared::default(),
    }
}

fn validator(host: &PluginHost, guest: &Guest) -> Arc<dyn Validator> {
    Arc::new(host.compile(&guest.bytes()).unwrap()).validator(binding())
}

fn call() -> Call<'static> {
    Call {
        now: Timestamp(NOW),
        instance: "alpha/orders",
        correlation: "c-1",
        random: [0; 16],
    }
}

async fn ask(validator: &Arc<dyn Validator>, token: &str) -> Result<Principal, ValidateError> {
    validator.validate(&Token::new(token), &call()).await
}

/// The reason for which a call failed closed, as the plugin's fault.
fn failure(answer: Result<Principal, ValidateError>) -> String {
    match answer {
        Err(ValidateError::Fault(Fault::Plugin { plugin, reason })) => {
            assert!(plugin.starts_with("guest@sha256:"), "{plugin}");
            reason
        }
        other => panic!("not a plugin's fault: {other:?}"),
    }
}
