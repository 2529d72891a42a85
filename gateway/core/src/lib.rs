//! The vocabulary of a token exchange and its waist, [`exchange()`].
//!
//! Two roles do the work: a [`Validator`] turns a token into a [`Principal`], a [`Provider`] turns an
//! [`Issuance`] into a token. Only [`policy::authorize`] can make an [`Issuance`], so policy cannot be
//! walked around. Nothing here does I/O, reads a clock or draws randomness: all three are arguments.

pub mod actor;
pub mod client;
pub mod confirmation;
pub mod decider;
pub mod declared;
pub mod error;
pub mod exchange;
pub mod fetch;
pub mod instance;
pub mod ledger;
pub mod mapper;
pub mod policy;
pub mod principal;
pub mod proof;
pub mod provider;
pub mod request;
pub mod scope;
pub mod time;
pub mod token;
pub mod validator;
pub mod wanted_confirmation;
pub mod witness;

use std::pin::Pin;

pub use actor::{Actor, ActorChain, MayAct};
pub use client::{Binding, Client, MayPresent};
pub use confirmation::Confirmation;
pub use decider::{DecideError, Decider, Decision, Widened};
pub use declared::Declared;
pub use error::{
    ExchangeError, Fault, IssueError, PolicyRefusal, Rejection, TargetRefusal, ValidateError,
};
pub use exchange::{
    EndOfSession, Exchanged, exchange, exchange_and_then, explain, explain_to_client,
    issue_to_client,
};
pub use fetch::{Fetch, FetchError, Fetched};
pub use instance::{ForClients, Instance, Limits, RelyingParty, Transformation};
pub use ledger::{Entry, Ledger, Mark, NotEntered, Role, TokenKey};
pub use mapper::Mapper;
pub use policy::Issuance;
pub use principal::{Principal, RESERVED_CLAIMS, UsedSession};
pub use proof::Proofs;
pub use provider::{IssuedToken, Provider, Usage};
pub use request::{Call, ExchangeRequest, Presented, Purpose};
pub use scope::Scope;
pub use time::Timestamp;
pub use token::{Token, TokenType};
pub use validator::Validator;
pub use wanted_confirmation::WantedConfirmation;
pub use witness::{Rule, Step, Witness};

/// A boxed future that may move between threads: what a role's `dyn` method returns.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
