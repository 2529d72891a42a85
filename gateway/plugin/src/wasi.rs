//! An empty world for the guests of ordinary toolchains.
//!
//! Rust's, JavaScript's and Python's runtimes import WASI without being asked. Here they find a machine
//! with nothing in it: no arguments, environment, files or network; a clock that stands at `call.now`; a
//! standard error whose last words become the reason of a failure; randomness. Whatever else they call ends
//! the call.

use aws_lc_rs::rand;
use wasmtime::{
    Error, StoreContextMut,
    component::{
        Component, ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType,
        types::ComponentItem,
    },
};

use crate::sandbox::Sandbox;

/// An input stream that has ended.
struct Input;
/// The standard output or error.
struct Output;
/// Something to wait for; always ready.
struct Pollable;
/// An input or output error; there is none.
struct IoError;

/// The error of a stream.
#[derive(ComponentType, Lower, Lift)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

/// A moment of the wall clock.
#[derive(ComponentType, Lower, Lift)]
#[component(record)]
struct DateTime {
    seconds: u64,
    nanoseconds: u32,
}

/// Bytes that may be written at once.
const WRITE_BYTES: u64 = 4096;

/// Whether an import belongs to the empty world.
pub(crate) fn is_answered(import: &str) -> bool {
    import.starts_with("wasi:")
        && import
            .rsplit_once('@')
            .is_some_and(|(_, version)| version.starts_with("0.2."))
}

/// Defines, under the very names that `component` uses, what there is; all else becomes traps.
pub(crate) fn define(linker: &mut Linker<Sandbox>, component: &Component) -> wasmtime::Result<()> {
    let engine = linker.engine().clone();
    for (name, item) in component.component_type().imports(&engine) {
        let ComponentItem::ComponentInstance(imported) = item.ty else {
            continue;
        };
        if !is_answered(name) {
            continue;
        }
        let interface = name
            .rsplit_once('@')
            .map_or(name, |(interface, _)| interface);
        let mut linker = linker.instance(name)?;
        // An interface exports what it uses of others as well, and it must be the same there.
        for (export, item) in imported.exports(&engine) {
            if matches!(item.ty, ComponentItem::Resource(_)) {
                known_resource(&mut linker, export)?;
            }
        }
        match interface {
            "wasi:cli/environment" => environment(&mut linker)?,
            "wasi:cli/stdin" => stdin(&mut linker)?,
            "wasi:cli/stdout" => output(&mut linker, "get-stdout")?,
            "wasi:cli/stderr" => output(&mut linker, "get-stderr")?,
            "wasi:cli/terminal-stdin" => {
                no_terminal::<TerminalInput>(&mut linker, "get-terminal-stdin")?;
            }
            "wasi:cli/terminal-stdout" => {
                no_terminal::<TerminalOutput>(&mut linker, "get-terminal-stdout")?;
            }
            "wasi:cli/terminal-stderr" => {
                no_terminal::<TerminalOutput>(&mut linker, "get-terminal-stderr")?;
            }
            "wasi:io/error" => io_error(&mut linker)?,
            "wasi:io/poll" => poll(&mut linker)?,
            "wasi:io/streams" => streams(&mut linker)?,
            "wasi:clocks/wall-clock" => wall_clock(&mut linker)?,
            "wasi:clocks/monotonic-clock" => monotonic_clock(&mut linker)?,
            "wasi:random/random" => random(&mut linker)?,
            "wasi:random/insecure" => insecure(&mut linker)?,
            "wasi:random/insecure-seed" => insecure_seed(&mut linker)?,
            "wasi:filesystem/preopens" => preopens(&mut linker)?,
            _ => {}
        }
    }
    linker.define_unknown_imports_as_traps(component)
}

struct TerminalInput;
struct TerminalOutput;
struct Descriptor;

type Caller<'a> = StoreContextMut<'a, Sandbox>;

fn resource<T: 'static>(
    linker: &mut LinkerInstance<'_, Sandbox>,
    name: &str,
) -> wasmtime::Result<()> {
    linker.resource(name, ResourceType::host::<T>(), |_, _| Ok(()))
}

