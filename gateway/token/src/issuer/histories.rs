//! An issuer that rotates its keys under sixteen clients: what they saw is judged afterwards.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use cambist_core::{BoxFuture, Call, Fetch, FetchError, Fetched, Timestamp, Token};
use proptest::prelude::*;
use serde_json::json;

use crate::{
    IssuerConfig, TrustedIssuer,
    fixture::{self, Fixture, NOW},
    jose::{Algorithm, SigningKey},
};

const CLIENTS: usize = 16;
const KEYS: usize = 24;
/// How long a fetched set counts as fresh, in seconds.
const FRESH: u64 = 60;
/// Least time between two attempts to fetch.
const ATTEMPTS: u64 = 10;
/// How far time may go on while a request is under way.
const DRIFT: u64 = 20;

/// A sequence that is different for every seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % bound
    }
}

/// When something began and ended in the order of all things, and when by the clock.
#[derive(Clone, Copy, Debug)]
struct Span {
    begun: u64,
    done: u64,
    at: u64,
}

#[derive(Debug)]
struct Asked {
    key: usize,
    span: Span,
    is_accepted: bool,
}

#[derive(Default)]
struct History {
    published: Vec<Option<Span>>,
    retired: Vec<Option<Span>>,
    asked: Vec<Asked>,
    fetched: Vec<Span>,
}

/// The clock, and by what time each client's request goes, if one is under way.
struct Clock {
    now: u64,
    requests: [Option<u64>; CLIENTS],
}

struct World {
    order: AtomicU64,
    clock: Mutex<Clock>,
    keys: Vec<SigningKey>,
    served: Mutex<Vec<u8>>,
    history: Mutex<History>,
    count: AtomicUsize,
}

impl World {
    fn new() -> Arc<Self> {
        let key = |_| SigningKey::generate(Algorithm::EdDsa).unwrap().0;
        let world = Self {
            order: AtomicU64::new(0),
            clock: Mutex::new(Clock {
                now: NOW,
                requests: [None; CLIENTS],
            }),
            keys: (0..KEYS).map(key).collect(),
            served: Mutex::default(),
            history: Mutex::new(History {
                published: vec![None; KEYS],
                retired: vec![None; KEYS],
                ..History::default()
            }),
            count: AtomicUsize::new(0),
        };
        world.publish(0..1);
        Arc::new(world)
    }

    fn tick(&self) -> u64 {
        self.order.fetch_add(1, Ordering::SeqCst)
    }

    /// Publishes these keys and no others.
    fn publish(&self, keys: std::ops::Range<usize>) {
        let begun = self.tick();
        let set: Vec<_> = keys
            .clone()
            .map(|key| self.keys[key].public_jwk())
            .collect();
        *self.served.lock().unwrap() = json!({ "keys": set }).to_string().into_bytes();
        let at = self.clock.lock().unwrap().now;
        let span = Span {
            begun,
            done: self.tick(),
            at,
        };
        let mut history = self.history.lock().unwrap();
        for key in 0..KEYS {
            let place = if keys.contains(&key) {
                &mut history.published
            } else if key < keys.start {
                &mut history.retired
            } else {
                continue;
            };
            place[key].get_or_insert(span);
        }
    }

