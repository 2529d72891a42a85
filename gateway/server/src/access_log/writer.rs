//! The thread that writes the log.

use std::{
    fs::File,
    io::{self, Write},
    sync::atomic::Ordering::Relaxed,
    time::Duration,
};

use serde::Serialize as _;
use serde_json::{
    Serializer,
    ser::{CompactFormatter, Formatter},
};

use super::{Shared, line::Line};
use crate::append;

/// How long lines may wait.
const INTERVAL: Duration = Duration::from_millis(20);
/// Most bytes in one write.
const BATCH: usize = 256 * 1024;

pub(super) fn run(shared: &Shared, mut file: File) {
    let mut pending = Vec::new();
    let mut is_broken = false;
    loop {
        let is_closing = shared.is_closing.load(Relaxed);
        if shared.must_reopen.swap(false, Relaxed) {
            match append::open(&shared.path) {
                Ok(reopened) => file = reopened,
                Err(error) => tracing::error!(%error, "the access log cannot be opened again"),
            }
        }
        let lines = gather(shared, &mut pending);
        if lines > 0 {
            let outcome = file.write_all(&pending);
            pending.clear();
            note(shared, outcome, lines, &mut is_broken);
        } else if is_closing {
            return;
        } else {
            std::thread::sleep(INTERVAL);
        }
    }
}

/// Counts what was written or lost, and says so once.
fn note(shared: &Shared, outcome: io::Result<()>, lines: u64, is_broken: &mut bool) {
    let was_broken = std::mem::replace(is_broken, outcome.is_err());
    match outcome {
        Ok(()) => {
            shared.written.fetch_add(lines, Relaxed);
            if was_broken {
                tracing::info!("the access log can be written again");
            }
        }
        Err(error) => {
            shared.lost.fetch_add(lines, Relaxed);
            if !was_broken {
                tracing::error!(%error, "the access log cannot be written; its lines are lost");
            }
        }
    }
}

/// Takes lines out of the queue and says how many.
fn gather(shared: &Shared, pending: &mut Vec<u8>) -> u64 {
    let mut lines = 0;
    while pending.len() < BATCH {
        let Some(line) = shared.queue.pop() else {
            break;
        };
        write(&line, pending);
        lines += 1;
    }
    lines
}

pub(super) fn write(line: &Line, to: &mut Vec<u8>) {
    let start = to.len();
    if line
        .serialize(&mut Serializer::with_formatter(&mut *to, Ascii))
        .is_ok()
    {
        to.push(b'\n');
    } else {
        to.truncate(start);
    }
}

/// JSON in visible ASCII: a terminal or another reader finds nothing in a line that it would obey, not even
/// what is a control character beyond ASCII.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if fragment.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            return CompactFormatter.write_string_fragment(writer, fragment);
        }
        let mut units = [0; 2];
        for c in fragment.chars() {
            if (' '..='~').contains(&c) {
                write!(writer, "{c}")?;
            } else {
                for unit in c.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}
