//! From the four sources to a [`Config`].

use std::{collections::BTreeMap, env, path::PathBuf};

use figment::{
    Error, Figment, Metadata, Profile, Provider,
    providers::Serialized,
    value::{Dict, Map, Value},
};

use super::{
    Config, ConfigError, KEYS, Key, Problem, file, key,
    keys::path_of_variable,
    problem::{closest, did_you_mean},
    rules,
};

/// The file read from the working directory when no other is named.
pub const DEFAULT_FILE: &str = "cambist.toml";
const PREFIX: &str = "CAMBIST__";

/// Where configuration comes from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A file that must exist; without it, [`DEFAULT_FILE`] if that exists.
    pub file: Option<PathBuf>,
    /// Environment variables; those that do not start with `CAMBIST__` are left alone.
    pub environment: Vec<(String, String)>,
    /// Paths of keys with the text given by flag.
    pub flags: Vec<(&'static str, String)>,
}

impl Sources {
    /// With the environment of this process.
    pub fn of_process(file: Option<PathBuf>, flags: Vec<(&'static str, String)>) -> Self {
        let text = |raw: std::ffi::OsString| raw.to_string_lossy().into_owned();
        Self {
            file,
            environment: env::vars_os()
                .map(|(name, value)| (text(name), text(value)))
                .collect(),
            flags,
        }
    }
}

/// A configuration that passed every check, and where its values came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    figment: Figment,
}

impl Loaded {
    /// Where the value of the key with this path came from: `default`, a place in the file, an
    /// environment variable or a flag.
    pub fn origin(&self, path: &str) -> String {
        origin(&self.figment, path)
    }

    /// The value of the key with this path, in TOML notation; none if it is not set.
    pub fn value(&self, path: &str) -> Option<String> {
        notation(&self.figment.find_value(path).ok()?)
    }
}

/// `value` in TOML notation, which for our kinds is that of JSON.
pub(super) fn notation(value: &Value) -> Option<String> {
    if matches!(value, Value::Empty(..)) {
        return None;
    }
    serde_json::to_string(value).ok()
}

fn origin(figment: &Figment, path: &str) -> String {
    let names: Vec<&str> = path.split('.').collect();
    figment.find_metadata(path).map_or_else(
        || DEFAULT.to_owned(),
        |source| source.interpolate(&Profile::Default, &names),
    )
}

const DEFAULT: &str = "default";

/// One source: its values, and the place of each.
struct Layer {
    name: &'static str,
    values: Dict,
    places: BTreeMap<String, String>,
}

impl Layer {
    fn empty(name: &'static str) -> Self {
        Self {
            name,
            values: Dict::new(),
            places: BTreeMap::new(),
        }
    }

    fn set(&mut self, path: &str, value: Value, place: String) {
        self.places.insert(path.to_owned(), place);
        let (sections, name) = path.rsplit_once('.').unwrap_or(("", path));
        let mut inner = &mut self.values;
        for section in sections.split('.').filter(|section| !section.is_empty()) {
            let entry = inner
                .entry(section.to_owned())
                .or_insert_with(|| Value::from(Dict::new()));
            let Value::Dict(_, within) = entry else {
                return;
            };
            inner = within;
        }
        inner.insert(name.to_owned(), value);
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        let places = self.places.clone();
        Metadata::named(self.name).interpolater(move |_: &Profile, names: &[&str]| {
            let path = names.join(".");
            places.get(&path).cloned().unwrap_or(path)
        })
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

struct Defaults;

impl Provider for Defaults {
    fn metadata(&self) -> Metadata {
        Metadata::named(DEFAULT).interpolater(|_: &Profile, _: &[&str]| DEFAULT.to_owned())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Serialized::defaults(Config::default()).data()
    }
}

/// Reads all sources and checks the result, reporting everything that is wrong with it.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let mut problems = Vec::new();
    let layers = [
        from_file(sources, &mut problems),
        from_environment(sources, &mut problems),
        from_flags(sources),
    ];
    for layer in &layers {
        check(layer, &mut problems);
    }
    let figment = layers
        .into_iter()
        .fold(Figment::from(Defaults), Figment::merge);
    if problems.is_empty() {
        match figment.extract::<Config>() {
            Ok(config) => {
                rules::check(&config, |path| origin(&figment, path), &mut problems);
                if problems.is_empty() {
                    return Ok(Loaded { config, figment });
                }
            }
            Err(errors) => problems.extend(errors.into_iter().map(|error| {
                Problem::new(
                    origin(&figment, &error.path.join(".")),
                    format!("`{}`: {}", error.path.join("."), error.kind),
                )
            })),
        }
    }
    Err(ConfigError { problems })
}

fn from_file(sources: &Sources, problems: &mut Vec<Problem>) -> Layer {
    let path = sources
        .file
        .clone()
        .unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    let mut layer = Layer::empty("file");
    match file::read(&path, problems) {
        Some(found) => {
            layer.values = found.values;
            layer.places = found.places;
        }
        None if sources.file.is_some() => problems.push(Problem::new(
            path.display().to_string(),
            "there is no such file",
        )),
        None => {}
    }
    layer
}

fn from_environment(sources: &Sources, problems: &mut Vec<Problem>) -> Layer {
    let mut layer = Layer::empty("environment");
    let names: Vec<String> = KEYS.iter().map(Key::environment).collect();
    for (name, text) in &sources.environment {
        if !name
            .get(..PREFIX.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
        {
            continue;
        }
        let path = path_of_variable(name);
        match path.as_deref().and_then(|path| Some((path, key(path)?))) {
            // Compose files and unit files cannot leave a variable out: an empty one sets nothing.
            Some(_) if text.is_empty() => {}
            Some((path, key)) => layer.set(path, key.kind.read(text), name.clone()),
            None => {
                // Without what all of them share, which makes everything look close.
                let word = name
                    .get(PREFIX.len()..)
                    .unwrap_or_default()
                    .to_ascii_uppercase();
                let near = closest(
                    &word,
                    names.iter().filter_map(|name| name.strip_prefix(PREFIX)),
                );
                let hint = did_you_mean(near.map(|near| format!("{PREFIX}{near}")).as_deref());
                problems.push(Problem::new(
                    name,
                    format!("unknown environment variable{hint}"),
                ));
            }
        }
    }
    layer
}

fn from_flags(sources: &Sources) -> Layer {
    let mut layer = Layer::empty("flag");
    for (path, text) in &sources.flags {
        if let Some(key) = key(path) {
            layer.set(
                path,
                key.kind.read(text),
                key.flag.unwrap_or(path).to_owned(),
            );
        }
    }
    layer
}

/// Checks each value where it was set, before another source may cover it.
fn check(layer: &Layer, problems: &mut Vec<Problem>) {
    for (path, place) in &layer.places {
        let Some(key) = key(path) else { continue };
        let Some(value) = Value::from(layer.values.clone()).find(path) else {
            continue;
        };
        if !key.kind.accepts(&value) {
            let found = notation(&value).unwrap_or_default();
            problems.push(Problem::new(
                place,
                format!("`{path}` expects {}, not {found}", key.kind.expected()),
            ));
        }
    }
}
