//! Connections that wait for another request to the same place.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::connection::{Place, Sender};

/// How long a connection waits: shorter than servers usually do, so that it rarely closes under a request,
/// and so short that a name's new address is soon noticed.
const PATIENCE: Duration = Duration::from_secs(3);
/// Most that wait for one place.
const EACH: usize = 8;
/// Most places that connections wait for.
const PLACES: usize = 64;

/// Connections without a request. Each leads to an address that was checked when it was opened.
#[derive(Default)]
pub(super) struct Idle(Mutex<HashMap<Place, Vec<(Sender, Instant)>>>);

impl Idle {
    /// The connection that waited least.
    pub(super) fn take(&self, place: &Place) -> Option<Sender> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = waiting.get_mut(place)?;
        discard(found);
        let taken = found.pop().map(|(sender, _)| sender);
        if found.is_empty() {
            waiting.remove(place);
        }
        taken
    }

    /// Lets a connection wait, if there is room.
    pub(super) fn put(&self, place: &Place, sender: Sender) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, found| {
            discard(found);
            !found.is_empty()
        });
        if waiting.len() >= PLACES && !waiting.contains_key(place) {
            return;
        }
        let found = waiting.entry(place.clone()).or_default();
        if found.len() < EACH {
            found.push((sender, Instant::now()));
        }
    }
}

fn discard(found: &mut Vec<(Sender, Instant)>) {
    found.retain(|(sender, since)| !sender.is_closed() && since.elapsed() < PATIENCE);
}
