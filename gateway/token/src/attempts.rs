//! How often a password may be guessed, per user name and per address.
//!
//! Only failures count, so that a program may sign in as often as it likes. Whoever has failed too often
//! waits before anything is hashed. A name that nobody has counts like any other.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use cambist_core::{Fault, Timestamp, ValidateError};

use crate::{PasswordDirectory, Profile};

/// Slots of one set, and sets: a table of half a mebibyte, which does not grow.
const WAYS: usize = 8;
const SETS: usize = 4096;

/// So many failures at once, and one more every so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Failures that are free; none switches the limit off.
    pub failures: u64,
    /// Seconds until one more is.
    pub seconds: u64,
}

/// One try to sign in.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The realm.
    pub realm: &'a str,
    /// The name, as it was sent.
    pub username: &'a str,
    /// Whence it came, if that is known.
    pub address: Option<IpAddr>,
    /// When.
    pub now: Timestamp,
}

/// What failed lately, as far as it still counts. Bounded: when the table is full, what has failed least is
/// forgotten first.
#[derive(Debug)]
pub struct Attempts {
    per_user: Allowance,
    per_address: Allowance,
    hasher: RandomState,
    sets: Box<[Mutex<[Slot; WAYS]>]>,
}

/// Whom a slot is about, and when all of their failures will be forgiven.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    key: u64,
    forgiven: u64,
}

impl Attempts {
    /// Nothing has failed yet.
    pub fn new(per_user: Allowance, per_address: Allowance) -> Self {
        Self {
            per_user,
            per_address,
            hasher: RandomState::new(),
            sets: (0..SETS).map(|_| Mutex::default()).collect(),
        }
    }

    /// Whether a try may be made now; otherwise [`Fault::Throttled`] with the time to wait.
    pub fn check(&self, attempt: &Attempt<'_>) -> Result<(), Fault> {
        let wait = self
            .keys(attempt)
            .into_iter()
            .flatten()
            .map(|(key, allowance)| self.wait(key, allowance, attempt.now))
            .max()
            .unwrap_or_default();
        match wait {
            0 => Ok(()),
            seconds => Err(Fault::Throttled { seconds }),
        }
    }

    /// Counts a try whose password was wrong.
    pub fn failed(&self, attempt: &Attempt<'_>) {
        for (key, allowance) in self.keys(attempt).into_iter().flatten() {
            self.change(key, |slots| {
                let now = attempt.now.0;
                let most = now + 2 * allowance.failures * allowance.seconds;
                let known = slots.iter().position(|slot| slot.key == key);
                let place = known.or_else(|| {
                    let least = slots
                        .iter()
                        .enumerate()
                        .min_by_key(|(_, slot)| slot.forgiven);
                    least.map(|(index, _)| index)
                });
                if let Some(slot) = place.and_then(|index| slots.get_mut(index)) {
                    let since = if known.is_some() { slot.forgiven } else { 0 };
                    slot.key = key;
                    slot.forgiven = (since.max(now) + allowance.seconds).min(most);
                }
            });
        }
    }

    /// Forgives a user whose password was right after all. The address stays under suspicion.
    pub fn succeeded(&self, attempt: &Attempt<'_>) {
        if let [Some((key, _)), _] = self.keys(attempt) {
            self.change(key, |slots| {
                if let Some(slot) = slots.iter_mut().find(|slot| slot.key == key) {
                    *slot = Slot::default();
                }
            });
        }
    }

    fn keys(&self, attempt: &Attempt<'_>) -> [Option<(u64, Allowance)>; 2] {
        let is_on = |allowance: &Allowance| allowance.failures > 0;
        let user = Some(self.per_user).filter(is_on).map(|allowance| {
            (
                self.key(("user", attempt.realm, attempt.username)),
                allowance,
            )
        });
        let address = attempt.address.map(|address| match address.to_canonical() {
            IpAddr::V4(address) => u128::from(u32::from(address)),
            // Whoever has one address of a network of this size has them all.
            IpAddr::V6(address) => u128::from(address) >> 64 << 64,
        });
        let address = address
            .filter(|_| is_on(&self.per_address))
            .map(|address| (self.key(("address", address)), self.per_address));
        [user, address]
    }

    /// Zero is nobody's.
    fn key(&self, whom: impl Hash) -> u64 {
        self.hasher.hash_one(whom).max(1)
    }

    fn wait(&self, key: u64, allowance: Allowance, now: Timestamp) -> u64 {
        let forgiven = self.change(key, |slots| {
            let slot = slots.iter().find(|slot| slot.key == key);
            slot.map_or(0, |slot| slot.forgiven)
        });
        let free = (allowance.failures - 1) * allowance.seconds;
        forgiven.saturating_sub(now.0 + free)
    }

