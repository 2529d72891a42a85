//! The threads that serve the public listener.

use std::{io, net::TcpListener, sync::Arc, thread::JoinHandle};

use super::{Drain, Handler, serve};
use crate::config::Limits;

/// Running workers.
pub struct Workers(Vec<JoinHandle<()>>);

impl Workers {
    /// Waits for all of them. To be called after draining began.
    pub fn join(self) {
        for worker in self.0 {
            if worker.join().is_err() {
                tracing::error!("a worker panicked");
            }
        }
    }
}

/// Starts one thread per listener, each with a runtime and a handler of its own.
pub fn start<H: Handler>(
    listeners: Vec<TcpListener>,
    handler: impl Fn() -> H,
    limits: &Limits,
    drain: &Drain,
    grace: std::time::Duration,
) -> io::Result<Workers> {
    let mut workers = Vec::new();
    for (index, listener) in listeners.into_iter().enumerate() {
        let (handler, limits, drain) = (Arc::new(handler()), limits.clone(), drain.clone());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new()
            .name(format!("worker-{index}"))
            .spawn(move || {
                runtime.block_on(async move {
                    match tokio::net::TcpListener::from_std(listener) {
                        Ok(listener) => serve(listener, handler, limits, drain.clone()).await,
                        Err(error) => tracing::error!(%error, "cannot listen"),
                    }
                    drain_connections(&drain, grace).await;
                });
            })?;
        workers.push(thread);
    }
    Ok(Workers(workers))
}

/// Lets open connections finish, for at most `grace`.
async fn drain_connections(drain: &Drain, grace: std::time::Duration) {
    let all_closed = async {
        while drain.open_connections() > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    if tokio::time::timeout(grace, all_closed).await.is_err() {
        tracing::warn!(
            open = drain.open_connections(),
            "connections were still open when the time to drain ended"
        );
    }
}
