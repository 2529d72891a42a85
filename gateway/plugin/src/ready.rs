//! Instances made ahead: for guests that take long to start, so that starting is not on the way of a
//! request. Each is used once.

use std::sync::{
    Arc, Mutex, MutexGuard, OnceLock, PoisonError,
    mpsc::{SyncSender, TrySendError, sync_channel},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::{Engine, Store, component::Instance};

use crate::{
    case::Rehearsal,
    limits::ClassLimits,
    sandbox::{Sandbox, drive},
    v0_1::{Asked, Linked, Loaded},
};

/// Instances kept for one plugin.
const KEPT: usize = 4;
/// Orders that may wait for the one thread that makes instances.
const ORDERS: usize = 256;

/// An instance with the store it lives in.
pub(crate) struct Sandboxed {
    /// Its permit to be kept, while it does not run.
    pub(crate) idle: Option<OwnedSemaphorePermit>,
    pub(crate) store: Store<Sandbox>,
    pub(crate) instance: Instance,
    /// Exports found so far.
    pub(crate) loaded: Loaded,
    pub(crate) asked: Asked,
}

/// Instances that wait. The one made last goes first: its pages are those the processor still has at hand.
#[derive(Default)]
#[expect(clippy::vec_box, reason = "an instance goes through many hands")]
struct Stock(Mutex<Vec<Box<Sandboxed>>>);

impl Stock {
    #[expect(clippy::vec_box, reason = "as above")]
    fn lock(&self) -> MutexGuard<'_, Vec<Box<Sandboxed>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_full(&self) -> bool {
        self.lock().len() >= KEPT
    }
}

/// The stock of one plugin.
pub(crate) struct Ready {
    stock: Arc<Stock>,
    linked: Arc<Linked>,
    engine: Engine,
    limits: ClassLimits,
    idle: Arc<Semaphore>,
    rehearsal: Option<Arc<Rehearsal>>,
}

impl Ready {
    /// A stock that fills itself from now on.
    pub(crate) fn new(
        linked: Arc<Linked>,
        engine: Engine,
        limits: ClassLimits,
        idle: Arc<Semaphore>,
        rehearsal: Option<Arc<Rehearsal>>,
    ) -> Self {
        let ready = Self {
            stock: Arc::default(),
            linked,
            engine,
            limits,
            idle,
            rehearsal,
        };
        for _ in 0..KEPT {
            ready.order();
        }
        ready
    }

    /// One instance, if there is one now. Whoever asks orders another when its call is over, and not before:
    /// making one would take processor and caches from the call.
    pub(crate) fn take(&self) -> Option<Box<Sandboxed>> {
        let mut taken = self.stock.lock().pop();
        if let Some(sandboxed) = &mut taken {
            sandboxed.idle = None;
        }
        taken
    }

    /// Has one made, unless there are enough by then.
    pub(crate) fn order(&self) {
        let (stock, linked) = (Arc::downgrade(&self.stock), Arc::downgrade(&self.linked));
        let (engine, limits, idle) = (self.engine.weak(), self.limits, Arc::clone(&self.idle));
        let rehearsal = self.rehearsal.clone();
        let order: Order = Box::new(move || {
            // A plugin that is gone meanwhile needs none; a full pool has none to give.
            let (Some(stock), Some(linked), Some(engine)) =
                (stock.upgrade(), linked.upgrade(), engine.upgrade())
            else {
                return;
            };
            let Ok(idle) = idle.try_acquire_owned() else {
                return;
            };
            if stock.is_full() {
                return;
            }
            match make(&linked, &engine, &limits, rehearsal.as_deref()) {
                Ok(mut made) => {
                    made.idle = Some(idle);
                    stock.lock().push(made);
                }
                Err(reason) => tracing::debug!(reason, "no instance ahead"),
            }
        });
        if let Some(maker) = maker()
            && let Err(TrySendError::Full(_)) = maker.try_send(order)
        {
            tracing::debug!("too many instances are ordered ahead");
        }
    }
}

/// An instance that has played its rehearsal, with its exports found.
fn make(
    linked: &Linked,
    engine: &Engine,
    limits: &ClassLimits,
    rehearsal: Option<&Rehearsal>,
) -> Result<Box<Sandboxed>, String> {
    let mut store = Sandbox::store(engine, limits);
    let instance = drive(linked.instantiate(&mut store), limits.call_time)
        .ok_or("it was not ready in time")?
        .map_err(|error| format!("{error:#}"))?;
    if let Some(rehearsal) = rehearsal {
        rehearsal.play(&mut store, &instance, limits)?;
    }
    let loaded = linked.load(&mut store, &instance);
    Ok(Box::new(Sandboxed {
        idle: None,
        loaded: loaded.map_err(|error| format!("{error:#}"))?,
        asked: Asked::default(),
        store,
        instance,
    }))
}

/// Clears a used instance away. Its turns count as taken until then.
pub(crate) fn discard(used: Box<Sandboxed>, turns: [OwnedSemaphorePermit; 2]) {
    let order: Order = Box::new(move || {
        drop(used);
        drop(turns);
    });
    // If the one thread is behind, the order comes back and is dropped here: whoever comes clears away.
    if let Some(maker) = maker() {
        drop(maker.try_send(order));
    }
}

type Order = Box<dyn FnOnce() + Send>;

/// The one thread of the process that makes instances ahead; none if it cannot start, and then every
/// instance is made when it is needed.
fn maker() -> Option<SyncSender<Order>> {
    static MAKER: OnceLock<Mutex<Option<SyncSender<Order>>>> = OnceLock::new();
    let maker = MAKER.get_or_init(|| {
        let (orders, taken) = sync_channel::<Order>(ORDERS);
        let started = std::thread::Builder::new()
            .name("plugin-ready".to_owned())
            .stack_size(2 << 20)
            .spawn(move || taken.iter().for_each(|order| order()));
        Mutex::new(started.is_ok().then_some(orders))
    });
    maker.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
