//! The host against components that are wrong on purpose.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod answers;
mod calls;
mod guest;
mod uploads;

use std::{sync::Arc, time::Duration};

use cambist_core::{
    BoxFuture, Call, Declared, Fault, Principal, Timestamp, Token, TokenType, ValidateError,
    Validator,
};
use cambist_plugin::{
    Binding, HostLimits, HttpError, HttpRequest, HttpResponse, KvError, KvSpace, LogLine, Outside,
    Plugin, PluginHost, Point,
};

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
    PluginHost::new(limits, Arc::new(Nowhere)).unwrap()
}

/// Nothing lies outside.
struct Nowhere;

impl Outside for Nowhere {
    fn now_ms(&self) -> u64 {
        NOW * 1000
    }

    fn random(&self, _bytes: &mut [u8]) -> bool {
        false
    }

    fn log(&self, _line: &LogLine<'_>) {}

    fn send(&self, _request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        Box::pin(std::future::ready(Err(HttpError::TimedOut)))
    }

    fn kv_get<'a>(
        &'a self,
        _space: &'a KvSpace,
        _key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, KvError>> {
        Box::pin(std::future::ready(Err(KvError::Unavailable)))
    }

    fn kv_put<'a>(
        &'a self,
        _space: &'a KvSpace,
        _key: &'a str,
        _value: Vec<u8>,
        _seconds: u32,
        _only_if_absent: bool,
    ) -> BoxFuture<'a, Result<bool, KvError>> {
        Box::pin(std::future::ready(Err(KvError::Unavailable)))
    }

    fn kv_remove<'a>(
        &'a self,
        _space: &'a KvSpace,
        _key: &'a str,
    ) -> BoxFuture<'a, Result<(), KvError>> {
        Box::pin(std::future::ready(Err(KvError::Unavailable)))
    }
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
