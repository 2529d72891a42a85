//! A plugin bound to points of an instance: what each call goes through.

mod roles;
mod saml;

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering},
    task::Poll,
    time::{Duration, Instant},
};

use cambist_core::{Call, Fault, Purpose};
use crossbeam_queue::ArrayQueue;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::unconstrained,
    time::{sleep_until, timeout},
};

use crate::{
    Plugin,
    answer::Nonsense,
    manifest::Isolation,
    outside::untouched::Untouched,
    ready::{Ready, Sandboxed, discard},
    sandbox::{Sandbox, Visitor},
    terms::Terms,
    v0_1::{Answer, Asked, Cause, Guest, Loaded, Refused, WitValue, values},
};

/// Sandboxes kept between calls for one use of a plugin.
const WORKERS: usize = 16;
/// Calls of one worker, unless the manifest says otherwise.
const WORKER_CALLS: u32 = 256;

/// One use of a plugin. Cheap to clone; its clones share their workers.
#[derive(Clone)]
pub struct Bound {
    used: Arc<Used>,
}

struct Used {
    plugin: Arc<Plugin>,
    terms: Arc<Terms>,
    config: Vec<(String, WitValue)>,
    /// Sandboxes for further calls, if plugin and operator agree on that.
    workers: Option<ArrayQueue<Worker>>,
    call_time: Duration,
}

/// It goes through many hands in a call, so it is small.
struct Worker {
    sandboxed: Box<Sandboxed>,
    calls_left: u32,
}

/// A guest let in for one call. Dropped before it left, its sandbox is gone with it.
struct Visit {
    worker: Worker,
    deadline: Instant,
    turns: Turns,
    /// Comes when the rest is gone.
    _successor: Option<Successor>,
}

/// Has an instance made ahead, however the call of the one before it ends.
struct Successor(Arc<Plugin>);

impl Drop for Successor {
    fn drop(&mut self) {
        if let Some(ready) = &self.0.ready {
            ready.order();
        }
    }
}

/// Permits for one sandbox: of those that its plugin may take, and of all.
type Turns = [OwnedSemaphorePermit; 2];

impl Bound {
    pub(crate) fn new(plugin: Arc<Plugin>, terms: Terms) -> Self {
        let reuses = terms.grants.reuse && plugin.manifest.isolation == Isolation::Worker;
        let waits = if terms.grants.origins.is_empty() {
            Duration::ZERO
        } else {
            plugin.limits.outside_time
        };
        Self {
            used: Arc::new(Used {
                config: values(&terms.config),
                terms: Arc::new(terms),
                workers: reuses.then(|| ArrayQueue::new(WORKERS)),
                call_time: plugin.limits.call_time.saturating_add(waits),
                plugin,
            }),
        }
    }

    /// The plugin's name and digest.
    pub fn title(&self) -> &str {
        &self.used.terms.title
    }

    /// Whether it may send requests to anybody.
    fn reaches_out(&self) -> bool {
        !self.used.terms.grants.origins.is_empty()
    }

    /// Lets the guest in: a turn, a sandbox, its terms and its deadline.
    async fn enter(&self, call: &Call<'_>) -> Result<Visit, Fault> {
        let Used {
            plugin,
            terms,
            workers,
            call_time,
            ..
        } = &*self.used;
        let turns = [
            self.turn(&plugin.own_turns).await?,
            self.turn(plugin.turns()).await?,
        ];
        plugin.calls.fetch_add(1, Ordering::Relaxed);
        let successor = plugin
            .ready
            .is_some()
            .then(|| Successor(Arc::clone(plugin)));
        let deadline = Instant::now() + *call_time;
        let kept = workers.as_ref().and_then(ArrayQueue::pop);
        let mut worker = match kept {
            Some(mut worker) => {
                worker.sandboxed.idle = None;
                worker
            }
            None => Worker {
                sandboxed: Box::pin(self.sandboxed(deadline)).await?,
                calls_left: match workers {
                    None => 1,
                    Some(_) => plugin.manifest.worker_calls.unwrap_or(WORKER_CALLS),
                },
            },
        };
        let logged = |text: &str| {
            if terms.grants.log {
                text.to_owned()
            } else {
                String::new()
            }
        };
        let outside = Arc::clone(&plugin.shared.outside);
        let visitor = Visitor {
            terms: Arc::clone(terms),
            outside: match call.purpose {
                Purpose::Issue => outside,
                Purpose::Explain => Arc::new(Untouched(outside)),
            },
            instance: logged(call.instance),
            correlation: logged(call.correlation),
            now: call.now.0,
            deadline,
        };
        Sandbox::enter(&mut worker.sandboxed.store, visitor);
        Ok(Visit {
            worker,
            deadline,
            turns,
            _successor: successor,
        })
    }

    async fn sandboxed(&self, deadline: Instant) -> Result<Box<Sandboxed>, Fault> {
        let plugin = &self.used.plugin;
        if let Some(ready) = plugin.ready.as_ref().and_then(Ready::take) {
            return Ok(ready);
        }
        let mut store = Sandbox::store(plugin.engine(), &plugin.limits);
        let made = {
            let making = pin!(plugin.linked.instantiate(&mut store));
            in_time(deadline, making).await
        };
        match made {
            Some(Ok(instance)) => Ok(Box::new(Sandboxed {
                idle: None,
                store,
                instance,
                loaded: Loaded::default(),
                asked: Asked::default(),
            })),
            Some(Err(trap)) => Err(self.failed(format!("{trap:#}"))),
            None => Err(self.failed("its sandbox was not ready in time".to_owned())),
        }
    }

