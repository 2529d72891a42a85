//! Reads a component before anything else does: is it one, what does it import and export, and would
//! compiling it end soon.
//!
//! The optimising compiler's time grows faster than a function does, and it cannot be interrupted. The
//! bounds here are far above what compilers emit for real plugins and keep the worst accepted component
//! to seconds.

use wasmparser::{
    BinaryReaderError, ComponentExportSectionReader, ComponentImportSectionReader, FunctionBody,
    Operator, Parser, Payload,
};

use crate::PluginRejected;

/// Modules and components inside the component.
const PARTS: u64 = 64;
/// Components inside components.
const DEPTH: u64 = 4;
/// Functions in all modules together.
const FUNCTIONS: u64 = 16_384;
/// Instructions in all functions together.
const INSTRUCTIONS: u64 = 2_000_000;
/// Instructions in one function.
const FUNCTION_INSTRUCTIONS: u64 = 50_000;
/// Conditional and other branches in one function, the targets of tables included.
const FUNCTION_BRANCHES: u64 = 4_000;
/// Local variables of one function.
const FUNCTION_LOCALS: u64 = 2_000;
/// Blocks inside blocks of one function.
const FUNCTION_NESTING: u64 = 1_000;
/// Loops inside loops of one function.
const FUNCTION_LOOPS: u64 = 32;

/// What a component says of itself.
#[derive(Debug)]
pub(crate) struct Scan {
    /// Names of its imports, in order.
    pub(crate) imports: Vec<String>,
    /// Names of its exports, in order.
    pub(crate) exports: Vec<String>,
}

/// Scans an upload. Not a validation: the compiler does that.
pub(crate) fn scan(bytes: &[u8]) -> Result<Scan, PluginRejected> {
    kind(bytes)?;
    let mut found = Scan {
        imports: Vec::new(),
        exports: Vec::new(),
    };
    let mut work = Work::default();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(unreadable)? {
            Payload::Version { .. } => {
                depth += 1;
                bounded("nested components", depth, DEPTH)?;
                bounded("modules and components", work.add_part(), PARTS)?;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                found.add_imports(section).map_err(unreadable)?;
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                found.add_exports(section).map_err(unreadable)?;
            }
            Payload::CodeSectionEntry(body) => work.add_function(&body)?,
            _ => {}
        }
    }
    Ok(found)
}

fn kind(bytes: &[u8]) -> Result<(), PluginRejected> {
    if Parser::is_component(bytes) {
        return Ok(());
    }
    if Parser::is_core_wasm(bytes) {
        return Err(PluginRejected::CoreModule);
    }
    let start = bytes.trim_ascii_start();
    let found = if bytes.is_empty() {
        "an empty file"
    } else if start.starts_with(b"(") {
        "WebAssembly text"
    } else if bytes.starts_with(b"\x7fELF") {
        "a native program"
    } else if bytes.starts_with(b"\0asm") {
        "WebAssembly of an unknown version"
    } else {
        "something else"
    };
    Err(PluginRejected::NotWasm { found })
}

impl Scan {
    fn add_imports(
        &mut self,
        section: ComponentImportSectionReader<'_>,
    ) -> Result<(), BinaryReaderError> {
        for import in section {
            self.imports.push(import?.name.name.to_owned());
        }
        Ok(())
    }

    fn add_exports(
        &mut self,
        section: ComponentExportSectionReader<'_>,
    ) -> Result<(), BinaryReaderError> {
        for export in section {
            self.exports.push(export?.name.name.to_owned());
        }
        Ok(())
    }
}

/// What the compiler would have to do.
#[derive(Default)]
struct Work {
    parts: u64,
    functions: u64,
    instructions: u64,
}

impl Work {
    fn add_part(&mut self) -> u64 {
        self.parts += 1;
        self.parts
    }

    fn add_function(&mut self, body: &FunctionBody<'_>) -> Result<(), PluginRejected> {
        self.functions += 1;
        bounded("functions", self.functions, FUNCTIONS)?;
        bounded(
            "local variables in one function",
            locals(body)?,
            FUNCTION_LOCALS,
        )?;
        let mut shape = Shape::default();
        let mut operators = body.get_operators_reader().map_err(unreadable)?;
        while !operators.eof() {
            shape.add(&operators.read().map_err(unreadable)?)?;
        }
        self.instructions += shape.instructions;
        bounded("instructions", self.instructions, INSTRUCTIONS)
    }
}

fn locals(body: &FunctionBody<'_>) -> Result<u64, PluginRejected> {
    let mut locals = 0_u64;
    for group in body.get_locals_reader().map_err(unreadable)? {
        locals = locals.saturating_add(u64::from(group.map_err(unreadable)?.0));
    }
    Ok(locals)
}

/// The parts of one function that make compiling it slow.
#[derive(Default)]
struct Shape {
    instructions: u64,
    branches: u64,
    loops: u64,
    /// The open blocks; true for a loop.
    open: Vec<bool>,
}

impl Shape {
    fn add(&mut self, operator: &Operator<'_>) -> Result<(), PluginRejected> {
        self.instructions += 1;
        bounded(
            "instructions in one function",
            self.instructions,
            FUNCTION_INSTRUCTIONS,
        )?;
        match operator {
            Operator::Loop { .. } => self.enter(true)?,
            Operator::Block { .. } | Operator::TryTable { .. } | Operator::Try { .. } => {
                self.enter(false)?;
            }
            Operator::If { .. } => {
                self.branches += 1;
                self.enter(false)?;
            }
            Operator::End if self.open.pop() == Some(true) => {
                self.loops -= 1;
            }
            Operator::Br { .. } | Operator::BrIf { .. } | Operator::Return => self.branches += 1,
            Operator::BrTable { targets } => self.branches += u64::from(targets.len()),
            _ => {}
        }
        bounded("branches in one function", self.branches, FUNCTION_BRANCHES)
    }

    fn enter(&mut self, is_loop: bool) -> Result<(), PluginRejected> {
        self.loops += u64::from(is_loop);
        self.open.push(is_loop);
        bounded("nested loops in one function", self.loops, FUNCTION_LOOPS)?;
        bounded(
            "nested blocks in one function",
            self.open.len() as u64,
            FUNCTION_NESTING,
        )
    }
}

fn bounded(what: &'static str, found: u64, limit: u64) -> Result<(), PluginRejected> {
    if found > limit {
        Err(PluginRejected::TooComplex { what, found, limit })
    } else {
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "an adapter for map_err")]
fn unreadable(error: BinaryReaderError) -> PluginRejected {
    PluginRejected::Malformed(error.to_string())
}
