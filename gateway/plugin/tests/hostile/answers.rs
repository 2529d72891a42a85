//! Guests that trap, lie about where things are, or say what is no text.

use crate::{Guest, adapter, attacks, compile, guest::ANSWER};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wa_08_traps_end_one_call() {
    let memory = "(drop (i32.load (i32.const -4)))";
    let cases = [
        ("unreachable", "(unreachable)", "unreachable"),
        ("a load behind the end", memory, "out of bounds"),
        (
            "a store behind the end",
            "(i64.store offset=4294967295 (i32.const -1) (i64.const 0))",
            "out of bounds",
        ),
        (
            "a fill across the end",
            "(memory.fill (i32.const 1) (i32.const 0) (i32.const -1))",
            "out of bounds",
        ),
        (
            "a division by zero",
            "(drop (i32.div_u (i32.const 1) (i32.load (i32.const 0))))",
            "divide by zero",
        ),
        (
            "a division that overflows",
            "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))",
            "integer overflow",
        ),
        (
            "a conversion of nothing",
            "(drop (i32.trunc_f64_u (f64.const nan)))",
            "invalid conversion",
        ),
        (
            "an entry that is not there",
            "(call_indirect $table (type $void) (i32.const 1000))",
            "undefined element",
        ),
        (
            "an entry that is empty",
            "(call_indirect $table (type $void) (i32.const 0))",
            "uninitialized element",
        ),
        (
            "an entry of another type",
            "(drop (call_indirect $table (type $answer) (i32.const 1)))",
            "indirect call type mismatch",
        ),
    ];
    let fields = "(type $void (func)) (type $answer (func (result i64))) (table $table 2 funcref)
        (func $leaf) (elem (table $table) (i32.const 1) func $leaf)";
    attacks(cases.map(|(what, instructions, expected)| {
        let guest = Guest {
            fields: fields.to_owned(),
            ..Guest::doing(instructions)
        };
        (what, guest, expected)
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wa_08_wild_answers_are_the_plugins_fault() {
    let at = |address: u32| Guest {
        body: format!("(i32.const {address})"),
        ..Guest::default()
    };
    attacks([
        ("an answer behind the end", at(0xffff_fff8), "out of bounds"),
        (
            "an answer across the end",
            at(4 * 65536 - 8),
            "out of bounds",
        ),
        ("an answer between words", at(ANSWER + 1), "not aligned"),
        ("no such case", Guest::answering(&[(0, 2)]), "discriminant"),
        (
            "no such option",
            Guest::answering(&[(16, 7)]),
            "discriminant",
        ),
        (
            "no such fault",
            Guest::answering(&[(0, 1), (8, 200)]),
            "discriminant",
        ),
        (
            "a wild pointer",
            Guest::answering(&[(8, 0xffff_0000)]),
            "out of bounds",
        ),
        (
            "a wild length",
            Guest::answering(&[(12, 0xffff_ffff)]),
            "out of bounds",
        ),
        (
            "a text across the end",
            Guest::answering(&[(8, 4 * 65536 - 2)]),
            "out of bounds",
        ),
        (
            "a list across the end",
            Guest::answering(&[(28, 4 * 65536 - 8), (32, 2)]),
            "out of bounds",
        ),
        (
            "a list between words",
            Guest::answering(&[(28, 2), (32, 1)]),
            "not aligned",
        ),
        (
            "a list longer than everything",
            Guest::answering(&[(116, 0), (120, 0x2000_0000)]),
            "out of bounds",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wa_08_what_is_no_text_is_the_plugins_fault() {
    attacks([
        (
            "no text",
            Guest::with(r#"(data (i32.const 16) "\ff\fe\fd\fc")"#),
            "utf-8",
        ),
        (
            "half a character",
            Guest::with(r#"(data (i32.const 16) "abc\e2")"#),
            "utf-8",
        ),
        (
            "a surrogate",
            Guest::with(r#"(data (i32.const 16) "a\ed\a0\80")"#),
            "utf-8",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wa_08_a_wild_allocator_is_the_plugins_fault() {
    let allocating = |realloc: &str| Guest {
        realloc: realloc.to_owned(),
        ..Guest::default()
    };
    attacks([
        (
            "memory behind the end",
            allocating("(i32.const -8)"),
            "beyond end of memory",
        ),
        (
            "memory across the end",
            allocating("(i32.const 262143)"),
            "beyond end of memory",
        ),
        ("a trap", allocating("(unreachable)"), "unreachable"),
        (
            "growth that fails",
            allocating("(memory.grow (i32.const 65535))"),
            "growing memory",
        ),
    ])
    .await;
}

/// A guest may overwrite all that is its own, arguments and all, and hurt itself only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wa_06_a_guest_that_overwrites_itself_hurts_itself_only() {
    let wiping = "(memory.fill (i32.const 0) (i32.const 0xff) (i32.const 262144))";
    let wiped = Guest {
        body: format!("{wiping} (i32.const {ANSWER})"),
        ..Guest::default()
    };
    attacks([("everything overwritten", wiped, "discriminant")]).await;
    let leaving = compile(
        &crate::HOST,
        &Guest::doing("(if (i32.load (i32.const 4096)) (then (unreachable))) (i32.store (i32.const 4096) (i32.const 1))")
            .bytes(),
    )
    .unwrap();
    for _ in 0..20 {
        let answer = adapter::ask(&leaving).await;
        assert_eq!(answer.unwrap().subject, "dana");
    }
}
