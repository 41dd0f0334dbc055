//! Derives groups and their loads from what was declared and what is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Counts;
use super::group::{Choice, Group, Outline, PlanOutline};
use super::nearness::{Level, Nearness};
use super::schedule::whole_numbers;
use super::spill::{Capacity, spill};
use crate::model::{Algorithm, Readiness};
use crate::upstream::clock::Millis;
use crate::upstream::{Health, Member, Pool};

/// Slots that loads which are not whole numbers are laid out in: a tenth of a percent each.
const LOAD_SLOTS: u64 = 1_000;

/// Set is the endpoints of one Service in one tier, or all static ones of the tier.
struct Set {
    tier: u8,
    origin: Arc<str>,
    weight: u64,
    capacity: Capacity,
    members: Vec<Standing>,
}

/// Standing is what counts of one endpoint.
#[derive(Clone, Copy)]
struct Standing {
    index: usize,
    weight: u64,
    /// It is not ending: it counts for what should be there.
    counts: bool,
    is_usable: bool,
    level: usize,
}

/// Draws the outline of a pool.
pub(super) fn outline(pool: &Pool, now: Millis) -> Outline {
    let counts = count(pool, now);
    let nearness = Nearness::of(pool);
    let mut sets = sets(pool, |member| usable_in_turn(member, counts.panic, now), &nearness);
    if sets.iter().all(|set| set.capacity.usable <= 0.0) {
        // Nothing ready is left: what is ending but still serves.
        let is_last_resort = |member: &Member| {
            member.readiness == Readiness::Terminating
                && (member.state.is_available(now) || pool.model.panic_threshold > 0)
        };
        sets = self::sets(pool, is_last_resort, &nearness);
    }
    let tier_loads = tier_loads(&sets);
    let mut groups = Vec::new();
    let mut parts = Vec::new();
    for set in sets.iter().filter(|set| set.capacity.usable > 0.0) {
        let set_load = tier_loads.get(&set.tier).map_or(0.0, |(load, _)| *load);
        let set_total = tier_loads.get(&set.tier).map_or(0, |(_, weights)| *weights);
        for (level, locality) in nearness.levels().iter().enumerate() {
            let choices: Vec<Choice> = set
                .members
                .iter()
                .filter(|standing| standing.is_usable && standing.level == level)
                .map(|standing| choice(pool, standing, now))
                .collect();
            if !choices.is_empty() {
                let locality = locality.name.clone();
                groups.push(Group {
                    tier: set.tier,
                    origin: set.origin.clone(),
                    locality,
                    choices,
                });
                parts.push(Part { set, level, set_load, set_total });
            }
        }
    }
    let plans = nearness.orders().iter().map(|order| plan(&parts, order, &nearness)).collect();
    Outline { counts, groups, plans }
}

/// Part is the place of a group among the others.
struct Part<'a> {
    set: &'a Set,
    level: usize,
    /// Load of the tier.
    set_load: f64,
    /// Weights of all sets of the tier.
    set_total: u64,
}

