//! The thread that writes the trail.

use std::{fs::File, io::Write, sync::atomic::Ordering, time::Duration};

use super::Shared;

/// How long records may wait; also how soon a repaired disk is noticed.
const INTERVAL: Duration = Duration::from_millis(20);
/// Most bytes in one write.
const BATCH: usize = 1 << 20;

pub(super) fn run(shared: &Shared, mut file: File) {
    let mut pending = Vec::new();
    loop {
        let is_closing = shared.is_closing.load(Ordering::Relaxed);
        gather(shared, &mut pending);
        write(shared, &mut file, &mut pending);
        if is_closing && shared.queue.is_empty() {
            return;
        }
        if pending.is_empty() && shared.queue.len() < 1024 {
            std::thread::sleep(INTERVAL);
        } else if !shared.is_healthy.load(Ordering::Relaxed) {
            if is_closing {
                return;
            }
            std::thread::sleep(INTERVAL * 10);
        }
    }
}

fn gather(shared: &Shared, pending: &mut Vec<u8>) {
    while pending.len() < BATCH {
        let Some(event) = shared.queue.pop() else {
            return;
        };
        shared.counters.add(event.labels());
        if serde_json::to_writer(&mut *pending, &event).is_ok() {
            pending.push(b'\n');
        }
    }
}

fn write(shared: &Shared, file: &mut File, pending: &mut Vec<u8>) {
    if pending.is_empty() {
        return;
    }
    match file.write(pending) {
        Ok(written) => {
            pending.drain(..written);
            if !shared.is_healthy.swap(true, Ordering::Relaxed) {
                tracing::info!("the audit trail can be written again");
            }
        }
        Err(error) => {
            if shared.is_healthy.swap(false, Ordering::Relaxed) {
                tracing::error!(%error, "the audit trail cannot be written; nothing is issued until it can");
            }
        }
    }
}
