//! The gateway's own sessions: opaque random tokens, looked up in memory by their hash.
//!
//! Every session is written to the store when it begins and when it ends, so that it outlives a restart and
//! an ended one never comes back. Looking one up touches nothing but memory; when it was last used is noted
//! in the store once a minute, and what another process ended there is ended here. A gateway that was killed
//! therefore counts up to a minute more as idle.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand,
};
use cambist_core::{BoxFuture, Fault, Timestamp};
use cambist_token::{Profile, Session, SessionDirectory};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::runtime::Handle;

use crate::{
    config,
    gateway::now,
    store::{Store, StoreError, StoredSession},
};

const SHARDS: usize = 64;
/// How often use is noted and what has ended is swept.
const TEND_EVERY: Duration = Duration::from_mins(1);

type Digest = [u8; 32];

/// What may be told of a session to whoever holds it.
#[derive(Clone, Debug)]
pub struct Known {
    /// The session.
    pub session: Arc<Session>,
    /// What it is called where its token must not be shown.
    pub handle: String,
    /// When it was last used.
    pub used_at: Timestamp,
    /// When it ends if it is not used before.
    pub idle_ends_at: Timestamp,
}

struct Held {
    session: Arc<Session>,
    handle: String,
    used_at: AtomicU64,
    /// What the store says of `used_at`.
    noted: AtomicU64,
}

/// All sessions. Cheap to clone.
#[derive(Clone)]
pub struct SessionStore(Arc<Shared>);

struct Shared {
    rules: config::Sessions,
    shards: Vec<RwLock<HashMap<Digest, Arc<Held>>>>,
    count: AtomicUsize,
    /// The sessions of each user, oldest first. Never taken for looking one up.
    users: Mutex<HashMap<(String, String), Vec<Digest>>>,
    store: Store,
    handle: Handle,
}

/// What of a session is kept as JSON.
#[derive(Serialize, Deserialize)]
struct Document {
    attributes: Map<String, Value>,
    methods: Vec<String>,
}

impl SessionStore {
    /// Takes up the sessions that were there when the gateway last ran. Writes run on the runtime of
    /// `handle`.
    pub async fn open(
        rules: config::Sessions,
        store: Store,
        handle: Handle,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let kept = store.sessions(now).await?;
        let sessions = Self(Arc::new(Shared {
            rules,
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            count: AtomicUsize::new(0),
            users: Mutex::default(),
            store,
            handle,
        }));
        let mut kept = kept;
        kept.sort_by_key(|session| session.created_at);
        for stored in kept {
            sessions.0.restore(stored);
        }
        Ok(sessions)
    }

    /// Signs a user in and returns the session's token. It is stored when this returns.
    pub async fn begin(
        &self,
        realm: &str,
        profile: Profile,
        methods: Vec<String>,
        now: Timestamp,
    ) -> Result<String, Fault> {
        let shared = Arc::clone(&self.0);
        let realm = realm.to_owned();
        // A request that ends midway must not cost the store its connection.
        let task = self
            .0
            .handle
            .spawn(async move { shared.begin(realm, profile, methods, now).await });
        task.await
            .unwrap_or_else(|_| Err(Fault::Internal("beginning a session failed".to_owned())))
    }

    /// What is known of the session that `token` stands for. `is_use` resets its idle time.
    pub fn known(&self, token: &[u8], now: Timestamp, is_use: bool) -> Option<Known> {
        let held = self.0.alive(token, now)?;
        if is_use {
            held.used_at.fetch_max(now.0, Ordering::Relaxed);
        }
        Some(self.0.known(&held))
    }

    /// All sessions of a user.
    pub fn of_user(&self, realm: &str, username: &str, now: Timestamp) -> Vec<Known> {
        let key = (realm.to_owned(), username.to_owned());
        let digests = self.0.users().get(&key).cloned().unwrap_or_default();
        let held = digests
            .iter()
            .filter_map(|digest| self.0.get(digest))
            .filter(|held| self.0.is_alive(held, now));
        held.map(|held| self.0.known(&held)).collect()
    }

    /// Ends the session called `handle`. False if there is none.
    pub async fn end_by_handle(&self, handle: &str) -> bool {
        let found = self.0.shards.iter().find_map(|shard| {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            shard
                .iter()
                .find(|(_, held)| held.handle == handle)
                .map(|(digest, _)| *digest)
        });
        match found {
            Some(digest) => {
                self.forget(digest).await;
                true
            }
            None => false,
        }
    }

