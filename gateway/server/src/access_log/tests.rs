use std::net::Ipv4Addr;

use serde_json::Value;

use super::*;

fn asked<'r>(path: &'r str, host: &'r str) -> Asked<'r> {
    Asked {
        correlation: "c-1",
        route: "orders",
        client: Ipv4Addr::LOCALHOST.into(),
        method: "GET",
        host,
        path,
        protocol: "HTTP/1.1",
    }
}

fn read(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(ToOwned::to_owned).collect()
}

#[test]
fn px_16_no_text_of_a_stranger_begins_a_line_or_speaks_to_a_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("access.jsonl");
    let log = AccessLog::open(&path).unwrap();
    let evil = "/a\r\n{\"forged\":1}\u{1b}[2J\u{7f}\u{9b}31m\u{2028}\u{202e}\u{1f600}\"\\é";
    let mut entry = log.begin(&asked(evil, "h\n"));
    entry.subject(evil);
    drop(entry);
    drop(log);
    let lines = read(&path);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].bytes().all(|b| (0x20..0x7f).contains(&b)));
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(
        (&line["path"], &line["subject"]),
        (&evil.into(), &evil.into())
    );
    assert_eq!(line["host"], "h\n");
}

#[test]
fn a_line_says_how_a_request_ended() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("access.jsonl");
    let log = AccessLog::open(&path).unwrap();
    drop(log.begin(&asked("/gone", "a")));
    let mut entry = log.begin(&asked("/whole", "a"));
    entry.traced("4bf92f3577b34da6a3ce929d0e0e4736");
    entry.exchange("hit");
    entry.answered(200, "answered", None);
    entry.sent(5);
    entry.sent(7);
    entry.ended(Ending::Whole);
    drop(entry);
    drop(log);
    let lines: Vec<Value> = read(&path)
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        (&lines[0]["status"], &lines[0]["outcome"], &lines[0]["end"]),
        (&499.into(), &"abandoned".into(), &"client_gone".into())
    );
    assert!(lines[0].get("head_micros").is_none() && lines[0].get("trace").is_none());
    for (name, value) in [
        ("status", Value::from(200)),
        ("outcome", "answered".into()),
        ("exchange", "hit".into()),
        ("trace", "4bf92f3577b34da6a3ce929d0e0e4736".into()),
        ("bytes", 12.into()),
        ("end", "whole".into()),
        ("route", "orders".into()),
        ("client", "127.0.0.1".into()),
        ("protocol", "HTTP/1.1".into()),
    ] {
        assert_eq!(lines[1][name], value, "{name}");
    }
    assert!(lines[1]["at"].as_f64().unwrap() > 1.7e9);
    assert!(lines[1]["micros"].as_u64() >= lines[1]["head_micros"].as_u64());
}

#[test]
fn long_texts_are_cut_and_nothing_waits_for_a_full_queue() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("access.jsonl");
    let log = AccessLog::open(&path).unwrap();
    let long = "é".repeat(2000);
    drop(log.begin(&asked(&long, &long)));
    let text = || log.render();
    for _ in 0..1000 {
        if text().contains("outcome=\"written\"} 1\n") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(text().contains("outcome=\"written\"} 1\n"), "{}", text());
    drop(log);
    let lines = read(&path);
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(line["path"].as_str().unwrap().len(), 1024 + 3);

    let shared = Arc::new(Shared {
        path: PathBuf::new(),
        queue: ArrayQueue::new(1),
        is_closing: AtomicBool::new(false),
        must_reopen: AtomicBool::new(false),
        written: AtomicU64::new(0),
        lost: AtomicU64::new(0),
    });
    for _ in 0..3 {
        drop(Entry::new(&asked("/", "a"), &shared));
    }
    assert_eq!(shared.lost.load(Relaxed), 2);
}

#[test]
fn a_file_that_was_moved_away_is_followed_by_another() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let (path, moved) = (
        directory.path().join("access.jsonl"),
        directory.path().join("access.jsonl.1"),
    );
    let log = AccessLog::open(&path).unwrap();
    drop(log.begin(&asked("/one", "a")));
    while !log.render().contains("outcome=\"written\"} 1\n") {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::fs::rename(&path, &moved).unwrap();
    log.reopen();
    while !path.exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    drop(log.begin(&asked("/two", "a")));
    drop(log);
    assert!(read(&moved)[0].contains("/one") && read(&path)[0].contains("/two"));
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
