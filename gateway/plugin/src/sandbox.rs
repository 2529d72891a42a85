//! One sandbox: what a guest runs in, for one call or for several.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};
use wasmtime::{
    Engine, ResourceLimiter, Store, StoreLimits, StoreLimitsBuilder, component::ResourceTable,
};

use crate::{
    GrantedSecret, LogLevel, LogLine, Outside, PluginKey,
    limits::{ANSWER_BYTES, ClassLimits, MEMORIES},
    terms::Terms,
};

/// Lines a guest may log in one call.
const LINES: u32 = 64;
/// Bytes of one logged line.
const LINE_BYTES: usize = 4 << 10;
/// Bytes kept of what a guest wrote last to its standard error.
const LAST_WORDS: usize = 1 << 10;
/// Handles a guest may hold at once.
const HANDLES: usize = 64;

/// The host's side of a sandbox: bounds, and what the guest was let into.
pub(crate) struct Sandbox {
    bounds: Bounds,
    pub(crate) table: ResourceTable,
    /// None outside of calls: nothing is granted to the code that runs while an instance is made.
    visit: Option<Visitor>,
    lines: u32,
    line: Vec<u8>,
    last_words: Vec<u8>,
}

/// On whose behalf a guest runs.
pub(crate) struct Visitor {
    pub(crate) terms: Arc<Terms>,
    pub(crate) outside: Arc<dyn Outside>,
    /// Empty, like the correlation, where nothing is logged.
    pub(crate) instance: String,
    pub(crate) correlation: String,
    /// When tokens are judged, in seconds since the epoch.
    pub(crate) now: u64,
    /// When the call ends at the latest.
    pub(crate) deadline: Instant,
}

/// A secret as a guest holds it. None after the rehearsal in which it was opened.
#[expect(unreachable_pub, reason = "generated bindings re-export it")]
pub struct SecretHandle(pub(crate) Option<GrantedSecret>);

/// A key as a guest holds it. None after the rehearsal in which it was opened.
#[expect(unreachable_pub, reason = "generated bindings re-export it")]
pub struct KeyHandle(pub(crate) Option<Arc<dyn PluginKey>>);

impl SecretHandle {
    /// The secret. An error if it was opened in a rehearsal.
    pub(crate) fn granted(&self) -> wasmtime::Result<&GrantedSecret> {
        self.0.as_ref().ok_or_else(rehearsed)
    }
}

impl KeyHandle {
    /// The key. An error if it was opened in a rehearsal.
    pub(crate) fn granted(&self) -> wasmtime::Result<&dyn PluginKey> {
        self.0.as_deref().ok_or_else(rehearsed)
    }
}

fn rehearsed() -> wasmtime::Error {
    wasmtime::Error::msg("the handle was opened in a rehearsal and kept: open it in every call")
}

impl Sandbox {
    /// A fresh store with every bound in place, before any code of the guest can run.
    pub(crate) fn store(engine: &Engine, limits: &ClassLimits) -> Store<Self> {
        let bounds = StoreLimitsBuilder::new()
            .memory_size(limits.memory_bytes)
            .memories(MEMORIES as usize)
            .instances(limits.core_instances as usize)
            .tables(limits.tables as usize)
            .table_elements(limits.table_elements)
            .trap_on_grow_failure(true)
            .build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES);
        let mut store = Store::new(
            engine,
            Self {
                bounds: Bounds {
                    limits: bounds,
                    memory: 0,
                },
                table,
                visit: None,
                lines: 0,
                line: Vec::new(),
                last_words: Vec::new(),
            },
        );
        store.limiter(|sandbox| &mut sandbox.bounds);
        store.set_hostcall_fuel(ANSWER_BYTES);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        store
    }

    /// Lets a visitor in for one call.
    pub(crate) fn enter(store: &mut Store<Self>, visitor: Visitor) {
        // The ticks while the instance waited are not the call's.
        store.set_epoch_deadline(1);
        let sandbox = store.data_mut();
        sandbox.visit = Some(visitor);
        sandbox.lines = 0;
        sandbox.line.clear();
        sandbox.last_words.clear();
    }

    /// Ends a rehearsal. What the guest opened in it and kept opens nothing in a call, and its handle goes to
    /// nobody else.
    pub(crate) fn end_rehearsal(&mut self) {
        self.visit = None;
        for entry in self.table.iter_mut() {
            if let Some(secret) = entry.downcast_mut::<SecretHandle>() {
                secret.0 = None;
            } else if let Some(key) = entry.downcast_mut::<KeyHandle>() {
                key.0 = None;
            }
        }
    }

    /// The visitor of this call. An error outside of calls.
    pub(crate) fn visitor(&self) -> wasmtime::Result<&Visitor> {
        self.visit.as_ref().ok_or_else(|| {
            wasmtime::format_err!("nothing is granted while an instance is being made")
        })
    }

    /// Whether so many handles are held that a further call might find none. An interpreter lets go of them
    /// when it likes.
    pub(crate) fn is_littered(&mut self) -> bool {
        self.table.iter_mut().nth(HANDLES / 2).is_some()
    }

    /// Most bytes of linear memory there have been.
    pub(crate) const fn memory(&self) -> usize {
        self.bounds.memory
    }

    /// One line for the log: bounded, counted, escaped.
    pub(crate) fn log(&mut self, level: LogLevel, message: &str) {
        let Some(visitor) = &self.visit else {
            return;
        };
        self.lines = self.lines.saturating_add(1);
        let text = match self.lines {
            ..=LINES => escaped(message),
            line if line == LINES + 1 => "further lines of this call are dropped".to_owned(),
            _ => return,
        };
        visitor.outside.log(&LogLine {
            plugin: &visitor.terms.title,
            instance: &visitor.instance,
            correlation: &visitor.correlation,
            level,
            message: &text,
        });
    }

    /// What a guest wrote to its standard output or error.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.last_words.extend_from_slice(
            bytes
                .get(bytes.len().saturating_sub(LAST_WORDS)..)
                .unwrap_or(bytes),
        );
        let excess = self.last_words.len().saturating_sub(LAST_WORDS);
        self.last_words.drain(..excess);
        if !self
            .visit
            .as_ref()
            .is_some_and(|visitor| visitor.terms.grants.log)
        {
            return;
        }
        for byte in bytes {
            if *byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                self.log(LogLevel::Info, &String::from_utf8_lossy(&line));
            } else if self.line.len() < LINE_BYTES {
                self.line.push(*byte);
            }
        }
    }

    /// What a guest wrote last, on one line.
    pub(crate) fn last_words(&self) -> String {
        escaped(String::from_utf8_lossy(&self.last_words).trim())
    }
}

