//! Generated from the WIT: one module for what is shared, one for each point. A point's component type is
//! written by its own export macro, so that a component says of itself exactly what it exports.

/// The types, and the capabilities. What a plugin does not call is not imported.
#[expect(missing_docs, clippy::same_length_and_capacity, reason = "generated")]
pub mod shared {
    wit_bindgen::generate!({
        inline: "
            package cambist:guest;
            world shared {
                include cambist:sts/capabilities@0.1.0;
                import cambist:sts/types@0.1.0;
                import cambist:sts/saml@0.1.0;
            }
        ",
        path: "../wit",
        generate_all,
        generate_unused_types: true,
        additional_derives: [PartialEq, Eq],
        additional_derives_ignore: ["request", "response", "credential"],
        additional_type_attributes: {
            "cambist:sts/saml@0.1.0/name-id": [#[derive(Default)]],
            "cambist:sts/saml@0.1.0/condition-set": [#[derive(Default)]],
            "cambist:sts/saml@0.1.0/authn-context": [#[derive(Default)]],
            "cambist:sts/saml@0.1.0/subject-locality": [#[derive(Default)]],
            "cambist:sts/saml@0.1.0/evidence": [#[derive(Default)]],
        },
    });
}

macro_rules! points {
    ($($module:ident $world:tt $export:tt;)*) => {$(
        #[expect(missing_docs, clippy::same_length_and_capacity, reason = "generated")]
        pub mod $module {
            wit_bindgen::generate!({
                path: "../wit",
                world: $world,
                with: {
                    "cambist:sts/types@0.1.0": crate::bindings::shared::cambist::sts::types,
                    "cambist:sts/log@0.1.0": crate::bindings::shared::cambist::sts::log,
                    "cambist:sts/secrets@0.1.0": crate::bindings::shared::cambist::sts::secrets,
                    "cambist:sts/http@0.1.0": crate::bindings::shared::cambist::sts::http,
                    "cambist:sts/kv@0.1.0": crate::bindings::shared::cambist::sts::kv,
                    "cambist:sts/clock@0.1.0": crate::bindings::shared::cambist::sts::clock,
                    "cambist:sts/random@0.1.0": crate::bindings::shared::cambist::sts::random,
                    "cambist:sts/crypto@0.1.0": crate::bindings::shared::cambist::sts::crypto,
                },
                pub_export_macro: true,
                export_macro_name: $export,
            });
        }
    )*};
}

macro_rules! saml_points {
    ($($module:ident $world:tt $export:tt;)*) => {$(
        #[expect(missing_docs, clippy::same_length_and_capacity, reason = "generated")]
        pub mod $module {
            wit_bindgen::generate!({
                path: "../wit",
                world: $world,
                with: {
                    "cambist:sts/types@0.1.0": crate::bindings::shared::cambist::sts::types,
                    "cambist:sts/saml@0.1.0": crate::bindings::shared::cambist::sts::saml,
                    "cambist:sts/log@0.1.0": crate::bindings::shared::cambist::sts::log,
                    "cambist:sts/secrets@0.1.0": crate::bindings::shared::cambist::sts::secrets,
                    "cambist:sts/http@0.1.0": crate::bindings::shared::cambist::sts::http,
                    "cambist:sts/kv@0.1.0": crate::bindings::shared::cambist::sts::kv,
                    "cambist:sts/clock@0.1.0": crate::bindings::shared::cambist::sts::clock,
                    "cambist:sts/random@0.1.0": crate::bindings::shared::cambist::sts::random,
                    "cambist:sts/crypto@0.1.0": crate::bindings::shared::cambist::sts::crypto,
                },
                pub_export_macro: true,
                export_macro_name: $export,
            });
        }
    )*};
}

points! {
    validator "validator-plugin" "export_validator";
    provider "provider-plugin" "export_provider";
    custom_provider "custom-provider-plugin" "export_custom_provider";
    policy "policy-plugin" "export_policy";
    claim_mapper "claim-mapper-plugin" "export_claim_mapper";
    acr_mapper "acr-mapper-plugin" "export_acr_mapper";
    amr_mapper "amr-mapper-plugin" "export_amr_mapper";
    authn_context_mapper "authn-context-mapper-plugin" "export_authn_context_mapper";
}

saml_points! {
    conditions "conditions-plugin" "export_conditions";
    subject "subject-plugin" "export_subject";
    authn_statements "authn-statements-plugin" "export_authn_statements";
    attribute_statements "attribute-statements-plugin" "export_attribute_statements";
    authz_decision_statements "authz-decision-statements-plugin" "export_authz_decision_statements";
    attribute_mapper "attribute-mapper-plugin" "export_attribute_mapper";
}