fn plan(parts: &[Part<'_>], order: &[usize], nearness: &Nearness<'_>) -> PlanOutline {
    let rank = |level: usize| order.iter().position(|at| *at == level).unwrap_or(usize::MAX);
    let mut is_whole = true;
    let loads: Vec<f64> = parts
        .iter()
        .map(|part| {
            let near = level_loads(part.set, order, nearness);
            let near = near.get(rank(part.level)).copied().unwrap_or_default();
            is_whole &=
                (near == 0.0 || near == 1.0) && (part.set_load == 0.0 || part.set_load == 1.0);
            part.set_load * near * part.set.weight as f64 / part.set_total.max(1) as f64
        })
        .collect();
    let mut taking: Vec<usize> = (0..parts.len())
        .filter(|group| loads.get(*group).is_some_and(|load| *load > 0.0))
        .collect();
    taking.sort_by_key(|group| {
        parts.get(*group).map(|part| (part.set.tier, rank(part.level), *group))
    });
    let shares: Vec<f64> = taking.iter().filter_map(|group| loads.get(*group).copied()).collect();
    let weights: Vec<u64> = if is_whole {
        taking.iter().filter_map(|group| parts.get(*group).map(|part| part.set.weight)).collect()
    } else {
        whole_numbers(&shares, LOAD_SLOTS.max(shares.len() as u64))
    };
    PlanOutline { turns: taking.into_iter().zip(weights).collect(), loads }
}

fn level_loads(set: &Set, order: &[usize], nearness: &Nearness<'_>) -> Vec<f64> {
    let mut levels = vec![Level::default(); nearness.levels().len()];
    for standing in &set.members {
        if let Some(level) = levels.get_mut(standing.level) {
            level.capacity.add(standing.weight as f64, standing.counts, standing.is_usable);
        }
    }
    let ordered: Vec<Level> =
        order.iter().filter_map(|level| levels.get(*level).copied()).collect();
    let indexes = set.members.iter().filter(|standing| standing.is_usable).map(|s| s.index);
    spill(nearness.bearable(&ordered, indexes))
}

fn choice(pool: &Pool, standing: &Standing, now: Millis) -> Choice {
    let warm = pool.endpoint(standing.index).map_or(100, |member| warm_percent(pool, member, now));
    // Tables of hashing move keys with every change: fewer, larger steps.
    let warm = match pool.model.algorithm {
        Algorithm::RingHash | Algorithm::Maglev => (warm / 10).max(1) * 10,
        _ => warm,
    };
    Choice { index: standing.index as u32, weight: standing.weight * u64::from(warm) }
}

fn sets(pool: &Pool, is_usable: impl Fn(&Member) -> bool, nearness: &Nearness<'_>) -> Vec<Set> {
    // By tier; then services in the order of the object, static endpoints last.
    let mut sets: BTreeMap<(u8, usize), Set> = BTreeMap::new();
    for (index, member) in pool.endpoints.iter().enumerate() {
        let Some(backend) = pool.backend_of(member).filter(|backend| backend.weight > 0) else {
            continue;
        };
        let place = if backend.is_service { member.backend } else { usize::MAX };
        let set = sets.entry((backend.tier, place)).or_insert_with(|| Set {
            tier: backend.tier,
            origin: backend.origin.clone(),
            weight: if backend.is_service { u64::from(backend.weight) } else { 0 },
            capacity: Capacity::default(),
            members: Vec::new(),
        });
        let weight = if backend.is_service { 1 } else { u64::from(backend.weight) };
        if !backend.is_service {
            set.weight += weight;
        }
        let standing = Standing {
            index,
            weight,
            counts: member.readiness == Readiness::Ready,
            is_usable: is_usable(member),
            level: nearness.level_of(index),
        };
        set.capacity.add(weight as f64, standing.counts, standing.is_usable);
        set.members.push(standing);
    }
    sets.into_values().collect()
}

/// Returns, by tier, its load and the weights of its sets that can take any.
fn tier_loads(sets: &[Set]) -> BTreeMap<u8, (f64, u64)> {
    let mut tiers: BTreeMap<u8, (Capacity, u64)> = BTreeMap::new();
    for set in sets {
        let (capacity, weights) = tiers.entry(set.tier).or_default();
        let weight = set.weight as f64;
        let whole = if set.capacity.total > 0.0 { set.capacity.total } else { set.capacity.usable };
        if whole > 0.0 {
            capacity.total += if set.capacity.total > 0.0 { weight } else { 0.0 };
            capacity.usable += weight * set.capacity.usable / whole;
        }
        *weights += if set.capacity.usable > 0.0 { set.weight } else { 0 };
    }
    let loads = spill(tiers.values().map(|(capacity, _)| capacity.bearable()));
    tiers.iter().zip(loads).map(|((tier, (_, weights)), load)| (*tier, (load, *weights))).collect()
}

fn usable_in_turn(member: &Member, panic: bool, now: Millis) -> bool {
    member.readiness == Readiness::Ready && (panic || member.state.is_available(now))
}

/// Returns the percent of its share that slow start gives an endpoint: 10 at first, then in a
/// straight line to 100.
pub(super) fn warm_percent(pool: &Pool, member: &Member, now: Millis) -> u8 {
    let since = member.state.ready_since();
    match pool.model.slow_start {
        Some(window) if since.0 != 0 && !window.is_zero() => {
            let passed = now.since(since).as_secs_f64() / window.as_secs_f64();
            (10.0 + 90.0 * passed.min(1.0)) as u8
        }
        _ => 100,
    }
}

fn count(pool: &Pool, now: Millis) -> Counts {
    let mut counts = Counts::default();
    // By tier: endpoints with weight, and the available ones of them.
    let mut tiers: BTreeMap<u8, (usize, usize)> = BTreeMap::new();
    for member in &pool.endpoints {
        if member.readiness == Readiness::Terminating {
            counts.terminating += 1;
            continue;
        }
        let is_available = member.state.is_available(now);
        counts.total += 1;
        counts.unhealthy += usize::from(member.state.health() == Health::Unhealthy);
        counts.ejected += usize::from(member.state.is_ejected(now));
        counts.ready += usize::from(is_available);
        counts.warming += usize::from(is_available && warm_percent(pool, member, now) < 100);
        if let Some(backend) = pool.backend_of(member).filter(|backend| backend.weight > 0) {
            let (all, available) = tiers.entry(backend.tier).or_default();
            *all += 1;
            *available += usize::from(is_available);
        }
    }
    let threshold = usize::from(pool.model.panic_threshold);
    // One tier that is well enough carries the pool: no reason to send anybody to what is broken.
    counts.panic = !tiers.is_empty()
        && tiers.values().all(|(all, available)| available * 100 < threshold * all);
    counts
}
