//! A route's exchanges under sixteen clients, with revocation, publication and time going on: what they were
//! served is judged afterwards.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicU64, AtomicUsize},
    },
};

use cambist_core::{IssuedToken, Principal, Scope, Token};
use http_body_util::BodyExt as _;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use rustls::RootCertStore;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Handle,
};

use super::*;
use crate::{
    egress::tls::trusting,
    history::{Chance, Span},
    ledger::{Ledger, identity_key},
    listener::{Connection, Handler},
    store::{LedgerState, Store},
};

const CLIENTS: u64 = 16;
const STEPS: usize = 40;
const CREDENTIALS: u64 = 6;
const BEGIN: u64 = 1_000_000;
/// A kept token is not sent within its last seconds.
const SPARE: u64 = 5;
/// Longest an exchange is kept.
const KEPT: u64 = 40;
/// How far time may go on while a request is under way.
const DRIFT: u64 = 10;

#[derive(Debug)]
struct Exchange {
    credential: String,
    revision: u64,
    span: Span,
    /// None if it was refused.
    issued: Option<(Timestamp, Timestamp)>,
}

#[derive(Debug)]
struct Served {
    credential: String,
    span: Span,
    /// By what time it was judged, at the earliest.
    now: Timestamp,
    /// Which exchange the upstream was sent; none if the request was refused.
    exchange: Option<usize>,
}

#[derive(Default)]
struct History {
    exchanges: Vec<Exchange>,
    served: Vec<Served>,
    revoked: Vec<(String, Span)>,
    published: Vec<(u64, Span)>,
}

/// The clock, and by what time each client's request goes, if one is under way.
struct Clock {
    now: u64,
    requests: HashMap<u64, u64>,
}

struct World {
    order: AtomicU64,
    clock: Mutex<Clock>,
    revision: AtomicU64,
    exchanges: AtomicUsize,
    ledger: Arc<Ledger>,
    dpop: Dpop,
    history: Mutex<History>,
}

/// Whether exchanging a credential again could give something that ends later.
fn is_renewable(credential: &str) -> bool {
    credential.ends_with(['0', '2', '4'])
}

fn mark_of(name: &str) -> Mark {
    Mark {
        key: Some(identity_key("https://idp.example", name)),
        ..Mark::default()
    }
}

impl World {
    fn tick(&self) -> u64 {
        self.order.fetch_add(1, Ordering::SeqCst)
    }

    fn since(&self, begun: u64) -> Span {
        Span {
            begun,
            done: self.tick(),
        }
    }

    async fn revoke(&self, credential: &str) {
        let begun = self.tick();
        let key = mark_of(credential).key.unwrap();
        let now = Timestamp(BEGIN);
        let revoked = self
            .ledger
            .revoke(key, None, LedgerState::Revoked, None, now);
        revoked.await.unwrap();
        let span = self.since(begun);
        let mut history = self.history.lock().unwrap();
        history.revoked.push((credential.to_owned(), span));
    }

    fn publish(&self) {
        let begun = self.tick();
        let revision = self.revision.fetch_add(1, Ordering::SeqCst) + 1;
        let span = self.since(begun);
        self.history
            .lock()
            .unwrap()
            .published
            .push((revision, span));
    }

    /// Lets time go on, unless requests under way would be left behind.
    fn wait(&self, seconds: u64) {
        let mut clock = self.clock.lock().unwrap();
        let next = clock.now + seconds;
        let oldest = clock.requests.values().min();
        if oldest.is_none_or(|oldest| next <= oldest + DRIFT) {
            clock.now = next;
        }
    }
}

/// One request's view: what is published, and the time, as of its beginning.
struct Visit {
    world: Arc<World>,
    revision: u64,
    now: Timestamp,
}

