//! Chooses the endpoint of a request.

use std::cell::Cell;

use super::client_region::client_region;
use super::explain::explain;
use super::selection::{Plan, Selection};
use super::session::Session;
use super::{PickTrace, RequestFacts, SessionToken, algorithm};
use crate::metrics::Reason;
use crate::model::{Algorithm, Readiness};
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

impl NoEndpoint {
    /// Returns the reason for metrics, logs and the answer.
    pub const fn reason(self) -> Reason {
        match self {
            Self::Unavailable => Reason::NoEndpoint,
            Self::Full => Reason::EndpointFull,
        }
    }
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

    /// Returns whether nothing was tried.
    fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns whether an endpoint was tried.
    pub fn contains(&self, index: usize) -> bool {
        self.indexes.iter().take(usize::from(self.len)).any(|tried| *tried as usize == index)
    }
}

/// Chooses the endpoint of a request. With a trace, it moves no cursor and says why.
///
/// # Errors
/// Where no endpoint is available, or all that are have no room.
pub fn pick(
    pool: &Pool,
    request: &RequestFacts<'_>,
    tried: &Tried,
    now: Millis,
    random: &mut fastrand::Rng,
    trace: Option<&mut PickTrace>,
) -> Result<Pick, NoEndpoint> {
    let selection = pool.selection();
    let look = trace.is_some();
    let mut filter = Filter::new(pool, tried, now, selection.counts().panic);
    let region = client_region(pool, request);
    let hashed = match pool.model.algorithm {
        Algorithm::RingHash | Algorithm::Maglev => request.hash(&pool.model.hash_on),
        _ => None,
    };
    let mut chooser = Chooser {
        pool,
        selection: &selection,
        plan: region.map_or(0, |region| region + 1),
        hash: hashed.map(|(hash, _)| hash),
        random,
        look,
    };
    let (answer, session) = match &pool.model.persistence {
        None => (chooser.choose(&mut filter).map(|index| Pick { index, session: None }), None),
        Some(persistence) => {
            let session = Session::read(&pool.state, persistence, request, now);
            (chooser.choose_session(session, &mut filter), Some(session))
        }
    };
    if let Some(trace) = trace {
        let chosen = answer.ok().map(|pick| pick.index);
        explain(trace, &chooser, &filter, chosen);
        trace.client_region = super::client_region::name(pool, region);
        trace.hashed = hashed.map(|(_, key)| super::explain::in_words(key));
        trace.session = session.map(|session| super::explain::session(session, answer.ok()));
        super::explain::mark_session(trace, session, answer.ok());
    }
    answer
}

/// Filter says which endpoints a request can use.
pub(super) struct Filter<'a> {
    pub pool: &'a Pool,
    pub tried: &'a Tried,
    pub now: Millis,
    /// Health does not matter.
    pub ignores_health: bool,
    ignores_resets: bool,
    ignores_tried: bool,
    // Whether something was passed over by a further try only because it reset another request.
    met_reset: Cell<bool>,
    // Whether something was passed over only because it was tried, or refused another request.
    met_tried: Cell<bool>,
    // Whether something was passed over only because it is full.
    met_full: Cell<bool>,
}

impl<'a> Filter<'a> {
    fn new(pool: &'a Pool, tried: &'a Tried, now: Millis, panic: bool) -> Self {
        Self {
            pool,
            tried,
            now,
            ignores_health: panic,
            ignores_resets: tried.is_empty(),
            ignores_tried: false,
            met_reset: Cell::new(false),
            met_tried: Cell::new(false),
            met_full: Cell::new(false),
        }
    }

    /// Returns whether the request can use an endpoint.
    pub(super) fn takes(&self, index: usize) -> bool {
        let Some(member) = self.pool.endpoint(index) else { return false };
        if !self.ignores_health && !member.state.is_available(self.now) {
            return false;
        }
        let is_in_vain = self.tried.contains(index) || member.state.refused_lately(self.now);
        if !self.ignores_tried && is_in_vain {
            self.met_tried.set(true);
            return false;
        }
        if !self.ignores_resets && member.state.reset_lately(self.now) {
            self.met_reset.set(true);
            return false;
        }
        let has_room = member.state.has_room(&self.pool.model.limits);
        if !has_room {
            self.met_full.set(true);
        }
        has_room
    }
}

/// Chooser is everything that a choice reads.
pub(super) struct Chooser<'a> {
    pub pool: &'a Pool,
    pub selection: &'a Selection,
    pub plan: usize,
    pub hash: Option<u64>,
    pub random: &'a mut fastrand::Rng,
    pub look: bool,
}

