//! Why an endpoint was chosen, and the others were not: what `explain` shows.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::Serialize;

use crate::model::RegionName;
use crate::upstream::Health;

/// PickTrace is the account of one choice. With a trace, `pick` moves no cursor.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PickTrace {
    /// Whether so few endpoints are available that health is ignored.
    pub panic: bool,
    /// Region that the client was counted to.
    pub client_region: Option<RegionName>,
    /// What was hashed, in words: `header x-user`.
    pub hashed: Option<String>,
    /// What became of the session token: nothing when the pool keeps no sessions.
    pub session: Option<&'static str>,
    /// Groups in the order of the plan.
    pub groups: Vec<GroupTrace>,
    /// Every endpoint of the pool, in order.
    pub endpoints: Vec<EndpointTrace>,
}

impl PickTrace {
    /// Returns why one of the endpoints was or was not chosen, in words.
    pub fn reason(&self, endpoint: &EndpointTrace) -> Cow<'static, str> {
        let taking = || self.groups.iter().filter(|group| group.load > 0.0).map(|group| group.tier);
        match (endpoint.verdict, taking().min().zip(taking().max()), &endpoint.region) {
            (Verdict::EarlierTier, Some((first, last)), _) if first == last => {
                format!("tier {first} has capacity").into()
            }
            (Verdict::EarlierTier, Some((first, last)), _) => {
                format!("tiers {first} to {last} have capacity").into()
            }
            (Verdict::FartherRegion, _, Some(region)) => {
                format!("region {region} is farther from the client").into()
            }
            (verdict, ..) => verdict.as_str().into(),
        }
    }
}

/// GroupTrace is one group of endpoints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupTrace {
    /// Failover tier.
    pub tier: u8,
    /// Service, or `endpoint` for addresses written into the pool.
    pub origin: Arc<str>,
    /// `zone`, `region`, `elsewhere`, the name of a region, or nothing where all are alike.
    pub locality: Option<Arc<str>>,
    /// Share of the requests, 0 to 1.
    pub load: f64,
    /// Endpoints that take traffic.
    pub endpoints: usize,
    /// Whether this request went here.
    pub is_chosen: bool,
}

/// EndpointTrace is one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EndpointTrace {
    /// Address and port.
    pub address: SocketAddr,
    /// Service, or `endpoint` for an address written into the pool.
    pub origin: Arc<str>,
    /// Failover tier.
    pub tier: u8,
    /// Weight as declared for its backend.
    pub weight: u32,
    /// Expected share of the requests like this one, 0 to 1, sessions and hashing aside.
    pub share: f64,
    /// Zone, where it is known.
    pub zone: Option<Arc<str>>,
    /// Region, where it is known.
    pub region: Option<RegionName>,
    /// What active checks say.
    pub health: Health,
    /// Milliseconds until its ejection ends; 0 when it is not ejected.
    pub ejected_millis: u64,
    /// Percent of its share that slow start gives it now.
    pub warm_percent: u8,
    /// Requests that it works on.
    pub in_flight: u32,
    /// Average latency in microseconds, once measured.
    pub latency_micros: Option<f32>,
    /// Why it was or was not chosen.
    pub verdict: Verdict,
}

/// Verdict says why an endpoint was or was not chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is the one.
    Picked,
    /// It is the one, because the session is pinned to it.
    PickedBySession,
    /// It could have been: others were due.
    NotItsTurn,
    /// Its group was not due.
    OtherGroup,
    /// Its weight is 0.
    NoWeight,
    /// Earlier tiers have the capacity for everything.
    EarlierTier,
    /// Weir's own zone has the capacity for everything.
    OwnZone,
    /// Weir's own region has the capacity for everything.
    OwnRegion,
    /// Regions nearer to the client have the capacity for everything.
    FartherRegion,
    /// The client's region is not known, and those declared earlier have the capacity.
    LaterRegion,
    /// Its region is none of those declared, and those have the capacity.
    UndeclaredRegion,
    /// It can take traffic, but the turns do not count it yet.
    NotYet,
    /// Active checks fail.
    Unhealthy,
    /// It is ejected for a time.
    Ejected,
    /// It is ending.
    Terminating,
    /// It has as many requests as it may.
    Full,
    /// This request tried it already.
    Tried,
    /// It refused a connection a moment ago.
    Refused,
}

impl Verdict {
    /// Returns the verdict in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Picked => "picked",
            Self::PickedBySession => "picked: the session is pinned to it",
            Self::NotItsTurn => "not its turn",
            Self::OtherGroup => "another group was due",
            Self::NoWeight => "takes no traffic: its weight is 0",
            Self::EarlierTier => "an earlier tier has capacity",
            Self::OwnZone => "Weir's own zone has capacity",
            Self::OwnRegion => "Weir's own region has capacity",
            Self::FartherRegion => "its region is farther from the client",
            Self::LaterRegion => {
                "the client's region is not known: a region declared earlier has capacity"
            }
            Self::UndeclaredRegion => "its region is not declared: used last",
            Self::NotYet => "can take traffic since a moment ago: not counted yet",
            Self::Unhealthy => "active checks fail",
            Self::Ejected => "ejected after errors in a row",
            Self::Terminating => "is ending: only pinned sessions",
            Self::Full => "has as many requests as it may",
            Self::Tried => "this request tried it already",
            Self::Refused => "it refused a connection a moment ago",
        }
    }
}
