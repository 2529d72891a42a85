//! Revocation under sixteen clients: what they saw at each moment is judged afterwards.

use std::{
    collections::HashSet,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use proptest::prelude::*;

use super::*;
use crate::{
    history::{Chance, Span},
    store::NewLedgerRow,
};

const NOW: Timestamp = Timestamp(1_700_000_000);
const INSTANCE: &str = "alpha/orders";
const CLIENTS: u64 = 16;
const STEPS: usize = 40;

/// A token that was let out.
#[derive(Clone)]
struct Made {
    mark: Mark,
    parents: Vec<usize>,
    /// Whether it was taken down here. Of a stranger's token only its mark is known to its descendants.
    is_kept: bool,
}

#[derive(Clone, Debug)]
enum End {
    Revoked(usize),
    /// Of a client's tokens before this moment.
    CutOff(String, Timestamp),
}

#[derive(Debug)]
struct Look {
    token: usize,
    span: Span,
    stands: bool,
}

#[derive(Default)]
struct History {
    made: Vec<Made>,
    ends: Vec<(End, Span)>,
    looks: Vec<Look>,
}

impl History {
    /// A token and all that it was made from.
    fn ancestry(&self, token: usize) -> HashSet<usize> {
        let mut found = HashSet::from([token]);
        let mut open = vec![token];
        while let Some(next) = open.pop() {
            let new = self.made[next]
                .parents
                .iter()
                .filter(|parent| found.insert(**parent));
            open.extend(new.copied().collect::<Vec<_>>());
        }
        found
    }

    /// Whether `token` falls by `end`, which names `ancestor`.
    fn ends(&self, end: &End, ancestor: usize, token: usize) -> bool {
        let Made { mark, is_kept, .. } = &self.made[ancestor];
        let is_reached = *is_kept || ancestor == token;
        match end {
            End::Revoked(revoked) => *revoked == ancestor,
            End::CutOff(client, before) => {
                let is_older = mark.issued_at.unwrap() < *before;
                is_reached && is_older && mark.client.as_ref() == Some(client)
            }
        }
    }

    /// Says how many looks were bound to find a token standing, and how many to find it fallen.
    fn judge(&self) -> (usize, usize) {
        let (mut standing, mut fallen) = (0, 0);
        for look in &self.looks {
            let ancestry = self.ancestry(look.token);
            let touches = |end: &End| {
                let mut ancestry = ancestry.iter();
                ancestry.any(|ancestor| self.ends(end, *ancestor, look.token))
            };
            let touching: Vec<_> = self.ends.iter().filter(|(end, _)| touches(end)).collect();
            if touching.iter().all(|(_, span)| span.begun > look.span.done) {
                assert!(look.stands, "nothing ended it: {look:?}");
                standing += 1;
            }
            let before = touching
                .iter()
                .find(|(_, span)| span.done < look.span.begun);
            if let Some(end) = before {
                assert!(!look.stands, "{end:?} came before {look:?}");
                fallen += 1;
            }
        }
        (standing, fallen)
    }
}

struct World {
    ledger: Arc<Ledger>,
    order: AtomicU64,
    seconds: AtomicU64,
    names: AtomicU64,
    history: Mutex<History>,
}

impl World {
    fn tick(&self) -> u64 {
        self.order.fetch_add(1, Ordering::SeqCst)
    }

    fn pick(&self, chance: &mut Chance) -> (usize, Made) {
        let made = &self.history.lock().unwrap().made;
        // Rather a young one.
        let back = chance
            .below(made.len() as u64)
            .min(chance.below(made.len() as u64));
        let token = made.len() - 1 - usize::try_from(back).unwrap();
        (token, made[token].clone())
    }

    /// As the engine does: admit the parents, take down, look again, and only then let it out.
    async fn make(&self, chance: &mut Chance, parents: Vec<(usize, Made)>) {
        let stand = || {
            let mut parents = parents.iter();
            parents.all(|(_, parent)| self.ledger.stands(&parent.mark, INSTANCE))
        };
        if !stand() {
            return;
        }
        let name = self.names.fetch_add(1, Ordering::Relaxed).to_string();
        let issued_at = NOW.plus(self.seconds.load(Ordering::SeqCst));
        let parent = |index: usize| parents.get(index).and_then(|(_, made)| made.mark.key);
        let row = NewLedgerRow {
            token_hash: token_hash(name.as_bytes()),
            mark: identity_key("https://sts.example", &name),
            parent: parent(0),
            actor_parent: parent(1),
            parent_issuer: None,
            parent_key: None,
            instance: INSTANCE.to_owned(),
            token_type: "urn:ietf:params:oauth:token-type:access_token".to_owned(),
            token_id: Some(name.clone()),
            issuer: Some("https://sts.example".to_owned()),
            key_id: None,
            subject: "dana".to_owned(),
            actors: Vec::new(),
            client: Some(format!("client-{}", chance.below(6))),
            audiences: vec!["orders".to_owned()],
            scope: "read".to_owned(),
            issued_at,
            expires_at: NOW.plus(3_000),
            content: None,
        };
        let mark = mark::of_row(&row);
        // Some come from elsewhere: nobody here has taken them down.
        let is_foreign = parents.is_empty() && chance.below(2) == 0;
        if !is_foreign {
            let is_urgent = chance.below(2) == 0;
            self.ledger.writer.append(row, is_urgent).await.unwrap();
        }
        if stand() {
            let parents = parents.iter().map(|(token, _)| *token).collect();
            self.history.lock().unwrap().made.push(Made {
                mark,
                parents,
                is_kept: !is_foreign,
            });
        }
    }

    fn look(&self, chance: &mut Chance) {
        let (token, made) = self.pick(chance);
        let begun = self.tick();
        let stands = self.ledger.stands(&made.mark, INSTANCE);
        let span = Span {
            begun,
            done: self.tick(),
        };
        self.history.lock().unwrap().looks.push(Look {
            token,
            span,
            stands,
        });
    }

    async fn end(&self, end: End) {
        let begun = self.tick();
        match &end {
            End::Revoked(token) => {
                let mark = self.history.lock().unwrap().made[*token].mark.key.unwrap();
                let until = Some(NOW.plus(3_000));
                let state = LedgerState::Revoked;
                let revoked = self.ledger.revoke(mark, until, state, None, NOW);
                revoked.await.unwrap();
            }
            End::CutOff(client, before) => {
                let row = CutOffRow {
                    kind: "client",
                    value: client.clone(),
                    instance: String::new(),
                    before: *before,
                    at: NOW,
                    reason: None,
                };
                self.ledger.cut_off(row, NOW).await.unwrap();
            }
        }
        let span = Span {
            begun,
            done: self.tick(),
        };
        self.history.lock().unwrap().ends.push((end, span));
    }

    async fn client(&self, mut chance: Chance) {
        for _ in 0..STEPS {
            match chance.below(40) {
                0..3 => self.make(&mut chance, Vec::new()).await,
                3..14 => {
                    let mut parents = vec![self.pick(&mut chance)];
                    if chance.below(3) == 0 {
                        parents.push(self.pick(&mut chance));
                    }
                    self.make(&mut chance, parents).await;
                }
                14 => {
                    let (token, _) = self.pick(&mut chance);
                    self.end(End::Revoked(token)).await;
                }
                15 if chance.below(4) == 0 => {
                    let client = format!("client-{}", chance.below(6));
                    // Somewhere between all that was issued so far and nothing of it.
                    let second = self.seconds.fetch_add(1, Ordering::SeqCst) + 1;
                    let before = NOW.plus(second - chance.below(2));
                    self.end(End::CutOff(client, before)).await;
                }
                _ => {
                    for _ in 0..20 {
                        self.look(&mut chance);
                        tokio::task::yield_now().await;
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// RV-05, RV-06, RV-07 over histories: once a revocation or a cut-off was answered, no look finds anything
    /// standing that it or an ancestor of it fell by; and what nothing has ended always stands.
    #[test]
    fn rv_05_rv_07_an_answered_revocation_is_seen_by_sixteen_clients(seed in any::<u64>()) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(4)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let store = Store::open(&directory.path().join("cambist.db")).await.unwrap();
            let ledger = Ledger::open(store, Handle::current(), NOW).await.unwrap();
            let world = Arc::new(World {
                ledger,
                order: AtomicU64::new(0),
                seconds: AtomicU64::new(0),
                names: AtomicU64::new(0),
                history: Mutex::default(),
            });
            world.make(&mut Chance(seed), Vec::new()).await;
            let clients: Vec<_> = (0..CLIENTS)
                .map(|number| {
                    let world = Arc::clone(&world);
                    tokio::spawn(async move { world.client(Chance(seed ^ (number + 1))).await })
                })
                .collect();
            for client in clients {
                client.await.unwrap();
            }
            let (standing, fallen) = world.history.lock().unwrap().judge();
            assert!(standing > 100 && fallen > 0, "{standing} {fallen}");
        });
    }
}
