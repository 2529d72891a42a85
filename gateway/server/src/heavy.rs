//! Bounded blocking work, such as password hashing: a few at a time, some waiting, the rest refused.

use std::sync::Arc;

use cambist_core::Fault;
use tokio::{runtime::Handle, sync::Semaphore};

/// Runs closures on the blocking threads of one runtime, on behalf of callers on any runtime.
#[derive(Clone, Debug)]
pub struct HeavyPool {
    handle: Handle,
    /// One permit per closure that runs.
    running: Arc<Semaphore>,
    /// One permit per closure that runs or waits.
    admitted: Arc<Semaphore>,
}

impl HeavyPool {
    /// At most `concurrency` closures (at least 1) run at a time and at most `queue` wait. Their threads
    /// belong to the runtime of `handle`.
    pub fn new(handle: Handle, concurrency: usize, queue: usize) -> Self {
        let concurrency = concurrency.clamp(1, Semaphore::MAX_PERMITS);
        let admitted = concurrency
            .saturating_add(queue)
            .min(Semaphore::MAX_PERMITS);
        Self {
            handle,
            running: Arc::new(Semaphore::new(concurrency)),
            admitted: Arc::new(Semaphore::new(admitted)),
        }
    }

    /// Runs `work`, waiting for its turn. [`Fault::Overloaded`] at once if too many wait already.
    ///
    /// A caller that stops waiting gives its place up, unless `work` runs already: then it runs to its end
    /// and keeps its place so long.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let place = Arc::clone(&self.admitted)
            .try_acquire_owned()
            .map_err(|_| Fault::Overloaded("too much heavy work is waiting".to_owned()))?;
        let turn = Arc::clone(&self.running)
            .acquire_owned()
            .await
            .map_err(|closed| Fault::Internal(closed.to_string()))?;
        let done = self.handle.spawn_blocking(move || {
            let result = work();
            drop((turn, place));
            result
        });
        done.await.map_err(|error| {
            if error.is_panic() {
                Fault::Internal("heavy work panicked".to_owned())
            } else {
                Fault::Unavailable("the gateway is stopping".to_owned())
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use tokio::{
        runtime::{Builder, Runtime},
        time::timeout,
    };

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    /// Starts work that runs until the sender is dropped, and waits until it runs.
    fn occupy(
        home: &Runtime,
        pool: &HeavyPool,
    ) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), Fault>>) {
        let (end, ended) = mpsc::channel::<()>();
        let (start, started) = mpsc::channel::<()>();
        let pool = pool.clone();
        let task = home.spawn(async move {
            pool.run(move || {
                start.send(()).unwrap();
                let _ = ended.recv();
            })
            .await
        });
        started.recv_timeout(LONG).unwrap();
        (end, task)
    }

    #[test]
    fn more_than_may_wait_is_refused_at_once() {
        let home = Runtime::new().unwrap();
        let pool = HeavyPool::new(home.handle().clone(), 1, 1);
        let (end, first) = occupy(&home, &pool);
        let waiting = home.spawn({
            let pool = pool.clone();
            async move { pool.run(|| 2).await }
        });
        home.block_on(async {
            while pool.admitted.available_permits() > 0 {
                tokio::task::yield_now().await;
            }
            assert!(matches!(
                timeout(LONG, pool.run(|| 3)).await.unwrap(),
                Err(Fault::Overloaded(_))
            ));
            drop(end);
            assert_eq!(timeout(LONG, waiting).await.unwrap().unwrap(), Ok(2));
            assert_eq!(first.await.unwrap(), Ok(()));
            assert_eq!(pool.run(|| 4).await, Ok(4));
        });
    }

    #[test]
    fn who_stops_waiting_gives_the_place_up() {
        let home = Runtime::new().unwrap();
        let pool = HeavyPool::new(home.handle().clone(), 1, 1);
        let (end, first) = occupy(&home, &pool);
        home.block_on(async {
            assert!(
                timeout(Duration::from_millis(20), pool.run(|| 2))
                    .await
                    .is_err()
            );
            assert_eq!(pool.admitted.available_permits(), 1);
            first.abort();
            assert_eq!(
                pool.running.available_permits(),
                0,
                "what runs keeps its place"
            );
            drop(end);
            assert_eq!(timeout(LONG, pool.run(|| 3)).await.unwrap(), Ok(3));
        });
    }

    #[test]
    fn it_serves_callers_on_other_runtimes() {
        let home = Runtime::new().unwrap();
        let pool = HeavyPool::new(home.handle().clone(), 2, 0);
        let other = Builder::new_current_thread().build().unwrap();
        assert_eq!(other.block_on(pool.run(|| 1)), Ok(1));
        home.shutdown_timeout(LONG);
        assert!(matches!(
            other.block_on(pool.run(|| 1)),
            Err(Fault::Unavailable(_))
        ));
    }

    #[test]
    fn a_panic_is_a_fault_and_frees_the_place() {
        let home = Runtime::new().unwrap();
        let pool = HeavyPool::new(home.handle().clone(), 1, 0);
        for _ in 0..3 {
            let outcome: Result<(), Fault> = home.block_on(pool.run(|| panic!("on purpose")));
            assert!(matches!(outcome, Err(Fault::Internal(_))));
        }
    }

    #[test]
    fn nothing_at_all_is_still_one_at_a_time() {
        let home = Runtime::new().unwrap();
        let pool = HeavyPool::new(home.handle().clone(), 0, usize::MAX);
        assert_eq!(home.block_on(pool.run(|| 1)), Ok(1));
    }
}
