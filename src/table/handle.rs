//! The one swap.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use super::Table;

/// TableHandle holds the table that serves. Clones share it.
#[derive(Clone, Debug)]
pub struct TableHandle(Arc<ArcSwap<Table>>);

impl TableHandle {
    /// Makes a handle with a first table.
    pub fn new(first: Table) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(first)))
    }

    /// Returns the table that serves now. A request calls this once.
    pub fn load(&self) -> Guard<Arc<Table>> {
        self.0.load()
    }

    /// Returns the table that serves now, to be kept for longer than a request's lookup.
    pub fn load_full(&self) -> Arc<Table> {
        self.0.load_full()
    }

    /// Makes a table the one that serves.
    pub fn publish(&self, table: Table) {
        self.0.store(Arc::new(table));
    }
}

impl Default for TableHandle {
    fn default() -> Self {
        Self::new(Table::default())
    }
}
