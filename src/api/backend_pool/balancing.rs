//! How an endpoint is chosen.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::duration::DurationString;

/// LoadBalancing says how an endpoint is chosen.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.hashOn) || [0, 1, 2].all(i, i + 1 >= size(self.hashOn) || !(has(self.hashOn[i].clientAddress) || has(self.hashOn[i].path)))")
    .message("hashOn: every request has a clientAddress and a path, so no key after one of them is ever used: put it last"))]
pub struct LoadBalancing {
    /// The algorithm. Default is RoundRobin.
    #[serde(default)]
    pub algorithm: Algorithm,

    /// What RingHash and Maglev hash: the first of these keys that a request has. A request that has
    /// none is spread at random. `clientAddress` and `path` are always there, so they stand last.
    /// 1 to 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4))]
    pub hash_on: Option<Vec<HashKey>>,

    /// Gives an endpoint that has just become ready a growing share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_start: Option<SlowStart>,

    /// Prefers endpoints that are near. Default is no preference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locality: Option<Locality>,
}

impl LoadBalancing {
    /// Returns the value of an absent `loadBalancing`; declared so that the API server writes it
    /// into the object and `kubectl get` shows the algorithm.
    pub fn declared() -> Self {
        Self::default()
    }
}

/// Algorithm chooses an endpoint.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// Smooth weighted round robin with a random start, exact over any window.
    #[default]
    RoundRobin,
    /// The endpoint with the fewest requests in flight for its weight, counted over all workers. Equals
    /// take turns; one whose answers take more than twice as long stands back from a tie.
    LeastRequest,
    /// Of two endpoints, the one with the lower peak-sensitive latency times requests in flight.
    PeakEwma,
    /// Any endpoint, by weight.
    Random,
    /// Consistent hashing on a ring.
    RingHash,
    /// Consistent hashing by a Maglev table: more even than a ring, a little more disruption.
    Maglev,
}

/// HashKey is one thing to hash; exactly one field is set.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.header), has(self.cookie), has(self.queryParam), has(self.clientAddress), has(self.path)].filter(x, x).size() == 1")
    .message("exactly one of header, cookie, queryParam, clientAddress and path must be set"))]
#[x_kube(validation = Rule::new("(!has(self.clientAddress) || self.clientAddress) && (!has(self.path) || self.path)")
    .message("clientAddress and path take only the value true: leave the field out instead"))]
pub struct HashKey {
    /// The value of this header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^[A-Za-z0-9!#$%&'*+\-.^_|~]+$"))]
    pub header: Option<String>,

    /// The value of this cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^[A-Za-z0-9!#$%&'*+\-.^_|~]+$"))]
    pub cookie: Option<String>,

    /// The first value of this query parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub query_param: Option<String>,

    /// The client's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_address: Option<bool>,

    /// The path, without the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<bool>,
}

/// SlowStart gives an endpoint that has just become ready a growing share.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("duration(self.window) > duration('0s')")
    .message("slowStart.window must be above 0s: leave slowStart out for none"))]
pub struct SlowStart {
    /// How long the share grows, from a tenth to the whole, counted from when this endpoint became
    /// ready. Endpoints that Weir finds at its own start are taken as warm. Above 0s, up to
    /// 1h.
    pub window: DurationString,
}

/// Locality prefers endpoints that are near.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.prefer != 'ClientRegion' || has(self.regions)")
    .message("locality.regions is required when prefer is ClientRegion: say where each region is and whose clients belong to it"))]
#[x_kube(validation = Rule::new("!has(self.regions) || self.prefer == 'ClientRegion'")
    .message("locality.regions is only used when prefer is ClientRegion"))]
pub struct Locality {
    /// What is near.
    pub prefer: LocalityPreference,

    /// The regions, for ClientRegion. At most 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub regions: Option<Vec<Region>>,
}

/// LocalityPreference says what is near.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalityPreference {
    /// Weir's own zone, then its region, then the rest, as far as each has capacity.
    Zone,
    /// Weir's own region, then the rest, as far as it has capacity.
    Region,
    /// The region nearest to the client that has capacity, then the next by distance.
    ClientRegion,
}

/// Region is a place with endpoints, and the clients that belong to it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Region {
    /// Name, as in the endpoints' region.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,

    /// Where the region is; distances between regions are great-circle distances.
    pub location: Location,

    /// Networks (CIDR) whose clients belong to the region; the longest prefix wins. A client that
    /// is in none is looked up in the GeoIP database, if there is one. At most 1024.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 1024),
        inner(length(min = 3, max = 49), regex(pattern = r"^[0-9a-fA-F:.]+/[0-9]{1,3}$"))
    )]
    pub clients: Option<Vec<String>>,
}

/// Location is a point on the earth.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// Degrees north, -90 to 90.
    #[schemars(range(min = -90, max = 90))]
    pub latitude: f64,
    /// Degrees east, -180 to 180.
    #[schemars(range(min = -180, max = 180))]
    pub longitude: f64,
}

/// SessionPersistence keeps a client on the endpoint that served it first.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.absoluteTimeout) || duration(self.absoluteTimeout) == duration('0s') || duration(self.absoluteTimeout) >= duration('1s')")
    .message("sessionPersistence.absoluteTimeout must be 0s or at least 1s, as cookies count whole seconds"))]
pub struct SessionPersistence {
    /// Whether the session is in a cookie, or in a header that the client sends back itself.
    /// Default is Cookie.
    #[serde(default, rename = "type")]
    pub kind: SessionPersistenceType,

    /// Name of the cookie or header. A header must be one that means nothing else: `Connection`,
    /// `Host`, `Set-Cookie` and the like are refused, and one such as `Prefer` is a warning. Pools with
    /// routes on the same host need names of their own, as a client keeps one value under a name.
    /// Default is `weir-session-` and eight hexadecimal digits made of the pool's namespace and name; of
    /// settings for a Service, made of those of the Service and of its port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9!#$%&'*+\-.^_|~]+$"))]
    pub session_name: Option<String>,

    /// How long a session lasts; then a new endpoint is chosen. A cookie gets it as Max-Age, in
    /// whole seconds. At least 1s, or `0s` for no limit. Default is no limit, and a cookie that ends
    /// with the browser session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absolute_timeout: Option<DurationString>,
}

/// SessionPersistenceType says where a session is kept.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SessionPersistenceType {
    /// A cookie that Weir sets.
    #[default]
    Cookie,
    /// A response header whose value the client sends back.
    Header,
}
