//! What a plugin name stood for over time.

use super::*;

fn point(name: &str, component: &[u8]) -> Change {
    Change::PointPlugin {
        name: name.into(),
        digest: component_digest(component),
        expected: Expected::Any,
    }
}

fn forget(name: &str, component: &[u8]) -> Change {
    Change::ForgetVersion {
        name: name.into(),
        digest: component_digest(component),
    }
}

fn versioned(component: &'static [u8], version: &str) -> Change {
    Change::PutPlugin {
        name: "p".into(),
        component: Bytes::from_static(component),
        version: Some(version.into()),
        expected: Expected::Any,
    }
}

async fn is_stored(store: &Store, component: &[u8]) -> bool {
    let found = store.component(&component_digest(component)).await;
    found.unwrap().is_some()
}

#[tokio::test]
async fn plugins_can_be_rolled_back() {
    let (_directory, store) = fresh().await;
    store
        .apply(&[versioned(b"one", "1.0.0")], NOW)
        .await
        .unwrap();
    store
        .apply(&[versioned(b"two", "2.0.0")], NOW)
        .await
        .unwrap();
    store.apply(&[point("p", b"one")], NOW).await.unwrap();
    assert_eq!(
        store.plugins().await.unwrap()[0].digest,
        component_digest(b"one")
    );
    let versions = store.plugin_versions("p").await.unwrap();
    let told: Vec<(&str, Option<&str>)> = versions
        .iter()
        .map(|v| (v.digest.as_str(), v.version.as_deref()))
        .collect();
    let (one, two) = (component_digest(b"one"), component_digest(b"two"));
    assert_eq!(
        told,
        [
            (one.as_str(), Some("1.0.0")),
            (two.as_str(), Some("2.0.0")),
            (one.as_str(), Some("1.0.0"))
        ]
    );
    let unknown = store.apply(&[point("p", b"three")], NOW).await;
    assert!(matches!(unknown, Err(StoreError::Missing { .. })));
}

#[tokio::test]
async fn an_old_version_can_be_forgotten_and_the_current_cannot() {
    let (_directory, store) = fresh().await;
    store.apply(&[plugin("p", b"one")], NOW).await.unwrap();
    store.apply(&[plugin("p", b"two")], NOW).await.unwrap();
    let current = store.apply(&[forget("p", b"two")], NOW).await;
    assert!(matches!(current, Err(StoreError::InUse { .. })));
    store.apply(&[forget("p", b"one")], NOW).await.unwrap();
    assert!(!is_stored(&store, b"one").await);
    for change in [forget("p", b"one"), point("p", b"one"), forget("q", b"two")] {
        let missing = store.apply(&[change], NOW).await;
        assert!(matches!(missing, Err(StoreError::Missing { .. })));
    }
}

#[tokio::test]
async fn a_component_stays_while_any_name_had_it() {
    let (_directory, store) = fresh().await;
    store
        .apply(&[plugin("p", b"one"), plugin("q", b"one")], NOW)
        .await
        .unwrap();
    store
        .apply(&[plugin("p", b"two"), plugin("q", b"two")], NOW)
        .await
        .unwrap();
    store.apply(&[forget("p", b"one")], NOW).await.unwrap();
    assert!(is_stored(&store, b"one").await);
    store
        .apply(
            &[Change::DeletePlugin {
                name: "q".into(),
                expected: Expected::Any,
            }],
            NOW,
        )
        .await
        .unwrap();
    assert_eq!(store.plugin_versions("q").await.unwrap(), []);
    assert!(!is_stored(&store, b"one").await);
    assert!(is_stored(&store, b"two").await);
}
