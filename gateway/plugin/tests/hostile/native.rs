//! Native code from elsewhere: it would run with all of the gateway's rights.

use std::fs;

use cambist_plugin::{CodeCache, Compilation, PluginRejected};
use wasmtime::Engine;

use crate::{
    Guest,
    adapter::{self, ask, compile},
    refused,
};

#[test]
fn wa_12_native_code_is_no_upload() {
    let engine = Engine::default();
    let native = engine
        .precompile_component(&Guest::default().bytes())
        .unwrap();
    assert_eq!(refused(&native), PluginRejected::Precompiled);
    let module = engine
        .precompile_module(&wat::parse_str("(module)").unwrap())
        .unwrap();
    assert_eq!(refused(&module), PluginRejected::Precompiled);
    // Spoiled a little, so that it is not known for what it is.
    for place in [0, 4, 5, 6, 7, 8, 16, 18, 20, 48] {
        let mut spoiled = native.clone();
        spoiled[place] ^= 0xff;
        let refused = refused(&spoiled);
        assert!(
            matches!(
                refused,
                PluginRejected::NotWasm { .. } | PluginRejected::Precompiled
            ),
            "{place}: {refused}"
        );
    }
}

#[tokio::test]
async fn wa_12_a_tampered_cache_is_compiled_again() {
    let directory = tempfile::tempdir().unwrap();
    let code = directory.path().join("code");
    let host = || {
        adapter::host(Compilation {
            cache: Some(CodeCache::new(code.clone(), [9; 32].into())),
            ..Compilation::default()
        })
    };
    let good = Guest::default().bytes();
    let evil = Guest {
        fields: r#"(data (i32.const 16) "evil")"#.to_owned(),
        ..Guest::default()
    };
    compile(&host(), &good).unwrap();
    let file = |directory: &std::path::Path| {
        let mut files = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let file = files.next().unwrap();
        assert!(files.next().is_none());
        file
    };
    let kept = file(&code);
    let whole = fs::read(&kept).unwrap();

    // Code that another host with another key compiled, under this one's name.
    let elsewhere = directory.path().join("elsewhere");
    let other = adapter::host(Compilation {
        cache: Some(CodeCache::new(elsewhere.clone(), [8; 32].into())),
        ..Compilation::default()
    });
    compile(&other, &evil.bytes()).unwrap();
    let foreign = fs::read(file(&elsewhere)).unwrap();

    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    // The right MAC before other code.
    let swapped = [&whole[..32], &foreign[32..]].concat();
    for tampered in [
        flipped,
        swapped,
        foreign,
        whole[..whole.len() - 1].to_vec(),
        whole[32..].to_vec(),
        b"\x7fELF".to_vec(),
        Vec::new(),
    ] {
        fs::write(&kept, &tampered).unwrap();
        let validator = compile(&host(), &good).unwrap();
        assert_eq!(ask(&validator).await.unwrap().subject, "dana");
        // Written anew, and good again.
        let renewed = fs::read(file(&code)).unwrap();
        assert_ne!(renewed, tampered);
        assert_eq!(renewed.len(), whole.len());
    }
}
