//! The REST STS face of an instance, and what is kept of its tokens for it.

use std::{collections::HashMap, sync::Arc};

use cambist_core::TokenType;

use super::{
    Providers, Shelf,
    parties::{Parties, check_audiences},
    unknown_name,
    validators::Validators,
};
use crate::{
    document::InstanceDocument,
    face::rest_sts::{Books, OPENIDCONNECT, RestFace, SAML2},
    publish_error::PublishError,
    rest_token::KeptProvider,
};

/// The same face, with the books if the instance keeps them.
pub(super) fn keeping(document: &InstanceDocument, face: RestFace, shelf: &Shelf<'_>) -> RestFace {
    if document.rest_sts.as_ref().is_some_and(|r| r.keeps_tokens) {
        face.keeping(Books(Arc::clone(shelf.ledger)))
    } else {
        face
    }
}

/// The same providers, where tokens are kept with what the REST STS knows them by.
pub(super) fn kept(document: &InstanceDocument, mut providers: Providers) -> Providers {
    let Some(rest) = document.rest_sts.as_ref().filter(|rest| rest.keeps_tokens) else {
        return providers;
    };
    for output in [OPENIDCONNECT, SAML2] {
        let provider = rest.outputs.get(output);
        if let Some(provider) = provider.and_then(|name| providers.get_mut(name)) {
            *provider = Arc::new(KeptProvider::new(Arc::clone(provider), rest.keeps_text));
        }
    }
    providers
}

/// The face that `document` describes, every name resolved; none if it describes none.
pub(super) fn face(
    document: &InstanceDocument,
    validators: &Validators,
    providers: &Providers,
    parties: &Parties,
) -> Result<Option<RestFace>, PublishError> {
    let Some(rest) = &document.rest_sts else {
        return Ok(None);
    };
    check_audiences("rest_sts.audiences", &rest.audiences, parties)?;
    for (name, audiences) in &rest.output_audiences {
        let path = format!("rest_sts.output_audiences.{name}");
        if audiences.is_empty() || !audiences.is_subset(&rest.audiences) {
            return Err(PublishError::new(
                path,
                "is no part of `rest_sts.audiences`",
                "name one or more of them",
            ));
        }
    }
    let mut inputs = HashMap::new();
    for (name, validator) in &rest.inputs {
        let found = validators.get(validator).ok_or_else(|| {
            unknown_name(&format!("rest_sts.inputs.{name}"), validator, "validators")
        })?;
        inputs.insert(name.clone(), found.token_type.clone());
    }
    let mut outputs = HashMap::new();
    for (name, provider) in &rest.outputs {
        let found = providers.get(provider).ok_or_else(|| {
            unknown_name(&format!("rest_sts.outputs.{name}"), provider, "providers")
        })?;
        // An output that is written as XML must be an assertion, and no other can be written so.
        if (name == SAML2) != (*found.token_type() == TokenType::SAML2) {
            return Err(PublishError::new(
                format!("rest_sts.outputs.{name}"),
                format!("`{provider}` issues `{}`", found.token_type()),
                "call the output SAML2 if, and only if, its provider is of kind `saml2`",
            ));
        }
        outputs.insert(name.clone(), found.token_type().clone());
    }
    Ok(Some(RestFace::new(rest, inputs, outputs)))
}
