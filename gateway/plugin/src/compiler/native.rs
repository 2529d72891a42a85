//! Native code that may be run.

use wasmtime::{Engine, component::Component};

/// Native code of a component, as an engine of this configuration serialized it. To have one is to know
/// where the bytes come from: there are two ways to make one, and an upload is neither.
pub(crate) struct NativeCode {
    bytes: Vec<u8>,
    /// Where the code begins.
    start: usize,
}

impl NativeCode {
    /// What our own compiler just made, in this process or in a child that this process started.
    pub(super) fn of_compiler(bytes: Vec<u8>) -> Self {
        Self { bytes, start: 0 }
    }

    /// What our own compiler made earlier: the bytes of a file from `start` on, of which the caller has
    /// verified the MAC in this very buffer.
    pub(crate) fn of_verified(bytes: Vec<u8>, start: usize) -> Self {
        Self { bytes, start }
    }

    /// The code.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// Makes it runnable. The engine refuses code of another version or configuration.
    #[expect(
        unsafe_code,
        reason = "the one place where native code becomes runnable"
    )]
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: `deserialize` asks for bytes that `Engine::precompile_component` or
        // `Component::serialize` produced and nobody changed. The constructors leave two origins.
        // `of_compiler` is called with what `precompile_component` returned, here or through the pipe of a
        // child of the same program that exited with success; the pipe has no other writer. `of_verified`
        // is called with a buffer whose HMAC was just verified under a key that only this program has, and
        // the only code that makes such a MAC is given a `NativeCode`. The buffer is owned and private, so
        // that between the check and this call nothing can change it, as a mapped file could. An artifact
        // of another version, another configuration or another processor is memory safe to pass: it is
        // compared first and refused.
        unsafe { Component::deserialize(engine, self.as_bytes()) }
    }
}
