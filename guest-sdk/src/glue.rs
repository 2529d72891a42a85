//! Between the traits of this crate and the generated bindings. Not for plugins: what is here may change
//! at any time.

use crate::{Attribute, Call, Fault, Principal, Refusal, Validator};

#[expect(missing_docs, clippy::same_length_and_capacity, reason = "generated")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        world: "validator-plugin",
        pub_export_macro: true,
        export_macro_name: "export_validator_plugin",
    });
}

use bindings::cambist::sts::types::{Attribute as WitAttribute, Fault as WitFault};
pub use bindings::{
    cambist::sts::types::{Call as WitCall, Principal as WitPrincipal, Refusal as WitRefusal},
    export_validator_plugin,
    exports::cambist::sts::validator::Guest,
};

/// One call, in this crate's terms.
pub fn validate<V: Validator>(token: &[u8], call: WitCall) -> Result<WitPrincipal, WitRefusal> {
    V::validate(token, &Call::from(call))
        .map(Into::into)
        .map_err(Into::into)
}

impl From<WitCall> for Call {
    fn from(call: WitCall) -> Self {
        let WitCall {
            now,
            instance,
            correlation,
            token_type,
            settings,
        } = call;
        Self {
            now,
            instance,
            correlation,
            token_type,
            settings: settings.into_iter().collect(),
        }
    }
}

impl From<Principal> for WitPrincipal {
    fn from(principal: Principal) -> Self {
        Self {
            subject: principal.subject,
            issuer: principal.issuer,
            audiences: principal.audiences,
            client: principal.client,
            scopes: principal.scopes,
            expires_at: principal.expires_at,
            authenticated_at: principal.authenticated_at,
            authentication_context: principal.authentication_context,
            authentication_methods: principal.authentication_methods,
            attributes: principal.attributes.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Attribute> for WitAttribute {
    fn from(Attribute { name, values }: Attribute) -> Self {
        Self { name, values }
    }
}

impl From<Refusal> for WitRefusal {
    fn from(
        Refusal {
            fault,
            code,
            message,
            detail,
        }: Refusal,
    ) -> Self {
        let fault = match fault {
            Fault::Malformed => WitFault::Malformed,
            Fault::Refused => WitFault::Refused,
            Fault::Expired => WitFault::Expired,
            Fault::NotYetValid => WitFault::NotYetValid,
            Fault::BadSignature => WitFault::BadSignature,
            Fault::WrongAudience => WitFault::WrongAudience,
            Fault::Unavailable => WitFault::Unavailable,
            Fault::Internal => WitFault::Internal,
        };
        Self {
            fault,
            code,
            message,
            detail,
        }
    }
}
