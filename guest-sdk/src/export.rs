//! The macro that makes a component of a type.

/// Exports a type from a component, at every point that is named after it. Once for each point in a crate;
/// does nothing on other targets than WebAssembly but check that the type fills them.
///
/// ```
/// use cambist_guest::{
///     AcrMapper, Call, Principal, Refusal, Token, Validator, export,
/// };
///
/// struct Badge;
///
/// impl Validator for Badge {
///     fn validate(token: &Token, _: &Call) -> Result<Principal, Refusal> {
///         Ok(Principal::new(token.text()?))
///     }
/// }
///
/// impl AcrMapper for Badge {
///     fn map_acr(_: &Token, _: &Principal, _: &Call) -> Result<Option<String>, Refusal> {
///         Ok(Some("badge".to_owned()))
///     }
/// }
///
/// export!(Badge: Validator, AcrMapper);
/// ```
#[macro_export]
macro_rules! export {
    ($plugin:ty: $($point:ident),+ $(,)?) => {
        $($crate::__export_point!($plugin, $point);)+
    };
}

/// One point of [`export!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __export_point {
    ($plugin:ty, Validator) => { $crate::__export!($plugin, $crate::Validator, validator export_validator); };
    ($plugin:ty, Provider) => { $crate::__export!($plugin, $crate::Provider, provider export_provider); };
    ($plugin:ty, CustomProvider) => {
        $crate::__export!($plugin, $crate::CustomProvider, custom_provider export_custom_provider);
    };
    ($plugin:ty, Policy) => { $crate::__export!($plugin, $crate::Policy, policy export_policy); };
    ($plugin:ty, ClaimMapper) => { $crate::__export!($plugin, $crate::ClaimMapper, claim_mapper export_claim_mapper); };
    ($plugin:ty, AcrMapper) => { $crate::__export!($plugin, $crate::AcrMapper, acr_mapper export_acr_mapper); };
    ($plugin:ty, AmrMapper) => { $crate::__export!($plugin, $crate::AmrMapper, amr_mapper export_amr_mapper); };
    ($plugin:ty, Conditions) => { $crate::__export!($plugin, $crate::saml::Conditions, conditions export_conditions); };
    ($plugin:ty, Subject) => { $crate::__export!($plugin, $crate::saml::Subject, subject export_subject); };
    ($plugin:ty, AuthnStatements) => {
        $crate::__export!($plugin, $crate::saml::AuthnStatements, authn_statements export_authn_statements);
    };
    ($plugin:ty, AttributeStatements) => {
        $crate::__export!($plugin, $crate::saml::AttributeStatements, attribute_statements export_attribute_statements);
    };
    ($plugin:ty, AuthzDecisionStatements) => {
        $crate::__export!(
            $plugin, $crate::saml::AuthzDecisionStatements, authz_decision_statements export_authz_decision_statements
        );
    };
    ($plugin:ty, AttributeMapper) => {
        $crate::__export!($plugin, $crate::saml::AttributeMapper, attribute_mapper export_attribute_mapper);
    };
    ($plugin:ty, AuthnContextMapper) => {
        $crate::__export!($plugin, $crate::saml::AuthnContextMapper, authn_context_mapper export_authn_context_mapper);
    };
    ($plugin:ty, $point:ident) => {
        ::core::compile_error!(::core::concat!("there is no point `", ::core::stringify!($point), "`"));
    };
}

/// One point of [`export!`], with its trait, module and macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($plugin:ty, $point:path, $module:ident $export:ident) => {
        const _: () = {
            const fn fills<P: $point>() {}
            fills::<$plugin>();
        };
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Exported = $crate::glue::Point<$plugin>;
    $crate::bindings::$module::$export!(Exported with_types_in $crate::bindings::$module);
        };
    };
}
