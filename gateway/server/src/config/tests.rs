use std::{collections::BTreeSet, fs, path::PathBuf};

use figment::value::Value;
use tempfile::TempDir;

use super::*;

struct Given {
    directory: TempDir,
    sources: Sources,
}

fn given() -> Given {
    Given {
        directory: tempfile::tempdir().unwrap(),
        sources: Sources {
            file: None,
            ..Sources::default()
        },
    }
}

impl Given {
    fn file(mut self, text: &str) -> Self {
        let path = self.path();
        fs::write(&path, text).unwrap();
        self.sources.file = Some(path);
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.sources
            .environment
            .push((name.to_owned(), value.to_owned()));
        self
    }

    fn flag(mut self, path: &'static str, value: &str) -> Self {
        self.sources.flags.push((path, value.to_owned()));
        self
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("cambist.toml")
    }

    fn ok(&self) -> Loaded {
        load(&self.sources).unwrap()
    }

    /// The problems, with the file's directory cut off.
    fn problems(&self) -> Vec<String> {
        let directory = format!("{}/", self.directory.path().display());
        let error = load(&self.sources).unwrap_err();
        error
            .problems
            .iter()
            .map(|problem| problem.to_string().replace(&directory, ""))
            .collect()
    }
}

/// The defaults, with one further listener.
fn defaults() -> Config {
    let mut config = Config::default();
    config.listener.insert("*".to_owned(), Listener::default());
    config
}

fn leaves(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Dict(_, inner) => {
            for (name, value) in inner {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                leaves(value, &path, found);
            }
        }
        _ => {
            found.insert(path.to_owned());
        }
    }
}

#[test]
fn the_table_and_the_structs_name_the_same_keys() {
    let mut of_structs = BTreeSet::new();
    leaves(&Value::serialize(defaults()).unwrap(), "", &mut of_structs);
    let of_table: BTreeSet<String> = KEYS.iter().map(|key| key.path.to_owned()).collect();
    assert_eq!(of_table, of_structs);
    assert_eq!(
        of_table.len(),
        KEYS.len(),
        "a key stands twice in the table"
    );
}

#[test]
fn defaults_are_what_their_keys_expect() {
    let defaults = Value::serialize(defaults()).unwrap();
    // A further listener that serves nothing is refused, so it has no default.
    for key in KEYS.iter().filter(|key| key.path != "listener.*.roles") {
        let value = defaults.clone().find(key.path).unwrap();
        let unset = matches!(value, Value::Empty(..));
        assert_eq!(unset, key.optional, "{}", key.path);
        assert!(unset || key.kind.accepts(&value), "{}", key.path);
    }
}

#[test]
fn without_sources_the_defaults_hold() {
    let loaded = given().file("").ok();
    assert_eq!(loaded.config, Config::default());
    assert_eq!(
        loaded
            .config
            .public
            .base_url("127.0.0.1:8080".parse().unwrap()),
        "http://127.0.0.1:8080"
    );
    assert!(loaded.config.admin.listen.ip().is_loopback());
}

#[test]
fn later_sources_win() {
    let file = given()
        .file("data_dir = \"file\"\n[public]\nlisten = \"127.0.0.1:1\"\n[passwords]\nqueue = 7\n");
    let loaded = file.ok();
    assert_eq!(loaded.config.public.listen.port(), 1);
    assert_eq!(loaded.config.passwords.queue, 7);
    assert!(
        loaded.origin("public.listen").ends_with("cambist.toml:3:1"),
        "{}",
        loaded.origin("public.listen")
    );
    assert_eq!(loaded.origin("public.url"), "default");

    let env = file
        .env("CAMBIST__PUBLIC__LISTEN", "127.0.0.1:2")
        .env("CAMBIST__DATA_DIR", "env");
    let loaded = env.ok();
    assert_eq!(loaded.config.public.listen.port(), 2);
    assert_eq!(loaded.config.data_dir, PathBuf::from("env"));
    assert_eq!(loaded.origin("data_dir"), "CAMBIST__DATA_DIR");
    assert_eq!(loaded.config.passwords.queue, 7);

    let loaded = env.flag("public.listen", "127.0.0.1:3").ok();
    assert_eq!(loaded.config.public.listen.port(), 3);
    assert_eq!(loaded.origin("public.listen"), "--public");
}

