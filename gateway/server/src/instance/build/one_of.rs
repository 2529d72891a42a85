//! Access tokens from several kinds of sources: who reads a token is told from its form.

use std::{collections::HashSet, sync::Arc};

use cambist_core::{
    BoxFuture, Call, Declared, Principal, Rejection, Token, TokenType, ValidateError, Validator,
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    bindings,
    validators::{BuiltValidator, Validators},
};
use crate::{
    document::{InstanceDocument, PartDocument},
    publish_error::PublishError,
};

/// Its name in configuration.
pub(super) const KIND: &str = "one_of";
/// The kind that shows tokens to others.
const ASKS_OTHERS: &str = "introspection";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    validators: Vec<String>,
}

/// Several validators of access tokens, in the operator's order but for those that ask others.
struct OneOf(Vec<Arc<dyn Validator>>);

impl OneOf {
    fn of(&self, token: &Token) -> Option<&dyn Validator> {
        let mut fitting = self.0.iter().filter(|one| one.recognises(token));
        fitting.next().map(AsRef::as_ref)
    }
}

impl Validator for OneOf {
    /// The first that recognises the token reads it, and its word is the last: what one refuses no other is
    /// shown.
    fn validate<'a>(
        &'a self,
        token: &'a Token,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Arc<Principal>, ValidateError>> {
        match self.of(token) {
            Some(validator) => validator.validate(token, call),
            None => Box::pin(std::future::ready(Err(Rejection::UnknownIssuer.into()))),
        }
    }

    fn recognises(&self, token: &Token) -> bool {
        self.of(token).is_some()
    }
}

/// The names of all validators that stand in one of these.
pub(super) fn members(document: &InstanceDocument) -> HashSet<&str> {
    let parts = document.validators.values();
    let listed = parts
        .filter(|part| part.kind == KIND)
        .filter_map(|part| part.settings.get("validators")?.as_array());
    listed.flatten().filter_map(Value::as_str).collect()
}

/// Builds those of this kind, out of what was built before.
pub(super) fn build(
    document: &InstanceDocument,
    built: &Validators,
) -> Result<Vec<(String, BuiltValidator)>, PublishError> {
    check_use(document)?;
    let mut joined = Vec::new();
    let mut taken = HashSet::new();
    let parts = document.validators.iter();
    for (name, part) in parts.filter(|(_, part)| part.kind == KIND) {
        let one = one_of(part, document, built, &mut taken)
            .map_err(|error| error.within(&format!("validators.{name}")))?;
        joined.push((name.clone(), one));
    }
    Ok(joined)
}

/// A token type is read in one way: what stands in a list is used through it alone.
fn check_use(document: &InstanceDocument) -> Result<(), PublishError> {
    let members = members(document);
    let transformations = document.transformations.iter().enumerate();
    let subjects = transformations
        .map(|(index, made)| (format!("transformations[{index}].subject"), &made.subject));
    let actors = document.actors.iter().enumerate();
    let actors = actors.map(|(index, name)| (format!("actors[{index}]"), name));
    let inputs = document.rest_sts.iter().flat_map(|rest| &rest.inputs);
    let inputs = inputs.map(|(name, validator)| (format!("rest_sts.inputs.{name}"), validator));
    let mut used = subjects.chain(actors).chain(inputs);
    match used.find(|(_, name)| members.contains(name.as_str())) {
        Some((path, name)) => Err(PublishError::new(
            path,
            format!("`{name}` stands in a validator of kind `one_of`"),
            "name that one",
        )),
        None => Ok(()),
    }
}

fn one_of(
    part: &PartDocument,
    document: &InstanceDocument,
    built: &Validators,
    taken: &mut HashSet<String>,
) -> Result<BuiltValidator, PublishError> {
    let settings: Settings = bindings::read(
        Value::Object(part.settings.clone()),
        "a one_of validator has `validators`, a list of names",
    )?;
    let hint = "list validators of access tokens, each in one list only";
    let mut members: Vec<(bool, &BuiltValidator)> = Vec::new();
    for (index, name) in settings.validators.iter().enumerate() {
        let at = format!("validators[{index}]");
        let (Some(member), Some(part)) = (built.get(name), document.validators.get(name)) else {
            let reason = format!("`{name}` is no validator to choose");
            return Err(PublishError::new(at, reason, hint));
        };
        if !taken.insert(name.clone()) {
            let reason = format!("`{name}` is listed twice");
            return Err(PublishError::new(at, reason, hint));
        }
        // Only of these is one told from another by its form, and none has a session to be ended.
        if member.token_type != TokenType::ACCESS_TOKEN {
            let reason = format!("`{name}` reads `{}`", member.token_type);
            return Err(PublishError::new(at, reason, hint));
        }
        members.push((part.kind == ASKS_OTHERS, member));
    }
    // No token that is read here goes to somebody else.
    members.sort_by_key(|(asks_others, _)| *asks_others);
    if members.len() < 2 {
        let reason = "lists fewer than two";
        return Err(PublishError::new("validators", reason, hint));
    }
    let validators = members.iter();
    let validators = validators.map(|(_, member)| Arc::clone(&member.validator));
    Ok(BuiltValidator {
        token_type: TokenType::ACCESS_TOKEN,
        declared: Declared::default(),
        prefixes: Vec::new(),
        is_foreign: false,
        validator: Arc::new(OneOf(validators.collect())),
    })
}
