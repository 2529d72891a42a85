use std::{
    cell::{Cell, RefCell, RefMut},
    collections::BTreeMap,
    fmt,
    rc::Rc,
};

use super::{key::BenchKey, store::Store};
use crate::{
    http::{Error, Request, Response},
    kv,
    log::Level,
};

type Answer = dyn Fn(&Request) -> Result<Response, Error>;

/// What the capabilities answer while a [`Bench`] runs.
pub(crate) struct State {
    pub(crate) lines: RefCell<Vec<(Level, String)>>,
    pub(crate) secrets: BTreeMap<String, (Rc<[u8]>, bool)>,
    pub(crate) keys: BTreeMap<String, Rc<BenchKey>>,
    pub(crate) http: Option<Box<Answer>>,
    store: RefCell<Store>,
    store_is_away: bool,
    pub(crate) now_ms: Cell<u64>,
    drawn: Cell<u8>,
}

impl State {
    pub(crate) fn store(&self) -> Result<RefMut<'_, Store>, kv::Error> {
        if self.store_is_away {
            return Err(kv::Error::Unavailable);
        }
        Ok(self.store.borrow_mut())
    }

    pub(crate) fn random(&self, count: u32) -> Vec<u8> {
        (0..count)
            .map(|_| {
                let byte = self.drawn.get();
                self.drawn.set(byte.wrapping_add(1));
                byte
            })
            .collect()
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            lines: RefCell::default(),
            secrets: BTreeMap::new(),
            keys: BTreeMap::new(),
            http: None,
            store: RefCell::default(),
            store_is_away: false,
            now_ms: Cell::new(1_900_000_000_000),
            drawn: Cell::new(0),
        }
    }
}

thread_local! {
    static CURRENT: RefCell<Rc<State>> = RefCell::default();
}

/// The state of the bench that runs on this thread, or an empty one.
pub(crate) fn current() -> Rc<State> {
    CURRENT.with_borrow(Rc::clone)
}

/// Stands in for the gateway on the thread of a test: what a plugin may open, whom it may ask, and what it
/// left behind. What the bench does not have, the plugin is told it may not have.
///
/// ```
/// use cambist_guest::{Call, Principal, Refusal, Token, Validator, crypto, testing::Bench};
///
/// struct Badge;
///
/// impl Validator for Badge {
///     fn validate(token: &Token, _: &Call) -> Result<Principal, Refusal> {
///         let (name, mac) = token.text()?.split_once(':').ok_or_else(Refusal::malformed)?;
///         crypto::key("badge")?.verify(name, mac)?;
///         Ok(Principal::new(name))
///     }
/// }
///
/// let bench = Bench::new().key_with("badge", "HS256", |_| b"mac".to_vec(), |_, mac| mac == b"mac");
/// let judge = |token: &str| bench.run(|| Badge::validate(&token.into(), &Call::at(1_900_000_000)));
/// assert_eq!(judge("dana:mac").unwrap().subject, "dana");
/// assert_eq!(judge("dana:other").unwrap_err(), Refusal::bad_signature());
/// ```
#[must_use]
pub struct Bench(Rc<State>);

impl Bench {
    /// A bench with nothing on it. Its clock stands at 2030-03-17T17:46:40Z.
    pub fn new() -> Self {
        Self(Rc::default())
    }

    /// Puts a secret there that the plugin may use and not see.
    pub fn secret(self, name: impl Into<String>, bytes: impl AsRef<[u8]>) -> Self {
        self.with(|state| {
            let secret = (Rc::from(bytes.as_ref()), false);
            state.secrets.insert(name.into(), secret);
        })
    }

    /// Puts a secret there that the plugin may see.
    pub fn revealed(self, name: impl Into<String>, bytes: impl AsRef<[u8]>) -> Self {
        self.with(|state| {
            let secret = (Rc::from(bytes.as_ref()), true);
            state.secrets.insert(name.into(), secret);
        })
    }

    /// Puts a key for HS256 there.
    pub fn hmac_key(self, name: impl Into<String>, secret: impl AsRef<[u8]>) -> Self {
        let key = BenchKey::hmac(secret.as_ref());
        self.with(|state| {
            state.keys.insert(name.into(), Rc::new(key));
        })
    }

    /// Puts a key there that signs and verifies as the test says.
    pub fn key_with(
        self,
        name: impl Into<String>,
        algorithm: impl Into<String>,
        sign: impl Fn(&[u8]) -> Vec<u8> + 'static,
        verify: impl Fn(&[u8], &[u8]) -> bool + 'static,
    ) -> Self {
        let key = BenchKey {
            algorithm: algorithm.into(),
            sign: Box::new(sign),
            verify: Box::new(verify),
            public_jwk: None,
        };
        self.with(|state| {
            state.keys.insert(name.into(), Rc::new(key));
        })
    }

    /// Gives a key that is already there a public half.
    pub fn public_jwk(self, name: &str, jwk: impl Into<String>) -> Self {
        self.with(|state| {
            if let Some(key) = state.keys.get_mut(name).and_then(Rc::get_mut) {
                key.public_jwk = Some(jwk.into());
            }
        })
    }

    /// Answers HTTP requests.
    pub fn http(self, answer: impl Fn(&Request) -> Result<Response, Error> + 'static) -> Self {
        self.with(|state| state.http = Some(Box::new(answer)))
    }

    /// Sets the clock, in milliseconds since 1970-01-01T00:00:00Z.
    pub fn now_ms(self, now_ms: u64) -> Self {
        self.0.now_ms.set(now_ms);
        self
    }

    /// Puts a value into the store that stays.
    pub fn kv(self, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.0
            .store
            .borrow_mut()
            .set(key, value.as_ref(), u32::MAX, self.0.now_ms.get());
        self
    }

    /// Takes the store away.
    pub fn without_kv(self) -> Self {
        self.with(|state| state.store_is_away = true)
    }

    /// Lets so many milliseconds pass.
    pub fn advance_ms(&self, by: u64) {
        self.0.now_ms.set(self.0.now_ms.get().saturating_add(by));
    }

    /// Runs a test's code on this bench. What it leaves in the store and in the log stays for the next run.
    pub fn run<T>(&self, test: impl FnOnce() -> T) -> T {
        let before = CURRENT.replace(Rc::clone(&self.0));
        let _restore = Restore(before);
        test()
    }

    /// What was written to the log so far.
    pub fn lines(&self) -> Vec<(Level, String)> {
        self.0.lines.borrow().clone()
    }

    fn with(mut self, change: impl FnOnce(&mut State)) -> Self {
        // While it is being set up nobody else has it; a bench that runs is borrowed.
        if let Some(state) = Rc::get_mut(&mut self.0) {
            change(state);
        }
        self
    }
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bench")
            .field("secrets", &self.0.secrets.keys())
            .field("keys", &self.0.keys.keys())
            .finish_non_exhaustive()
    }
}

/// Takes the bench away again, even from a test that panics.
struct Restore(Rc<State>);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(Rc::clone(&self.0));
    }
}
