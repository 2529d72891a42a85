//! What a sandbox costs: the same exchange with the builtin's work done by a component.

use std::{collections::BTreeMap, sync::Arc};

use cambist_core::{Call, Declared, Timestamp, Token, TokenType};
use cambist_guest::Validator;
use cambist_plugin::{Compilation, HostLimits, PluginBinding, PluginHost};
use legacy_ticket::LegacyTicket;
use tests::{
    documents::TICKET,
    guests,
    http::Failure,
    issuer::now,
    ticket::{KEY, ticket},
};

use crate::{Limit, Row, cpu::median_micros};

/// A fresh store per call, against the same validation done natively.
pub(crate) fn rows() -> Result<Vec<Row>, Failure> {
    let host = PluginHost::new(HostLimits::default(), Compilation::default())?;
    let plugin = Arc::new(host.compile(guests::legacy_ticket())?);
    let validator = plugin.validator(PluginBinding {
        name: "legacy-ticket".to_owned(),
        token_type: TokenType::new(TICKET),
        settings: BTreeMap::from([("key".to_owned(), KEY.to_owned())]),
        declared: Declared::default(),
    });
    let now = now();
    let call = Call {
        now: Timestamp(now),
        instance: "bench",
        correlation: "0123456789abcdef",
        random: [7; 16],
    };
    let text = ticket("frank", now);
    let token = Token::new(text.as_bytes());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(validator.validate(&token, &call))?;
    let cost = runtime.block_on(async {
        let mut runs = Vec::new();
        for _ in 0..9 {
            let began = crate::cpu::thread_micros();
            for _ in 0..2_000 {
                let _ = validator.validate(&token, &call).await;
            }
            runs.push((crate::cpu::thread_micros() - began) / 2_000.0);
        }
        crate::cpu::median(&mut runs)
    });
    let native_call = cambist_guest::Call::at(now).with_setting("key", KEY);
    let native = median_micros(2_000, || {
        drop(LegacyTicket::validate(text.as_bytes(), &native_call));
    });
    Ok(vec![Row {
        work: "plugin: legacy ticket, fresh store per call - native".to_owned(),
        cost,
        reference: native,
        limit: Limit::Over(40.0),
    }])
}
