//! A real publisher over an empty store: the vault, and the life of a plugin.

mod guest;

use std::sync::Arc;

use bytes::Bytes;
use cambist_core::{BoxFuture, Fetch, FetchError, Fetched, Rejection, ValidateError};
use cambist_plugin::{Compilation, HostLimits, PluginHost, PluginRejected};
use cambist_token::{
    Profile,
    jose::{Algorithm, SigningKey},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::{
    document,
    egress::{Egress, EgressRules, tls::trusting},
    outside::GatewayOutside,
};
use guest::{BOX, plugin};

struct Nobody;

impl PasswordDirectory for Nobody {
    fn authenticate<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Profile, ValidateError>> {
        Box::pin(async { Err(Rejection::BadSignature.into()) })
    }
}

impl Fetch for Nobody {
    fn get<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(async move { Err(FetchError::Unreachable(url.to_owned())) })
    }
}

async fn publisher(directory: &TempDir) -> Publisher {
    let handle = Handle::current();
    let store = Store::open(&directory.path().join("cambist.db"))
        .await
        .unwrap();
    let rules = EgressRules {
        allow: Vec::new(),
        timeout: std::time::Duration::from_secs(1),
        body_bytes: 1024,
    };
    let egress = Egress::new(
        rules,
        trusting(rustls::RootCertStore::empty()).unwrap(),
        handle.clone(),
    );
    let limits = HostLimits {
        concurrent_calls: 1,
        ..HostLimits::default()
    };
    let world = Arc::new(GatewayOutside::new(
        egress.clone(),
        store.clone(),
        handle.clone(),
    ));
    let heavy = HeavyPool::new(handle, 1, 4);
    let (key, _) = SigningKey::generate(Algorithm::Es256).unwrap();
    let saml = SamlBench::new(Vec::new(), store.clone(), Handle::current());
    let ledger = Ledger::open(store.clone(), Handle::current(), Timestamp(1_700_000_000));
    let ledger = ledger.await.unwrap();
    let workshop = Workshop {
        ledger,
        base_url: "http://127.0.0.1:8080".to_owned(),
        certificate_url: None,
        store,
        plugin_host: Arc::new(PluginHost::new(limits, Compilation::default(), world).unwrap()),
        keyring: Arc::new(Keyring::new(vec![Arc::new(key)])),
        saml,
        vault: Vault::new(&[1; 32]).unwrap(),
        directory: Arc::new(Nobody),
        sessions: Arc::new(cambist_token::NoSessions),
        fetch: Arc::new(Nobody),
        egress,
        handle: Handle::current(),
        heavy: heavy.clone(),
        compilation: heavy,
    };
    let publisher = Publisher::new(workshop, Arc::new(Published::new(Registry::default())));
    assert_eq!(publisher.restore().await.unwrap(), Vec::<String>::new());
    publisher
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    document::read(value.to_string().as_bytes()).unwrap()
}

/// An instance whose validator is `reference`, granted the key `vault-key` as `badge`.
fn instance(reference: &str) -> InstanceDocument {
    read(&json!({
        "validators": {"badge": {"kind": "plugin", "plugin": reference, "token_type": "urn:example:badge",
            "grants": {"keys": {"badge": "vault-key"}}}},
        "providers": {"access": {"kind": "access_token", "algorithm": "ES256"}},
        "transformations": [{"subject": "badge", "issue": "access"}],
        "relying_parties": {"https://api.example": {"scopes": ["read"]}}
    }))
}

async fn put(
    publisher: &Publisher,
    version: &str,
    salt: u8,
) -> Result<PluginSummary, PublishFailure> {
    let component = Bytes::from(plugin(version, salt));
    publisher
        .put_plugin("badge", component, Precondition::None)
        .await
}

async fn put_key(publisher: &Publisher, document: Value) -> Result<SecretSummary, PublishFailure> {
    publisher
        .put_secret("vault-key", read(&document), Precondition::None)
        .await
}

#[tokio::test]
async fn a_secret_is_stored_shown_by_its_public_half_and_restored() {
    let directory = tempfile::tempdir().unwrap();
    let first = publisher(&directory).await;
    let made = put_key(&first, json!({"algorithm": "EdDSA", "generate": true}))
        .await
        .unwrap();
    assert_eq!((made.kind, made.algorithm), ("key", Some("EdDSA")));
    assert_eq!(made.public_jwk.as_ref().unwrap()["kty"], "OKP");
    let secret = read(&json!({"value": "s3cret"}));
    first
        .put_secret("client", secret, Precondition::Absent)
        .await
        .unwrap();
    let again = first
        .put_secret("client", read(&json!({"value": "x"})), Precondition::Absent)
        .await;
    assert!(matches!(again, Err(PublishFailure::Exists)));
    assert!(!format!("{:?}", first.store().secrets().await).contains("s3cret"));
    first.store().close().await;

    let second = publisher(&directory).await;
    assert_eq!(second.read_secret("vault-key"), Some(made));
    let registry = second.published.load();
    let held = registry.vault("client").unwrap().secret(false).unwrap();
    assert_eq!(held.bytes.as_slice(), b"s3cret");
    drop(registry);
    second
        .delete_secret("client", Precondition::None)
        .await
        .unwrap();
    assert_eq!(second.list_secrets().len(), 1);
    let gone = second.delete_secret("client", Precondition::None).await;
    assert!(matches!(gone, Err(PublishFailure::NotFound)));
}

