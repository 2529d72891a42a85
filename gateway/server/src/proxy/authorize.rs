//! From a credential to what the upstream receives in its place: from the cache, or by an exchange.

use std::{net::IpAddr, sync::Arc, time::Duration};

use cambist_core::{ExchangeError, Exchanged, Presented, Rejection, Timestamp};
use hyper::{HeaderMap, Request, header::HOST};
use tokio::time::timeout;

use super::{
    Caller, RouteExchange,
    cache::{Fresh, Key, Known, Part},
    counts::Source,
    credential::{self, Credential},
    grant::Granted,
    notes::Notes,
    refusal::Refusal,
    route::{Route, Target},
};
use crate::{
    body::Incoming,
    dpop::{DpopRefusal, Wanted},
};

/// Longest a request that could go on with what is known waits for something newer.
const RENEWAL: Duration = Duration::from_secs(1);

/// What one request asks to be exchanged.
pub(super) struct Ask<'r> {
    target: &'r Target,
    subject: Credential<'r>,
    actor: Option<Credential<'r>>,
    leaf: Option<&'r [u8]>,
    address: IpAddr,
    /// The thumbprint of the key that signed the request's proof, where one is demanded.
    key: Option<String>,
}

impl<'r> Ask<'r> {
    /// None when nothing was presented and nothing must be.
    pub(super) fn new(
        target: &'r Target,
        subject: Option<Credential<'r>>,
        headers: &mut HeaderMap,
        caller: Caller<'r>,
    ) -> Result<Option<Self>, Refusal> {
        let actor = match &target.actor {
            None => None,
            Some(carrier) => {
                credential::take_from(headers, carrier).map_err(|_| Refusal::BadCredential)?
            }
        };
        match subject {
            Some(subject) => Ok(Some(Self {
                target,
                subject,
                actor,
                address: caller.address,
                leaf: caller.certificates.first().map(Vec::as_slice),
                key: None,
            })),
            // An actor without a subject was meant to say something.
            None if target.is_optional && actor.is_none() => Ok(None),
            None => Err(Refusal::NoCredential),
        }
    }

    /// Whether its proofs must hold a nonce of the gateway.
    pub(super) fn needs_nonce(&self) -> bool {
        self.subject.proof().is_some_and(|proof| proof.needs_nonce)
    }

    /// Checks the proof that the subject's token demands (RFC 9449 §7.1), on every request and before
    /// anything that is known of the token is used.
    pub(super) fn prove(
        &mut self,
        request: &Request<Incoming>,
        caller: Caller<'_>,
        exchange: &impl RouteExchange,
    ) -> Result<(), Refusal> {
        let Some(demanded) = self.subject.proof() else {
            return Ok(());
        };
        let host = request
            .headers()
            .get(HOST)
            .and_then(|host| host.to_str().ok());
        let scheme = if caller.is_secure { "https" } else { "http" };
        let uri = format!(
            "{scheme}://{}{}",
            host.unwrap_or_default(),
            request.uri().path()
        );
        let wanted = Wanted {
            method: request.method().as_str(),
            uri: &uri,
            nonce_required: demanded.needs_nonce,
            now: exchange.now(),
        };
        let token = self.subject.bytes();
        let proven = exchange
            .dpop()
            .check_resource(request.headers(), token, &wanted);
        match proven {
            Ok(Some(key)) => self.key = Some(key),
            Ok(None) => return Err(Refusal::NoProof),
            Err(DpopRefusal::Full) => return Err(Refusal::TooManyProofs),
            Err(refusal) => return Err(Refusal::Proof(refusal)),
        }
        Ok(())
    }

    /// What the upstream receives, if the subject is as the route demands.
    pub(super) async fn granted(
        &self,
        route: &Route,
        exchange: &impl RouteExchange,
        notes: &mut Notes<'_>,
    ) -> Result<Arc<Granted>, Refusal> {
        let now = exchange.now();
        let granted = self.find(route, exchange, now, notes).await?;
        self.check(&granted, now)?;
        Ok(granted)
    }

    async fn find(
        &self,
        route: &Route,
        exchange: &impl RouteExchange,
        now: Timestamp,
        notes: &mut Notes<'_>,
    ) -> Result<Arc<Granted>, Refusal> {
        let cache = &self.target.cache;
        if cache.is_off() {
            notes.looked_up(Source::Off);
            let exchanged = Box::pin(timeout(route.timeout, self.exchange(route, exchange)));
            return exchanged
                .await
                .unwrap_or(Err(Refusal::ExchangeTooSlow))
                .map(|fresh| fresh.granted);
        }
        let key = self.key(exchange);
        let known = cache.find(&key, now).filter(|known| match known {
            Known::Good(granted) | Known::Ageing(granted) => {
                let stands = granted.basis.stands(exchange);
                if !stands {
                    cache.remove(&key);
                }
                stands
            }
            Known::Refused(_) => true,
        });
        notes.looked_up(match &known {
            Some(Known::Good(_)) => Source::Hit,
            Some(Known::Ageing(_)) => Source::Refresh,
            Some(Known::Refused(_)) => Source::Refused,
            None => Source::Miss,
        });
        match known {
            Some(Known::Good(granted)) => Ok(granted),
            Some(Known::Refused(answer)) => Err(Refusal::Again(answer)),
            Some(Known::Ageing(granted)) => {
                let patience = RENEWAL.min(route.timeout);
                let renewal = Box::pin(timeout(patience, self.exchange(route, exchange)));
                let Ok(outcome) = renewal.await else {
                    return Ok(granted);
                };
                cache.renew(&key, now, &outcome);
                match outcome {
                    Ok(fresh) => Ok(fresh.granted),
                    Err(refusal) if refusal.lasting().is_some() => Err(refusal),
                    Err(_) => Ok(granted),
                }
            }
            None => Box::pin(self.exchange_once(&key, route, exchange, false)).await,
        }
    }