impl RouteExchange for Visit {
    async fn exchange(
        &self,
        route: &Route,
        subject: Presented,
        _: Option<Presented>,
        _: Option<&str>,
    ) -> Result<Exchanged, ExchangeError> {
        let world = &self.world;
        let begun = world.tick();
        let number = world.exchanges.fetch_add(1, Ordering::Relaxed);
        let credential = String::from_utf8(subject.token.as_bytes().to_vec()).unwrap();
        let parent = mark_of(&credential);
        let own = mark_of(&format!("issued-{number}"));
        let stands = || world.ledger.stands(&parent, "i");
        let mut chance = Chance(number as u64);
        let is_admitted = stands();
        tokio::time::sleep(Duration::from_micros(chance.below(800))).await;
        let expires_at = self.now.plus(SPARE + 1 + chance.below(60));
        // As the engine does: looked at before, and again when it has been taken down.
        let is_issued = is_admitted && stands();
        let exchange = Exchange {
            credential: credential.clone(),
            revision: self.revision,
            span: world.since(begun),
            issued: is_issued.then_some((self.now, expires_at)),
        };
        let place = {
            let mut history = world.history.lock().unwrap();
            history.exchanges.push(exchange);
            history.exchanges.len() - 1
        };
        if !is_issued {
            return Err(ExchangeError::Subject(Rejection::Revoked.into()));
        }
        let ends = is_renewable(&credential).then(|| expires_at.plus(1_000));
        Ok(Exchanged {
            issued: IssuedToken {
                token: Token::new(format!("issued-{place}")),
                token_type: TokenType::ACCESS_TOKEN,
                usage: Usage::Bearer,
                expires_at,
                id: None,
            },
            scope: Scope::parse("read").unwrap(),
            audiences: route.audience().iter().map(|&a| a.to_owned()).collect(),
            subject: credential,
            actors: None,
            principal: Arc::new(Principal {
                expires_at: Some(ends.unwrap_or(expires_at)),
                ..Principal::default()
            }),
            marks: Arc::new([Arc::new(own), Arc::new(parent)]),
            confirmation: None,
        })
    }

    fn dpop(&self) -> &Dpop {
        &self.world.dpop
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn instance_revision(&self) -> u64 {
        self.revision
    }

    fn epoch(&self) -> u64 {
        self.world.ledger.epoch()
    }

    fn stand(&self, marks: &[Arc<Mark>]) -> bool {
        marks.iter().all(|mark| self.world.ledger.stands(mark, "i"))
    }
}

impl History {
    /// Says how many requests got what another had exchanged for, and how many were bound to be refused.
    fn judge(&self) -> (usize, usize) {
        let (mut kept, mut refused) = (0, 0);
        for served in &self.served {
            let Served {
                credential, span, ..
            } = served;
            let mut revoked = self.revoked.iter().filter(|(whose, _)| whose == credential);
            if revoked
                .clone()
                .any(|(_, revoked)| revoked.done < span.begun)
            {
                assert!(served.exchange.is_none(), "revoked before: {served:?}");
                refused += 1;
            }
            if revoked.all(|(_, revoked)| span.done < revoked.begun) {
                assert!(served.exchange.is_some(), "never revoked: {served:?}");
            }
            let Some(exchange) = served.exchange.map(|number| &self.exchanges[number]) else {
                continue;
            };
            assert_eq!(
                exchange.credential, *credential,
                "somebody else's: {served:?}"
            );
            let published = self.published.iter();
            let published = published.filter(|(_, published)| published.done < span.begun);
            let latest = published.map(|(revision, _)| *revision).max().unwrap_or(0);
            assert!(latest <= exchange.revision, "{served:?} got {exchange:?}");
            if exchange.span.done < span.begun {
                let (made, ends) = exchange.issued.unwrap();
                assert!(
                    served.now.plus(SPARE) <= ends,
                    "ends: {served:?} got {exchange:?}"
                );
                assert!(
                    served.now < made.plus(KEPT),
                    "kept: {served:?} got {exchange:?}"
                );
                kept += 1;
            }
        }
        self.judge_exchanges();
        (kept, refused)
    }