/// Defines a resource by its name; one that nothing here makes stays undefined.
fn known_resource(linker: &mut LinkerInstance<'_, Sandbox>, name: &str) -> wasmtime::Result<()> {
    match name {
        "descriptor" => resource::<Descriptor>(linker, name),
        "error" => resource::<IoError>(linker, name),
        "input-stream" => resource::<Input>(linker, name),
        "output-stream" => resource::<Output>(linker, name),
        "pollable" => resource::<Pollable>(linker, name),
        "terminal-input" => resource::<TerminalInput>(linker, name),
        "terminal-output" => resource::<TerminalOutput>(linker, name),
        _ => Ok(()),
    }
}

fn environment(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    linker.func_wrap("get-environment", |_: Caller<'_>, (): ()| {
        Ok((Vec::<(String, String)>::new(),))
    })?;
    linker.func_wrap("get-arguments", |_: Caller<'_>, (): ()| {
        Ok((Vec::<String>::new(),))
    })?;
    linker.func_wrap("initial-cwd", |_: Caller<'_>, (): ()| Ok((None::<String>,)))
}

fn stdin(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    linker.func_wrap("get-stdin", |_: Caller<'_>, (): ()| {
        Ok((Resource::<Input>::new_own(0),))
    })
}

fn output(linker: &mut LinkerInstance<'_, Sandbox>, name: &str) -> wasmtime::Result<()> {
    linker.func_wrap(name, |_: Caller<'_>, (): ()| {
        Ok((Resource::<Output>::new_own(0),))
    })
}

fn no_terminal<T: 'static>(
    linker: &mut LinkerInstance<'_, Sandbox>,
    name: &str,
) -> wasmtime::Result<()> {
    linker.func_wrap(name, |_: Caller<'_>, (): ()| Ok((None::<Resource<T>>,)))
}

fn io_error(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "[method]error.to-debug-string",
        |_: Caller<'_>, (_,): (Resource<IoError>,)| Ok((String::new(),)),
    )
}

fn poll(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "[method]pollable.ready",
        |_: Caller<'_>, (_,): (Resource<Pollable>,)| Ok((true,)),
    )?;
    linker.func_wrap(
        "[method]pollable.block",
        |_: Caller<'_>, (_,): (Resource<Pollable>,)| Ok(()),
    )?;
    linker.func_wrap(
        "poll",
        |_: Caller<'_>, (pollables,): (Vec<Resource<Pollable>>,)| {
            let ready: Vec<u32> = (0..).take(pollables.len()).collect();
            Ok((ready,))
        },
    )
}

fn streams(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    for name in [
        "[method]input-stream.read",
        "[method]input-stream.blocking-read",
    ] {
        linker.func_wrap(name, |_: Caller<'_>, (_, _): (Resource<Input>, u64)| {
            Ok((Err::<Vec<u8>, _>(StreamError::Closed),))
        })?;
    }
    linker.func_wrap(
        "[method]input-stream.subscribe",
        |_: Caller<'_>, (_,): (Resource<Input>,)| Ok((Resource::<Pollable>::new_own(0),)),
    )?;
    linker.func_wrap(
        "[method]output-stream.check-write",
        |_: Caller<'_>, (_,): (Resource<Output>,)| Ok((Ok::<_, StreamError>(WRITE_BYTES),)),
    )?;
    for name in [
        "[method]output-stream.write",
        "[method]output-stream.blocking-write-and-flush",
    ] {
        linker.func_wrap(
            name,
            |mut caller: Caller<'_>, (_, bytes): (Resource<Output>, Vec<u8>)| {
                caller.data_mut().write(&bytes);
                Ok((Ok::<(), StreamError>(()),))
            },
        )?;
    }
    for name in [
        "[method]output-stream.flush",
        "[method]output-stream.blocking-flush",
    ] {
        linker.func_wrap(name, |_: Caller<'_>, (_,): (Resource<Output>,)| {
            Ok((Ok::<(), StreamError>(()),))
        })?;
    }
    linker.func_wrap(
        "[method]output-stream.subscribe",
        |_: Caller<'_>, (_,): (Resource<Output>,)| Ok((Resource::<Pollable>::new_own(0),)),
    )
}

