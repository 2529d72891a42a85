//! Write plugins for the Cambist gateway in Rust: implement one trait, export it.
//!
//! A validator plugin reads one kind of token. The whole of a small one:
//!
//! ```
//! use cambist_guest::{Call, Principal, Refusal, Validator, export_validator};
//!
//! /// Accepts `name:password` if the password is the configured one.
//! struct Badge;
//!
//! impl Validator for Badge {
//!     fn validate(token: &[u8], call: &Call) -> Result<Principal, Refusal> {
//!         let text = str::from_utf8(token).map_err(|_| Refusal::malformed())?;
//!         let (name, password) = text.split_once(':').ok_or_else(Refusal::malformed)?;
//!         if password != call.required_setting("password")? {
//!             return Err(Refusal::bad_signature());
//!         }
//!         Ok(Principal::new(name).expires_at(call.now + 600).attribute("role", ["visitor"]))
//!     }
//! }
//!
//! export_validator!(Badge);
//!
//! // Natively, as in `cargo test`, it is plain Rust.
//! let call = Call::at(1_900_000_000).with_setting("password", "open sesame");
//! assert_eq!(Badge::validate(b"dana:open sesame", &call).unwrap().subject, "dana");
//! assert_eq!(Badge::validate(b"dana", &call), Err(Refusal::malformed()));
//! ```
//!
//! Its `Cargo.toml` says `crate-type = ["cdylib", "rlib"]`, and
//!
//! ```sh
//! cargo build --release --target wasm32-wasip2
//! ```
//!
//! makes the component to upload. No further tool is needed.
//!
//! A plugin runs in a sandbox that is made for one call and thrown away after it. It has no clock, no
//! randomness, no files, no network and no memory of other calls: everything it may know is its
//! arguments. So use [`Call::now`](call::Call::now) for the time, `BTreeMap` in place of `HashMap` (which
//! asks for randomness), and [`Refusal::detail`](refusal::Refusal::detail) in place of printing. A panic
//! ends the call, and the token is not accepted.

pub mod call;
pub mod principal;
pub mod refusal;

#[doc(hidden)]
pub mod glue;

pub use call::Call;
pub use principal::{Attribute, Principal};
pub use refusal::{Fault, Refusal};

/// Reads one kind of token.
pub trait Validator {
    /// Judges `token` as of `call.now`. The gateway checks what is returned: an end that has passed, an
    /// empty subject or a reserved attribute is not accepted whatever the plugin says.
    fn validate(token: &[u8], call: &Call) -> Result<Principal, Refusal>;
}

/// Exports a type that implements [`Validator`] from a component of the world `validator-plugin`. Once
/// per crate. Does nothing on other targets than WebAssembly.
#[macro_export]
macro_rules! export_validator {
    ($validator:ty) => {
        const _: fn(
            &[u8],
            &$crate::Call,
        ) -> ::core::result::Result<$crate::Principal, $crate::Refusal> =
            <$validator as $crate::Validator>::validate;
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Exported;
            impl $crate::glue::Guest for Exported {
                fn validate_token(
                    token: ::std::vec::Vec<u8>,
                    call: $crate::glue::WitCall,
                ) -> ::core::result::Result<$crate::glue::WitPrincipal, $crate::glue::WitRefusal>
                {
                    $crate::glue::validate::<$validator>(&token, call)
                }
            }
    $crate::glue::export_validator_plugin!(Exported with_types_in $crate::glue::bindings);
        };
    };
}