    fn change<T: Default>(&self, key: u64, change: impl FnOnce(&mut [Slot; WAYS]) -> T) -> T {
        let index = usize::try_from(key).unwrap_or_default() % SETS;
        let Some(set) = self.sets.get(index) else {
            return T::default();
        };
        change(&mut set.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Asks `directory` for a user, unless too many tries have failed, and counts this one. The one way from a
/// stranger's password to a directory.
pub async fn authenticate(
    directory: &dyn PasswordDirectory,
    attempt: &Attempt<'_>,
    password: &str,
) -> Result<Profile, ValidateError> {
    let attempts = directory.attempts();
    if let Some(attempts) = attempts {
        attempts.check(attempt)?;
    }
    let outcome = directory
        .authenticate(attempt.realm, attempt.username, password)
        .await;
    match (attempts, &outcome) {
        (Some(attempts), Ok(_)) => attempts.succeeded(attempt),
        (Some(attempts), Err(error)) if error.rejection().is_some() => attempts.failed(attempt),
        _ => {}
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts() -> Attempts {
        let allowance = |failures, seconds| Allowance { failures, seconds };
        Attempts::new(allowance(3, 10), allowance(5, 2))
    }

    fn by<'a>(username: &'a str, address: &str, now: u64) -> Attempt<'a> {
        Attempt {
            realm: "/alpha",
            username,
            address: Some(address.parse().unwrap()),
            now: Timestamp(now),
        }
    }

    fn wait(attempts: &Attempts, attempt: &Attempt<'_>) -> u64 {
        match attempts.check(attempt) {
            Ok(()) => 0,
            Err(Fault::Throttled { seconds }) => seconds,
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_user_waits_after_too_many_failures_wherever_they_come_from() {
        let attempts = attempts();
        for index in 0..3 {
            let attempt = by("dana", &format!("192.0.2.{index}"), 1000);
            assert_eq!(wait(&attempts, &attempt), 0);
            attempts.failed(&attempt);
        }
        assert_eq!(wait(&attempts, &by("dana", "192.0.2.9", 1000)), 10);
        assert_eq!(wait(&attempts, &by("dana", "192.0.2.9", 1009)), 1);
        assert_eq!(wait(&attempts, &by("dana", "192.0.2.9", 1010)), 0);
        assert_eq!(wait(&attempts, &by("erin", "192.0.2.9", 1000)), 0);
        let elsewhere = Attempt {
            realm: "/beta",
            ..by("dana", "192.0.2.9", 1000)
        };
        assert_eq!(wait(&attempts, &elsewhere), 0);
        attempts.succeeded(&by("dana", "192.0.2.9", 1010));
        assert_eq!(wait(&attempts, &by("dana", "192.0.2.9", 1010)), 0);
    }

    #[test]
    fn an_address_waits_after_too_many_failures_whomever_they_are_about() {
        let attempts = attempts();
        for index in 0..5 {
            attempts.failed(&by(&format!("user-{index}"), "2001:db8::1", 1000));
        }
        assert_eq!(
            wait(&attempts, &by("x", "2001:db8::2", 1000)),
            2,
            "one network"
        );
        assert_eq!(wait(&attempts, &by("x", "2001:db8:0:1::1", 1000)), 0);
        assert_eq!(wait(&attempts, &by("x", "2001:db8::1", 1002)), 0);
        attempts.succeeded(&by("user-0", "2001:db8::1", 1000));
        assert_eq!(wait(&attempts, &by("x", "2001:db8::1", 1000)), 2);
    }

    #[test]
    fn the_wait_is_bounded_and_so_is_the_table() {
        let attempts = attempts();
        for _ in 0..1000 {
            attempts.failed(&by("dana", "192.0.2.1", 1000));
        }
        assert_eq!(wait(&attempts, &by("dana", "192.0.2.2", 1000)), 40);
        for index in 0..100_000 {
            let name = format!("user-{index}");
            let attempt = Attempt {
                address: None,
                ..by(&name, "192.0.2.1", 1000)
            };
            attempts.failed(&attempt);
        }
        let still = wait(&attempts, &by("dana", "192.0.2.2", 1000));
        assert_eq!(still, 40, "who has failed most is forgotten last");
    }

    #[test]
    fn no_allowance_is_no_limit() {
        let off = Allowance {
            failures: 0,
            seconds: 10,
        };
        let attempts = Attempts::new(off, off);
        for _ in 0..100 {
            attempts.failed(&by("dana", "192.0.2.1", 1000));
        }
        assert_eq!(wait(&attempts, &by("dana", "192.0.2.1", 1000)), 0);
    }
}
