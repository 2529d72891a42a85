//! A time by which something must have come.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::time::{Instant, Sleep, sleep_until};

/// A time that is set far more often than it is reached: a timer that ends too early is set anew, and one
/// that runs is left alone.
pub(super) struct Deadline {
    at: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    pub(super) const fn new(at: Instant) -> Self {
        Self { at, timer: None }
    }

    pub(super) const fn set(&mut self, at: Instant) {
        self.at = at;
    }

    /// Waits for it. To be asked by one task only.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let at = self.at;
        let Some(timer) = &mut self.timer else {
            let timer = self.timer.insert(Box::pin(sleep_until(at)));
            return timer.as_mut().poll(cx);
        };
        if timer.deadline() <= at && !timer.is_elapsed() {
            // It wakes the task, which it knows.
            return Poll::Pending;
        }
        if timer.deadline() != at {
            timer.as_mut().reset(at);
        }
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, time::Duration};

    use super::*;

    #[tokio::test]
    async fn it_ends_when_it_was_last_set_to() {
        let began = Instant::now();
        let mut deadline = Deadline::new(began + Duration::from_millis(50));
        // Registered, and then later, and then sooner than the timer runs.
        for wait in [50, 250, 270, 1000, 300].map(Duration::from_millis) {
            deadline.set(began + wait);
            let is_ready = poll_fn(|cx| Poll::Ready(deadline.poll(cx).is_ready())).await;
            assert!(!is_ready, "{wait:?}");
        }
        poll_fn(|cx| deadline.poll(cx)).await;
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(300) && took < Duration::from_millis(900));
    }
}
