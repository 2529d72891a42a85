//! What a face asks of the engine.

use crate::{Client, Proofs, Timestamp, Token, TokenType, WantedConfirmation};

/// A token as presented, with the type its presenter declared.
#[derive(Clone, Debug)]
pub struct Presented {
    /// The token.
    pub token: Token,
    /// The declared type; the token is validated as exactly this (TX-05).
    pub token_type: TokenType,
}

/// One exchange, parsed. Every protocol face and the proxy make one of these.
#[derive(Clone, Debug)]
pub struct ExchangeRequest<'a> {
    /// Who asks, already authenticated by the face.
    pub client: &'a Client,
    /// On whose behalf.
    pub subject: Presented,
    /// Who acts, if that is somebody else.
    pub actor: Option<Presented>,
    /// The wanted type; none lets the instance choose.
    pub requested_token_type: Option<TokenType>,
    /// Logical names of the targets.
    pub audiences: Vec<String>,
    /// Absolute URIs of the targets (RFC 8707).
    pub resources: Vec<String>,
    /// The wanted scope; none means "what I may have".
    pub scope: Option<crate::Scope>,
    /// A value to bind the answer to the question, copied into an ID token.
    pub nonce: Option<String>,
    /// How whoever presents the answer shall be confirmed; none leaves it to the provider's settings. Only
    /// for token types that can say it: others take no notice.
    pub wanted_confirmation: Option<WantedConfirmation>,
    /// What the caller says of the token it wants, as the JSON text it sent; for types that nobody here knows.
    pub described: Option<String>,
}

/// What an exchange is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// A token.
    #[default]
    Issue,
    /// To know what would happen: whoever is asked decides as always, and uses up and keeps nothing.
    Explain,
}

/// The circumstances of one request: time and randomness are drawn once, by the face.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// When the request is judged.
    pub now: Timestamp,
    /// The published instance's id.
    pub instance: &'a str,
    /// Identifies this request to client and operator.
    pub correlation: &'a str,
    /// Fresh random bytes for the issued token's identifier.
    pub random: [u8; 16],
    /// What the caller proved to hold.
    pub proofs: Proofs<'a>,
    /// What it is for.
    pub purpose: Purpose,
}
