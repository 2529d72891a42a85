use cambist_core::Timestamp;

/// When and for whom an assertion holds (saml-core §2.5.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// From when on.
    pub not_before: Option<Timestamp>,
    /// Until when, exclusively.
    pub not_on_or_after: Option<Timestamp>,
    /// Audience restrictions: all of them bind, and one audience of each suffices.
    pub audience_restrictions: Vec<Vec<String>>,
    /// Whether it may be used once only (saml-core §2.5.1.5).
    pub one_time_use: bool,
    /// To whom what it says may be passed on.
    pub proxy_restriction: Option<ProxyRestriction>,
}

/// To whom a relying party may issue assertions of its own on the ground of this one
/// (saml-core §2.5.1.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyRestriction {
    /// Over how many steps.
    pub count: Option<u32>,
    /// To whom; to anybody when empty.
    pub audiences: Vec<String>,
}
