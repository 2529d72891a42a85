//! The example plugins as components, built by this crate's build script.

/// The example `legacy-ticket`.
pub const fn legacy_ticket() -> &'static [u8] {
    include_bytes!(env!("CAMBIST_GUEST_LEGACY_TICKET"))
}

/// The same built with `second-edition`, which adds the attribute `edition`.
pub const fn legacy_ticket_second() -> &'static [u8] {
    include_bytes!(env!("CAMBIST_GUEST_LEGACY_TICKET_SECOND"))
}
