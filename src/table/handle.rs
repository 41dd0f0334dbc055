//! The one swap.

use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache, Guard};

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

    /// Returns the view of one thread.
    pub fn local(&self) -> LocalTable {
        let mut cache = Cache::new(Arc::clone(&self.0));
        let held = Rc::new(Held(Arc::clone(cache.load())));
        LocalTable(RefCell::new(Local { cache, held }))
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

/// LocalTable is one thread's view of the table that serves. What it gives out is counted by this
/// thread alone, so that requests on different threads share no count. A thread that serves nothing
/// keeps the last table it saw, until it looks again.
#[derive(Debug)]
pub struct LocalTable(RefCell<Local>);

#[derive(Debug)]
struct Local {
    cache: Cache<Arc<ArcSwap<Table>>, Arc<Table>>,
    held: Rc<Held>,
}

/// Held is a table that requests of one thread hold together.
#[derive(Debug)]
pub struct Held(Arc<Table>);

impl Deref for Held {
    type Target = Table;

    fn deref(&self) -> &Table {
        &self.0
    }
}

impl LocalTable {
    /// Returns the table that serves now. A request calls this once.
    pub fn load(&self) -> Rc<Held> {
        let Local { cache, held } = &mut *self.0.borrow_mut();
        let now = cache.load();
        if !Arc::ptr_eq(now, &held.0) {
            *held = Rc::new(Held(Arc::clone(now)));
        }
        Rc::clone(held)
    }
}
