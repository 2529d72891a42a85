//! The directory that holds everything a gateway must not lose and nobody else may read.
//!
//! ```text
//! cambist-data/        0700
//!   lock               held while a server runs
//!   cambist.db         the store
//!   admin-token        the bearer token of the admin API
//!   vault-key          the key under which plugins' secrets are encrypted
//!   keys/es256.pem …   signing keys, PKCS#8
//!   keys/es256-certificate.pem …   certificates of those that sign SAML assertions
//!   plugin-cache/      compiled plugins; may be removed while no server runs
//!   plugin-cache-key   authenticates them
//! ```

mod admin_token;
mod drawn_key;
#[cfg(test)]
mod tests;

use std::{
    error::Error,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

pub use admin_token::AdminToken;

/// No secret file is larger.
const MAX_SECRET: usize = 64 * 1024;

/// Why the data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirectoryError {
    /// Others may enter the directory or read a secret in it.
    #[error("{path} is open to other users (mode {mode:04o}); to close it: chmod {right:o} {path}")]
    Exposed {
        /// What is open.
        path: String,
        /// Its mode.
        mode: u32,
        /// The mode it needs.
        right: u32,
    },
    /// Another server has it.
    #[error("{0} is in use by another cambist; stop that one, or give this one its own --data-dir")]
    InUse(String),
    /// The file system said no.
    #[error("cannot {doing} {path}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: String,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path} is damaged: {what}")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong.
        what: &'static str,
    },
    /// A secret could not be made.
    #[error("cannot make {path}")]
    NotMade {
        /// The file it was meant for.
        path: String,
        /// What happened.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

/// An open data directory. As long as it lives no other process can open it.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    /// Keeps the lock: it ends with the file, and so with the process.
    _lock: File,
}

impl DataDirectory {
    /// Opens the directory for a server, making it if absent.
    pub fn open(path: &Path) -> Result<Self, DataDirectoryError> {
        prepare(path)?;
        let lock_path = path.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&lock_path)
            .map_err(|source| io_error("open", &lock_path, source))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => {
                Err(DataDirectoryError::InUse(path.display().to_string()))
            }
            Err(TryLockError::Error(source)) => Err(io_error("lock", &lock_path, source)),
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the store is.
    pub fn store_file(&self) -> PathBuf {
        store_file(&self.path)
    }

    /// The admin API's bearer token, made of 32 random bytes the first time.
    pub fn admin_token(&self) -> Result<AdminToken, DataDirectoryError> {
        admin_token::read_or_create(&self.path.join("admin-token"))
    }

    /// The key that authenticates compiled plugins, drawn the first time.
    pub fn plugin_cache_key(&self) -> Result<Zeroizing<[u8; 32]>, DataDirectoryError> {
        drawn_key::read_or_create(
            &self.path.join("plugin-cache-key"),
            "it does not hold 32 bytes in base64url; remove it, and plugins are compiled again",
        )
    }

    /// The key under which the vault is encrypted, drawn the first time.
    pub fn vault_key(&self) -> Result<Zeroizing<[u8; 32]>, DataDirectoryError> {
        drawn_key::read_or_create(
            &self.path.join("vault-key"),
            "it does not hold 32 bytes in base64url; restore it from a backup, or remove it and send every secret again",
        )
    }

    /// The key in `keys/<name>.pem`; if there is none, the one `make` returns, written there first.
    pub fn read_or_create_key<E>(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<Zeroizing<String>, E>,
    ) -> Result<Zeroizing<String>, DataDirectoryError>
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let directory = self.path.join("keys");
        make_private(&directory)?;
        let path = directory.join(format!("{name}.pem"));
        if name.is_empty()
            || !name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        {
            return Err(DataDirectoryError::Damaged {
                path: path.display().to_string(),
                what: "the name of a key is a-z, 0-9 and -",
            });
        }
        if let Some(pem) = read_secret(&path)? {
            return Ok(pem);
        }
        let pem = make().map_err(|source| DataDirectoryError::NotMade {
            path: path.display().to_string(),
            source: source.into(),
        })?;
        write_secret(&path, pem.as_bytes())?;
        Ok(pem)
    }
}

/// Where the store of the data directory at `path` is.
pub fn store_file(path: &Path) -> PathBuf {
    path.join("cambist.db")
}

/// Makes the directory if absent and refuses one that is open to others, without taking the lock: for
/// commands that work beside a running server.
pub fn prepare(path: &Path) -> Result<(), DataDirectoryError> {
    make_private(path)
}

fn make_private(path: &Path) -> Result<(), DataDirectoryError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| io_error("create", path, source))?;
    refuse_exposed(path, 0o700)
}

fn refuse_exposed(path: &Path, right: u32) -> Result<(), DataDirectoryError> {
    let mode = fs::metadata(path)
        .map_err(|source| io_error("look at", path, source))?
        .permissions()
        .mode()
        & 0o7777;
    if mode & 0o077 != 0 {
        return Err(DataDirectoryError::Exposed {
            path: path.display().to_string(),
            mode,
            right,
        });
    }
    Ok(())
}

fn read_secret(path: &Path) -> Result<Option<Zeroizing<String>>, DataDirectoryError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(io_error("open", path, source)),
    };
    refuse_exposed(path, 0o600)?;
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SECRET + 1));
    file.take(MAX_SECRET as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| io_error("read", path, source))?;
    let damaged = |what| DataDirectoryError::Damaged {
        path: path.display().to_string(),
        what,
    };
    match std::str::from_utf8(&bytes) {
        _ if bytes.len() > MAX_SECRET => Err(damaged("it is too large")),
        Ok("") => Err(damaged("it is empty")),
        Ok(text) => Ok(Some(Zeroizing::new(text.to_owned()))),
        Err(_) => Err(damaged("it is not text")),
    }
}

/// Writes a file whole or not at all, also if the power fails on the way.
fn write_secret(path: &Path, content: &[u8]) -> Result<(), DataDirectoryError> {
    let temporary = path.with_extension("new");
    let written = (|| {
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    })();
    written.map_err(|source| {
        // What is left behind is unlinked on the next try; this error is the one to report.
        drop(fs::remove_file(&temporary));
        io_error("write", path, source)
    })
}

fn io_error(doing: &'static str, path: &Path, source: io::Error) -> DataDirectoryError {
    DataDirectoryError::Io {
        doing,
        path: path.display().to_string(),
        source,
    }
}
