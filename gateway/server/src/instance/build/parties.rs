//! Whom tokens are issued for, and who may ask.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use cambist_core::{Actor, Binding, Client, Fetch, MayPresent, RelyingParty};

use crate::{
    document::{ClientDocument, InstanceDocument},
    face::oauth::{introspect::budget::Questions, resource},
    instance::{Authentication, ClientSecret, RegisteredClient},
    publish_error::PublishError,
};

pub(super) type Parties = HashMap<String, Arc<RelyingParty>>;

pub(super) fn relying_parties(
    document: &InstanceDocument,
) -> Result<(Parties, HashMap<String, String>), PublishError> {
    let (mut parties, mut resources) = (Parties::new(), HashMap::new());
    for (audience, wanted) in &document.relying_parties {
        let path = format!("relying_parties.{audience}");
        if audience.is_empty() || audience.len() > 512 || audience.chars().any(char::is_control) {
            return Err(PublishError::new(
                path,
                "is not an audience",
                "use 1 to 512 visible characters",
            ));
        }
        if wanted.max_lifetime_seconds == Some(0) {
            return Err(PublishError::new(
                format!("{path}.max_lifetime_seconds"),
                "is zero",
                "use one second or more, or leave it out",
            ));
        }
        for (index, resource) in wanted.resources.iter().enumerate() {
            let at = format!("{path}.resources[{index}]");
            let canonical = resource::canonical(resource).ok_or_else(|| {
                PublishError::new(
                    &at,
                    format!("`{resource}` is not an absolute URI without fragment"),
                    "write it as `https://api.example/orders`",
                )
            })?;
            if let Some(other) = resources.insert(canonical, audience.clone()) {
                return Err(PublishError::new(
                    at,
                    format!("belongs to `{other}` already"),
                    "list each resource under one relying party",
                ));
            }
        }
        parties.insert(
            audience.clone(),
            Arc::new(RelyingParty {
                audience: audience.clone(),
                resources: wanted.resources.clone(),
                scope: wanted.scopes.clone(),
                max_lifetime: wanted.max_lifetime_seconds,
            }),
        );
    }
    Ok((parties, resources))
}

pub(super) fn clients(
    document: &InstanceDocument,
    parties: &Parties,
    issuer: &str,
    fetch: &Arc<dyn Fetch>,
) -> Result<HashMap<String, RegisteredClient>, PublishError> {
    let mut built = HashMap::new();
    for (id, wanted) in &document.clients {
        let client = client(id, wanted, parties, issuer, fetch)
            .map_err(|error| error.within(&format!("clients.{id}")))?;
        built.insert(id.clone(), client);
    }
    Ok(built)
}

fn client(
    id: &str,
    wanted: &ClientDocument,
    parties: &Parties,
    issuer: &str,
    fetch: &Arc<dyn Fetch>,
) -> Result<RegisteredClient, PublishError> {
    if id.is_empty() || id.len() > 256 || !id.bytes().all(|b| (0x20..=0x7e).contains(&b)) {
        return Err(PublishError::new(
            "",
            "is not a client id",
            "use 1 to 256 printable ASCII characters (RFC 6749 §A.1)",
        ));
    }
    check_audiences("audiences", &wanted.audiences, parties)?;
    check_audiences("introspects", &wanted.introspects, parties)?;
    let accepted = wanted
        .subject_audiences
        .clone()
        .unwrap_or_else(|| [id.to_owned()].into());
    Ok(RegisteredClient {
        authentication: authentication(id, wanted, issuer, fetch)?,
        grants: wanted.grant_types.clone(),
        introspects: wanted.introspects.clone(),
        questions: Questions::default(),
        client: Client {
            id: id.to_owned(),
            audiences: wanted.audiences.clone(),
            scope: wanted.scopes.clone(),
            may_present: MayPresent::AddressedTo(accepted),
            impersonation: wanted.impersonation,
            is_named: true,
            actors: wanted
                .actors
                .iter()
                .map(|a| Actor {
                    issuer: a.issuer.clone(),
                    subject: a.subject.clone(),
                })
                .collect(),
            max_lifetime: wanted.max_lifetime_seconds,
            binding: Binding {
                to_dpop_key: wanted.dpop_bound_access_tokens,
                to_certificate: wanted.tls_client_certificate_bound_access_tokens,
                may_unbind: wanted.unbinding,
            },
        },
    })
}

/// Exactly one way to prove itself.
fn authentication(
    id: &str,
    wanted: &ClientDocument,
    issuer: &str,
    fetch: &Arc<dyn Fetch>,
) -> Result<Authentication, PublishError> {
    match (&wanted.authentication, &wanted.secret_hash) {
        (Some(document), None) => Authentication::build(id, document, issuer, fetch)
            .map_err(|error| error.within("authentication")),
        (None, Some(kept)) => ClientSecret::parse(kept).map(Authentication::Secret),
        (Some(_), Some(_)) => Err(PublishError::new(
            "authentication",
            "is given beside a secret",
            "give each client one way to prove itself",
        )),
        (None, None) => Err(PublishError::new(
            "secret",
            "is missing",
            "send `secret` in clear (it is kept as a hash only), `secret_hash`, or `authentication`",
        )),
    }
}

pub(super) fn check_audiences(
    path: &str,
    audiences: &BTreeSet<String>,
    parties: &Parties,
) -> Result<(), PublishError> {
    match audiences
        .iter()
        .find(|audience| !parties.contains_key(*audience))
    {
        Some(unknown) => Err(PublishError::new(
            path,
            format!("`{unknown}` is not a relying party"),
            "name only members of `relying_parties`",
        )),
        None => Ok(()),
    }
}
