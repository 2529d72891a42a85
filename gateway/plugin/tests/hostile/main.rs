//! Components that mean harm. Each is made here, each has an outcome that is asserted, and while it tries,
//! another plugin of the same host is asked and answers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod adapter;
mod answers;
mod guest;
mod native;
mod shape;
mod space;
mod time;
mod work;

use std::sync::{Arc, LazyLock};

use cambist_core::Validator;
use cambist_plugin::{Compilation, PluginHost, PluginRejected};

use adapter::{ask, compile, reason};
use guest::Guest;

/// A host that all attacks of this program share: none leaves a trace in it.
static HOST: LazyLock<PluginHost> = LazyLock::new(|| adapter::host(Compilation::default()));

/// The plugin of somebody else.
static NEIGHBOUR: LazyLock<Arc<dyn Validator>> =
    LazyLock::new(|| compile(&HOST, &Guest::default().bytes()).unwrap());

/// What became of one call of `guest`, during which its neighbour answered as ever.
async fn attack(guest: &Guest) -> String {
    let attacker = compile(&HOST, &guest.bytes()).unwrap();
    let attack = tokio::spawn(async move { ask(&attacker).await });
    let mut asked = 0;
    while asked < 3 || !attack.is_finished() {
        let answer = ask(&NEIGHBOUR).await;
        assert_eq!(answer.unwrap().subject, "dana");
        asked += 1;
    }
    let outcome = attack.await.unwrap();
    // The slots that the attacker left are as good as new.
    for _ in 0..3 {
        assert_eq!(ask(&NEIGHBOUR).await.unwrap().subject, "dana");
    }
    reason(outcome)
}

/// Runs attacks, each of which must fail for a reason that contains the given text.
async fn attacks(cases: impl IntoIterator<Item = (&'static str, Guest, &'static str)>) {
    for (what, guest, expected) in cases {
        let reason = attack(&guest).await;
        assert!(reason.contains(expected), "{what}: {reason}");
    }
}

/// Why an upload is refused.
fn refused(bytes: &[u8]) -> PluginRejected {
    match compile(&HOST, bytes) {
        Err(refused) => refused,
        Ok(_) => panic!("it was taken"),
    }
}
