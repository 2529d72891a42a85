//! The places where a plugin may stand.

use std::fmt;

/// One interface of `cambist:sts` that a component may export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Point {
    /// Decides the `acr` of an ID token.
    AcrMapper,
    /// Decides the `amr` of an ID token.
    AmrMapper,
    /// Makes a SAML assertion's attributes.
    AttributeMapper,
    /// Makes a SAML assertion's attribute statements.
    AttributeStatements,
    /// Decides a SAML assertion's authentication context class.
    AuthnContextMapper,
    /// Makes a SAML assertion's authentication statements.
    AuthnStatements,
    /// Makes a SAML assertion's authorization decision statements.
    AuthzDecisionStatements,
    /// Makes an ID token's claims.
    ClaimMapper,
    /// Makes a SAML assertion's conditions.
    Conditions,
    /// Makes tokens of custom types of the REST STS.
    CustomProvider,
    /// Narrows or refuses an exchange.
    Policy,
    /// Makes tokens.
    Provider,
    /// Makes a SAML assertion's subject.
    Subject,
    /// Reads tokens.
    Validator,
}

impl Point {
    /// All of them, by name.
    pub const ALL: [Self; 14] = [
        Self::AcrMapper,
        Self::AmrMapper,
        Self::AttributeMapper,
        Self::AttributeStatements,
        Self::AuthnContextMapper,
        Self::AuthnStatements,
        Self::AuthzDecisionStatements,
        Self::ClaimMapper,
        Self::Conditions,
        Self::CustomProvider,
        Self::Policy,
        Self::Provider,
        Self::Subject,
        Self::Validator,
    ];

    /// Its name, that of its interface in the package `cambist:sts`.
    pub const fn name(self) -> &'static str {
        self.parts().0
    }

    /// The one function of its interface.
    pub const fn function(self) -> &'static str {
        self.parts().1
    }

    /// The point of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|point| point.name() == name)
    }

    const fn parts(self) -> (&'static str, &'static str) {
        match self {
            Self::AcrMapper => ("acr-mapper", "map-acr"),
            Self::AmrMapper => ("amr-mapper", "map-amr"),
            Self::AttributeMapper => ("attribute-mapper", "map-attributes"),
            Self::AttributeStatements => ("attribute-statements", "make-attribute-statements"),
            Self::AuthnContextMapper => ("authn-context-mapper", "map-authn-context"),
            Self::AuthnStatements => ("authn-statements", "make-authn-statements"),
            Self::AuthzDecisionStatements => (
                "authz-decision-statements",
                "make-authz-decision-statements",
            ),
            Self::ClaimMapper => ("claim-mapper", "map-claims"),
            Self::Conditions => ("conditions", "make-conditions"),
            Self::CustomProvider => ("custom-provider", "issue-custom-token"),
            Self::Policy => ("policy", "decide"),
            Self::Provider => ("provider", "issue-token"),
            Self::Subject => ("subject", "make-subject"),
            Self::Validator => ("validator", "validate-token"),
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
