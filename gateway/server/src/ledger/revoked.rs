//! What no longer counts, in memory.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use arc_swap::ArcSwap;
use cambist_core::{Mark, Timestamp, TokenKey};
use rpds::HashTrieMapSync;

use crate::store::{CutOffRow, RevocationRow};

/// Kind and value; the moments by instance, where the empty name is for all.
type CutOffs = HashTrieMapSync<&'static str, HashTrieMapSync<String, Vec<(String, Timestamp)>>>;

#[derive(Clone, Default)]
struct Snapshot {
    /// Until when each mark is to be remembered.
    marks: HashTrieMapSync<TokenKey, Timestamp>,
    cut_offs: CutOffs,
}

/// Everything that was revoked or cut off. Reading takes no lock; a change copies only what differs.
pub struct Revoked {
    snapshot: ArcSwap<Snapshot>,
    /// One change at a time.
    turn: Mutex<()>,
    epoch: AtomicU64,
}

impl Revoked {
    pub(super) fn new(marks: &[RevocationRow], cut_offs: &[CutOffRow]) -> Self {
        let mut snapshot = Snapshot::default();
        for row in marks {
            snapshot.marks.insert_mut(row.mark, row.until);
        }
        for row in cut_offs {
            snapshot.cut_off(row);
        }
        Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            turn: Mutex::new(()),
            epoch: AtomicU64::new(0),
        }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    pub(super) fn add(&self, marks: impl IntoIterator<Item = (TokenKey, Timestamp)>) {
        self.change(|snapshot| {
            for (mark, until) in marks {
                let until = snapshot
                    .marks
                    .get(&mark)
                    .map_or(until, |known| until.max(*known));
                snapshot.marks.insert_mut(mark, until);
            }
        });
    }

    pub(super) fn cut_off(&self, row: &CutOffRow) {
        self.change(|snapshot| snapshot.cut_off(row));
    }

    /// Lets go of marks whose tokens have ended by themselves.
    pub(super) fn forget(&self, now: Timestamp) {
        let snapshot = self.snapshot.load();
        let ended: Vec<TokenKey> = snapshot
            .marks
            .iter()
            .filter(|(_, until)| **until <= now)
            .map(|(mark, _)| *mark)
            .collect();
        if !ended.is_empty() {
            self.change(|snapshot| {
                for mark in &ended {
                    if snapshot.marks.get(mark).is_some_and(|until| *until <= now) {
                        snapshot.marks.remove_mut(mark);
                    }
                }
            });
        }
    }

    /// The new state is in place before the epoch changes: who sees the new epoch sees the new state.
    fn change(&self, change: impl FnOnce(&mut Snapshot)) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = Snapshot::clone(&self.snapshot.load());
        change(&mut next);
        self.snapshot.store(std::sync::Arc::new(next));
        self.epoch.fetch_add(1, Ordering::Release);
    }

    /// Whether a token with this mark counts at `instance`.
    pub(super) fn stands(&self, mark: &Mark, instance: &str) -> bool {
        let snapshot = self.snapshot.load();
        let is_revoked = !snapshot.marks.is_empty()
            && mark
                .key
                .is_some_and(|key| snapshot.marks.contains_key(&key));
        !is_revoked && (snapshot.cut_offs.is_empty() || !snapshot.is_cut_off(mark, instance))
    }
}

impl Snapshot {
    fn cut_off(&mut self, row: &CutOffRow) {
        let mut of_kind = self.cut_offs.get(row.kind).cloned().unwrap_or_default();
        let mut moments = of_kind.get(&row.value).cloned().unwrap_or_default();
        match moments.iter_mut().find(|(known, _)| *known == row.instance) {
            Some((_, before)) => *before = row.before.max(*before),
            None => moments.push((row.instance.clone(), row.before)),
        }
        of_kind.insert_mut(row.value.clone(), moments);
        self.cut_offs.insert_mut(row.kind, of_kind);
    }

    fn is_cut_off(&self, mark: &Mark, instance: &str) -> bool {
        let actors = mark.actors.iter().map(|actor| ("actor", actor));
        let others = [
            ("client", mark.client.as_ref()),
            ("issuer", mark.issuer.as_ref()),
            ("key", mark.key_id.as_ref()),
            ("subject", Some(&mark.subject)),
        ];
        let others = others
            .into_iter()
            .filter_map(|(kind, value)| Some((kind, value?)));
        actors
            .chain(others)
            .filter_map(|(kind, value)| self.cut_offs.get(kind)?.get(value))
            .flatten()
            .filter(|(at, _)| at.is_empty() || at == instance)
            .any(|(_, before)| is_older(mark, *before))
    }
}

/// A token that does not say when it was issued could be as old as any. A credential that was checked just
/// now is of now.
fn is_older(mark: &Mark, before: Timestamp) -> bool {
    match mark.issued_at {
        Some(issued_at) => issued_at < before,
        None => mark.issuer.is_some() || mark.expires_at.is_some(),
    }
}