fn escaped(message: &str) -> String {
    let mut line = String::new();
    for c in message.chars() {
        if line.len() >= LINE_BYTES {
            line.push('…');
            break;
        }
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// The bounds of a store, and how much of them was used.
struct Bounds {
    limits: StoreLimits,
    memory: usize,
}

impl ResourceLimiter for Bounds {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let grows = self.limits.memory_growing(current, desired, maximum)?;
        if grows {
            self.memory = self.memory.max(desired);
        }
        Ok(grows)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.limits.memory_grow_failed(error)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.limits.table_growing(current, desired, maximum)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.limits.table_grow_failed(error)
    }

    fn instances(&self) -> usize {
        self.limits.instances()
    }

    fn tables(&self) -> usize {
        self.limits.tables()
    }

    fn memories(&self) -> usize {
        self.limits.memories()
    }
}

/// How many times longer than its processor time a guest may be driven by the clock.
const PATIENCE: u32 = 10;

/// Drives a guest's future on this thread for at most `limit` of processor time, so that a good guest is not
/// refused because others are busy, and ten times that by the clock. For uploads and instances made ahead,
/// which run on threads that may block.
pub(crate) fn drive<T>(future: impl Future<Output = T>, limit: Duration) -> Option<T> {
    let (started, used_before) = (Instant::now(), processor_time());
    let is_over = || {
        processor_time().saturating_sub(used_before) >= limit
            || started.elapsed() >= limit.saturating_mul(PATIENCE)
    };
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return Some(output),
            Poll::Pending if is_over() => return None,
            Poll::Pending => thread::yield_now(),
        }
    }
}

/// Processor time of this thread so far.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Key;

    impl PluginKey for Key {
        fn algorithm(&self) -> &'static str {
            "HS256"
        }

        fn sign(&self, _data: &[u8]) -> Option<Vec<u8>> {
            None
        }

        fn verify(&self, _data: &[u8], _signature: &[u8]) -> bool {
            true
        }

        fn public_jwk(&self) -> Option<String> {
            None
        }
    }

    #[test]
    fn wa_06_what_a_rehearsal_opened_opens_nothing_in_a_call() {
        let engine = Engine::default();
        let limits = crate::HostLimits::default().of(crate::limits::Class::Light);
        let mut store = Sandbox::store(&engine, &limits);
        let sandbox = store.data_mut();
        let secret = GrantedSecret {
            bytes: Arc::new(b"of the case".to_vec().into()),
            reveal: true,
        };
        let secret = sandbox.table.push(SecretHandle(Some(secret))).unwrap();
        let key = sandbox.table.push(KeyHandle(Some(Arc::new(Key)))).unwrap();
        assert!(sandbox.table.get(&key).unwrap().granted().is_ok());
        sandbox.end_rehearsal();
        assert!(sandbox.table.get(&key).unwrap().granted().is_err());
        assert!(sandbox.table.get(&secret).unwrap().granted().is_err());
        let next = sandbox.table.push(KeyHandle(Some(Arc::new(Key)))).unwrap();
        assert!(![key.rep(), secret.rep()].contains(&next.rep()));
        assert!(sandbox.visitor().is_err());
    }

    const LIMIT: Duration = Duration::from_millis(20);

    #[test]
    fn a_guest_that_only_waits_for_the_processor_is_waited_for() {
        let began = Instant::now();
        let slow = std::future::poll_fn(|_| {
            // As if others had the processor.
            thread::sleep(Duration::from_millis(5));
            if began.elapsed() > 3 * LIMIT {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        assert_eq!(drive(slow, LIMIT), Some(()));
    }

    #[test]
    fn one_that_uses_it_up_is_not() {
        let before = processor_time();
        let busy = std::future::poll_fn(|_| {
            let until = processor_time() + Duration::from_millis(2);
            while processor_time() < until {}
            Poll::<()>::Pending
        });
        assert_eq!(drive(busy, LIMIT), None);
        assert!(processor_time() < before + 3 * LIMIT);
    }

    #[test]
    fn nor_is_one_that_never_comes_to_an_end() {
        let began = Instant::now();
        let idle = std::future::poll_fn(|_| {
            thread::sleep(Duration::from_millis(5));
            Poll::<()>::Pending
        });
        assert_eq!(drive(idle, LIMIT), None);
        assert!(began.elapsed() >= PATIENCE * LIMIT);
    }

    #[test]
    fn a_logged_line_is_one_line_and_bounded() {
        assert_eq!(escaped("a\nb\u{1b}[31m"), "a\\nb\\u{1b}[31m");
        let long = escaped(&"x".repeat(3 * LINE_BYTES));
        assert_eq!(long.len(), LINE_BYTES + '…'.len_utf8());
    }
}
