//! Tickets as the legacy web access manager of the example plugin writes them.

use std::fmt::Write as _;

use aws_lc_rs::hmac;

/// The key that [`ticket`] signs with, as the plugin's key `ticket`.
pub const KEY: &str = "a key that both systems know, 32+";

/// A ticket of `user`, valid for ten minutes from `now`.
pub fn ticket(user: &str, now: u64) -> String {
    let signed = format!(
        "v1|user={user}|groups=sales,ops|auth=password|issued={now}|expires={}",
        now + 600
    );
    let mac = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, KEY.as_bytes()),
        signed.as_bytes(),
    );
    format!("{signed}|{}", hex(mac.as_ref()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
