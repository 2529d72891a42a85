use std::collections::HashSet;

use http_body_util::BodyExt as _;
use serde_json::Value;

use super::*;

fn rejections() -> Vec<PluginRejected> {
    use PluginRejected as R;
    vec![
        R::TooLarge { size: 2, limit: 1 },
        R::Precompiled,
        R::NotWasm { found: "text" },
        R::CoreModule,
        R::Preview1,
        R::TooSlow {
            limit: std::time::Duration::from_secs(1),
        },
        R::TooMuchMemory { limit: 1 },
        R::NoRoom("x".into()),
        R::CompilerMissing("x".into()),
        R::CompilerFailed("x".into()),
        R::Malformed("x".into()),
        R::TooComplex {
            what: "functions",
            found: 2,
            limit: 1,
        },
        R::Composed,
        R::Import {
            import: "wasi:sockets/tcp@0.2.0".into(),
            hint: "a plugin has no network",
        },
        R::MissingExport { found: Vec::new() },
        R::Version("cambist:sts/validator@9.0.0".into()),
        R::WrongType("x".into()),
        R::Manifest("x".into()),
        R::Resources {
            what: "tables",
            found: 2,
            limit: 1,
        },
        R::Compile("x".into()),
        R::Trial("x".into()),
        R::SelfTest {
            case: "good".into(),
            reason: "x".into(),
        },
        R::TrialTime(std::time::Duration::from_secs(1)),
    ]
}

#[tokio::test]
async fn every_reason_for_which_a_component_is_refused_has_a_type_and_a_hint() {
    let mut types = HashSet::new();
    for rejected in rejections() {
        let detail = rejected.to_string();
        let response = Problem::from(PublishFailure::Plugin(rejected)).response("c-1");
        assert!(!response.status().is_success());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["detail"], detail);
        assert!(problem["hint"].as_str().is_some_and(|hint| hint.len() > 20));
        let kind = problem["type"].as_str().unwrap().to_owned();
        assert!(kind.starts_with("urn:cambist:problem:"), "{kind}");
        assert!(types.insert(kind), "{problem}");
    }
}
