//! The way of an upload to something that can be called.

#[cfg(test)]
mod tests;

use std::{borrow::Cow, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use wasmparser::Parser;
use wasmtime::{
    Engine,
    component::{Component, Linker, types::ComponentItem},
};

use crate::{
    Capability, HostLimits, Manifest, Plugin, PluginRejected, Point,
    compiler::Compiler,
    limits::{ClassLimits, MEMORIES},
    sandbox::{Sandbox, drive},
    scan::{Scan, Wants, scan},
    v0_1::{self, Import, Linked},
    wasi,
};

/// How long a trial instance may take to come up.
const TRIAL_TIME: Duration = Duration::from_secs(1);

/// Bytes of a WebAssembly page.
const PAGE: u64 = 64 << 10;

/// What was read of an upload before anything of it was compiled.
pub(crate) struct Upload<'a> {
    pub(crate) component: Cow<'a, [u8]>,
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
    pub(crate) capabilities: Vec<(Capability, String)>,
    pub(crate) points: Vec<Point>,
    pub(crate) manifest: Manifest,
    pub(crate) wants: Wants,
}

/// Reads an upload of at most `limit` bytes; a core module is made a component.
pub(crate) fn read<'a>(
    uploaded: &'a [u8],
    limit: usize,
    compiler: &Compiler,
) -> Result<Upload<'a>, PluginRejected> {
    if uploaded.len() > limit {
        return Err(PluginRejected::TooLarge {
            size: uploaded.len(),
            limit,
        });
    }
    if Engine::detect_precompiled(uploaded).is_some() {
        return Err(PluginRejected::Precompiled);
    }
    let component = if Parser::is_core_wasm(uploaded) {
        Cow::Owned(compiler.componentize(uploaded)?)
    } else {
        Cow::Borrowed(uploaded)
    };
    let Scan {
        imports,
        exports,
        manifest,
        wants,
    } = scan(&component)?;
    let manifest = manifest
        .map(|json| Manifest::from_json(&json))
        .transpose()?
        .unwrap_or_default();
    let capabilities = imported(&imports, &manifest)?;
    let points = v0_1::points(&exports).map_err(PluginRejected::Version)?;
    if points.is_empty() {
        return Err(PluginRejected::MissingExport { found: exports });
    }
    Ok(Upload {
        component,
        imports,
        exports,
        capabilities,
        points,
        manifest,
        wants,
    })
}

/// What an upload says of itself, as far as that is known before it is compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    /// Names of its imports, in order.
    pub imports: Vec<String>,
    /// Names of its exports, in order.
    pub exports: Vec<String>,
    /// The points it fills; at least one.
    pub points: Vec<Point>,
    /// Its manifest, or what a component without one counts as having.
    pub manifest: Manifest,
}

/// Reads an upload as [`PluginHost::compile`](crate::PluginHost::compile) does before it compiles anything, in
/// this process.
pub fn outline(uploaded: &[u8], limits: &HostLimits) -> Result<Outline, PluginRejected> {
    let upload = read(uploaded, limits.largest_component(), &Compiler::InProcess)?;
    Ok(Outline {
        imports: upload.imports,
        exports: upload.exports,
        points: upload.points,
        manifest: upload.manifest,
    })
}

/// Links a compiled component and makes one instance of it, to see that it comes up and has the shapes it
/// should.
pub(crate) fn link(
    compiled: &Component,
    points: &[Point],
    engine: &Engine,
    limits: &ClassLimits,
) -> Result<Linked, PluginRejected> {
    required(compiled, limits)?;
    only_interfaces(compiled, engine)?;
    if let Some(import) = v0_1::stray(compiled, engine) {
        return Err(PluginRejected::Import {
            import,
            hint: "`cambist:sts@0.1` has no such function",
        });
    }
    let mut linker = Linker::new(engine);
    v0_1::define(&mut linker)
        .and_then(|()| wasi::define(&mut linker, compiled))
        .map_err(|error| PluginRejected::WrongType(format!("{error:#}")))?;
    let linked = Linked::new(&linker, compiled, points)?;
    let mut store = Sandbox::store(engine, limits);
    match drive(linked.instantiate(&mut store), TRIAL_TIME) {
        None => Err(PluginRejected::TrialTime(TRIAL_TIME)),
        Some(Err(error)) => Err(PluginRejected::Trial(format!("{error:#}"))),
        Some(Ok(instance)) => {
            linked.check(&mut store, &instance)?;
            Ok(linked)
        }
    }
}

