//! `deployment-config`: where the instance answers and how each input is authenticated.

use std::{collections::BTreeMap, net::IpAddr};

use hyper::header::HeaderName;
use serde_json::{Map, Value, json};

use super::super::members::Members;
use crate::{document::ClientCertificateDocument, publish_error::PublishError};

const URL_ELEMENT: &str = "deployment-url-element";
const REALM: &str = "deployment-realm";
pub(in super::super) const MAPPINGS: &str = "deployment-auth-target-mappings";
const HEADER_KEY: &str = "deployment-offloaded-two-way-tls-header-key";
pub(super) const OFFLOAD_HOSTS: &str = "deployment-tls-offload-engine-hosts";
const INDEX_TYPE: &str = "mapping-auth-index-type";
pub(in super::super) const INDEX_VALUE: &str = "mapping-auth-index-value";
const CONTEXT: &str = "mapping-context";

pub(super) const ALL: [&str; 5] = [URL_ELEMENT, REALM, MAPPINGS, HEADER_KEY, OFFLOAD_HOSTS];

/// Where an instance is deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Deployment {
    realm: Vec<String>,
    url_element: String,
    pub(in super::super) mappings: BTreeMap<String, Mapping>,
    header_key: Option<String>,
    offload_hosts: Vec<String>,
}

/// What authenticates one input type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Mapping {
    pub(in super::super) value: String,
    pub(in super::super) context: BTreeMap<String, String>,
}

impl Deployment {
    pub(super) fn read(members: &Members<'_>) -> Result<Self, PublishError> {
        members.only(&ALL)?;
        let url_element = members.required(URL_ELEMENT)?.trim_matches('/').to_owned();
        check_segment(members, URL_ELEMENT, &url_element)?;
        let realm: Vec<String> = members
            .required(REALM)?
            .split('/')
            .filter(|s| !s.is_empty())
            .map(ToOwned::to_owned)
            .collect();
        for segment in &realm {
            check_segment(members, REALM, segment)?;
        }
        if realm.len() >= MOST_SEGMENTS {
            return Err(members.wrong(
                REALM,
                "is too deep",
                format!("use at most {} segments", MOST_SEGMENTS - 1),
            ));
        }
        let mappings: Result<_, PublishError> = members
            .nested(MAPPINGS)?
            .into_iter()
            .map(|(input, mapping)| Ok((input, Mapping::read(&mapping)?)))
            .collect();
        let header_key = members.text(HEADER_KEY)?;
        let offload_hosts = members.texts(OFFLOAD_HOSTS)?;
        let alone = match (&header_key, offload_hosts.is_empty()) {
            (Some(_), true) => Some(OFFLOAD_HOSTS),
            (None, false) => Some(HEADER_KEY),
            _ => None,
        };
        if let Some(missing) = alone {
            return Err(members.wrong(
                missing,
                "is missing beside its counterpart",
                format!("set {HEADER_KEY} and {OFFLOAD_HOSTS} both, or neither"),
            ));
        }
        Ok(Self {
            realm,
            url_element,
            mappings: mappings?,
            header_key,
            offload_hosts,
        })
    }

    /// The instance id: realm without its leading slash, `/`, url element.
    pub(in super::super) fn id(&self) -> String {
        let mut id = self.realm.join("/");
        if !id.is_empty() {
            id.push('/');
        }
        id + &self.url_element
    }

    /// Where certificates of clients come from, if not from their TLS connection.
    pub(in super::super) fn offload(
        &self,
    ) -> Result<Option<ClientCertificateDocument>, PublishError> {
        let Some(key) = &self.header_key else {
            return Ok(None);
        };
        let header = HeaderName::from_bytes(key.as_bytes()).map_err(|_| {
            PublishError::new(
                format!("deployment-config.{HEADER_KEY}"),
                "is no name of a header",
                "use letters, digits and hyphens",
            )
        })?;
        let is_host = |host: &&String| host.as_str() != "any" && host.parse::<IpAddr>().is_err();
        if let Some(host) = self.offload_hosts.iter().find(is_host) {
            return Err(PublishError::new(
                format!("deployment-config.{OFFLOAD_HOSTS}"),
                format!("`{host}` is no address"),
                "list IP addresses, or `any`",
            ));
        }
        let hosts = self.offload_hosts.iter().cloned().collect();
        Ok(Some(ClientCertificateDocument { header, hosts }))
    }

    /// `/` or `/a/b`.
    pub(in super::super) fn realm(&self) -> String {
        format!("/{}", self.realm.join("/"))
    }

    pub(super) fn to_json(&self) -> Value {
        let mappings: Map<String, Value> = self
            .mappings
            .iter()
            .map(|(input, mapping)| (input.clone(), mapping.to_json()))
            .collect();
        json!({
            URL_ELEMENT: self.url_element,
            REALM: self.realm(),
            MAPPINGS: mappings,
            HEADER_KEY: self.header_key,
            OFFLOAD_HOSTS: if self.offload_hosts.is_empty() { Value::Null } else { json!(self.offload_hosts) },
        })
    }
}

impl Mapping {
    fn read(members: &Members<'_>) -> Result<Self, PublishError> {
        members.only(&[INDEX_TYPE, INDEX_VALUE, CONTEXT])?;
        let index_type = members.required(INDEX_TYPE)?;
        if index_type != "service" {
            return Err(members.wrong(
                INDEX_TYPE,
                format!("is `{index_type}`"),
                "only `service` is offered",
            ));
        }
        Ok(Self {
            value: members.required(INDEX_VALUE)?,
            context: members.map(CONTEXT)?,
        })
    }

    fn to_json(&self) -> Value {
        json!({
            INDEX_TYPE: "service",
            INDEX_VALUE: self.value,
            CONTEXT: if self.context.is_empty() { Value::Null } else { json!(self.context) },
        })
    }
}

/// The most segments of an instance id.
const MOST_SEGMENTS: usize = 8;

/// A segment of an instance id. It stands in URLs as it is, so nothing in it may need an escape.
fn check_segment(members: &Members<'_>, name: &str, segment: &str) -> Result<(), PublishError> {
    let is_good = (1..=64).contains(&segment.len())
        && segment != "."
        && segment != ".."
        && segment
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if is_good {
        return Ok(());
    }
    Err(members.wrong(
        name,
        "cannot stand in a URL",
        "use 1 to 64 of [A-Za-z0-9._-] for each segment",
    ))
}
