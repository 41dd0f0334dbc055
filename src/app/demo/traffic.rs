//! What was counted of each backend in each pool, and how fast it grows.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::metrics::CodeClass;
use crate::table::Table;
use crate::upstream::{Health, Millis};

/// Traffic is all pools of the demo at one moment, in the order of the strategies.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Traffic {
    pub(super) backends: Vec<String>,
    pub(super) pools: Vec<PoolTraffic>,
}

/// PoolTraffic is one pool: for each backend of the demo what it got, if it belongs to the pool.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct PoolTraffic {
    pub(super) name: String,
    pub(super) cells: Vec<Option<Cell>>,
}

/// Cell is one backend in one pool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cell {
    /// Requests per second, lately.
    pub(super) rate: u64,
    /// Requests, repeated ones included.
    pub(super) total: u64,
    /// Those of them that failed or were answered 5xx.
    pub(super) errors: u64,
    pub(super) state: State,
}

/// State is what is thought of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Unchecked,
    Healthy,
    Unhealthy,
    Ejected,
}

/// Meter reads counters again and again.
#[derive(Debug)]
pub(super) struct Meter {
    backends: Vec<(SocketAddr, String)>,
    order: Vec<String>,
    before: BTreeMap<(String, SocketAddr), u64>,
    last: Millis,
}

impl Meter {
    /// Makes a meter for the backends, and for the names that pools begin with.
    pub(super) fn new(backends: Vec<(SocketAddr, String)>, order: Vec<String>) -> Self {
        Self { backends, order, before: BTreeMap::new(), last: Millis(0) }
    }

    /// Reads the counters.
    pub(super) fn read(&mut self, table: &Table, now: Millis) -> Traffic {
        let passed = now.0.saturating_sub(self.last.0).max(1);
        let mut pools: Vec<PoolTraffic> = Vec::new();
        for pool in table.pools() {
            let name = pool.model.name.name().to_owned();
            let mut cells = vec![None; self.backends.len()];
            for member in &pool.endpoints {
                let address = member.state.address();
                let mut own = self.backends.iter().zip(&mut cells);
                let Some((_, cell)) = own.find(|((of, _), _)| *of == address) else { continue };
                let totals = member.state.stats.totals();
                let pairs = totals.answers.iter().zip(CodeClass::ALL);
                let bad = pairs.filter(|(_, code)| **code == CodeClass::ServerError);
                let total = totals.tries();
                let key = (name.clone(), address);
                let before = self.before.insert(key, total).unwrap_or(total);
                *cell = Some(Cell {
                    rate: rate(total.saturating_sub(before), passed),
                    total,
                    errors: bad.map(|(count, _)| count).sum::<u64>() + totals.failures,
                    state: match member.state.health() {
                        _ if member.state.is_ejected(now) => State::Ejected,
                        Health::Unknown => State::Unchecked,
                        Health::Healthy => State::Healthy,
                        Health::Unhealthy => State::Unhealthy,
                    },
                });
            }
            pools.push(PoolTraffic { name, cells });
        }
        self.last = now;
        let place = |name: &str| self.order.iter().position(|first| name.starts_with(first));
        pools.sort_by_cached_key(|pool| {
            (place(&pool.name).unwrap_or(usize::MAX), pool.name.clone())
        });
        let backends = self.backends.iter().map(|(_, name)| name.clone()).collect();
        Traffic { backends, pools }
    }
}

/// Returns how many there are in a second, rounded; some are never none.
fn rate(count: u64, millis: u64) -> u64 {
    ((count * 1000 + millis / 2) / millis).max(count.min(1))
}

impl Traffic {
    /// Returns a line for each pool that had requests lately.
    pub(super) fn plain_lines(&self) -> Vec<String> {
        let said = |pool: &PoolTraffic| {
            let cells = self.backends.iter().zip(&pool.cells);
            let busy = cells.filter_map(|(name, cell)| {
                cell.filter(|cell| cell.rate > 0).map(|cell| {
                    let Cell { rate, total, errors, .. } = cell;
                    format!("{name} {rate}/s (total {total}, errors {errors})")
                })
            });
            let busy: Vec<String> = busy.collect();
            (!busy.is_empty()).then(|| format!("  {}: {}", pool.name, busy.join(", ")))
        };
        self.pools.iter().filter_map(said).collect()
    }
}
