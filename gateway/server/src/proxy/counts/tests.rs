use super::*;

fn rendered(counts: &Counts) -> String {
    render(&BTreeMap::new(), counts)
}

#[test]
fn what_every_thread_counts_is_added_up() {
    let counts = Counts::default();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..100 {
                    counts.ended(
                        method_index(&Method::GET),
                        StatusCode::OK,
                        Outcome::Answered,
                        Duration::from_micros(700),
                    );
                }
                counts.refused("host");
                counts.looked_up(Source::Hit);
            });
        }
    });
    let text = rendered(&counts);
    for line in [
        r#"cambist_http_requests_total{route="",method="GET",code="2xx",outcome="answered"} 800"#,
        r#"cambist_http_request_duration_seconds_bucket{route="",le="0.0005"} 0"#,
        r#"cambist_http_request_duration_seconds_bucket{route="",le="0.001"} 800"#,
        r#"cambist_http_request_duration_seconds_bucket{route="",le="+Inf"} 800"#,
        r#"cambist_http_request_duration_seconds_sum{route=""} 0.56"#,
        r#"cambist_http_request_duration_seconds_count{route=""} 800"#,
        r#"cambist_proxy_rejected_total{route="",reason="host"} 8"#,
        r#"cambist_proxy_exchange_cache_total{route="",result="hit"} 8"#,
    ] {
        assert!(text.lines().any(|have| have == line), "{line}\n{text}");
    }
}

#[test]
fn au_06_a_stranger_makes_no_labels() {
    let counts = Counts::default();
    for index in 0..1_000 {
        let method = Method::from_bytes(format!("M{index}").as_bytes()).unwrap();
        counts.ended(
            method_index(&method),
            StatusCode::from_u16(100 + index % 900).unwrap(),
            Outcome::Answered,
            Duration::from_hours(9),
        );
    }
    let text = rendered(&counts);
    let series = text
        .lines()
        .filter(|line| line.starts_with("cambist_http_requests_total{"));
    assert_eq!(series.count(), CLASSES.len(), "{text}");
    assert!(!text.contains("M1"), "{text}");
}

#[test]
fn names_stand_where_their_values_say() {
    for outcome in [
        Outcome::Answered,
        Outcome::Switched,
        Outcome::Refused,
        Outcome::Failed,
        Outcome::Abandoned,
    ] {
        assert_eq!(outcome.name(), format!("{outcome:?}").to_lowercase());
    }
    for source in [
        Source::Hit,
        Source::Miss,
        Source::Refresh,
        Source::Refused,
        Source::Off,
    ] {
        assert_eq!(source.name(), format!("{source:?}").to_lowercase());
    }
}

#[test]
fn bounds_are_included_and_ascend() {
    let durations = Durations::default();
    for bound in BOUNDS {
        durations.add(Duration::from_micros(bound));
    }
    let counts: Vec<u64> = durations
        .classes
        .iter()
        .map(|count| count.load(Relaxed))
        .collect();
    assert_eq!(counts, [[1; BOUNDS.len()].as_slice(), &[0]].concat());
    assert!(BOUNDS.is_sorted());
}
