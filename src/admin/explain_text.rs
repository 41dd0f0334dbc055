//! An explanation as text.

use std::fmt;

use super::explain::{ChosenPool, Explanation};
use super::text::{columns, printable};
use crate::table::Verdict as RouteVerdict;
use crate::upstream::Health;
use crate::upstream::balance::{EndpointTrace, PickTrace, Verdict};

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let query = self.query.as_deref().map(|query| format!("?{query}")).unwrap_or_default();
        let host = self.host.as_deref().unwrap_or("(no host)");
        let path = &self.path;
        writeln!(
            f,
            "{} {}://{host}{path}{query}  from {}",
            self.method, self.listener, self.client
        )?;
        if self.listener == "https" {
            let names: Vec<&str> = self.certificates.iter().map(|name| &**name).collect();
            let names = if names.is_empty() {
                "no certificate is for this host".into()
            } else {
                names.join(", ")
            };
            writeln!(f, "certificate  {names}")?;
        }
        self.write_routes(f)?;
        if let Some(pool) = &self.pool {
            write_pool(f, pool)?;
        }
        match (&self.refused, self.pool.as_ref().and_then(|pool| pool.endpoint)) {
            (Some(refused), _) => {
                writeln!(f, "\n=> {} {}: {}", refused.status, refused.reason, refused.meaning)
            }
            (None, Some(endpoint)) => writeln!(f, "\n=> {endpoint}"),
            (None, None) => Ok(()),
        }
    }
}

impl Explanation {
    fn write_routes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.routes.candidates.is_empty() {
            return writeln!(f, "\nroutes\n  none serves this host");
        }
        writeln!(f, "\nroutes, in the order they are tried")?;
        let row = |candidate: &crate::table::Candidate| {
            let mark = if candidate.verdict == RouteVerdict::Won { "=>" } else { "" };
            vec![
                mark.to_owned(),
                format!("{} route {}", candidate.route.object, candidate.route.name),
                format!("match {}", candidate.position),
                candidate.hostname.to_string(),
                candidate.verdict.to_string(),
            ]
        };
        let rows: Vec<_> = self.routes.candidates.iter().map(row).collect();
        columns(f, "  ", &rows)?;
        if self.routes.omitted > 0 {
            writeln!(f, "  and {} more", self.routes.omitted)?;
        }
        if let Some(route) = &self.route {
            let millis = |limit: Option<u128>| limit.map_or_else(|| "none".to_owned(), duration);
            let request = millis(route.request_timeout_millis);
            let attempt = millis(route.backend_request_timeout_millis);
            writeln!(f, "  timeouts: request {request}, one try {attempt}")?;
        }
        Ok(())
    }
}

/// Says milliseconds as people do.
fn duration(millis: u128) -> String {
    if millis < 1_000 || !millis.is_multiple_of(100) {
        return format!("{millis} ms");
    }
    format!("{} s", millis as f64 / 1_000.0)
}

fn write_pool(f: &mut fmt::Formatter<'_>, pool: &ChosenPool) -> fmt::Result {
    let (counts, choice) = (&pool.counts, &pool.choice);
    let (name, algorithm) = (&pool.name, pool.algorithm);
    writeln!(
        f,
        "\npool {name}: {algorithm:?}, {} of {} endpoints ready",
        counts.ready, counts.total
    )?;
    if choice.panic {
        writeln!(f, "  PANIC: too few endpoints are available, so health is ignored")?;
    }
    if let Some(region) = &choice.client_region {
        writeln!(f, "  the client belongs to region {region}")?;
    }
    if let Some(hashed) = &choice.hashed {
        writeln!(f, "  hashed: {}", printable(hashed))?;
    }
    if let Some(session) = choice.session {
        writeln!(f, "  session: {session}")?;
    }
    if !choice.groups.is_empty() {
        writeln!(f, "\n  groups")?;
    }
    let groups: Vec<_> = choice
        .groups
        .iter()
        .map(|group| {
            vec![
                if group.is_chosen { "=>" } else { "" }.to_owned(),
                format!("tier {}", group.tier),
                group.origin.to_string(),
                group.locality.as_deref().unwrap_or_default().to_owned(),
                format!("{:.1} % of requests", group.load * 100.0),
                format!("{} ready", group.endpoints),
            ]
        })
        .collect();
    columns(f, "  ", &groups)?;
    if choice.endpoints.is_empty() {
        return Ok(());
    }
    let heads = [
        "",
        "endpoint",
        "of",
        "tier",
        "weight",
        "share",
        "zone",
        "region",
        "health",
        "in flight",
        "latency",
        "verdict",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(choice.endpoints.iter().map(|endpoint| endpoint_row(choice, endpoint)));
    writeln!(f, "\n  endpoints")?;
    columns(f, "  ", &rows)
}

fn endpoint_row(choice: &PickTrace, endpoint: &EndpointTrace) -> Vec<String> {
    let is_picked = matches!(endpoint.verdict, Verdict::Picked | Verdict::PickedBySession);
    let mut health = match endpoint.health {
        Health::Unknown => "unchecked",
        Health::Healthy => "healthy",
        Health::Unhealthy => "unhealthy",
    }
    .to_owned();
    if endpoint.ejected_millis > 0 {
        health = format!("ejected, {:.0} s left", endpoint.ejected_millis as f64 / 1000.0);
    } else if endpoint.warm_percent < 100 {
        health = format!("{health}, warm to {} %", endpoint.warm_percent);
    }
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    vec![
        if is_picked { "=>" } else { "" }.to_owned(),
        endpoint.address.to_string(),
        endpoint.origin.to_string(),
        endpoint.tier.to_string(),
        endpoint.weight.to_string(),
        format!("{:.1} %", endpoint.share * 100.0),
        or_dash(endpoint.zone.as_deref().map(str::to_owned)),
        or_dash(endpoint.region.as_ref().map(ToString::to_string)),
        health,
        endpoint.in_flight.to_string(),
        or_dash(endpoint.latency_micros.map(|micros| format!("{:.1} ms", micros / 1000.0))),
        choice.reason(endpoint).into_owned(),
    ]
}