#[test]
fn every_kind_can_be_set_from_the_environment() {
    let loaded = given()
        .file("[egress]\nallow = [\"a\"]\n")
        .env("CAMBIST__ADMIN__ALLOW_REMOTE", "true")
        .env("CAMBIST__ADMIN__LISTEN", "0.0.0.0:9")
        .env("CAMBIST__EGRESS__ALLOW", "localhost:9000, 10.0.0.0/8")
        .env("CAMBIST__EGRESS__CA_FILE", "12")
        .env("CAMBIST__LOG__FORMAT", "json")
        .env("CAMBIST__PASSWORDS__CONCURRENCY", "3")
        .env("CAMBIST__PUBLIC__URL", "https://sts.example/base")
        .env("CAMBIST__PUBLIC__WORKERS", "")
        .env("CAMBIST_TOKEN", "not ours")
        .ok();
    let allow: Vec<String> = loaded
        .config
        .egress
        .allow
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(allow, ["localhost:9000", "10.0.0.0/8"]);
    assert_eq!(loaded.config.egress.ca_file, Some(PathBuf::from("12")));
    assert_eq!(loaded.config.log.format, LogFormat::Json);
    assert_eq!(loaded.config.passwords.hash_count(), 3);
    assert_eq!(loaded.config.public.workers, None);
    assert_eq!(
        loaded
            .config
            .public
            .base_url("127.0.0.1:8080".parse().unwrap()),
        "https://sts.example/base"
    );
}

#[test]
fn unknown_keys_are_named_with_line_column_and_suggestion() {
    let problems = given()
        .file("dat_dir = \"x\"\n\n[public]\n  lisen = \"127.0.0.1:1\"\nqueue = 3\n[pubic]\nx = 1\n[zzzzzzzz]\n")
        .problems();
    assert_eq!(
        problems,
        [
            "cambist.toml:1:1: unknown key `dat_dir` (did you mean `data_dir`?)",
            "cambist.toml:6:2: unknown key `pubic` (did you mean `public`?)",
            "cambist.toml:4:3: unknown key `public.lisen` (did you mean `public.listen`?)",
            "cambist.toml:5:1: unknown key `public.queue` (did you mean `passwords.queue`?)",
            "cambist.toml:8:2: unknown key `zzzzzzzz`",
        ]
    );
}

#[test]
fn unknown_variables_are_named_with_suggestion() {
    let problems = given()
        .file("")
        .env("CAMBIST__PUBLIC__LISEN", "127.0.0.1:1")
        .env("cambist__public__listen", "127.0.0.1:1")
        .env("CAMBIST__Q", "")
        .problems();
    assert_eq!(
        problems,
        [
            "CAMBIST__PUBLIC__LISEN: unknown environment variable (did you mean `CAMBIST__PUBLIC__LISTEN`?)",
            "cambist__public__listen: unknown environment variable (did you mean `CAMBIST__PUBLIC__LISTEN`?)",
            "CAMBIST__Q: unknown environment variable",
        ]
    );
}

#[test]
fn wrong_values_are_named_where_they_are_set_even_if_another_source_wins() {
    let problems = given()
        .file("admin = 3\n[public]\nworkers = \"two\"\nurl = \"ftp://x\"\n[passwords]\nqueue = -1\n[log]\nformat = { a = 1 }\n[limits]\nbody_bytes = 2024-01-01\n")
        .env("CAMBIST__PUBLIC__WORKERS", "2")
        .env("CAMBIST__SHUTDOWN__DRAIN_SECONDS", "1.5")
        .flag("public.listen", "localhost")
        .problems();
    let expect = [
        "cambist.toml:1:1: `admin` is a section and expects a table, not integer",
        "cambist.toml:10:1: `limits.body_bytes` expects a whole number from 1024 to 67108864, not ",
        "cambist.toml:8:1: `log.format` expects one of \"json\", \"text\", not ",
        "cambist.toml:6:1: `passwords.queue` expects a whole number from 0 to 100000, not -1",
        "cambist.toml:4:1: `public.url` expects an http or https URL",
        "cambist.toml:3:1: `public.workers` expects a whole number from 1 to 1024, not \"two\"",
        "CAMBIST__SHUTDOWN__DRAIN_SECONDS: `shutdown.drain_seconds` expects a whole number from 0 to 86400, not \"1.5\"",
        "--public: `public.listen` expects an IP address and port such as \"127.0.0.1:8080\", not \"localhost\"",
    ];
    assert_eq!(problems.len(), expect.len(), "{problems:#?}");
    for (problem, expected) in problems.iter().zip(expect) {
        assert!(problem.starts_with(expected), "{problem}");
    }
}