    /// Ends all sessions of a user, and says how many.
    pub async fn end_user(&self, realm: &str, username: &str) -> usize {
        let key = (realm.to_owned(), username.to_owned());
        let digests = self.0.users().get(&key).cloned().unwrap_or_default();
        for digest in &digests {
            self.forget(*digest).await;
        }
        digests.len()
    }

    async fn forget(&self, digest: Digest) {
        let shared = Arc::clone(&self.0);
        let task = self
            .0
            .handle
            .spawn(async move { shared.end(&[digest]).await });
        if task.await.is_err() {
            tracing::error!("ending a session failed");
        }
    }

    /// Notes use and sweeps what has ended, now and then, for as long as it is polled.
    pub async fn tend(self) {
        loop {
            tokio::time::sleep(TEND_EVERY).await;
            if let Some(now) = now() {
                self.tend_once(now).await;
            }
        }
    }

    /// One round of [`Self::tend`].
    pub async fn tend_once(&self, now: Timestamp) {
        let (ended, used) = self.0.review(now);
        self.0.end(&ended).await;
        self.end_what_others_ended().await;
        let touched: Vec<(Digest, Timestamp)> =
            used.iter().map(|(digest, _, at)| (*digest, *at)).collect();
        match self.0.store.touch_sessions(&touched).await {
            Ok(()) => {
                for (_, held, at) in used {
                    held.noted.store(at.0, Ordering::Relaxed);
                }
            }
            Err(error) => tracing::warn!(%error, "the use of sessions was not noted"),
        }
    }
}

impl SessionStore {
    /// Ends what another process took out of the store, as it does with the sessions of a disabled user. What is
    /// held was stored before, so what is missing has ended.
    async fn end_what_others_ended(&self) {
        let held = self.0.digests();
        match self.0.store.session_digests().await {
            Ok(stored) => {
                let gone: Vec<Digest> = held
                    .into_iter()
                    .filter(|digest| !stored.contains(digest))
                    .collect();
                self.0.end(&gone).await;
            }
            Err(error) => tracing::warn!(%error, "sessions could not be compared with the store"),
        }
    }
}

impl SessionDirectory for SessionStore {
    fn find(&self, token: &[u8], now: Timestamp) -> Option<Arc<Session>> {
        let held = self.0.alive(token, now)?;
        held.used_at.fetch_max(now.0, Ordering::Relaxed);
        Some(Arc::clone(&held.session))
    }

    fn end<'a>(&'a self, token: &'a [u8]) -> BoxFuture<'a, ()> {
        let digest = hash(token);
        Box::pin(async move {
            if self.0.get(&digest).is_some() {
                self.forget(digest).await;
            }
        })
    }
}

