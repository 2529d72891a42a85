//! What a component's modules define, before anything is compiled.

use wasmparser::{Instance, InstanceSectionReader, MemorySectionReader, TableSectionReader};

use super::unreadable;
use crate::PluginRejected;

/// Bytes of a WebAssembly page.
const PAGE: u64 = 64 << 10;

/// Enough to tell which sandboxes a component fits. What it really needs, the engine says of the compiled
/// component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wants {
    /// Modules that it instantiates, each as often as it does.
    pub(crate) core_instances: u64,
    /// Tables in all modules.
    pub(crate) tables: u64,
    /// Elements of the largest table, at first.
    pub(crate) table_elements: u64,
    /// Bytes of the largest linear memory, at first.
    pub(crate) memory_bytes: u64,
}

impl Wants {
    pub(super) fn add_instances(
        &mut self,
        section: InstanceSectionReader<'_>,
    ) -> Result<(), PluginRejected> {
        for instance in section {
            let instantiated =
                matches!(instance.map_err(unreadable)?, Instance::Instantiate { .. });
            self.core_instances += u64::from(instantiated);
        }
        Ok(())
    }

    pub(super) fn add_memories(
        &mut self,
        section: MemorySectionReader<'_>,
    ) -> Result<(), PluginRejected> {
        for memory in section {
            let bytes = memory.map_err(unreadable)?.initial.saturating_mul(PAGE);
            self.memory_bytes = self.memory_bytes.max(bytes);
        }
        Ok(())
    }

    pub(super) fn add_tables(
        &mut self,
        section: TableSectionReader<'_>,
    ) -> Result<(), PluginRejected> {
        for table in section {
            let elements = table.map_err(unreadable)?.ty.initial;
            self.tables += 1;
            self.table_elements = self.table_elements.max(elements);
        }
        Ok(())
    }
}