    /// The time spent waiting for another request's exchange counts as well.
    async fn exchange_once(
        &self,
        key: &Key,
        route: &Route,
        exchange: &impl RouteExchange,
        is_second: bool,
    ) -> Result<Arc<Granted>, Refusal> {
        let exchanged = self.target.cache.find_or_exchange(
            key,
            exchange.now(),
            is_second,
            self.exchange(route, exchange),
        );
        let granted = timeout(route.timeout, exchanged)
            .await
            .unwrap_or(Err(Refusal::ExchangeTooSlow))?;
        if granted.basis.stands(exchange) {
            return Ok(granted);
        }
        // Revoked while it was made, or before another request that had missed came to it.
        self.target.cache.remove(key);
        Err(ExchangeError::Subject(Rejection::Revoked.into()).into())
    }

    async fn exchange(
        &self,
        route: &Route,
        exchange: &impl RouteExchange,
    ) -> Result<Fresh, Refusal> {
        let presented = |credential: &Credential<'_>| Presented {
            token: credential.token(),
            token_type: credential.token_type.clone(),
        };
        let actor = self.actor.as_ref().map(presented);
        let epoch = exchange.epoch();
        let exchanged = exchange
            .exchange(route, presented(&self.subject), actor, self.key.as_deref())
            .await?;
        // A proof of some key makes a token that is bound to none no better (RFC 9449 §7.1).
        let bound = exchanged.principal.confirmation.as_ref();
        if self.key.is_some() && bound.is_none_or(|bound| bound.key.is_none()) {
            return Err(Refusal::NotBound);
        }
        if !self.target.required.is_within(&exchanged.scope) {
            return Err(Refusal::Scope);
        }
        let expires_at = exchanged.issued.expires_at;
        Ok(Fresh {
            is_renewable: is_renewable(&exchanged),
            granted: Arc::new(Granted::new(
                exchanged,
                epoch,
                &self.target.send,
                &self.target.claim_headers,
            )?),
            expires_at,
        })
    }

    fn check(&self, granted: &Granted, now: Timestamp) -> Result<(), Refusal> {
        if !granted.may_come_from(self.address) {
            return Err(ExchangeError::Subject(Rejection::WrongAddress.into()).into());
        }
        match &self.target.step_up {
            Some(wanted) if !granted.meets(wanted, now) => Err(Refusal::StepUp),
            _ => Ok(()),
        }
    }

    fn key(&self, exchange: &impl RouteExchange) -> Key {
        let actor = self.actor.as_ref();
        Key::new(&[
            Part::Number(exchange.instance_revision()),
            Part::Bytes(self.subject.token_type.as_str().as_bytes()),
            actor.map_or(Part::Nothing, |actor| Part::Bytes(actor.bytes())),
            self.leaf.map_or(Part::Nothing, Part::Bytes),
            self.key
                .as_deref()
                .map_or(Part::Nothing, |key| Part::Bytes(key.as_bytes())),
            Part::Bytes(self.subject.bytes()),
        ])
    }

    /// An upstream refused what was sent: it is not sent again. Gives something else to send, if the route
    /// tries twice and this is not the second time.
    pub(super) async fn refused(
        &self,
        sent: &Arc<Granted>,
        route: &Route,
        exchange: &impl RouteExchange,
    ) -> Result<Option<Arc<Granted>>, Refusal> {
        if self.target.cache.is_off() {
            return Ok(None);
        }
        let key = self.key(exchange);
        if !self.target.cache.refused_by_upstream(&key, sent) || !self.target.retries_unauthorized {
            return Ok(None);
        }
        let granted = Box::pin(self.exchange_once(&key, route, exchange, true)).await?;
        self.check(&granted, exchange.now())?;
        Ok((!Arc::ptr_eq(&granted, sent)).then_some(granted))
    }
}

/// Whether what was issued ends before the subject's own token does.
fn is_renewable(exchanged: &Exchanged) -> bool {
    exchanged
        .principal
        .expires_at
        .is_none_or(|end| exchanged.issued.expires_at < end)
}
