//! What thousands of instances cost.

use std::time::{Duration, Instant};

use super::{
    super::*,
    desk::{desk, envelope, hmac_state},
};
use crate::registry::Registry;

/// So many that a cost which grows with their number shows.
const MANY: usize = 1000;
const SAMPLE: usize = 100;

#[tokio::test]
async fn publishing_one_more_costs_the_same_whatever_is_there() {
    let desk = desk().await;
    let mut times = Vec::with_capacity(MANY);
    for index in 0..MANY {
        let body = envelope(&hmac_state("/alpha", &format!("inst{index}")));
        let started = Instant::now();
        let (status, body) = desk.call(Method::POST, "", &body).await;
        times.push(started.elapsed());
        assert_eq!(status, 201, "{body}");
    }
    let median = |times: &[Duration]| {
        let mut sorted = times.to_vec();
        sorted.sort();
        sorted[sorted.len() / 2]
    };
    let (first, last) = (median(&times[..SAMPLE]), median(&times[MANY - SAMPLE..]));
    assert!(
        last < 3 * first + Duration::from_millis(10),
        "{first:?} {last:?}"
    );

    let documents = desk.publisher.list_instances().await.unwrap();
    let bytes: usize = documents
        .iter()
        .map(|(_, document, _)| serde_json::to_string(document).unwrap().len())
        .sum();
    assert_eq!(documents.len(), MANY);
    assert!(bytes / MANY < 20 * 1024, "{} bytes each", bytes / MANY);

    desk.published.publish(Registry::default());
    let started = Instant::now();
    let failed = desk.publisher.restore().await.unwrap();
    let restored = started.elapsed();
    assert_eq!(failed, Vec::<String>::new());
    assert_eq!(desk.published.load().instances.size(), MANY);
    // Unoptimised and among others; a cost per instance that grows with their number would be minutes.
    assert!(restored < Duration::from_mins(1), "{restored:?}");
    println!(
        "publish: {first:?} among few, {last:?} among {MANY}; {} bytes each; all restored in {restored:?}",
        bytes / MANY
    );
}