#[tokio::test]
async fn a_secret_in_use_stays_and_its_replacement_reaches_who_uses_it() {
    let directory = tempfile::tempdir().unwrap();
    let publisher = publisher(&directory).await;
    let key = json!({"algorithm": "HS256", "value": "0123456789abcdef0123456789abcdef"});
    put_key(&publisher, key.clone()).await.unwrap();
    put(&publisher, "1.0.0", 0).await.unwrap();
    let published = publisher.put_instance("alpha/a", instance("badge"), Precondition::None);
    published.await.unwrap();
    let before = Arc::clone(publisher.published.load().instance("alpha/a").unwrap());
    assert_eq!(
        publisher.read_secret("vault-key").unwrap().instances,
        ["alpha/a"]
    );
    let used = publisher
        .delete_secret("vault-key", Precondition::None)
        .await;
    assert!(matches!(used, Err(PublishFailure::InUse(user)) if user.contains("alpha/a")));
    // The manifest accepts HS256 only, so nothing changes.
    let unfit = put_key(&publisher, json!({"algorithm": "EdDSA", "generate": true})).await;
    assert!(
        matches!(unfit, Err(PublishFailure::Invalid(_))),
        "{unfit:?}"
    );
    let kept = publisher.read_secret("vault-key").unwrap();
    assert_eq!(kept.algorithm, Some("HS256"));
    put_key(&publisher, json!({"algorithm": "HS256", "generate": true}))
        .await
        .unwrap();
    let after = Arc::clone(publisher.published.load().instance("alpha/a").unwrap());
    assert!(!Arc::ptr_eq(&before, &after));
    assert_eq!(before.revision, after.revision);
}

#[tokio::test]
async fn wa_10_versions_are_pinned_taken_back_and_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let first = publisher(&directory).await;
    put_key(&first, json!({"algorithm": "HS256", "generate": true}))
        .await
        .unwrap();
    let one = put(&first, "1.0.0", 0).await.unwrap();
    first
        .put_instance("alpha/follows", instance("badge"), Precondition::None)
        .await
        .unwrap();
    let two = put(&first, "2.0.0", 0).await.unwrap();
    assert_eq!(two.instances, ["alpha/follows"]);
    let digest = |id: &str, publisher: &Publisher| {
        let registry = publisher.published.load();
        registry.instance(id).unwrap().uses.digests.concat()
    };
    assert_eq!(digest("alpha/follows", &first), two.inspection.digest);
    first
        .put_instance("alpha/pins", instance("badge@1.0.0"), Precondition::None)
        .await
        .unwrap();
    assert_eq!(digest("alpha/pins", &first), one.inspection.digest);
    let unknown = first
        .put_instance("alpha/x", instance("badge@3.0.0"), Precondition::None)
        .await;
    assert!(matches!(unknown, Err(PublishFailure::Invalid(_))));
    let pinned = first.delete_plugin_version("badge", "1.0.0").await;
    assert!(matches!(pinned, Err(PublishFailure::InUse(_))));
    let taken = put(&first, "1.0.0", 7).await;
    assert!(
        matches!(taken, Err(PublishFailure::VersionTaken { .. })),
        "{taken:?}"
    );
    first.store().close().await;

    let second = publisher(&directory).await;
    assert_eq!(digest("alpha/pins", &second), one.inspection.digest);
    let back = second
        .rollback_plugin("badge", None, Precondition::At(two.revision))
        .await
        .unwrap();
    assert_eq!(back.inspection.digest, one.inspection.digest);
    assert_eq!(digest("alpha/follows", &second), one.inspection.digest);
    let forth = second
        .rollback_plugin("badge", Some("2.0.0"), Precondition::None)
        .await
        .unwrap();
    assert_eq!(forth.version.as_deref(), Some("2.0.0"));
    let never = second
        .rollback_plugin("badge", Some("9.0.0"), Precondition::None)
        .await;
    assert!(matches!(never, Err(PublishFailure::Invalid(_))));
    let history = second.plugin_versions("badge").await.unwrap().unwrap();
    let told: Vec<Option<&str>> = history.iter().map(|v| v.version.as_deref()).collect();
    let (old, new) = (Some("1.0.0"), Some("2.0.0"));
    assert_eq!(told, [new, old, new, old]);
    assert!(history[0].is_current);
    for id in ["alpha/pins", "alpha/follows"] {
        let used = second.delete_plugin("badge", Precondition::None).await;
        assert!(matches!(used, Err(PublishFailure::InUse(_))));
        second
            .delete_instance(id, Precondition::None)
            .await
            .unwrap();
    }
    second
        .delete_plugin_version("badge", "1.0.0")
        .await
        .unwrap();
    put(&second, "1.0.0", 7).await.unwrap();
    second
        .delete_plugin("badge", Precondition::None)
        .await
        .unwrap();
    assert_eq!(second.plugin_versions("badge").await.unwrap(), None);
}

#[tokio::test]
async fn an_inspection_tells_what_an_upload_would_and_keeps_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let publisher = publisher(&directory).await;
    let inspection = publisher
        .inspect_plugin(Bytes::from(plugin("1.0.0", 0)))
        .await
        .unwrap();
    assert_eq!(inspection.points, ["validator"]);
    assert_eq!(inspection.manifest.version.as_deref(), Some("1.0.0"));
    assert_eq!(inspection.keys["badge"].algorithms, ["HS256"]);
    assert_eq!(publisher.list_plugins(), []);
    assert_eq!(publisher.store().plugins().await.unwrap(), []);
    let refused = publisher.inspect_plugin(Bytes::from_static(BOX)).await;
    assert!(
        matches!(
            refused,
            Err(PublishFailure::Plugin(PluginRejected::NotWasm { .. }))
        ),
        "{refused:?}"
    );
    let uploaded = put(&publisher, "1.0.0", 0).await.unwrap();
    assert_eq!(uploaded.inspection, inspection);
}
