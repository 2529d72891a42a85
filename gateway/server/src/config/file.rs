//! `cambist.toml` with the place of every key.

use std::{collections::BTreeMap, fs, io, io::Read, ops::Range, path::Path};

use figment::value::Dict;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Problem,
    keys::{is_section, key, near_key},
    problem::did_you_mean,
};

/// A configuration file larger than this is not one.
const MAX_BYTES: u64 = 1024 * 1024;

/// What stands in the file.
#[derive(Debug, Default)]
pub(super) struct ConfigFile {
    pub(super) values: Dict,
    /// Place of each known key that is set.
    pub(super) places: BTreeMap<String, String>,
}

/// Reads the file at `path`; none if it is absent.
pub(super) fn read(path: &Path, problems: &mut Vec<Problem>) -> Option<ConfigFile> {
    let name = path.display().to_string();
    let text = match read_text(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            problems.push(Problem::new(name, format!("cannot be read: {error}")));
            return Some(ConfigFile::default());
        }
    };
    let lines = Lines {
        name: &name,
        text: &text,
    };
    let (table, errors) = DeTable::parse_recoverable(&text);
    if !errors.is_empty() {
        problems.extend(errors.iter().map(|error| {
            Problem::new(
                lines.place(error.span().as_ref()),
                error.message().trim().to_owned(),
            )
        }));
        return Some(ConfigFile::default());
    }
    let mut file = ConfigFile::default();
    collect(table.get_ref(), "", &lines, &mut file.places, problems);
    match toml::from_str(&text) {
        Ok(values) => file.values = values,
        Err(error) => problems.push(Problem::new(
            lines.place(error.span().as_ref()),
            error.message().trim().to_owned(),
        )),
    }
    Some(file)
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = fs::File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_string(&mut text)?;
    if read as u64 > MAX_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than {MAX_BYTES} bytes"),
        ));
    }
    Ok(text)
}

fn collect(
    table: &DeTable<'_>,
    parent: &str,
    lines: &Lines<'_>,
    places: &mut BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) {
    for (name, value) in table {
        let path = if parent.is_empty() {
            name.get_ref().to_string()
        } else {
            format!("{parent}.{}", name.get_ref())
        };
        let place = lines.place(Some(&name.span()));
        if key(&path).is_some() {
            places.insert(path, place);
        } else if is_section(&path) {
            section(value, &path, place, lines, places, problems);
        } else {
            let is_table = matches!(value.get_ref(), DeValue::Table(_));
            let hint = did_you_mean(near_key(&path, is_table).as_deref());
            problems.push(Problem::new(place, format!("unknown key `{path}`{hint}")));
        }
    }
}

fn section(
    value: &Spanned<DeValue<'_>>,
    path: &str,
    place: String,
    lines: &Lines<'_>,
    places: &mut BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) {
    match value.get_ref() {
        DeValue::Table(inner) => collect(inner, path, lines, places, problems),
        other => problems.push(Problem::new(
            place,
            format!(
                "`{path}` is a section and expects a table, not {}",
                other.type_str()
            ),
        )),
    }
}

struct Lines<'a> {
    name: &'a str,
    text: &'a str,
}

impl Lines<'_> {
    /// `file:line:column`, counted from 1, columns in characters.
    fn place(&self, span: Option<&Range<usize>>) -> String {
        let Some(before) = span.and_then(|span| self.text.get(..span.start)) else {
            return self.name.to_owned();
        };
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        format!("{}:{line}:{column}", self.name)
    }
}
