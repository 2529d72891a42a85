//! An estimate of the compiler's work, made before it starts.
//!
//! An optimising compiler's time grows faster than a function does, and it cannot be interrupted. What
//! makes it grow was measured: the square of a function's loops, the square of its other branches, and
//! either of them times the local variables that are assigned. The estimate adds that up for all
//! functions in microseconds of a slow machine. It is on the high side for code that compilers emit,
//! which is still far from the bound: a component of 1.4 MB with a regular expression engine and a JSON
//! parser in it takes a quarter of it.

use std::collections::BTreeSet;

use wasmparser::{BlockType, FunctionBody, Operator};

use super::{bounded, unreadable};
use crate::PluginRejected;

/// Some seconds.
const UNITS: u64 = 6_000_000;
/// Functions in all modules together.
const FUNCTIONS: u64 = 20_000;
/// Instructions in one function.
const FUNCTION_INSTRUCTIONS: u64 = 100_000;
/// Declared local variables of one function.
const FUNCTION_LOCALS: u64 = 5_000;
/// Blocks inside blocks of one function: a switch of as many cases.
const FUNCTION_NESTING: u64 = 2_000;
/// Loops inside loops of one function.
const FUNCTION_LOOPS: u64 = 64;

/// The work found so far.
#[derive(Default)]
pub(super) struct Work {
    functions: u64,
    units: u64,
}

impl Work {
    pub(super) fn add(&mut self, body: &FunctionBody<'_>) -> Result<(), PluginRejected> {
        self.functions += 1;
        bounded("functions", self.functions, FUNCTIONS)?;
        bounded(
            "local variables in one function",
            declared(body)?,
            FUNCTION_LOCALS,
        )?;
        let mut shape = Shape::default();
        let mut operators = body.get_operators_reader().map_err(unreadable)?;
        while !operators.eof() {
            shape.add(&operators.read().map_err(unreadable)?)?;
        }
        self.units = self.units.saturating_add(shape.units());
        bounded("units of work for the compiler", self.units, UNITS)
    }
}

fn declared(body: &FunctionBody<'_>) -> Result<u64, PluginRejected> {
    let mut declared = 0_u64;
    for group in body.get_locals_reader().map_err(unreadable)? {
        declared = declared.saturating_add(u64::from(group.map_err(unreadable)?.0));
    }
    Ok(declared)
}

/// The parts of one function that make compiling it slow.
#[derive(Default)]
struct Shape {
    instructions: u64,
    branches: u64,
    loops: u64,
    /// Blocks with parameters or several results, of which each may be a variable.
    wide_blocks: u64,
    assigned: BTreeSet<u32>,
    /// The open blocks; true for a loop.
    open: Vec<bool>,
    open_loops: u64,
}

impl Shape {
    fn units(&self) -> u64 {
        let (branches, loops, variables) = (self.branches, self.loops, self.assigned.len() as u64);
        100 + 2 * self.instructions
            + 500 * self.wide_blocks
            + loops * loops / 7
            + branches * branches / 25
            + branches * variables / 2
            + 2 * loops * variables
    }

    fn add(&mut self, operator: &Operator<'_>) -> Result<(), PluginRejected> {
        self.instructions += 1;
        bounded(
            "instructions in one function",
            self.instructions,
            FUNCTION_INSTRUCTIONS,
        )?;
        match operator {
            Operator::Loop { blockty } => self.enter(*blockty, true),
            Operator::Block { blockty } | Operator::If { blockty } | Operator::Try { blockty } => {
                self.enter(*blockty, false)
            }
            Operator::TryTable { try_table } => self.enter(try_table.ty, false),
            Operator::End if self.open.pop() == Some(true) => {
                self.open_loops -= 1;
                Ok(())
            }
            Operator::Br { .. } | Operator::BrIf { .. } | Operator::Return => {
                self.branches += 1;
                Ok(())
            }
            Operator::BrTable { targets } => {
                self.branches += 1;
                self.instructions += u64::from(targets.len());
                Ok(())
            }
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                self.assigned.insert(*local_index);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn enter(&mut self, block: BlockType, is_loop: bool) -> Result<(), PluginRejected> {
        self.branches += 1;
        self.wide_blocks += u64::from(matches!(block, BlockType::FuncType(_)));
        self.loops += u64::from(is_loop);
        self.open_loops += u64::from(is_loop);
        self.open.push(is_loop);
        bounded(
            "nested loops in one function",
            self.open_loops,
            FUNCTION_LOOPS,
        )?;
        bounded(
            "nested blocks in one function",
            self.open.len() as u64,
            FUNCTION_NESTING,
        )
    }
}