impl Shared {
    fn users(&self) -> MutexGuard<'_, HashMap<(String, String), Vec<Digest>>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shard(&self, digest: &Digest) -> Option<&RwLock<HashMap<Digest, Arc<Held>>>> {
        let [first, ..] = digest;
        self.shards.get(usize::from(*first) % SHARDS)
    }

    fn get(&self, digest: &Digest) -> Option<Arc<Held>> {
        let shard = self.shard(digest)?;
        let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
        shard.get(digest).cloned()
    }

    fn alive(&self, token: &[u8], now: Timestamp) -> Option<Arc<Held>> {
        // The map is keyed by a hash that nobody without the token can aim at, so its timing tells nothing.
        self.get(&hash(token))
            .filter(|held| self.is_alive(held, now))
    }

    fn is_alive(&self, held: &Held, now: Timestamp) -> bool {
        now < held.session.ends_at && now < self.idle_end(held)
    }

    fn idle_end(&self, held: &Held) -> Timestamp {
        Timestamp(held.used_at.load(Ordering::Relaxed)).plus(self.rules.idle_minutes * 60)
    }

    fn known(&self, held: &Held) -> Known {
        Known {
            session: Arc::clone(&held.session),
            handle: held.handle.clone(),
            used_at: Timestamp(held.used_at.load(Ordering::Relaxed)),
            idle_ends_at: self.idle_end(held),
        }
    }

    async fn begin(
        &self,
        realm: String,
        profile: Profile,
        methods: Vec<String>,
        now: Timestamp,
    ) -> Result<String, Fault> {
        if self.count.load(Ordering::Relaxed) >= self.rules.most {
            return Err(Fault::Overloaded("there are too many sessions".to_owned()));
        }
        let (token, handle) = (drawn::<32>()?, drawn::<16>()?);
        let session = Session {
            realm,
            username: profile.username,
            attributes: profile.attributes,
            authenticated_at: now,
            methods,
            ends_at: now.plus(self.rules.life_minutes * 60),
        };
        let document = Document {
            attributes: session.attributes.clone(),
            methods: session.methods.clone(),
        };
        let stored = StoredSession {
            digest: hash(token.as_bytes()),
            handle: handle.clone(),
            realm: session.realm.clone(),
            username: session.username.clone(),
            document: serde_json::to_string(&document)
                .map_err(|error| Fault::Internal(error.to_string()))?,
            created_at: now,
            ends_at: session.ends_at,
            used_at: now,
        };
        self.store.add_session(&stored).await.map_err(|error| {
            tracing::error!(%error, "a session could not be stored");
            Fault::Unavailable("the store of sessions".to_owned())
        })?;
        let surplus = self.hold(stored.digest, session, handle, now);
        self.end(&surplus).await;
        Ok(token)
    }

    /// Takes a session up, and returns those of its user that are too many now.
    fn hold(
        &self,
        digest: Digest,
        session: Session,
        handle: String,
        used_at: Timestamp,
    ) -> Vec<Digest> {
        let user = (session.realm.clone(), session.username.clone());
        let held = Held {
            session: Arc::new(session),
            handle,
            used_at: AtomicU64::new(used_at.0),
            noted: AtomicU64::new(used_at.0),
        };
        if let Some(shard) = self.shard(&digest) {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            shard.insert(digest, Arc::new(held));
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        let mut users = self.users();
        let own = users.entry(user).or_default();
        own.push(digest);
        let surplus = own.len().saturating_sub(self.rules.most_per_user);
        own.get(..surplus)
            .map(<[Digest]>::to_vec)
            .unwrap_or_default()
    }

    fn restore(&self, stored: StoredSession) {
        let document: Document = match serde_json::from_str(&stored.document) {
            Ok(document) => document,
            Err(error) => {
                tracing::error!(%error, handle = stored.handle, "a session was left out at start");
                return;
            }
        };
        let session = Session {
            realm: stored.realm,
            username: stored.username,
            attributes: document.attributes,
            authenticated_at: stored.created_at,
            methods: document.methods,
            ends_at: stored.ends_at,
        };
        self.hold(stored.digest, session, stored.handle, stored.used_at);
    }

    /// Out of memory first: whatever the store says then, the session is over.
    async fn end(&self, digests: &[Digest]) {
        for digest in digests {
            let Some(shard) = self.shard(digest) else {
                continue;
            };
            let removed = shard
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(digest);
            let Some(held) = removed else { continue };
            self.count.fetch_sub(1, Ordering::Relaxed);
            let user = (held.session.realm.clone(), held.session.username.clone());
            let mut users = self.users();
            if let Some(own) = users.get_mut(&user) {
                own.retain(|other| other != digest);
                if own.is_empty() {
                    users.remove(&user);
                }
            }
        }
        if digests.is_empty() {
            return;
        }
        if let Err(error) = self.store.end_sessions(digests).await {
            tracing::error!(%error, "ended sessions stayed in the store and come back with a restart");
        }
    }

    fn digests(&self) -> Vec<Digest> {
        let mut found = Vec::new();
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            found.extend(shard.keys());
        }
        found
    }

    /// What has ended, and what was used since its use was noted.
    #[expect(clippy::type_complexity, reason = "two lists for one caller")]
    fn review(&self, now: Timestamp) -> (Vec<Digest>, Vec<(Digest, Arc<Held>, Timestamp)>) {
        let (mut ended, mut used) = (Vec::new(), Vec::new());
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            for (digest, held) in shard.iter() {
                let at = held.used_at.load(Ordering::Relaxed);
                if !self.is_alive(held, now) {
                    ended.push(*digest);
                } else if at != held.noted.load(Ordering::Relaxed) {
                    used.push((*digest, Arc::clone(held), Timestamp(at)));
                }
            }
        }
        (ended, used)
    }
}

fn hash(token: &[u8]) -> Digest {
    let mut hashed = Digest::default();
    hashed.copy_from_slice(digest(&SHA256, token).as_ref());
    hashed
}

fn drawn<const N: usize>() -> Result<String, Fault> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes)
        .map_err(|_| Fault::Internal("the random number generator failed".to_owned()))?;
    Ok(base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes))
}

#[cfg(test)]
mod tests;
