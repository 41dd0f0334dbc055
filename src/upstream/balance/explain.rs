//! Fills in the account of a choice.

use super::group::Group;
use super::outline::warm_percent;
use super::pick::{Chooser, Filter};
use super::session::Session;
use super::{EndpointTrace, GroupTrace, Pick, PickTrace, Verdict};
use crate::model::{HashKey, LocalityPreference, Readiness};
use crate::upstream::{Health, Member};

/// Fills in what is known of groups and endpoints.
pub(super) fn explain(
    trace: &mut PickTrace,
    chooser: &Chooser<'_>,
    filter: &Filter<'_>,
    chosen: Option<usize>,
) {
    let outline = &chooser.selection.outline;
    trace.panic = outline.counts.panic;
    let places = outline.shares(chooser.plan, chooser.pool.endpoints.len());
    let chosen_group = chosen.and_then(|index| places.get(index)?.0);
    trace.groups = outline
        .groups
        .iter()
        .enumerate()
        .map(|(at, group)| GroupTrace {
            tier: group.tier,
            origin: group.origin.clone(),
            locality: group.locality.clone(),
            load: outline.load(chooser.plan, at),
            endpoints: group.choices.len(),
            is_chosen: chosen_group == Some(at),
        })
        .collect();
    let members = chooser.pool.endpoints.iter().enumerate().zip(&places);
    trace.endpoints = members
        .map(|((index, member), (group, share))| {
            let verdict = if chosen == Some(index) {
                Verdict::Picked
            } else {
                verdict(chooser, filter, (index, member), (*group, *share), chosen_group)
            };
            endpoint(chooser, filter, member, *share, verdict)
        })
        .collect();
}

fn endpoint(
    chooser: &Chooser<'_>,
    filter: &Filter<'_>,
    member: &Member,
    share: f64,
    verdict: Verdict,
) -> EndpointTrace {
    let backend = chooser.pool.backend_of(member);
    let state = &member.state;
    EndpointTrace {
        address: state.address(),
        origin: backend.map_or_else(|| "".into(), |backend| backend.origin.clone()),
        tier: backend.map_or(0, |backend| backend.tier),
        weight: backend.map_or(0, |backend| backend.weight),
        share,
        zone: member.zone.clone(),
        region: member.region.clone(),
        health: state.health(),
        ejected_millis: state.ejected_until().since(filter.now).as_millis() as u64,
        warm_percent: warm_percent(chooser.pool, member, filter.now),
        in_flight: state.in_flight(),
        latency_micros: state.latency_micros(filter.now),
        verdict,
    }
}

fn verdict(
    chooser: &Chooser<'_>,
    filter: &Filter<'_>,
    (index, member): (usize, &Member),
    (group, share): (Option<usize>, f64),
    chosen_group: Option<usize>,
) -> Verdict {
    let weight = filter.pool.backend_of(member).map_or(0, |backend| backend.weight);
    if weight == 0 {
        Verdict::NoWeight
    } else if !filter.ignores_health && member.state.health() == Health::Unhealthy {
        Verdict::Unhealthy
    } else if !filter.ignores_health && member.state.is_ejected(filter.now) {
        Verdict::Ejected
    } else if member.readiness == Readiness::Terminating && group.is_none() {
        Verdict::Terminating
    } else if filter.tried.contains(index) {
        Verdict::Tried
    } else if member.state.refused_lately(filter.now) {
        Verdict::Refused
    } else if !member.state.has_room(&filter.pool.model.limits) {
        Verdict::Full
    } else if share <= 0.0 {
        without_share(chooser, member, group)
    } else if group != chosen_group {
        Verdict::OtherGroup
    } else {
        Verdict::NotItsTurn
    }
}

/// Says why nothing is meant for an endpoint that could serve.
fn without_share(chooser: &Chooser<'_>, member: &Member, group: Option<usize>) -> Verdict {
    let outline = &chooser.selection.outline;
    let Some(own) = group.and_then(|at| outline.groups.get(at)) else { return Verdict::NotYet };
    let taking = outline.groups.iter().enumerate().filter_map(|(at, other)| {
        (other.tier == own.tier && outline.load(chooser.plan, at) > 0.0).then_some(other)
    });
    let mut taking = taking.peekable();
    if taking.peek().is_none() {
        return Verdict::EarlierTier;
    }
    match &chooser.pool.model.locality {
        Some(LocalityPreference::ClientRegion { regions, .. }) => {
            if !regions.iter().any(|region| member.region.as_ref() == Some(&region.name)) {
                Verdict::UndeclaredRegion
            } else if chooser.plan == 0 {
                Verdict::LaterRegion
            } else {
                Verdict::FartherRegion
            }
        }
        _ => {
            let is_alike = |other: &Group| other.origin == own.origin;
            let is_of_region = |other: &Group| other.locality.as_deref() == Some("region");
            if taking.any(|other| is_alike(other) && is_of_region(other)) {
                Verdict::OwnRegion
            } else {
                Verdict::OwnZone
            }
        }
    }
}

/// Says in words what is hashed.
pub(super) fn in_words(key: &HashKey) -> String {
    match key {
        HashKey::Header(name) => format!("header {}", name.as_str()),
        HashKey::Cookie(name) => format!("cookie {name}"),
        HashKey::QueryParam(name) => format!("query parameter {name}"),
        HashKey::ClientAddress => "client address".into(),
        HashKey::Path => "path".into(),
    }
}

/// Says in words what became of a session.
pub(super) fn session(session: Session, pick: Option<Pick>) -> &'static str {
    match (session, pick) {
        (_, None) => "no endpoint",
        (Session::Of(_), Some(Pick { session: None, .. })) => "kept",
        (Session::Of(_), Some(_)) => "moved: its endpoint cannot be used",
        (Session::None, Some(_)) => "new",
        (Session::Invalid, Some(_)) => "new: the token is over, or not from here",
    }
}

/// Marks a choice that the session made.
pub(super) fn mark_session(trace: &mut PickTrace, session: Option<Session>, pick: Option<Pick>) {
    if let (Some(Session::Of(_)), Some(Pick { index, session: None })) = (session, pick)
        && let Some(endpoint) = trace.endpoints.get_mut(index)
    {
        endpoint.verdict = Verdict::PickedBySession;
    }
}
