//! How often one caller may ask about tokens (RFC 7662 §4, IN-07).

use std::sync::atomic::{AtomicU64, Ordering};

use cambist_core::Timestamp;

/// Seconds whose questions a caller that was silent may ask at once.
const SAVED: u64 = 10;
/// Most seconds that anybody has to wait.
const LONGEST: u64 = 10;
/// The unit of what is counted: a rate of a million a second can still be told.
const MICROS: u64 = 1_000_000;

/// What one caller has used up, as a moment: until then its share of time is spent.
#[derive(Debug, Default)]
pub struct Questions {
    spent_until: AtomicU64,
}

impl Questions {
    /// Takes one question out of `per_second`; none sets no limit. An error is how many seconds to wait, and
    /// nothing was taken.
    pub fn take(&self, per_second: u64, now: Timestamp) -> Result<(), u64> {
        let Some(each) = MICROS.checked_div(per_second) else {
            return Ok(());
        };
        let begin = micros(now.0);
        let end = begin.saturating_add(micros(SAVED));
        let after = |spent: u64| spent.max(begin).saturating_add(each);
        self.spent_until
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |spent| {
                Some(after(spent)).filter(|after| *after <= end)
            })
            .map(drop)
            .map_err(|spent| after(spent).saturating_sub(end).div_ceil(MICROS).max(1))
    }

    /// Takes `questions` more, which were asked already.
    pub fn charge(&self, questions: u64, per_second: u64, now: Timestamp) {
        let Some(each) = MICROS.checked_div(per_second) else {
            return;
        };
        let begin = micros(now.0);
        let most = begin.saturating_add(micros(SAVED + LONGEST));
        // It cannot fail: there is always a next value.
        let _ = self
            .spent_until
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |spent| {
                let after = spent
                    .max(begin)
                    .saturating_add(each.saturating_mul(questions));
                Some(after.min(most).max(spent))
            });
    }
}

const fn micros(seconds: u64) -> u64 {
    seconds.saturating_mul(MICROS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_900_000_000);

    fn asked(questions: &Questions, per_second: u64, now: Timestamp) -> u64 {
        (0..100_000)
            .take_while(|_| questions.take(per_second, now).is_ok())
            .count() as u64
    }

    #[test]
    fn in_07_ten_seconds_worth_may_be_asked_at_once_and_then_each_second_its_own() {
        let questions = Questions::default();
        assert_eq!(asked(&questions, 5, NOW), 50);
        assert_eq!(questions.take(5, NOW), Err(1));
        assert_eq!(asked(&questions, 5, NOW.plus(1)), 5);
        assert_eq!(asked(&questions, 5, NOW.plus(3)), 10);
        assert_eq!(asked(&questions, 5, NOW.plus(1000)), 50, "no more is saved");
    }

    #[test]
    fn in_07_what_is_charged_later_is_waited_for_and_the_wait_is_bounded() {
        let questions = Questions::default();
        assert_eq!(questions.take(5, NOW), Ok(()));
        questions.charge(59, 5, NOW);
        assert_eq!(questions.take(5, NOW), Err(3), "60 of 50, and one more");
        assert_eq!(questions.take(5, NOW.plus(2)), Err(1));
        assert_eq!(questions.take(5, NOW.plus(3)), Ok(()));
        for _ in 0..1000 {
            questions.charge(u64::MAX, 5, NOW);
        }
        assert_eq!(questions.take(5, NOW), Err(11));
        assert_eq!(questions.take(5, NOW.plus(11)), Ok(()));
    }

    #[test]
    fn no_rate_is_no_limit_and_the_end_of_time_is_none() {
        let questions = Questions::default();
        questions.charge(u64::MAX, 0, NOW);
        assert_eq!(asked(&questions, 0, NOW), 100_000);
        questions.charge(9, 1_000_000, Timestamp(u64::MAX));
        assert_eq!(questions.take(1_000_000, Timestamp(u64::MAX)), Ok(()));
    }

    #[test]
    fn in_07_many_threads_get_no_more_than_one() {
        let questions = Questions::default();
        let counts: Vec<u64> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16)
                .map(|_| scope.spawn(|| asked(&questions, 100, NOW)))
                .collect();
            let ended = threads.into_iter().map(|thread| thread.join().unwrap());
            ended.collect()
        });
        assert_eq!(counts.iter().sum::<u64>(), 1000);
    }
}