    /// Of one credential one exchange at a time, but for renewals and what was revoked meanwhile.
    fn judge_exchanges(&self) {
        let revoked: HashSet<&String> = self.revoked.iter().map(|(whose, _)| whose).collect();
        let mut of_key: HashMap<(&String, u64), Vec<Span>> = HashMap::new();
        let judged = self.exchanges.iter().filter(|exchange| {
            !is_renewable(&exchange.credential) && !revoked.contains(&exchange.credential)
        });
        for exchange in judged {
            let known = of_key
                .entry((&exchange.credential, exchange.revision))
                .or_default();
            let twice = known.iter().find(|other| other.meets(&exchange.span));
            assert!(twice.is_none(), "two at once: {exchange:?} and {twice:?}");
            known.push(exchange.span);
        }
    }
}

struct Front {
    world: Arc<World>,
    route: Arc<Route>,
    upstreams: Arc<Upstreams>,
}

impl Handler for Front {
    async fn handle(
        &self,
        request: &mut Request<Incoming>,
        connection: &Connection,
    ) -> Response<Body> {
        let now = Timestamp(self.world.clock.lock().unwrap().now);
        let visit = Visit {
            revision: self.world.revision.load(Ordering::SeqCst),
            world: Arc::clone(&self.world),
            now,
        };
        let caller = support::caller(connection.peer, &connection.client_text);
        forward(request, caller, &self.route, &visit, &self.upstreams).await
    }
}

/// Serves the route; every request begins with what is published and with the time.
async fn serve(world: Arc<World>, route: Arc<Route>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let upstreams = Arc::new(Upstreams::new(trusting(RootCertStore::empty()).unwrap()));
    let front = Front {
        world,
        route,
        upstreams,
    };
    support::listen(listener, front);
    address
}

type Sender = SendRequest<Full<bytes::Bytes>>;

async fn ask(world: &World, sender: &mut Sender, number: u64, credential: String) {
    let begun = world.tick();
    let now = {
        let mut clock = world.clock.lock().unwrap();
        let now = clock.now;
        clock.requests.insert(number, now);
        now
    };
    let request = Request::builder()
        .uri("/")
        .header("host", "proxy.example")
        .header("authorization", format!("Bearer {credential}"))
        .body(Full::<bytes::Bytes>::default());
    sender.ready().await.unwrap();
    let response = sender.send_request(request.unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let span = world.since(begun);
    world.clock.lock().unwrap().requests.remove(&number);
    let body = String::from_utf8(body.to_vec()).unwrap();
    let exchange = match status {
        200 => Some(
            body.strip_prefix("Bearer issued-")
                .unwrap()
                .parse()
                .unwrap(),
        ),
        401 => None,
        _ => panic!("{status} {body}"),
    };
    world.history.lock().unwrap().served.push(Served {
        credential,
        span,
        now: Timestamp(now),
        exchange,
    });
}

async fn client(world: Arc<World>, address: SocketAddr, number: u64, mut chance: Chance) {
    let stream = TcpStream::connect(address).await.unwrap();
    let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.unwrap();
    tokio::spawn(connection);
    for step in 0..STEPS {
        // The half of them that is revoked sooner or later, and the half that never is.
        let credential = format!("credential-{}", chance.below(CREDENTIALS));
        match chance.below(60) {
            0..2 if step > STEPS / 4 => {
                let revoked = format!("credential-{}", chance.below(CREDENTIALS / 2));
                world.revoke(&revoked).await;
            }
            2 => world.publish(),
            3..16 => world.wait(1 + chance.below(4)),
            _ => ask(&world, &mut sender, number, credential).await,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// AB-17, AB-18, AB-19 over histories: nothing is sent that was issued for another credential, for a
    /// publication or a credential that had ended when the request began, within its last seconds or longer
    /// than it may be kept; a credential that nobody revoked is always served; and no credential is exchanged
    /// twice at once.
    #[test]
    fn ab_18_the_exchanges_of_a_route_hold_under_sixteen_clients(seed in any::<u64>()) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(4)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let upstream = Upstream::start(|request| async move {
                let sent = request.headers()["authorization"].as_bytes().to_vec();
                Response::new(Full::<bytes::Bytes>::from(sent))
            })
            .await;
            let directory = tempfile::tempdir().unwrap();
            let store = Store::open(&directory.path().join("cambist.db")).await.unwrap();
            let ledger = Ledger::open(store, Handle::current(), Timestamp(BEGIN)).await.unwrap();
            let world = Arc::new(World {
                order: AtomicU64::new(0),
                clock: Mutex::new(Clock { now: BEGIN, requests: HashMap::new() }),
                revision: AtomicU64::new(0),
                exchanges: AtomicUsize::new(0),
                ledger,
                dpop: Dpop::new().unwrap(),
                history: Mutex::default(),
            });
            let changed = json!({"cache_seconds": KEPT});
            let route = Arc::new(route(&upstream.url(), &changed));
            let address = serve(Arc::clone(&world), route).await;
            let clients: Vec<_> = (0..CLIENTS)
                .map(|number| {
                    let chance = Chance(seed ^ (number + 1));
                    tokio::spawn(client(Arc::clone(&world), address, number, chance))
                })
                .collect();
            for client in clients {
                client.await.unwrap();
            }
            let (kept, refused) = world.history.lock().unwrap().judge();
            assert!(kept > 50 && refused > 0, "{kept} {refused}");
        });
    }
}
