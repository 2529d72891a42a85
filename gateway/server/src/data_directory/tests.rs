use std::{convert::Infallible, fs::Permissions};

use tempfile::TempDir;

use super::*;

fn fresh() -> (TempDir, DataDirectory) {
    let parent = tempfile::tempdir().unwrap();
    let directory = DataDirectory::open(&parent.path().join("a/data")).unwrap();
    (parent, directory)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn key(
    directory: &DataDirectory,
    name: &str,
    made: &str,
) -> Result<Zeroizing<String>, DataDirectoryError> {
    directory.read_or_create_key(name, || {
        Ok::<_, Infallible>(Zeroizing::new(made.to_owned()))
    })
}

#[test]
fn a_new_directory_is_private() {
    let (_parent, directory) = fresh();
    assert_eq!(mode(directory.path()), 0o700);
    directory.admin_token().unwrap();
    key(&directory, "es256", "x").unwrap();
    assert_eq!(mode(&directory.path().join("admin-token")), 0o600);
    assert_eq!(mode(&directory.path().join("keys")), 0o700);
    assert_eq!(mode(&directory.path().join("keys/es256.pem")), 0o600);
    assert_eq!(mode(&directory.path().join("lock")), 0o600);
}

#[test]
fn a_directory_open_to_others_is_refused_with_the_remedy() {
    let (_parent, directory) = fresh();
    let path = directory.path().to_owned();
    drop(directory);
    for mode in [0o750, 0o701, 0o777] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let error = DataDirectory::open(&path).unwrap_err();
        assert!(
            matches!(error, DataDirectoryError::Exposed { .. }),
            "{error:?}"
        );
        assert!(
            error
                .to_string()
                .ends_with(&format!("chmod 700 {}", path.display())),
            "{error}"
        );
        assert!(prepare(&path).is_err());
    }
    fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
    DataDirectory::open(&path).unwrap();
}

#[test]
fn a_secret_open_to_others_is_refused_with_the_remedy() {
    let (_parent, directory) = fresh();
    directory.admin_token().unwrap();
    key(&directory, "es256", "x").unwrap();
    for (name, mode) in [("admin-token", 0o640), ("keys/es256.pem", 0o604)] {
        fs::set_permissions(directory.path().join(name), Permissions::from_mode(mode)).unwrap();
    }
    let token = directory.admin_token().unwrap_err().to_string();
    assert!(token.contains("chmod 600"), "{token}");
    assert!(matches!(
        key(&directory, "es256", "y"),
        Err(DataDirectoryError::Exposed { .. })
    ));
}

#[test]
fn two_servers_cannot_share_it_but_a_command_may() {
    let (_parent, directory) = fresh();
    let path = directory.path().to_owned();
    assert!(matches!(
        DataDirectory::open(&path),
        Err(DataDirectoryError::InUse(_))
    ));
    prepare(&path).unwrap();
    drop(directory);
    DataDirectory::open(&path).unwrap();
}

#[test]
fn au_07_the_admin_token_is_random_stable_and_hidden() {
    let (_parent, directory) = fresh();
    let first = directory.admin_token().unwrap();
    let second = directory.admin_token().unwrap();
    assert!(first.is_new() && !second.is_new());
    assert_eq!(first.reveal(), second.reveal());
    assert_eq!(first.reveal().len(), 43);
    assert!(first.matches(second.reveal()));
    assert!(!first.matches(""));
    assert!(!first.matches(&first.reveal()[1..]));
    assert!(!first.matches(&format!("{}A", first.reveal())));
    assert!(!format!("{first:?}").contains(first.reveal()));
    let (_other_parent, other) = fresh();
    assert_ne!(other.admin_token().unwrap().reveal(), first.reveal());
}

#[test]
fn an_admin_token_that_could_be_guessed_is_refused() {
    let (_parent, directory) = fresh();
    for text in ["", "\n", "secret\n", "0123456789 0123456789 0123456789\n"] {
        write_secret(&directory.path().join("admin-token"), text.as_bytes()).unwrap();
        assert!(
            matches!(
                directory.admin_token(),
                Err(DataDirectoryError::Damaged { .. })
            ),
            "{text:?}"
        );
    }
    write_secret(
        &directory.path().join("admin-token"),
        b"0123456789_0123456789_0123456789\r\n",
    )
    .unwrap();
    assert!(
        directory
            .admin_token()
            .unwrap()
            .matches("0123456789_0123456789_0123456789")
    );
}

#[test]
fn a_key_is_made_once() {
    let (_parent, directory) = fresh();
    assert_eq!(*key(&directory, "es256", "one").unwrap(), "one");
    assert_eq!(*key(&directory, "es256", "two").unwrap(), "one");
    assert_eq!(*key(&directory, "rs256", "two").unwrap(), "two");
    let failed = directory
        .read_or_create_key("eddsa", || Err("no entropy"))
        .unwrap_err();
    assert!(matches!(failed, DataDirectoryError::NotMade { .. }));
    assert!(!directory.path().join("keys/eddsa.pem").exists());
    for name in ["", "../x", "a/b", "A"] {
        assert!(key(&directory, name, "x").is_err(), "{name}");
    }
}

#[test]
fn what_a_crash_left_behind_is_in_nobodys_way() {
    let (_parent, directory) = fresh();
    fs::write(directory.path().join("admin-token.new"), "half").unwrap();
    directory.admin_token().unwrap();
    assert!(!directory.path().join("admin-token.new").exists());
}

#[test]
fn the_key_of_the_plugin_cache_is_drawn_once() {
    let (_parent, directory) = fresh();
    let path = directory.path().join("plugin-cache-key");
    let drawn = directory.plugin_cache_key().unwrap();
    assert_ne!(*drawn, [0; 32]);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(directory.plugin_cache_key().unwrap(), drawn);
    let text = fs::read_to_string(&path).unwrap();
    for wrong in [
        "x".repeat(43) + "=",
        text.trim_end()[..42].to_owned(),
        "A".repeat(86),
    ] {
        fs::write(&path, wrong).unwrap();
        assert!(matches!(
            directory.plugin_cache_key(),
            Err(DataDirectoryError::Damaged { .. })
        ));
    }
    fs::remove_file(&path).unwrap();
    assert_ne!(directory.plugin_cache_key().unwrap(), drawn);
}

#[test]
fn the_vault_key_is_random_private_and_stable() {
    let (_parent, directory) = fresh();
    let first = directory.vault_key().unwrap();
    let path = directory.path().join("vault-key");
    assert_eq!(*first, *directory.vault_key().unwrap());
    assert_eq!(mode(&path), 0o600);
    let (_other_parent, other) = fresh();
    assert_ne!(*first, *other.vault_key().unwrap());
    for text in ["short\n", &"A".repeat(44), "?"] {
        write_secret(&path, text.as_bytes()).unwrap();
        assert!(
            matches!(
                directory.vault_key(),
                Err(DataDirectoryError::Damaged { .. })
            ),
            "{text}"
        );
    }
}