    async fn turn(&self, turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Fault> {
        if let Ok(turn) = Arc::clone(turns).try_acquire_owned() {
            return Ok(turn);
        }
        Box::pin(self.later_turn(turns)).await
    }

    async fn later_turn(&self, turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Fault> {
        let turn = Arc::clone(turns).acquire_owned();
        match timeout(self.used.plugin.limits.turn_wait, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(Fault::Overloaded(format!(
                "every sandbox is busy, no turn for plugin {}",
                self.title()
            ))),
        }
    }

    /// Sees the guest out: what it said, or what became of it.
    fn leave<T>(
        &self,
        visit: Visit,
        outcome: Option<wasmtime::Result<Answer<T>>>,
        call: &Call<'_>,
    ) -> Result<Result<T, Refused>, Fault> {
        let last_words = || {
            let words = visit.worker.sandboxed.store.data().last_words();
            if words.is_empty() {
                words
            } else {
                format!("; it wrote: {words}")
            }
        };
        match outcome {
            Some(Ok(Ok(answer))) => {
                self.keep(visit.worker, visit.turns);
                if let Err(refused) = &answer {
                    self.note(refused, call);
                }
                Ok(answer)
            }
            Some(Ok(Err(Nonsense::NoSubject))) => {
                self.count_failure();
                Err(Fault::Nameless {
                    plugin: self.title().to_owned(),
                })
            }
            Some(Ok(Err(nonsense))) => Err(self.failed(nonsense.to_string())),
            Some(Err(trap)) => {
                tracing::debug!(plugin = self.title(), trap = %format_args!("{trap:#}"), "a plugin trapped");
                Err(self.failed(format!("{}{}", trap.root_cause(), last_words())))
            }
            None => Err(self.failed(format!(
                "no answer within {:?}{}",
                self.used.call_time,
                last_words()
            ))),
        }
    }

    /// Only a sandbox whose call ended well, and which may and can be used again, is kept. One that took long to
    /// make takes long to clear away, and the answer does not wait for that.
    fn keep(&self, mut worker: Worker, turns: Turns) {
        let Used {
            plugin, workers, ..
        } = &*self.used;
        if plugin.ready.is_some() {
            discard(worker.sandboxed, turns);
            return;
        }
        let Some(workers) = workers.as_ref().filter(|_| worker.calls_left > 1) else {
            return;
        };
        if worker.sandboxed.store.data_mut().is_littered() {
            return;
        }
        worker.calls_left -= 1;
        if let Ok(idle) = Arc::clone(plugin.idle()).try_acquire_owned() {
            worker.sandboxed.idle = Some(idle);
            // A full stock has enough of them.
            drop(workers.push(worker));
        }
    }

    fn note(&self, refused: &Refused, call: &Call<'_>) {
        if let Some(detail) = &refused.detail {
            tracing::info!(
                plugin = self.title(),
                instance = call.instance,
                correlation = call.correlation,
                code = refused.code,
                detail,
                "a plugin said no"
            );
        }
    }

    fn count_failure(&self) {
        self.used.plugin.failures.fetch_add(1, Ordering::Relaxed);
    }

    fn failed(&self, reason: String) -> Fault {
        self.count_failure();
        Fault::Plugin {
            plugin: self.title().to_owned(),
            reason,
        }
    }

    /// The fault behind a refusal that is not the caller's, or the refusal itself.
    fn blamed(&self, refused: Refused) -> Result<Refused, Fault> {
        match refused.cause {
            Cause::Token(_) => Ok(refused),
            Cause::Unavailable => Err(Fault::Unavailable(format!(
                "plugin {}: {}",
                self.title(),
                said(refused)
            ))),
            Cause::Internal => Err(self.failed(said(refused))),
        }
    }
}

/// What a plugin said to operators about a fault of its own.
fn said(refused: Refused) -> String {
    match (refused.code, refused.detail) {
        (Some(code), Some(detail)) => format!("{code}: {detail}"),
        (Some(text), None) | (None, Some(text)) => text,
        (None, None) => "it gave no reason".to_owned(),
    }
}

impl Visit {
    fn guest<'a>(&'a mut self, bound: &'a Bound) -> Guest<'a> {
        Guest {
            linked: &bound.used.plugin.linked,
            store: &mut self.worker.sandboxed.store,
            instance: &self.worker.sandboxed.instance,
            loaded: &mut self.worker.sandboxed.loaded,
            asked: &mut self.worker.sandboxed.asked,
            config: &bound.used.config,
        }
    }
}

/// Waits for `work` until `deadline`; none if it took longer. Most guests answer without waiting, and need no
/// timer.
async fn in_time<F: Future>(deadline: Instant, mut work: Pin<&mut F>) -> Option<F::Output> {
    let mut timer = None;
    poll_fn(|context| {
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(Some(done));
        }
        // However much the work did that tokio counts, the deadline is looked at.
        let timer =
            timer.get_or_insert_with(|| Box::pin(unconstrained(sleep_until(deadline.into()))));
        timer.as_mut().poll(context).map(|()| None)
    })
    .await
}

/// Asks the guest `$guest` one question, within its deadline.
macro_rules! ask {
    ($bound:expr, $call:expr, |$guest:ident| $question:expr) => {{
        let mut visit = $bound.enter($call).await?;
        let deadline = visit.deadline;
        let outcome = {
            let $guest = visit.guest(&$bound);
            let question = std::pin::pin!($question);
            $crate::bound::in_time(deadline, question).await
        };
        $bound.leave(visit, outcome, $call)?
    }};
}
use ask;