impl Plugin {
    /// Runs its own golden cases.
    pub(crate) fn test_itself(&self) -> Result<(), PluginRejected> {
        let failed = self.manifest.cases.iter().find_map(|case| {
            let reason = self.run_case(case).failure?;
            Some((case.name.clone(), reason))
        });
        match failed {
            None => Ok(()),
            Some((case, reason)) => Err(PluginRejected::SelfTest { case, reason }),
        }
    }
}

/// What a component imports of the host: capabilities that its manifest asks for, types, and the empty
/// world. Anything else is refused.
fn imported(
    imports: &[String],
    manifest: &Manifest,
) -> Result<Vec<(Capability, String)>, PluginRejected> {
    let mut capabilities = Vec::new();
    for name in imports {
        let refuse = |hint| {
            Err(PluginRejected::Import {
                import: name.clone(),
                hint,
            })
        };
        match v0_1::import(name) {
            Import::Types => {}
            Import::Capability(capability) => {
                if !manifest.capabilities.contains_key(&capability) {
                    return Err(PluginRejected::Manifest(format!(
                        "the component imports `{name}`, and `capabilities.{capability}` does not say why"
                    )));
                }
                capabilities.push((capability, name.clone()));
            }
            Import::OtherVersion => return Err(PluginRejected::Version(name.clone())),
            Import::Unknown => return refuse("the package `cambist:sts` has no such interface"),
            Import::Foreign if wasi::is_answered(name) => {}
            Import::Foreign => {
                return refuse(
                    "a plugin may import the capabilities of `cambist:sts@0.1` and, answered by an empty world, `wasi:*@0.2`",
                );
            }
        }
    }
    Ok(capabilities)
}

/// An import that is not an interface could be anything.
fn only_interfaces(component: &Component, engine: &Engine) -> Result<(), PluginRejected> {
    let odd = component
        .component_type()
        .imports(engine)
        .find(|(_, item)| !matches!(item.ty, ComponentItem::ComponentInstance(_)))
        .map(|(name, _)| name.to_owned());
    match odd {
        None => Ok(()),
        Some(import) => Err(PluginRejected::Import {
            import,
            hint: "a plugin imports interfaces only",
        }),
    }
}

fn required(component: &Component, limits: &ClassLimits) -> Result<(), PluginRejected> {
    let Some(wanted) = component.resources_required() else {
        return Err(PluginRejected::Compile(
            "it brings a module of its own as an import".to_owned(),
        ));
    };
    let bounds = [
        (
            "linear memories",
            u64::from(wanted.num_memories),
            u64::from(MEMORIES),
        ),
        (
            "tables",
            u64::from(wanted.num_tables),
            u64::from(limits.tables),
        ),
        (
            "table elements",
            wanted.max_initial_table_size.unwrap_or(0),
            limits.table_elements as u64,
        ),
        (
            "bytes of initial memory",
            wanted
                .max_initial_memory_size
                .unwrap_or(0)
                .saturating_mul(PAGE),
            limits.memory_bytes as u64,
        ),
    ];
    match bounds.into_iter().find(|(_, found, limit)| found > limit) {
        None => Ok(()),
        Some((what, found, limit)) => Err(PluginRejected::Resources { what, found, limit }),
    }
}

/// `sha256:` and 64 hexadecimal digits.
pub(crate) fn name(component: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut name = String::with_capacity(7 + 64);
    name.push_str("sha256:");
    for byte in digest(&SHA256, component).as_ref() {
        // Writing to a String cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}
