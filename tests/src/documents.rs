//! Instance documents that tests and the demonstration publish.

#![expect(
    clippy::indexing_slicing,
    reason = "the documents are objects made here"
)]

use serde_json::{Value, json};

use crate::ticket;

/// Token type of the example plugin's tickets.
pub const TICKET: &str = "urn:example:legacy-ticket";
/// The audience every document here issues for.
pub const ORDERS: &str = "https://orders.example";
/// A client that may ask for [`ORDERS`].
pub const WEB: (&str, &str) = ("web", "a-secret-of-more-than-thirty-two-characters");

/// Passwords of the user directory in; access tokens (ES256) and ID tokens (RS256) out.
pub fn passwords() -> Value {
    json!({
        "description": "Orders",
        "validators": {
            "password": {"kind": "username", "scopes": ["orders:read", "orders:write"]}
        },
        "providers": {
            "access": {"kind": "access_token", "algorithm": "ES256", "claims": {"email": "email"}},
            "id": {"kind": "id_token", "algorithm": "RS256"}
        },
        "transformations": [
            {"subject": "password", "issue": "access"},
            {"subject": "password", "issue": "id"}
        ],
        "relying_parties": {
            ORDERS: {"scopes": ["orders:read", "orders:write"], "resources": ["https://api.orders.example/v1"]}
        },
        "clients": {
            WEB.0: {"secret": WEB.1, "audiences": [ORDERS], "scopes": ["orders:read"]}
        }
    })
}

/// [`passwords`] and ID tokens of the registered issuer `partner`.
pub fn with_partner() -> Value {
    let mut document = passwords();
    document["validators"]["partner"] = json!({
        "kind": "id_token", "issuers": ["partner"], "subject_prefix": "partner:", "scopes": ["orders:read"]
    });
    push(
        &mut document,
        json!({"subject": "partner", "issue": "access"}),
    );
    document
}

/// [`with_partner`] and tickets read by the plugin `legacy-ticket`.
pub fn with_ticket() -> Value {
    let mut document = with_partner();
    document["validators"]["ticket"] = json!({
        "kind": "plugin", "plugin": "legacy-ticket", "token_type": TICKET, "subject_prefix": "wam:",
        "scopes": ["orders:read"], "grants": {"keys": {"ticket": "ticket-key"}}
    });
    document["providers"]["access"]["claims"] =
        json!({"email": "email", "groups": "groups", "edition": "edition"});
    push(
        &mut document,
        json!({"subject": "ticket", "issue": "access"}),
    );
    document
}

/// The entry `ticket-key` of the vault, which [`with_ticket`] grants its plugin.
pub fn ticket_key() -> Value {
    json!({"algorithm": "HS256", "value": ticket::KEY})
}

/// Registration of an issuer whose tokens are addressed to [`WEB`].
pub fn partner(url: &str) -> Value {
    json!({"issuer": url, "audiences": [WEB.0]})
}

fn push(document: &mut Value, transformation: Value) {
    if let Some(list) = document["transformations"].as_array_mut() {
        list.push(transformation);
    }
}
