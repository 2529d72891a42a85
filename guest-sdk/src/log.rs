//! Lines in the gateway's log, with the plugin, the instance and the correlation added. At most 64 lines of
//! 4 KiB a call; what is beyond is dropped and counted. Never write a token, a password or a key.

use crate::imports;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For whoever looks for a mistake.
    Debug,
    /// Worth knowing.
    Info,
    /// Worth looking at.
    Warn,
    /// Something does not work.
    Error,
}

/// Writes one line.
pub fn write(level: Level, message: impl AsRef<str>) {
    imports::log(level, message.as_ref());
}

/// Writes one line for whoever looks for a mistake.
pub fn debug(message: impl AsRef<str>) {
    write(Level::Debug, message);
}

/// Writes one line worth knowing.
pub fn info(message: impl AsRef<str>) {
    write(Level::Info, message);
}

/// Writes one line worth looking at.
pub fn warn(message: impl AsRef<str>) {
    write(Level::Warn, message);
}

/// Writes one line about something that does not work.
pub fn error(message: impl AsRef<str>) {
    write(Level::Error, message);
}
