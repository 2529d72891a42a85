//! Rules that one value alone cannot break, and those that need more than its kind.

use tracing_subscriber::EnvFilter;

use super::{Config, Problem};

pub(super) fn check(config: &Config, origin: impl Fn(&str) -> String, problems: &mut Vec<Problem>) {
    let mut wrong = |path: &str, message: &str| problems.push(Problem::new(origin(path), message));
    let (public, admin) = (config.public.listen, config.admin.listen);
    // AU-07: whoever reaches the admin listener is one token away from issuing anything.
    if !admin.ip().to_canonical().is_loopback() && !config.admin.allow_remote {
        wrong(
            "admin.listen",
            &format!(
                "`admin.listen` is {admin}, which other machines reach: set `admin.allow_remote = true` to mean it, or use 127.0.0.1:{}",
                admin.port()
            ),
        );
    }
    let overlap =
        public.ip() == admin.ip() || public.ip().is_unspecified() || admin.ip().is_unspecified();
    if public.port() == admin.port() && public.port() != 0 && overlap {
        wrong(
            "admin.listen",
            &format!(
                "`admin.listen` ({admin}) and `public.listen` ({public}) need different ports"
            ),
        );
    }
    if public.ip().is_unspecified() && config.public.url.is_none() {
        wrong(
            "public.listen",
            &format!(
                "`public.listen` is {public}, which is no address clients can use: set `public.url` to the one they do, such as \"https://sts.example\""
            ),
        );
    }
    let cookie = config.sessions.cookie.as_str();
    if cookie.is_empty()
        || cookie.len() > 64
        || !cookie
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    {
        wrong(
            "sessions.cookie",
            "`sessions.cookie` expects 1 to 64 letters, digits, hyphens and underscores, as it names a header too",
        );
    }
    if let Err(error) = EnvFilter::try_new(&config.log.filter) {
        wrong(
            "log.filter",
            &format!(
                "`log.filter` expects a level or directives such as \"info,cambist=debug\": {error}"
            ),
        );
    }
}
