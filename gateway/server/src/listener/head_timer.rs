//! The time in which the head of a request must come.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hyper::rt::{Sleep as HyperSleep, Timer};
use tokio::time::{Sleep, sleep_until};

type Kept = Arc<Mutex<Option<Pin<Box<Sleep>>>>>;

/// A connection's timer. hyper wants a new one for each head and drops it when the head is there; this one
/// gives out the same again, since setting one to a later time costs next to nothing.
#[derive(Default)]
pub(super) struct HeadTimer(Kept);

/// The timer while it is in use.
struct Lent {
    sleep: Option<Pin<Box<Sleep>>>,
    home: Kept,
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn HyperSleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn HyperSleep>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let sleep = match kept {
            Some(mut sleep) => {
                sleep.as_mut().reset(deadline.into());
                sleep
            }
            None => Box::pin(sleep_until(deadline.into())),
        };
        Box::pin(Lent {
            sleep: Some(sleep),
            home: Arc::clone(&self.0),
        })
    }
}

impl Future for Lent {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().poll(cx),
            None => Poll::Ready(()),
        }
    }
}

impl HyperSleep for Lent {}

impl Drop for Lent {
    fn drop(&mut self) {
        *self.home.lock().unwrap_or_else(PoisonError::into_inner) = self.sleep.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_ends_when_it_was_last_told_to() {
        let timer = HeadTimer::default();
        let mut first = timer.sleep(Duration::from_millis(50));
        // Registered, and given back before its end.
        assert!(poll_once(&mut first).is_pending());
        drop(first);
        for wait in [Duration::from_millis(250), Duration::from_millis(20)] {
            let began = Instant::now();
            timer.sleep_until(began + wait).await;
            assert!(began.elapsed() >= wait, "{:?}", began.elapsed());
        }
    }

    fn poll_once(sleep: &mut Pin<Box<dyn HyperSleep>>) -> Poll<()> {
        let cx = &mut Context::from_waker(std::task::Waker::noop());
        sleep.as_mut().poll(cx)
    }
}
