//! `cambist user`: works on the data directory itself, also while a server runs on it.

use std::{
    fs::File,
    future::Future,
    io::{self, IsTerminal, Read},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use serde_json::{Map, Value};
use tokio::runtime::{Builder, Handle};
use zeroize::Zeroizing;

use super::{CliError, Place, say};
use crate::{
    data_directory,
    directory::{MAX_PASSWORD_BYTES, UserDirectory, UserError, realm_path},
    heavy::HeavyPool,
    store::{Store, User},
};

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add a user. The password is read from standard input, or from a file.
    #[command(
        after_help = "Example:\n  cambist user add --realm /alpha --attribute mail=alice@example.com alice < password.txt"
    )]
    Add(AddArguments),
    /// Refuse a user's password from now on, right or not.
    #[command(after_help = "Example:\n  cambist user disable --realm /alpha alice")]
    Disable(Name),
    /// Accept a disabled user's password again.
    #[command(after_help = "Example:\n  cambist user enable --realm /alpha alice")]
    Enable(Name),
    /// List realms and names, and who is disabled.
    #[command(after_help = "Example:\n  cambist user list")]
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Remove a user.
    #[command(after_help = "Example:\n  cambist user remove --realm /alpha alice")]
    Remove(Name),
}

#[derive(Debug, Args)]
pub(super) struct Name {
    #[command(flatten)]
    place: Place,
    /// The user's realm.
    #[arg(long, value_name = "PATH", default_value = "/")]
    realm: String,
    /// The user's name, in the letter case it was added with.
    username: String,
}

#[derive(Debug, Args)]
pub(super) struct AddArguments {
    #[command(flatten)]
    name: Name,
    /// Something tokens may say about the user. The same name again makes a list.
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = attribute)]
    attributes: Vec<(String, String)>,
    /// File with the password; a line break at its end does not count.
    #[arg(long, value_name = "PATH")]
    password_file: Option<PathBuf>,
}

/// Users per query of a listing.
const PAGE: u32 = 500;

pub(super) fn run(command: UserCommand) -> Result<(), CliError> {
    match command {
        UserCommand::Add(AddArguments {
            name,
            attributes,
            password_file,
        }) => {
            let password = password(password_file)?;
            let attributes = collect(attributes);
            on_store(name.place, async |store| {
                let users = UserDirectory::new(store, HeavyPool::new(Handle::current(), 1, 0));
                Ok(users
                    .add(&name.realm, &name.username, &password, attributes)
                    .await?)
            })
        }
        UserCommand::Disable(name) => {
            let realm = realm_path(&name.realm)?;
            on_store(name.place, async |store| {
                Ok(store
                    .set_user_disabled(&realm, &name.username, true)
                    .await?)
            })
        }
        UserCommand::Enable(name) => {
            let realm = realm_path(&name.realm)?;
            on_store(name.place, async |store| {
                Ok(store
                    .set_user_disabled(&realm, &name.username, false)
                    .await?)
            })
        }
        UserCommand::List { place } => on_store(place, list),
        UserCommand::Remove(name) => {
            let realm = realm_path(&name.realm)?;
            on_store(name.place, async |store| {
                Ok(store.remove_user(&realm, &name.username).await?)
            })
        }
    }
}

fn on_store<F: Future<Output = Result<(), CliError>>>(
    place: Place,
    work: impl FnOnce(Store) -> F,
) -> Result<(), CliError> {
    let config = place.load([])?.config;
    data_directory::prepare(&config.data_dir)?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CliError::Runtime)?;
    runtime.block_on(async {
        let store = Store::open(&data_directory::store_file(&config.data_dir)).await?;
        let outcome = work(store.clone()).await;
        store.close().await;
        outcome
    })
}

async fn list(store: Store) -> Result<(), CliError> {
    let mut last: Option<User> = None;
    loop {
        let after = last
            .as_ref()
            .map(|user| (user.realm.as_str(), user.username.as_str()));
        let page = store.users(after, PAGE).await?;
        let lines = page.iter().map(|user| {
            let state = if user.is_disabled { "\tdisabled" } else { "" };
            format!("{}\t{}{state}\n", user.realm, user.username)
        });
        say(&lines.collect::<String>())?;
        match page.into_iter().next_back() {
            Some(user) => last = Some(user),
            None => return Ok(()),
        }
    }
}

fn attribute(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("an attribute is NAME=VALUE"),
    }
}

fn collect(attributes: Vec<(String, String)>) -> Map<String, Value> {
    let mut map = Map::new();
    for (name, value) in attributes {
        match map.get_mut(&name) {
            None => {
                map.insert(name, Value::String(value));
            }
            Some(Value::Array(values)) => values.push(Value::String(value)),
            Some(first) => *first = Value::Array(vec![first.take(), Value::String(value)]),
        }
    }
    map
}

fn password(file: Option<PathBuf>) -> Result<Zeroizing<String>, CliError> {
    let from = file.as_ref().map_or_else(
        || "standard input".to_owned(),
        |path| path.display().to_string(),
    );
    let failed = |source| CliError::PasswordInput {
        from: from.clone(),
        source,
    };
    let input: Box<dyn Read> = if let Some(path) = file {
        Box::new(File::open(path).map_err(failed)?)
    } else {
        if io::stdin().is_terminal() {
            eprintln!("Type the password (it will be visible), then Enter and Ctrl-D.");
        }
        Box::new(io::stdin())
    };
    read_password(input)
        .map_err(failed)?
        .ok_or(CliError::User(UserError::Password))
}

/// All of `input` less one line break at its end; none if it is too long.
fn read_password(input: impl Read) -> io::Result<Option<Zeroizing<String>>> {
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_PASSWORD_BYTES + 64));
    input
        .take(MAX_PASSWORD_BYTES as u64 + 3)
        .read_to_end(&mut bytes)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let text = text
        .strip_suffix('\n')
        .map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    Ok((text.len() <= MAX_PASSWORD_BYTES).then(|| Zeroizing::new(text.to_owned())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_line_break_at_the_end_does_not_count() {
        let read = |text: &str| {
            read_password(text.as_bytes())
                .unwrap()
                .map(|password| password.to_string())
        };
        assert_eq!(read("secret\n").unwrap(), "secret");
        assert_eq!(read("secret\r\n").unwrap(), "secret");
        assert_eq!(read("sec\nret\n\n").unwrap(), "sec\nret\n");
        assert_eq!(read(" secret ").unwrap(), " secret ");
        assert_eq!(read("").unwrap(), "");
        let most = "x".repeat(MAX_PASSWORD_BYTES);
        assert_eq!(read(&format!("{most}\r\n")).unwrap(), most);
        assert_eq!(read(&format!("{most}x")), None);
        assert_eq!(read(&"x".repeat(100_000)), None);
        assert!(read_password(&[0xff_u8][..]).is_err());
    }

    #[test]
    fn attributes_named_twice_are_lists() {
        let given = ["a=1", "b=x=y", "a=2", "a=3", "c="].map(|text| attribute(text).unwrap());
        assert_eq!(
            Value::Object(collect(given.to_vec())),
            json!({ "a": ["1", "2", "3"], "b": "x=y", "c": "" })
        );
        assert!(attribute("=x").is_err());
        assert!(attribute("x").is_err());
    }
}
