//! Active checks of endpoints: one task for all routes, off the cores that serve requests.

use std::{
    future::poll_fn,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use hyper::{Method, Request, Version, header::HOST};
use rustls::ClientConfig;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{
    connect::{self, Opened},
    endpoint::{Endpoint, clock},
    origin::{Health, Origin},
    stream::RequestStream,
};
use crate::{proxy::Route, registry::Published};

/// How often the task looks for checks that are due.
const LOOK: Duration = Duration::from_millis(250);

/// Checks the endpoints of all published routes for as long as the runtime lives.
pub(crate) async fn watch(published: Arc<Published>, tls: Arc<ClientConfig>) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let routes = Arc::clone(&published.load().routes);
        for route in routes.values() {
            begin(route, &tls);
        }
    }
}

/// Starts the checks of a route that are due.
fn begin(route: &Arc<Route>, tls: &Arc<ClientConfig>) {
    let Some(health) = &route.origin.settings.health else {
        return;
    };
    let now = clock();
    let every = u64::try_from(health.every.as_millis()).unwrap_or(u64::MAX);
    for endpoint in &route.origin.endpoints {
        let checked = &endpoint.checked;
        if now < checked.next.load(Relaxed) || checked.is_running.swap(true, Relaxed) {
            continue;
        }
        checked.next.store(now.saturating_add(every), Relaxed);
        let (route, endpoint, tls) = (Arc::clone(route), Arc::clone(endpoint), Arc::clone(tls));
        tokio::spawn(async move {
            if let Some(health) = &route.origin.settings.health {
                let answered = timeout(health.timeout, ask(&route.origin, &endpoint, health, &tls));
                let is_good = answered.await.unwrap_or(false);
                note(&endpoint, health, is_good, route.name());
            }
            endpoint.checked.is_running.store(false, Relaxed);
        });
    }
}

/// Whether the endpoint answers with success or a redirection, over a connection of its own.
async fn ask(
    origin: &Origin,
    endpoint: &Endpoint,
    health: &Health,
    tls: &Arc<ClientConfig>,
) -> bool {
    let Ok(opened) = connect::open(origin, endpoint, tls).await else {
        return false;
    };
    let mut request = Request::new(RequestStream::empty());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = health.target.clone();
    let answered = match opened {
        Opened::One(mut single) => {
            request.headers_mut().insert(HOST, origin.authority.clone());
            let (head, body) = request.into_parts();
            single.prepare(&Request::from_parts(head, ()), body);
            let answered = poll_fn(|cx| single.poll_exchange(cx)).await;
            answered.ok().map(|response| response.status())
        }
        Opened::Many(mut sender) => {
            *request.version_mut() = Version::HTTP_2;
            if let Some(target) = origin.absolute(&health.target) {
                *request.uri_mut() = target;
            }
            let answered = sender.send_request(request).await;
            answered.ok().map(|response| response.status())
        }
    };
    answered.is_some_and(|status| status.is_success() || status.is_redirection())
}

/// Counts in a row what contradicts the present verdict, and turns it when that is enough.
fn note(endpoint: &Endpoint, health: &Health, is_good: bool, route: &str) {
    let checked = &endpoint.checked;
    let is_unhealthy = checked.is_unhealthy.load(Relaxed);
    if is_good != is_unhealthy {
        checked.streak.store(0, Relaxed);
        return;
    }
    let needed = if is_unhealthy {
        health.healthy_after
    } else {
        health.unhealthy_after
    };
    let streak = checked.streak.fetch_add(1, Relaxed).saturating_add(1);
    if streak >= needed {
        checked.streak.store(0, Relaxed);
        checked.is_unhealthy.store(!is_unhealthy, Relaxed);
        let (host, port) = (&*endpoint.host, endpoint.port);
        if is_unhealthy {
            tracing::info!(route, host, port, "endpoint is healthy again");
        } else {
            tracing::warn!(route, host, port, "endpoint is unhealthy");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_turns_after_enough_in_a_row() {
        let endpoint = Endpoint::new("http://a".into(), "a", 80);
        let health = Health {
            target: "/".parse().unwrap(),
            every: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            unhealthy_after: 3,
            healthy_after: 2,
        };
        let mut seen = Vec::new();
        for answer in [
            true, false, false, true, false, false, false, true, false, true, true,
        ] {
            note(&endpoint, &health, answer, "r");
            seen.push(endpoint.is_open(1));
        }
        assert_eq!(
            seen,
            [
                true, true, true, true, true, true, false, false, false, false, true
            ]
        );
    }
}
