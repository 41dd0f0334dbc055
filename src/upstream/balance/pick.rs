//! Chooses the endpoint of a request.

use super::{PickTrace, RequestFacts, SessionToken};
use crate::upstream::Pool;
use crate::upstream::clock::Millis;

/// Pick is the choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    /// Index into the endpoints of the pool.
    pub index: usize,
    /// Token to give to the client, when its session is new.
    pub session: Option<SessionToken>,
}

/// NoEndpoint says why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoEndpoint {
    /// None is available.
    #[error("no endpoint is available")]
    Unavailable,
    /// Those available have as many requests as they may: wait for room.
    #[error("every available endpoint is full")]
    Full,
}

/// Tried holds the endpoints that a request tried already; a choice avoids them while it can.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tried {
    indexes: [u32; Self::MOST],
    len: u8,
}

impl Tried {
    /// Tries that are remembered; of more, the first.
    const MOST: usize = 15;

    /// Remembers an endpoint.
    pub fn insert(&mut self, index: usize) {
        let Ok(index) = u32::try_from(index) else { return };
        if let Some(slot) = self.indexes.get_mut(usize::from(self.len)) {
            *slot = index;
            self.len += 1;
        }
    }

    /// Returns whether an endpoint was tried.
    pub fn contains(&self, index: usize) -> bool {
        self.indexes.iter().take(usize::from(self.len)).any(|tried| *tried as usize == index)
    }

    /// Returns whether nothing was tried.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Chooses the endpoint of a request.
///
/// # Errors
/// Where no endpoint is available, or all that are have no room.
pub fn pick(
    pool: &Pool,
    _request: &RequestFacts<'_>,
    tried: &Tried,
    now: Millis,
    _random: &mut fastrand::Rng,
    trace: Option<&mut PickTrace>,
) -> Result<Pick, NoEndpoint> {
    let count = pool.endpoints.len();
    let start = pool.advance(0, trace.is_some()) as usize % count.max(1);
    let mut answer = NoEndpoint::Unavailable;
    for index in (start..count).chain(0..start) {
        let Some(member) = pool.endpoint(index) else { continue };
        if !member.state.is_available(now) || tried.contains(index) {
            continue;
        }
        if member.state.has_room(&pool.model.limits) {
            return Ok(Pick { index, session: None });
        }
        answer = NoEndpoint::Full;
    }
    Err(answer)
}
