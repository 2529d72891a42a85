//! The example plugins, built to components when this crate was, each with its manifest and its golden
//! cases.

use std::sync::OnceLock;

use cambist_plugin::{Manifest, case::cases_from_toml, manifest};

/// An example plugin.
struct Example {
    name: &'static str,
    component: &'static [u8],
    manifest: &'static str,
    cases: &'static str,
    embedded: OnceLock<Vec<u8>>,
}

macro_rules! examples {
    ($($name:literal from $folder:literal),+ $(,)?) => {
        [$(Example {
            name: $name,
            component: include_bytes!(concat!(env!("CAMBIST_GUESTS"), "/", $name, ".wasm")),
            manifest: include_str!(concat!("../../", $folder, "/cambist-plugin.toml")),
            cases: include_str!(concat!("../../", $folder, "/cases.toml")),
            embedded: OnceLock::new(),
        }),+]
    };
}

static EXAMPLES: [Example; 9] = examples![
    "api-key" from "example-plugins/api-key",
    "change-window" from "example-plugins/change-window",
    "claim-map" from "example-plugins/claim-map",
    "department-attributes" from "example-plugins/department-attributes",
    "introspection" from "example-plugins/introspection",
    "legacy-ticket" from "example-plugins/legacy-ticket",
    "legacy-ticket-second" from "example-plugins/legacy-ticket",
    "opening-hours" from "example-plugins/opening-hours",
    "paseto" from "example-plugins/paseto",
];

static OWN: [Example; 5] = examples![
    "assertion-guest" from "tests/guests/assertion",
    "custom-guest" from "tests/guests/custom",
    "hostile-guest" from "tests/guests/hostile",
    "echo-guest" from "tests/guests/echo",
    "twin-guest" from "tests/guests/twin",
];

/// A maker of every part of a SAML assertion, well or badly.
pub fn assertion() -> &'static [u8] {
    own("assertion-guest")
}

/// Custom types of a REST STS, and mappers.
pub fn custom() -> &'static [u8] {
    own("custom-guest")
}

/// A validator that believes every token.
pub fn echo() -> &'static [u8] {
    own("echo-guest")
}

/// A validator that does the harm its token asks for.
pub fn hostile() -> &'static [u8] {
    own("hostile-guest")
}

/// The twin of every builtin.
pub fn twin() -> &'static [u8] {
    own("twin-guest")
}

fn own(name: &str) -> &'static [u8] {
    OWN.iter()
        .find(|example| example.name == name)
        .map_or(&[], Example::embedded)
}

/// The names of all example plugins.
pub fn names() -> impl Iterator<Item = &'static str> {
    EXAMPLES.iter().map(|example| example.name)
}

/// The example plugin of this name; nothing for a name that is none.
pub fn example(name: &str) -> &'static [u8] {
    EXAMPLES
        .iter()
        .find(|example| example.name == name)
        .map_or(&[], Example::embedded)
}

/// The example `legacy-ticket`.
pub fn legacy_ticket() -> &'static [u8] {
    example("legacy-ticket")
}

/// Its second edition, which says so of everybody.
pub fn legacy_ticket_second() -> &'static [u8] {
    example("legacy-ticket-second")
}

impl Example {
    fn embedded(&'static self) -> &'static [u8] {
        self.embedded.get_or_init(|| {
            let mut manifest = Manifest::from_toml(self.manifest).unwrap_or_default();
            manifest.cases = cases_from_toml(self.cases).unwrap_or_default();
            if self.name.ends_with("-second") {
                manifest.version = Some("2.0.0".to_owned());
            }
            manifest::embed(self.component, &manifest).unwrap_or_default()
        })
    }
}