#[test]
fn broken_toml_is_named_with_its_line() {
    let problems = given().file("[public]\nlisten = \n").problems();
    assert!(
        problems.iter().any(|p| p.starts_with("cambist.toml:2:")),
        "{problems:?}"
    );
    let twice = given()
        .file("data_dir = \"a\"\ndata_dir = \"b\"\n")
        .problems();
    assert!(
        twice.iter().any(|p| p.starts_with("cambist.toml:2:1: ")),
        "{twice:?}"
    );
}

#[test]
fn a_named_file_must_exist_and_be_readable() {
    let mut absent = given();
    absent.sources.file = Some(absent.path());
    assert_eq!(absent.problems(), ["cambist.toml: there is no such file"]);
    let mut directory = given();
    directory.sources.file = Some(directory.directory.path().to_owned());
    assert!(
        directory
            .problems()
            .iter()
            .any(|p| p.contains("cannot be read"))
    );
    let large = given().file(&"#".repeat(1024 * 1024 + 1));
    assert!(large.problems().iter().any(|p| p.contains("larger than")));
}

#[test]
fn au_07_a_remote_admin_listener_needs_consent() {
    let refused = given().file("[admin]\nlisten = \"0.0.0.0:8081\"\n");
    let problems = refused.problems();
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].starts_with("cambist.toml:2:1: `admin.listen` is 0.0.0.0:8081"),
        "{problems:?}"
    );
    assert!(problems[0].contains("admin.allow_remote = true"));
    given()
        .file("[admin]\nlisten = \"0.0.0.0:8081\"\nallow_remote = true\n")
        .ok();
    given().file("[admin]\nlisten = \"[::1]:8081\"\n").ok();
}

#[test]
fn rules_between_keys_hold() {
    let one = |text: &str, part: &str| {
        let problems = given().file(text).problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains(part), "{problems:?}");
    };
    one("[public]\nlisten = \"127.0.0.1:8081\"\n", "different ports");
    one("[public]\nlisten = \"0.0.0.0:8080\"\n", "public.url");
    one("[log]\nfilter = \"info,=\"\n", "log.filter");
    given()
        .file("[public]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n")
        .ok();
}