/// The clock stands still during a call: what it would add to `call.now` must be granted.
fn wall_clock(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    linker.func_wrap("now", |caller: Caller<'_>, (): ()| {
        let seconds = caller.data().visitor().map_or(0, |visitor| visitor.now);
        Ok((DateTime {
            seconds,
            nanoseconds: 0,
        },))
    })?;
    linker.func_wrap("resolution", |_: Caller<'_>, (): ()| {
        Ok((DateTime {
            seconds: 1,
            nanoseconds: 0,
        },))
    })
}

fn monotonic_clock(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    linker.func_wrap("now", |_: Caller<'_>, (): ()| Ok((0_u64,)))?;
    linker.func_wrap("resolution", |_: Caller<'_>, (): ()| {
        Ok((1_000_000_000_u64,))
    })?;
    for name in ["subscribe-instant", "subscribe-duration"] {
        linker.func_wrap(name, |_: Caller<'_>, (_,): (u64,)| {
            Ok((Resource::<Pollable>::new_own(0),))
        })?;
    }
    Ok(())
}

/// Interpreters seed themselves with it before anything else. What it tells a guest nobody else knows, and
/// it lets a guest do nothing, so there is nothing to grant.
fn random(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    linker.func_wrap("get-random-bytes", |_: Caller<'_>, (count,): (u64,)| {
        Ok((drawn(count)?,))
    })?;
    linker.func_wrap("get-random-u64", |_: Caller<'_>, (): ()| {
        Ok((integer(&drawn(8)?),))
    })
}

/// Without promise of secrecy: what hash tables are seeded with.
fn insecure(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "get-insecure-random-bytes",
        |_: Caller<'_>, (count,): (u64,)| Ok((drawn(count)?,)),
    )?;
    linker.func_wrap("get-insecure-random-u64", |_: Caller<'_>, (): ()| {
        Ok((integer(&drawn(8)?),))
    })
}

fn insecure_seed(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    linker.func_wrap("insecure-seed", |_: Caller<'_>, (): ()| {
        let seed = drawn(16)?;
        let (low, high) = seed.split_at_checked(8).unwrap_or_default();
        Ok(((integer(low), integer(high)),))
    })
}

fn drawn(count: u64) -> wasmtime::Result<Vec<u8>> {
    // Python asks for the 2,500 bytes of its generator's whole state.
    const MOST: u64 = 4096;
    if count > MOST {
        return Err(wasmtime::format_err!(
            "more than {MOST} random bytes at once"
        ));
    }
    let mut bytes = vec![0; usize::try_from(count)?];
    rand::fill(&mut bytes).map_err(|_| Error::msg("no randomness"))?;
    Ok(bytes)
}

fn integer(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn preopens(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    linker.func_wrap("get-directories", |_: Caller<'_>, (): ()| {
        Ok((Vec::<(Resource<Descriptor>, String)>::new(),))
    })
}

#[cfg(test)]
mod tests {
    use wasmtime::Engine;

    use super::*;

    /// As every program for `wasm32-wasip2` imports them.
    #[test]
    fn a_resource_is_the_same_in_every_interface_that_uses_it() {
        let text = r#"(component
            (import "wasi:io/error@0.2.6" (instance $error (export "error" (type (sub resource)))))
            (alias export $error "error" (type $e))
            (import "wasi:io/streams@0.2.6" (instance $streams
              (export "error" (type (eq $e)))
              (export "output-stream" (type (sub resource)))))
            (alias export $streams "output-stream" (type $o))
            (import "wasi:cli/stderr@0.2.6" (instance
              (export "output-stream" (type $o' (eq $o)))
              (export "get-stderr" (func (result (own $o')))))))"#;
        let engine = Engine::default();
        let component = Component::from_binary(&engine, &wat::parse_str(text).unwrap()).unwrap();
        let mut linker = Linker::new(&engine);
        define(&mut linker, &component).unwrap();
        linker.instantiate_pre(&component).unwrap();
    }
}
