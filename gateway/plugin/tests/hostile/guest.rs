//! Validators of a few instructions, to be spoiled. Their interface comes from `wit/`.

use std::{fmt::Write as _, path::Path, sync::LazyLock};

use wasm_encoder::{ComponentSection as _, CustomSection, InstanceSection, RawSection};
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

/// Where an answer is put. `result` starts with its discriminant; the payload follows at 8.
pub(crate) const ANSWER: u32 = 1024;

static WORLD: LazyLock<(Resolve, WorldId)> = LazyLock::new(|| {
    let mut resolve = Resolve::default();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let (package, _) = resolve.push_dir(directory).unwrap();
    let world = resolve
        .select_world(&[package], Some("validator-plugin"))
        .unwrap();
    (resolve, world)
});

/// A core module and what is put around it.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    /// Imports of the module.
    pub(crate) imports: String,
    /// The memory's limits, in pages.
    pub(crate) memory: String,
    /// Further fields of the module.
    pub(crate) fields: String,
    /// The body of the exported function, which leaves the address of its answer. Without help it
    /// accepts everybody as `dana`.
    pub(crate) body: String,
    /// The body of the allocator that the host calls for the arguments.
    pub(crate) realloc: String,
    /// The manifest, as JSON.
    pub(crate) manifest: Option<&'static str>,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            imports: String::new(),
            memory: "4".to_owned(),
            fields: String::new(),
            body: format!("(call $dana) (i32.const {ANSWER})"),
            realloc: "
              (global.set $heap (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
              (global.get $heap)
              (global.set $heap (i32.add (global.get $heap) (local.get 3)))"
                .to_owned(),
            manifest: None,
        }
    }
}

impl Guest {
    /// A guest whose function runs these instructions and then accepts `dana`.
    pub(crate) fn doing(instructions: &str) -> Self {
        let accepting = Self::default();
        Self {
            body: format!("{instructions} {}", accepting.body),
            ..accepting
        }
    }

    /// A guest with further fields in its module.
    pub(crate) fn with(fields: impl Into<String>) -> Self {
        Self {
            fields: fields.into(),
            ..Self::default()
        }
    }

    /// A guest that answers as `dana`, except for these words behind [`ANSWER`].
    pub(crate) fn answering(words: &[(u32, u32)]) -> Self {
        let mut stores = String::from("(call $dana)");
        for (offset, word) in words {
            let address = ANSWER + offset;
            write!(
                stores,
                "(i32.store (i32.const {address}) (i32.const {word}))"
            )
            .unwrap();
        }
        Self {
            body: format!("{stores} (i32.const {ANSWER})"),
            ..Self::default()
        }
    }

    /// The module, described.
    pub(crate) fn module(&self) -> Vec<u8> {
        let Self {
            imports,
            memory,
            fields,
            body,
            realloc,
            manifest: _,
        } = self;
        let text = format!(
            r#"(module {imports}
              (memory (export "memory") {memory})
              (global $heap (mut i32) (i32.const 65536))
              (data (i32.const 16) "dana")
              (func $dana
                (i32.store (i32.const {subject}) (i32.const 16))
                (i32.store (i32.const {length}) (i32.const 4)))
              (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {realloc})
              {fields}
              (func (export "cambist:sts/validator@0.1.0#validate-token")
                (param $type i32) (param $type-length i32) (param $token i32) (param $length i32) (param $now i64)
                (param i32 i32 i32 i32 i32 i32) (result i32) {body}))"#,
            subject = ANSWER + 8,
            length = ANSWER + 12,
        );
        let mut module = wat::parse_str(text).unwrap();
        let (resolve, world) = &*WORLD;
        embed_component_metadata(&mut module, resolve, *world, StringEncoding::UTF8).unwrap();
        module
    }

    /// The component.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut component = ComponentEncoder::default()
            .module(&self.module())
            .and_then(|mut encoder| encoder.encode())
            .unwrap();
        if let Some(manifest) = self.manifest {
            let section = CustomSection {
                name: "cambist:manifest".into(),
                data: manifest.as_bytes().into(),
            };
            section.append_to_component(&mut component);
        }
        component
    }

    /// The component with `n` more modules of these fields in it, each instantiated.
    pub(crate) fn beside(&self, fields: &str, n: usize) -> Vec<u8> {
        let mut component = self.bytes();
        let own = Parser::new(0)
            .parse_all(&component)
            .filter(|payload| matches!(payload, Ok(Payload::ModuleSection { .. })))
            .count();
        let module = wat::parse_str(format!("(module {fields})")).unwrap();
        for index in own..own + n {
            RawSection {
                id: 1,
                data: &module,
            }
            .append_to_component(&mut component);
            let mut instances = InstanceSection::new();
            instances.instantiate::<[(&str, wasm_encoder::ModuleArg); 0], &str>(
                u32::try_from(index).unwrap(),
                [],
            );
            instances.append_to_component(&mut component);
        }
        component
    }
}