impl Chooser<'_> {
    /// Returns the plan for this request.
    pub(super) fn plan(&self) -> Option<&Plan> {
        self.selection.plans.get(self.plan).or_else(|| self.selection.plans.first())
    }

    fn choose_session(
        &mut self,
        session: Session,
        filter: &mut Filter<'_>,
    ) -> Result<Pick, NoEndpoint> {
        let pinned = match session {
            Session::Of(name) => self.selection.sessions.get(&name).map(|index| *index as usize),
            Session::None | Session::Invalid => None,
        };
        if let Some(index) = pinned.filter(|index| filter.takes(*index)) {
            return Ok(Pick { index, session: None });
        }
        // One that is only full keeps its sessions: this request goes elsewhere, the next may not.
        let is_kept = pinned.is_some() && filter.met_full.take();
        let index = self.choose(filter)?;
        let fresh = || {
            let name = self.pool.endpoint(index)?.state.session_name();
            SessionToken::issue(&self.pool.state, name, filter.now)
        };
        Ok(Pick { index, session: if is_kept { None } else { fresh() } })
    }

    fn choose(&mut self, filter: &mut Filter<'_>) -> Result<usize, NoEndpoint> {
        if let Some(index) = self.due(filter) {
            return Ok(index);
        }
        // The view is a little old, or what is due is full or was tried: anything that can serve.
        if let Some(index) = self.any(filter) {
            return Ok(index);
        }
        if filter.met_reset.get() {
            filter.ignores_resets = true;
            if let Some(index) = self.any(filter) {
                return Ok(index);
            }
        }
        if filter.met_tried.get() {
            (filter.ignores_resets, filter.ignores_tried) = (true, true);
            if let Some(index) = self.any(filter) {
                return Ok(index);
            }
        }
        if filter.met_full.get() {
            return Err(NoEndpoint::Full);
        }
        if self.pool.model.panic_threshold > 0 && !filter.ignores_health {
            filter.ignores_health = true;
            if let Some(index) = self.any(filter) {
                return Ok(index);
            }
        }
        Err(if filter.met_full.get() { NoEndpoint::Full } else { NoEndpoint::Unavailable })
    }

    /// Chooses a group, and an endpoint in it.
    fn due(&mut self, filter: &Filter<'_>) -> Option<usize> {
        let (group, position) = self.due_group()?;
        self.in_group(group, position, filter)
    }

    fn due_group(&self) -> Option<(usize, u64)> {
        let plan = self.plan()?;
        if let (Some(hash), true) = (self.hash, plan.groups.len() > 1) {
            return Some((algorithm::group_by_hash(self.selection, self.plan, plan, hash)?, 0));
        }
        // Chance alone needs no turns, and hashing none inside a group.
        let needs_turns = plan.schedule.is_some()
            || matches!(self.pool.model.algorithm, Algorithm::RoundRobin | Algorithm::LeastRequest);
        let position = if needs_turns { self.pool.advance(self.plan, self.look) } else { 0 };
        match &plan.schedule {
            None => Some((*plan.groups.first()? as usize, position)),
            Some(schedule) => {
                let (turn, position) = schedule.at(position);
                Some((*plan.groups.get(turn)? as usize, position))
            }
        }
    }

    fn in_group(&mut self, group: usize, position: u64, filter: &Filter<'_>) -> Option<usize> {
        let choices = &self.selection.outline.groups.get(group)?.choices;
        let table = self.selection.tables.get(group)?;
        let round = algorithm::Round { choices, table, position, filter, look: self.look };
        match (self.pool.model.algorithm, self.hash) {
            (Algorithm::RoundRobin, _) => algorithm::round_robin(&round),
            (Algorithm::LeastRequest, _) => algorithm::least_request(&round, self.random),
            (Algorithm::PeakEwma, _) => algorithm::peak_ewma(&round, self.random),
            (Algorithm::RingHash | Algorithm::Maglev, Some(hash)) => {
                algorithm::hashed(&round, hash)
            }
            (Algorithm::Random | Algorithm::RingHash | Algorithm::Maglev, _) => {
                algorithm::random(&round, self.random)
            }
        }
    }

    /// Finds anything that can serve: groups in the order of the plan, then those without load,
    /// then endpoints that the view does not know as available yet.
    fn any(&mut self, filter: &Filter<'_>) -> Option<usize> {
        let selection = self.selection;
        let planned = self.plan().map_or(0, |plan| plan.groups.len());
        for at in 0..planned {
            let group = *self.plan()?.groups.get(at)? as usize;
            let anywhere = self.random.u64(..);
            if let Some(index) = self.in_group(group, anywhere, filter) {
                return Some(index);
            }
        }
        for group in 0..selection.outline.groups.len() {
            let anywhere = self.random.u64(..);
            if let Some(index) = self.in_group(group, anywhere, filter) {
                return Some(index);
            }
        }
        let endpoints = self.pool.endpoints.len();
        let start = self.random.usize(..endpoints.max(1));
        (start..endpoints)
            .chain(0..start)
            .find(|index| self.is_ready(*index) && filter.takes(*index))
    }

    fn is_ready(&self, index: usize) -> bool {
        self.pool.endpoint(index).is_some_and(|member| {
            member.readiness == Readiness::Ready
                && self.pool.backend_of(member).is_some_and(|backend| backend.weight > 0)
        })
    }
}
