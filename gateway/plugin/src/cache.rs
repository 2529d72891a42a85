//! Native code on disk, by the component it was compiled from.
//!
//! A file is a MAC and the code. The MAC covers the file's name as well, which says from which component,
//! and for which compiler and configuration, the code was made: a file that was changed, cut, copied to
//! another name or put there by somebody else is removed, never run. Uploads never get here.

#[cfg(test)]
mod tests;

use std::{
    fmt::{self, Write as _},
    fs::{self, DirBuilder, File, OpenOptions},
    hash::{Hash, Hasher},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{self, SHA256, digest},
    hmac,
};
use rustix::fs::{OFlags, Timespec, Timestamps, UTIME_NOW, futimens};
use wasmtime::Engine;

use crate::compiler::{CodeCache, NativeCode};

/// Bytes of the MAC, HMAC-SHA-256 (RFC 2104).
const MAC: usize = 32;
/// What a complete file's name ends in.
const COMPLETE: &str = "cwasm";
/// What the name of one being written ends in.
const PARTIAL: &str = "new";
/// Separates this use of the key from any other.
const PURPOSE: &[u8] = b"cambist native code 1\0";

/// An open cache. One process at a time may have it.
pub(crate) struct Cache {
    directory: PathBuf,
    key: hmac::Key,
    /// Bytes of all files.
    limit: u64,
    /// Bytes of one file.
    file_limit: u64,
}

impl Cache {
    /// Opens the directory, making it if absent, and clears what a crash left.
    pub(crate) fn open(place: &CodeCache, code_bytes: usize) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&place.directory)?;
        let cache = Self {
            directory: place.directory.clone(),
            key: hmac::Key::new(hmac::HMAC_SHA256, place.key.as_slice()),
            limit: place.bytes,
            file_limit: code_bytes.saturating_add(MAC) as u64,
        };
        for entry in fs::read_dir(&cache.directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|kind| kind == PARTIAL) {
                fs::remove_file(&path)?;
            }
        }
        Ok(cache)
    }

    /// The name under which the code of `component` for `engine` is kept.
    pub(crate) fn name(engine: &Engine, component: &[u8]) -> String {
        let mut compatibility = Sha256Hasher(digest::Context::new(&SHA256));
        engine
            .precompile_compatibility_hash()
            .hash(&mut compatibility);
        let compatibility = compatibility.0.finish();
        let mut name = String::with_capacity(64 + 1 + 32 + 6);
        hexadecimal(&mut name, digest(&SHA256, component).as_ref());
        name.push('-');
        hexadecimal(
            &mut name,
            compatibility.as_ref().get(..16).unwrap_or_default(),
        );
        name.push('.');
        name.push_str(COMPLETE);
        name
    }

    /// The code kept under a name, if it is ours and whole.
    pub(crate) fn find(&self, name: &str) -> Option<NativeCode> {
        let path = self.directory.join(name);
        match self.read(&path, name) {
            Ok(Some(code)) => Some(code),
            Ok(None) => {
                tracing::warn!(file = %path.display(), "kept native code is not what was kept, removing it");
                self.remove(name);
                None
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "kept native code cannot be read, removing it");
                self.remove(name);
                None
            }
        }
    }

    /// None if the MAC is wrong. What is verified and what is returned is one private buffer.
    fn read(&self, path: &Path, name: &str) -> io::Result<Option<NativeCode>> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
            .open(path)?;
        let known = file.metadata()?;
        if !known.is_file() || known.len() > self.file_limit {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(known.len()).unwrap_or(0) + 1);
        (&file).take(self.file_limit + 1).read_to_end(&mut bytes)?;
        let Some((mac, code)) = bytes.split_at_checked(MAC) else {
            return Ok(None);
        };
        if verify_slices_are_equal(self.mac(name, code).as_ref(), mac).is_err() {
            return Ok(None);
        }
        // Only a matter of which goes first when room is needed.
        let _ = futimens(&file, &NOW);
        Ok(Some(NativeCode::of_verified(bytes, MAC)))
    }

    /// Keeps code under a name: whole or not at all, also if the power fails on the way. Then removes what
    /// is too much.
    pub(crate) fn keep(&self, name: &str, code: &NativeCode) -> io::Result<()> {
        let path = self.directory.join(name);
        let partial = path.with_extension(PARTIAL);
        let mac = self.mac(name, code.as_bytes());
        let written = (|| {
            match fs::remove_file(&partial) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&partial)?;
            file.write_all(mac.as_ref())?;
            file.write_all(code.as_bytes())?;
            file.sync_all()?;
            fs::rename(&partial, &path)?;
            File::open(&self.directory)?.sync_all()
        })();
        if written.is_err() {
            // What is left behind is unlinked on the next try; the first error is the one to report.
            drop(fs::remove_file(&partial));
            return written;
        }
        self.shrink(&path)
    }

    /// Removes a file.
    pub(crate) fn remove(&self, name: &str) {
        let path = self.directory.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(file = %path.display(), %error, "kept native code cannot be removed");
            }
            _ => {}
        }
    }

    /// Removes what was used least recently until the rest has room; never `newest`.
    fn shrink(&self, newest: &Path) -> io::Result<()> {
        let mut total = 0_u64;
        let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let known = entry.metadata()?;
            total = total.saturating_add(known.len());
            let path = entry.path();
            if path != newest && path.extension().is_some_and(|kind| kind == COMPLETE) {
                files.push((known.modified()?, known.len(), path));
            }
        }
        files.sort();
        for (_, length, path) in files {
            if total <= self.limit {
                break;
            }
            fs::remove_file(path)?;
            total = total.saturating_sub(length);
        }
        Ok(())
    }

    /// The length of the name says where the code begins.
    fn mac(&self, name: &str, code: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(PURPOSE);
        context.update(&(name.len() as u64).to_be_bytes());
        context.update(name.as_bytes());
        context.update(code);
        context.sign()
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("directory", &self.directory)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

const NOW: Timestamps = Timestamps {
    last_access: Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_NOW,
    },
    last_modification: Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_NOW,
    },
};

/// The standard library's own hasher may change with every version of it.
struct Sha256Hasher(digest::Context);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finish();
        digest
            .as_ref()
            .first_chunk()
            .map_or(0, |first| u64::from_be_bytes(*first))
    }
}

fn hexadecimal(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
}
