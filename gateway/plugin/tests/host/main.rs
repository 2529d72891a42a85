//! The host against components that are wrong on purpose.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod answers;
mod calls;
mod guest;
mod uploads;

use std::{sync::Arc, time::Duration};

use cambist_core::{
    Call, Declared, Fault, Principal, Timestamp, Token, TokenType, ValidateError, Validator,
};
use cambist_plugin::{Binding, Compilation, HostLimits, Nowhere, Plugin, PluginHost, Point};

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
    PluginHost::new(limits, Compilation::default(), Arc::new(Nowhere)).unwrap()
}

fn validator(host: &PluginHost, guest: &Guest) -> Arc<dyn Validator> {
    bound(host.compile(&guest.bytes()).unwrap(), Declared::default())
}

fn bound(plugin: Plugin, declared: Declared) -> Arc<dyn Validator> {
    let binding = Binding {
        name: "guest".to_owned(),
        ..Binding::default()
    };
    Arc::new(plugin)
        .bind(&[Point::Validator], binding)
        .unwrap()
        .validator(TokenType::new("urn:example:ticket"), declared)
}

fn call() -> Call<'static> {
    Call {
        now: Timestamp(NOW),
        instance: "alpha/orders",
        correlation: "c-1",
        random: [0; 16],
        proofs: cambist_core::Proofs::default(),
        purpose: cambist_core::Purpose::Issue,
    }
}

async fn ask(validator: &Arc<dyn Validator>, token: &str) -> Result<Arc<Principal>, ValidateError> {
    validator.validate(&Token::new(token), &call()).await
}

/// The reason for which a call failed closed, as the plugin's fault.
fn failure(answer: Result<Arc<Principal>, ValidateError>) -> String {
    match answer {
        Err(ValidateError::Fault(Fault::Plugin { plugin, reason })) => {
            assert!(plugin.starts_with("guest@sha256:"), "{plugin}");
            reason
        }
        Err(ValidateError::Fault(nameless @ Fault::Nameless { .. })) => nameless.to_string(),
        other => panic!("not a plugin's fault: {other:?}"),
    }
}
