//! Write plugins for the Cambist gateway in Rust: implement a trait, export the type.
//!
//! A validator reads one kind of token. The whole of a small one, with its test:
//!
//! ```
//! use cambist_guest::{Call, Principal, Refusal, Token, Validator, crypto, export};
//!
//! /// Accepts `name:mac` if the MAC is the one that the key `badge` makes of the name.
//! struct Badge;
//!
//! impl Validator for Badge {
//!     fn validate(token: &Token, call: &Call) -> Result<Principal, Refusal> {
//!         let (name, mac) = token.text()?.split_once(':').ok_or_else(Refusal::malformed)?;
//!         let mac: Vec<u8> = mac.split('-').map(str::parse).collect::<Result<_, _>>()
//!             .map_err(|_| Refusal::malformed())?;
//!         crypto::key("badge")?.verify(name, mac)?;
//!         Ok(Principal::new(name)
//!             .issuer(call.required_text("issuer")?)
//!             .expires_at(call.now + 600)
//!             .claim("role", ["visitor"]))
//!     }
//! }
//!
//! export!(Badge: Validator);
//!
//! // Natively, as in `cargo test`, it is plain Rust, and a bench stands in for the gateway.
//! use cambist_guest::testing::Bench;
//!
//! let call = Call::at(1_900_000_000).with("issuer", "https://gate.example");
//! let bench = Bench::new().hmac_key("badge", "a key of at least thirty-two bytes");
//! bench.run(|| {
//!     let mac = crypto::key("badge").unwrap().sign("dana").unwrap();
//!     let mac: Vec<_> = mac.iter().map(u8::to_string).collect();
//!     let badge = format!("dana:{}", mac.join("-"));
//!     assert_eq!(Badge::validate(&badge.into(), &call).unwrap().subject, "dana");
//!     assert_eq!(Badge::validate(&"dana:1-2".into(), &call), Err(Refusal::bad_signature()));
//!     assert_eq!(Badge::validate(&"dana".into(), &call), Err(Refusal::malformed()));
//! });
//! ```
//!
//! # Points
//!
//! A trait for each, on any type; [`export!`] puts any subset of them into one component:
//!
//! | trait | |
//! |---|---|
//! | [`Validator`] | reads a token |
//! | [`Provider`] | makes a token |
//! | [`CustomProvider`] | makes a token of a custom type of the REST STS |
//! | [`Policy`] | narrows or refuses an exchange |
//! | [`ClaimMapper`], [`AcrMapper`], [`AmrMapper`] | make claims of an ID token |
//! | [`saml`] | the parts of a SAML assertion |
//!
//! # Capabilities
//!
//! [`log`], [`secrets`], [`http`], [`kv`], [`clock`], [`random`] and [`crypto`] are modules of plain
//! functions, and their errors become refusals by `?`. What a component does not call it does not import;
//! what it imports, its `cambist-plugin.toml` has to ask for and the operator has to grant.
//!
//! # A component
//!
//! `Cargo.toml` says `crate-type = ["cdylib", "rlib"]`, and
//!
//! ```sh
//! cambist plugin build
//! ```
//!
//! makes the component to upload: `cargo build --release --target wasm32-wasip2`, with the manifest and the
//! golden cases embedded. `cambist plugin new` writes a project to start from.
//!
//! # The sandbox
//!
//! A sandbox is made for one call and thrown away after it, unless the manifest and the operator agree on
//! another isolation. In it there are no files, no environment and no network, and the standard library's
//! clock stands at [`Call::now`]; everything else is a capability. `HashMap` works. A panic ends the call,
//! nothing is accepted or issued, and its text reaches the operator's log.

pub mod call;
pub mod claim;
pub mod clock;
pub mod crypto;
pub mod http;
pub mod issuance;
pub mod kv;
pub mod log;
pub mod point;
pub mod policy;
pub mod principal;
pub mod random;
pub mod refusal;
pub mod saml;
pub mod secrets;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod token;

#[doc(hidden)]
pub mod bindings;
mod export;
#[doc(hidden)]
pub mod glue;
mod imports;

pub use call::Call;
pub use claim::{Claim, Value};
pub use issuance::{Actor, Issuance, Issued, Usage};
pub use point::{AcrMapper, AmrMapper, ClaimMapper, CustomProvider, Policy, Provider, Validator};
pub use policy::Decision;
pub use principal::Principal;
pub use refusal::{Fault, Refusal};
pub use token::Token;
