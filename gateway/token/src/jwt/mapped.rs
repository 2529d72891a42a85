//! Parts of an ID token that somebody else decides: its claims, its `acr`, its `amr`.

use std::{collections::BTreeMap, sync::Arc};

use cambist_core::{Call, Issuance, IssueError, Mapper};
use serde_json::{Map, Value};

use crate::{Bench, BuildError, settings::Settings};

/// Makes the claims of an ID token.
pub type ClaimMapper = Arc<dyn Mapper<Map<String, Value>>>;
/// Makes the `acr` of an ID token; none leaves it out.
pub type AcrMapper = Arc<dyn Mapper<Option<String>>>;
/// Makes the `amr` of an ID token; an empty list leaves it out.
pub type AmrMapper = Arc<dyn Mapper<Vec<String>>>;

/// Where the mappers come from that settings name.
pub trait MapperSource {
    /// The claim mapper that `binding` names, for this map from claims to make to what they are made from.
    fn claims(
        &self,
        binding: &Value,
        wanted: &BTreeMap<String, String>,
    ) -> Result<ClaimMapper, BuildError>;
    /// The `acr` mapper that `binding` names.
    fn acr(&self, binding: &Value) -> Result<AcrMapper, BuildError>;
    /// The `amr` mapper that `binding` names.
    fn amr(&self, binding: &Value) -> Result<AmrMapper, BuildError>;
}

/// The mappers of one provider.
#[derive(Default)]
pub(crate) struct Mappers {
    claims: Option<ClaimMapper>,
    acr: Option<AcrMapper>,
    amr: Option<AmrMapper>,
}

/// What the mappers decided about one token. None leaves a part to the provider.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) claims: Option<Map<String, Value>>,
    #[expect(
        clippy::option_option,
        reason = "a mapper may decide that there is none"
    )]
    pub(crate) acr: Option<Option<String>>,
    pub(crate) amr: Option<Vec<String>>,
}

impl Mappers {
    /// The settings' names.
    pub(crate) const MEMBERS: [&str; 3] = ["claim_mapper", "acr_mapper", "amr_mapper"];

    pub(crate) fn read(
        settings: Settings<'_>,
        bench: &Bench<'_>,
        wanted: &BTreeMap<String, String>,
    ) -> Result<Self, BuildError> {
        let binding = |name| settings.optional::<Value>(name, "a plugin binding");
        let within = |name: &'static str| {
            move |error: BuildError| BuildError {
                member: format!("{name}.{}", error.member),
                ..error
            }
        };
        let source = bench.mappers;
        Ok(Self {
            claims: binding("claim_mapper")?
                .map(|binding| source.claims(&binding, wanted))
                .transpose()
                .map_err(within("claim_mapper"))?,
            acr: binding("acr_mapper")?
                .map(|binding| source.acr(&binding))
                .transpose()
                .map_err(within("acr_mapper"))?,
            amr: binding("amr_mapper")?
                .map(|binding| source.amr(&binding))
                .transpose()
                .map_err(within("amr_mapper"))?,
        })
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.claims.is_none() && self.acr.is_none() && self.amr.is_none()
    }

    /// Asks them all.
    pub(crate) async fn decide(
        &self,
        issuance: &Issuance<'_>,
        call: &Call<'_>,
    ) -> Result<Parts, IssueError> {
        let mut parts = Parts::default();
        if let Some(mapper) = &self.claims {
            parts.claims = Some(mapper.map(issuance, call).await?);
        }
        if let Some(mapper) = &self.acr {
            parts.acr = Some(mapper.map(issuance, call).await?);
        }
        if let Some(mapper) = &self.amr {
            parts.amr = Some(mapper.map(issuance, call).await?);
        }
        Ok(parts)
    }
}

#[cfg(test)]
pub(crate) mod tests;