    /// Lets time go on, but not away from requests under way.
    async fn wait(&self, seconds: u64) {
        loop {
            {
                let mut clock = self.clock.lock().unwrap();
                let next = clock.now + seconds;
                let oldest = clock.requests.iter().flatten().min();
                if oldest.is_none_or(|oldest| next <= oldest + DRIFT) {
                    clock.now = next;
                    return;
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// The issuer's life: a new key now and then, of which the last two or three are published.
    async fn rotate(&self, chance: &mut Chance) {
        let mut newest = 0;
        while newest + 2 < KEYS {
            let target = self.count.load(Ordering::Relaxed) + CLIENTS;
            while self.count.load(Ordering::Relaxed) < target {
                tokio::task::yield_now().await;
            }
            self.wait(1 + chance.below(9)).await;
            // The first key is there for long enough to be known.
            let is_time = self.clock.lock().unwrap().now > NOW + 2 * ATTEMPTS;
            if is_time && chance.below(4) == 0 {
                newest += 1;
                let oldest = (newest + 1).saturating_sub(2 + usize::from(chance.below(2) == 0));
                self.publish(oldest..newest + 1);
            }
        }
    }
}

impl Fetch for World {
    fn get<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(async move {
            let begun = self.tick();
            tokio::time::sleep(std::time::Duration::from_micros(300)).await;
            let body = self.served.lock().unwrap().clone();
            tokio::time::sleep(std::time::Duration::from_micros(300)).await;
            let span = Span {
                begun,
                done: self.tick(),
                at: 0,
            };
            self.history.lock().unwrap().fetched.push(span);
            Ok(Fetched {
                body,
                max_age: Some(std::time::Duration::from_secs(FRESH)),
            })
        })
    }
}

impl History {
    /// What must be accepted, what must not, and how often was fetched. Says how many requests were bound to end
    /// as they did: accepted, and refused.
    fn judge(&self, seconds: u64) -> (usize, usize) {
        let (mut bound_to_pass, mut bound_to_fail) = (0, 0);
        for asked in &self.asked {
            let Span { begun, done, at } = asked.span;
            let published = self.published[asked.key];
            let retired = self.retired[asked.key];
            let is_known =
                published.is_some_and(|span| span.done < begun && span.at + ATTEMPTS <= at);
            if is_known && retired.is_none_or(|span| span.begun > done) {
                assert!(
                    asked.is_accepted,
                    "published for long: {asked:?} {published:?}"
                );
                bound_to_pass += 1;
            }
            if published.is_none_or(|span| span.begun > done) {
                assert!(!asked.is_accepted, "never published: {asked:?}");
                bound_to_fail += 1;
            }
            // While somebody fetches, others go on with what is known.
            let is_fetching = || {
                let mut fetched = self.fetched.iter();
                fetched.any(|fetch| fetch.begun < done && begun < fetch.done)
            };
            let is_gone = retired.is_some_and(|span| span.done < begun && span.at + FRESH <= at);
            if is_gone && !is_fetching() {
                assert!(
                    !asked.is_accepted,
                    "retired for long: {asked:?} {retired:?}"
                );
                bound_to_fail += 1;
            }
        }
        let most = 1 + usize::try_from(seconds / ATTEMPTS).unwrap();
        assert!(
            self.fetched.len() <= most,
            "{} fetches in {seconds} s",
            self.fetched.len()
        );
        (bound_to_pass, bound_to_fail)
    }
}

/// Asks until the issuer has published its last key: about several keys, or always about the first, so that nothing
/// but its age makes anybody fetch again.
async fn client(
    world: Arc<World>,
    number: usize,
    trusted: Arc<TrustedIssuer>,
    seed: u64,
    is_quiet: bool,
) {
    let validator = Fixture::new()
        .validator_trusting(&trusted, "id_token", json!({"issuers": ["partner"]}))
        .unwrap();
    let tokens: Vec<Token> = world
        .keys
        .iter()
        .map(|key| {
            let mut claims = fixture::id_claims();
            claims["exp"] = json!(NOW + 100_000);
            Token::new(key.sign_jwt("JWT", &claims).unwrap())
        })
        .collect();
    let mut chance = Chance(seed ^ (number as u64 + 1));
    while world.history.lock().unwrap().published[KEYS - 2].is_none() {
        let newest = {
            let history = world.history.lock().unwrap();
            history.published.iter().flatten().count() - 1
        };
        // The newest, some before it, and one that nobody has published yet.
        let before = usize::try_from(chance.below(6)).unwrap();
        let key = if is_quiet {
            0
        } else {
            (newest + 1).saturating_sub(before)
        };
        let begun = world.tick();
        let at = {
            let mut clock = world.clock.lock().unwrap();
            clock.requests[number] = Some(clock.now);
            clock.now
        };
        let call = Call {
            now: Timestamp(at),
            ..fixture::call()
        };
        let is_accepted = validator.validate(&tokens[key], &call).await.is_ok();
        world.clock.lock().unwrap().requests[number] = None;
        let span = Span {
            begun,
            done: world.tick(),
            at,
        };
        world.history.lock().unwrap().asked.push(Asked {
            key,
            span,
            is_accepted,
        });
        world.count.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(std::time::Duration::from_micros(chance.below(300))).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// KF-05 over histories: a token under a key that was published at least ten seconds before is accepted; one
    /// under a key that was taken back is refused once what is known of it is stale and nobody is fetching; one
    /// under a key that was never published is refused; and no attempt to fetch follows another within ten
    /// seconds.
    #[test]
    fn kf_05_rotation_is_seen_by_sixteen_clients(seed in any::<u64>()) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(4)
            .enable_all()
            .build()
            .unwrap();
        for is_quiet in [false, true] {
            runtime.block_on(history(seed, is_quiet));
        }
    }
}

async fn history(seed: u64, is_quiet: bool) {
    let world = World::new();
    let config = IssuerConfig {
        jwks_uri: Some("https://idp.example/jwks".to_owned()),
        ..IssuerConfig::new(fixture::PARTNER, vec!["us".to_owned(), "web".to_owned()])
    };
    let fetch: Arc<dyn Fetch> = world.clone();
    let trusted = Arc::new(TrustedIssuer::build(config, fetch).unwrap());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (world, trusted) = (Arc::clone(&world), Arc::clone(&trusted));
            tokio::spawn(client(world, number, trusted, seed, is_quiet))
        })
        .collect();
    world.rotate(&mut Chance(seed)).await;
    for client in clients {
        client.await.unwrap();
    }
    let seconds = world.clock.lock().unwrap().now - NOW;
    let (passed, failed) = world.history.lock().unwrap().judge(seconds);
    assert!(passed > 0 && failed > 0, "{is_quiet} {passed} {failed}");
}
