//! What a person sees when the gateway is up.

use std::io::Write;

use super::Running;

/// Prints the addresses, the credential and lines to try.
pub(super) fn print(running: &Running) {
    let public = &running.gateway.base_url;
    let scheme = running.gateway.config.admin.tls.scheme();
    let admin = format!("{scheme}://{}", running.admin);
    let token_file = running.gateway.config.data_dir.join("admin-token");
    let mut lines = vec![
        format!("cambist {} is up", env!("CARGO_PKG_VERSION")),
        format!("  public  {public}"),
        format!("  admin   {admin}"),
    ];
    for (name, address) in &running.further {
        let listener = running.gateway.config.listener.get(name);
        let scheme = listener.map_or("http", |listener| listener.tls.scheme());
        lines.push(format!("  {name}  {scheme}://{address}"));
    }
    lines.extend([
        format!("  data    {}", running.gateway.config.data_dir.display()),
        String::new(),
    ]);
    if running.gateway.admin_token.is_new() {
        lines.push("# The admin token was just made and is shown this once:".to_owned());
        lines.push(format!(
            "export CAMBIST_TOKEN={}",
            running.gateway.admin_token.reveal()
        ));
    } else {
        lines.push(format!(
            "export CAMBIST_TOKEN=$(cat {})",
            token_file.display()
        ));
    }
    lines.extend([
        format!("export CAMBIST_ADMIN={admin}"),
        "curl -H \"Authorization: Bearer $CAMBIST_TOKEN\" $CAMBIST_ADMIN/admin/v1/instances"
            .to_owned(),
        String::new(),
    ]);
    // Without a terminal to write to there is nobody to tell.
    let _ = std::io::stdout().write_all(lines.join("\n").as_bytes());
    let _ = std::io::stdout().flush();
}
