//! The threads that serve the public listeners.

use std::{io, net::TcpListener, sync::Arc, thread::JoinHandle, time::Duration};

use super::{Door, Drain, Handler, serve};

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

/// A listener with a socket for each worker.
pub struct Opened {
    /// The listener.
    pub door: Arc<Door>,
    /// Its sockets.
    pub sockets: Vec<TcpListener>,
}

/// Starts `count` threads, each with a runtime and a handler of its own and one socket of every listener.
pub fn start<H: Handler>(
    count: usize,
    mut listeners: Vec<Opened>,
    handler: impl Fn() -> H,
    drain: &Drain,
    grace: Duration,
) -> io::Result<Workers> {
    let mut workers = Vec::new();
    for index in 0..count {
        let sockets: Vec<_> = listeners
            .iter_mut()
            .filter_map(|listener| Some((Arc::clone(&listener.door), listener.sockets.pop()?)))
            .collect();
        let (handler, drain) = (Arc::new(handler()), drain.clone());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new()
            .name(format!("worker-{index}"))
            .spawn(move || runtime.block_on(work(sockets, handler, drain, grace)))?;
        workers.push(thread);
    }
    Ok(Workers(workers))
}

async fn work<H: Handler>(
    sockets: Vec<(Arc<Door>, TcpListener)>,
    handler: Arc<H>,
    drain: Drain,
    grace: Duration,
) {
    for (door, socket) in sockets {
        match tokio::net::TcpListener::from_std(socket) {
            Ok(socket) => {
                tokio::spawn(serve(socket, door, Arc::clone(&handler), drain.clone()));
            }
            Err(error) => tracing::error!(%error, listener = door.name, "cannot listen"),
        }
    }
    drain.begun().await;
    drain_connections(&drain, grace).await;
}

/// Lets open connections finish, for at most `grace`.
async fn drain_connections(drain: &Drain, grace: Duration) {
    let all_closed = async {
        while drain.open_connections() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if tokio::time::timeout(grace, all_closed).await.is_err() {
        tracing::warn!(
            open = drain.open_connections(),
            "connections were still open when the time to drain ended"
        );
    }
}
