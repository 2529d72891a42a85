//! An accepted component.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::Semaphore;
use wasmtime::Engine;

use crate::{
    Binding, Bound, Capability, Manifest, Point,
    host::Shared,
    limits::{Class, ClassLimits},
    manifest::Isolation,
    ready::Ready,
    terms::{self, BindError},
    v0_1::Linked,
};

/// An accepted component, ready to be bound. It lives as long as something refers to it; replacing it
/// means making another one.
pub struct Plugin {
    pub(crate) shared: Arc<Shared>,
    pub(crate) class: Class,
    pub(crate) engine: Engine,
    pub(crate) linked: Arc<Linked>,
    pub(crate) limits: ClassLimits,
    /// One permit per sandbox of this plugin that may run, so that one plugin cannot take all turns.
    pub(crate) own_turns: Arc<Semaphore>,
    /// Instances made ahead, if it wants them.
    pub(crate) ready: Option<Ready>,
    pub(crate) digest: String,
    pub(crate) size: usize,
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
    pub(crate) capabilities: Vec<(Capability, String)>,
    pub(crate) points: Vec<Point>,
    pub(crate) manifest: Manifest,
    pub(crate) calls: AtomicU64,
    pub(crate) failures: AtomicU64,
}

/// How often a plugin was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls.
    pub calls: u64,
    /// Calls that ended in a trap, in time, or with an answer that makes no sense.
    pub failures: u64,
}

impl Plugin {
    /// `sha256:` and the SHA-256 of the uploaded bytes in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Size of the uploaded component in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// What the component imports, as it names it.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// What the component exports, as it names it.
    pub fn exports(&self) -> &[String] {
        &self.exports
    }

    /// What it may be asked.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Capabilities that it imports, with the names of the imports.
    pub fn capabilities(&self) -> &[(Capability, String)] {
        &self.capabilities
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// How its sandboxes live, unless the operator allows less than it asks for.
    pub fn isolation(&self) -> Isolation {
        if self.ready.is_some() {
            Isolation::Ready
        } else {
            self.manifest.isolation
        }
    }

    /// How often it was asked since it was loaded.
    pub fn counts(&self) -> Counts {
        Counts {
            calls: self.calls.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
        }
    }

    /// Binds it to `points` on the terms of `binding`. Everything that does not fit is found here, and
    /// none of it at a call.
    pub fn bind(self: &Arc<Self>, points: &[Point], binding: Binding) -> Result<Bound, BindError> {
        if let Some(missing) = points.iter().find(|point| !self.points.contains(point)) {
            return Err(BindError::MissingExport {
                point: *missing,
                found: self.points.clone(),
            });
        }
        let title = format!("{}@{}", binding.name, self.digest);
        let terms = terms::agree(&self.manifest, &self.capabilities, binding, title)?;
        Ok(Bound::new(Arc::clone(self), terms))
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("digest", &self.digest)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}
