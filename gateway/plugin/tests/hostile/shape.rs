//! Uploads that are broken, or too much of something. None of them may be taken, run or get anything else
//! than a refusal with a name; and the host stays as it was.

use std::time::{Duration, Instant};

use cambist_plugin::{PluginRejected, componentize};
use wasm_encoder::{ComponentSection as _, RawSection};

use crate::{Guest, HOST, ask, compile, refused};

/// Numbers that look random and are the same every time (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }
}

#[test]
fn wa_11_no_beginning_of_a_component_is_one() {
    let whole = Guest::default().bytes();
    // What follows the last section with a meaning is names and producers, of which none is missed.
    let good: Vec<usize> = (0..whole.len())
        .filter(|length| compile(&HOST, &whole[..*length]).is_ok())
        .collect();
    assert!(good.len() < 16, "{good:?} of {}", whole.len());
    assert!(good.iter().all(|length| *length > whole.len() / 2));
    let module = Guest::default().module();
    for length in 0..module.len() {
        assert!(componentize(&module[..length]).is_err(), "{length}");
    }
}

/// A changed component is refused, or is a component.
#[tokio::test]
async fn wa_11_flipped_bits_are_refused_or_harmless() {
    let whole = Guest::default().bytes();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut taken = 0;
    for round in 0..1500 {
        let mut changed = whole.clone();
        for _ in 0..=round % 3 {
            let place = numbers.below(changed.len());
            changed[place] ^= 1 << numbers.below(8);
        }
        if let Ok(validator) = compile(&HOST, &changed) {
            taken += 1;
            // Its answer may be anything.
            drop(ask(&validator).await);
        }
    }
    assert!((1..1400).contains(&taken), "{taken}");
}

#[test]
fn wa_11_pieces_in_another_order_are_refused_or_harmless() {
    let whole = Guest::default().bytes();
    let mut numbers = Numbers(7);
    for _ in 0..300 {
        let mut changed = whole.clone();
        let (from, to) = (numbers.below(whole.len()), numbers.below(whole.len()));
        let length = numbers.below(64).min(whole.len() - from.max(to));
        let piece = whole[from..from + length].to_vec();
        match numbers.below(3) {
            0 => drop(changed.drain(from..from + length)),
            1 => changed[to..to + length].copy_from_slice(&piece),
            _ => drop(changed.splice(to..to, piece)),
        }
        drop(compile(&HOST, &changed));
        drop(componentize(&changed));
    }
    assert!(compile(&HOST, &whole).is_ok());
}

#[test]
fn wa_11_too_much_of_anything_is_refused_at_once() {
    let text = |text: String| wat::parse_str(text).unwrap();
    let repeated = |part: &str, n: usize| text(format!("(component {})", part.repeat(n)));
    let nested = |n: usize| {
        let innermost = text("(component)".to_owned());
        (0..n).fold(innermost.clone(), |inside, _| {
            let mut component = innermost.clone();
            RawSection {
                id: 4,
                data: &inside,
            }
            .append_to_component(&mut component);
            component
        })
    };
    let numbered = |n: usize, part: &dyn Fn(usize) -> String| {
        text(format!(
            "(component {})",
            (0..n).map(part).collect::<String>()
        ))
    };
    let bombs = [
        ("a component in a component, 1,000 times", nested(1000)),
        ("100,000 modules", repeated("(core module)", 100_000)),
        ("100,000 components", repeated("(component)", 100_000)),
        (
            "10,000 imports",
            numbered(10_000, &|n| format!(r#"(import "a{n}" (func))"#)),
        ),
        (
            "a name of a megabyte",
            numbered(1, &|_| {
                format!(r#"(import "{}" (func))"#, "a".repeat(90_000))
            }),
        ),
        (
            "10,000 instances of nothing",
            repeated("(core instance)", 10_000),
        ),
        (
            "100,000 types and no plugin",
            repeated("(type (func))", 100_000),
        ),
        (
            "a section of a megabyte of nothing",
            text(format!(
                r#"(component (@custom "x" "{}"))"#,
                "x".repeat(1 << 20)
            )),
        ),
        (
            "a type of 2^100 parts",
            numbered(100, &|n| match n {
                0 => "(type $t0 (tuple u8 u8))".to_owned(),
                _ => format!("(type $t{n} (tuple $t{} $t{}))", n - 1, n - 1),
            }),
        ),
    ];
    for (what, bytes) in bombs {
        let started = Instant::now();
        let refused = refused(&bytes);
        assert!(
            matches!(
                refused,
                PluginRejected::TooComplex { .. }
                    | PluginRejected::Import { .. }
                    | PluginRejected::MissingExport { .. }
                    | PluginRejected::Malformed(_)
                    | PluginRejected::Compile(_)
            ),
            "{what}: {refused}"
        );
        let took = started.elapsed();
        assert!(took < Duration::from_secs(2), "{what}: {took:?}");
    }
    let large = vec![0; (32 << 20) + 1];
    assert!(matches!(refused(&large), PluginRejected::TooLarge { .. }));
}

/// In a real plugin, so that the compiler gets to see them.
#[test]
fn wa_11_large_sections_of_a_plugin_take_no_time() {
    let types = (0..20_000).map(|n| {
        format!(
            "(type (func (param i32) (result i64 i64) (result {})))",
            if n % 2 == 0 { "i32" } else { "f32" }
        )
    });
    let functions = "(func (param i32) (result i32) (local.get 0))".repeat(20_000);
    let names = (0..20_000).map(|n| format!("(func ${}{n})", "n".repeat(100)));
    let globals = "(global i64 (i64.const 7))".repeat(50_000);
    let data = "(data (i32.const 0) \"x\")".repeat(50_000);
    for (what, fields) in [
        ("types", types.collect::<String>()),
        ("functions", functions),
        ("names", names.collect()),
        ("globals", globals),
        ("data", data),
    ] {
        let started = Instant::now();
        // Whether it is taken or not is not the question here.
        drop(compile(&HOST, &Guest::with(fields).bytes()));
        let took = started.elapsed();
        assert!(took < Duration::from_secs(30), "{what}: {took:?}");
    }
}

#[test]
fn wa_11_what_is_no_component_is_called_by_its_name() {
    let described = Guest::default().module();
    assert!(compile(&HOST, &described).is_ok());
    let preview1 = wat::parse_str(
        r#"(module (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32))))"#,
    )
    .unwrap();
    assert_eq!(refused(&preview1), PluginRejected::Preview1);
    let plain = wat::parse_str("(module)").unwrap();
    assert_eq!(refused(&plain), PluginRejected::CoreModule);
    assert!(matches!(refused(b""), PluginRejected::NotWasm { .. }));
}
