//! Tickets as the legacy web access manager of the example plugin writes them.

use aws_lc_rs::hmac;

/// The key that [`ticket`] signs with, as the plugin's setting `key`.
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
    let hex: String = mac
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{signed}|{hex}")
}