#[test]
fn every_key_is_explained() {
    let loaded = given()
        .file("[public]\nurl = \"https://sts.example\"\n")
        .env("CAMBIST__LOG__FORMAT", "json")
        .ok();
    for key in KEYS {
        let text = explain(&loaded, key, key.path);
        for part in [
            key.path,
            key.meaning,
            &key.environment(),
            &key.kind.expected(),
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
    let url = explain(&loaded, key("public.url").unwrap(), "public.url");
    assert!(url.contains("default     (not set)"), "{url}");
    assert!(url.contains("value       \"https://sts.example\""), "{url}");
    assert!(url.contains("cambist.toml:2:1"), "{url}");
    let format = explain(&loaded, key("log.format").unwrap(), "log.format");
    assert!(
        format.contains("default     \"text\"")
            && format.contains("from        CAMBIST__LOG__FORMAT"),
        "{format}"
    );
    let everywhere = KEYS.iter().filter(|key| !key.path.contains('*'));
    assert_eq!(explain_all(&loaded).lines().count(), everywhere.count());
}

#[test]
fn further_listeners_are_set_by_name() {
    let loaded = given()
        .file("[public.tls]\ncertificate_file = \"c\"\nkey_file = \"k\"\n[listener.partners]\nlisten = \"127.0.0.1:1\"\nroles = [\"sts\"]\n[listener.partners.hops]\ntrusted = [\"10.0.0.0/8\"]\n")
        .env("CAMBIST__LISTENER__PARTNERS__TLS__MINIMUM_VERSION", "1.3")
        .env("CAMBIST__LISTENER__OPS__LISTEN", "127.0.0.1:2")
        .env("CAMBIST__LISTENER__OPS__ROLES", "admin")
        .ok();
    assert!(loaded.config.public.tls.is_on());
    let partners = &loaded.config.listener["partners"];
    assert_eq!(partners.roles, [Role::Sts]);
    assert_eq!(partners.tls.minimum_version, TlsVersion::V1_3);
    assert!(partners.hops.trusted[0].contains("10.1.2.3".parse().unwrap()));
    assert_eq!(loaded.config.listener["ops"].roles, [Role::Admin]);
    assert!(
        loaded
            .origin("listener.partners.listen")
            .ends_with("cambist.toml:5:1")
    );
    let path = "listener.partners.listen";
    let text = explain(&loaded, key(path).unwrap(), path);
    assert!(
        text.contains("CAMBIST__LISTENER__PARTNERS__LISTEN"),
        "{text}"
    );
    assert!(text.contains("\"127.0.0.1:1\""), "{text}");
    assert!(explain_all(&loaded).contains("listener.ops.roles"));
    assert_eq!(
        loaded
            .config
            .public
            .base_url("127.0.0.1:8080".parse().unwrap()),
        "https://127.0.0.1:8080"
    );
}

#[test]
fn a_listener_that_cannot_work_is_refused() {
    let one = |text: &str, part: &str| {
        let problems = given().file(text).problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains(part), "{problems:?}");
    };
    let partners = "[listener.partners]\nlisten = \"127.0.0.1:1\"\nroles = [\"sts\"]\n";
    one(
        "[listener.partners]\nroles = [\"sts\"]\n",
        "`listener.partners.listen`",
    );
    one(
        "[listener.partners]\nlisten = \"127.0.0.1:1\"\n",
        "`listener.partners.roles`",
    );
    one(
        "[listener.partners]\nlisten = \"127.0.0.1:1\"\nroles = [\"sts\", \"admin\"]\n",
        "admin stands alone",
    );
    one(
        "[listener.ops]\nlisten = \"0.0.0.0:1\"\nroles = [\"admin\"]\n",
        "`listener.ops.allow_remote = true`",
    );
    one(
        "[listener.partners]\nlisten = \"127.0.0.1:8080\"\nroles = [\"sts\"]\n",
        "different ports",
    );
    one(
        "[public.tls]\ncertificate_file = \"c\"\n",
        "`public.tls.key_file`",
    );
    one(
        "[public.tls]\nkey_file = \"k\"\n",
        "`public.tls.certificate_file`",
    );
    one(
        "[public.tls]\nclient_certificates = \"required\"\n",
        "`public.tls.certificate_file`",
    );
    one(
        "[public.tls]\ncertificate_file = \"c\"\nkey_file = \"k\"\nclient_certificates = \"optional\"\n",
        "`public.tls.client_ca_file`",
    );
    one(
        "[public.tls]\nclient_crl_file = \"c\"\n",
        "`public.tls.client_ca_file`",
    );
    one(
        "[public.hops]\ncertificate = \"rfc9440\"\n",
        "`public.hops.trusted`",
    );
    one(
        "[public.hops]\ntrusted = [\"10.0.0.0/8\"]\ncertificate = \"pem\"\n",
        "`public.hops.certificate_header`",
    );
    one(
        &partners.replace("roles", "url = \"https://mtls.example\"\nroles"),
        "`listener.partners.tls.client_certificates`",
    );
    one(
        &format!("{partners}[listener.partners.tsl]\nkey_file = \"k\"\n"),
        "(did you mean `listener.partners.tls`?)",
    );
    one(
        &format!("{partners}[listener.partners.tls]\nkeyfile = \"k\"\n"),
        "(did you mean `listener.partners.tls.key_file`?)",
    );
    one(
        "[listener.Partners]\nlisten = \"127.0.0.1:1\"\n",
        "unknown key `listener.Partners`",
    );
}

#[test]
fn a_listener_may_have_bounds_of_its_own() {
    let given = given().file(
        "[limits]\nheader_count = 50\n[public.limits]\nheader_count = 10\nhttp2_streams = 7\n",
    );
    let config = given.ok().config;
    let (public, admin) = (
        config.public.limits.within(&config.limits),
        config.admin.limits.within(&config.limits),
    );
    assert_eq!((public.header_count, admin.header_count), (10, 50));
    assert_eq!((public.http2_streams, admin.http2_streams), (7, 100));
    assert_eq!(public.header_bytes, config.limits.header_bytes);
}

#[test]
fn the_documented_defaults_of_limits_are_those_in_force() {
    let page = include_str!("../../../../docs/proxy.md");
    let limits = Limits::default();
    for row in [
        format!("| `connections` | {} |", limits.connections),
        format!(
            "| `header_bytes`, `header_count` | {} KiB, {} |",
            limits.header_bytes / 1024,
            limits.header_count
        ),
        format!("| `header_seconds` | {} |", limits.header_seconds),
        format!("| `keep_alive_seconds` | {} |", limits.keep_alive_seconds),
        format!(
            "| `body_bytes`, `request_seconds` | {} MiB, {} |",
            limits.body_bytes / 1024 / 1024,
            limits.request_seconds
        ),
        format!("| `body_idle_seconds` | {} |", limits.body_idle_seconds),
        format!("| `send_idle_seconds` | {} |", limits.send_idle_seconds),
        format!("| `http2_streams` | {} |", limits.http2_streams),
        format!("| `http2_resets` | {} |", limits.http2_resets),
    ] {
        assert!(page.contains(&row), "{row}");
    }
}
