//! Routes and their conditions.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::{ClientRule, Hostname, InvalidName, Origin, OriginKind, PoolName};

/// Route leads the requests that match it to a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// Which route this is.
    pub id: RouteId,
    /// Hosts; empty is any host.
    pub hostnames: Vec<Hostname>,
    /// Whether the `*` of a host stands for exactly one label, as in an Ingress, and not for one or
    /// more. Source: Ingress v1 IngressRule.host; Gateway API Hostname.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_one_label: bool,
    /// Whether it takes only requests that no other route takes, as the default backend of an
    /// Ingress does. Source: Ingress v1 IngressSpec.defaultBackend.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_fallback: bool,
    /// Whether something in its declaration is wrong: its requests are refused, and do not go to
    /// another route.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_held: bool,
    /// Conditions; one is enough.
    pub matches: Vec<RouteMatch>,
    /// From the first byte of the request to the last of the answer. Nothing is no limit.
    pub request_timeout: Option<Duration>,
    /// One try, to the head of its answer. Nothing is no limit.
    pub backend_request_timeout: Option<Duration>,
    /// How clients in clear text are sent to https. Nothing serves them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub https_redirect: Option<HttpsRedirect>,
    /// Which certificates clients show on this route. The connection has to be under the same rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Arc<ClientRule>>,
    /// Where requests go.
    pub pool: PoolName,
}

/// HttpsRedirect says how clients in clear text are sent to https.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct HttpsRedirect {
    /// Status of the answer.
    pub status: u16,
    /// Port that the client is sent to.
    pub port: u16,
}

/// RouteId says where a route was declared, and breaks ties between equal matches: the older
/// object wins, then the name in alphabetical order, then the position.
/// Source: Gateway API HTTPRouteRule.matches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RouteId {
    /// Creation of the object in seconds since 1970; [`Self::UNKNOWN`] when it does not say it, and
    /// [`Self::LAST`] where the object is wrong and may take nothing from others.
    pub created: i64,
    /// The object.
    pub object: Origin,
    /// Position in the object.
    pub position: u32,
    /// Name for logs and metrics: the declared one, or the position.
    pub name: Arc<str>,
}

impl RouteId {
    /// The creation of an object that does not say it: younger than any that does.
    pub const UNKNOWN: i64 = i64::MAX - 1;
    /// The creation that counts for an object that loses every tie.
    pub const LAST: i64 = i64::MAX;

    /// Returns the name of the route for logs and metrics, unique among the routes of one pool:
    /// its own name where the pool itself declares it, else that of the object too.
    pub fn label(&self) -> Arc<str> {
        match self.object.kind() {
            OriginKind::BackendPool => Arc::clone(&self.name),
            OriginKind::Ingress => format!("ingress/{}/{}", self.object.as_str(), self.name).into(),
        }
    }
}

/// RouteMatch holds when all its parts hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RouteMatch {
    /// Condition on the normalised path.
    pub path: PathPattern,
    /// The method, or any.
    pub method: Option<Arc<str>>,
    /// Conditions on headers.
    pub headers: Vec<ValueMatch<HeaderName>>,
    /// Conditions on the first query parameter of each name.
    pub query: Vec<ValueMatch<Arc<str>>>,
    /// Conditions on cookies.
    pub cookies: Vec<ValueMatch<Arc<str>>>,
}

impl RouteMatch {
    /// Compares by precedence: the one that comes first wins. Exact path, then regular expression,
    /// then prefix, each longest first; then one with a method, then most headers, then most
    /// query parameters, then most cookies.
    /// Source: Gateway API HTTPRouteRule.matches; where regular expressions and cookies stand is ours.
    pub fn precedence(&self, other: &Self) -> Ordering {
        fn path(pattern: &PathPattern) -> (u8, usize) {
            match pattern {
                PathPattern::Exact(value) => (2, value.len()),
                PathPattern::Regex(value) => (1, value.as_str().len()),
                PathPattern::Prefix(value) => (0, value.trim_end_matches('/').len()),
            }
        }
        path(&other.path)
            .cmp(&path(&self.path))
            .then_with(|| other.method.is_some().cmp(&self.method.is_some()))
            .then_with(|| other.headers.len().cmp(&self.headers.len()))
            .then_with(|| other.query.len().cmp(&self.query.len()))
            .then_with(|| other.cookies.len().cmp(&self.cookies.len()))
    }
}

/// PathPattern is a condition on the normalised path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum PathPattern {
    /// The whole path.
    Exact(Arc<str>),
    /// Whole leading segments; a trailing slash of the value does not matter.
    Prefix(Arc<str>),
    /// A regular expression for the whole path.
    Regex(Pattern),
}

/// ValueMatch is a condition on a named value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ValueMatch<N> {
    /// Name.
    pub name: N,
    /// What the value must be.
    pub value: ValuePattern,
}

/// ValuePattern is an exact text or a regular expression for the whole value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum ValuePattern {
    /// The whole value.
    Exact(Arc<str>),
    /// A regular expression for the whole value.
    Regex(Pattern),
}

/// HeaderName is the name of a header in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct HeaderName(Arc<str>);

impl HeaderName {
    /// Parses a header name; case does not matter.
    ///
    /// # Errors
    /// Where it is not a token. Source: RFC 9110 §5.6.2.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if text.is_empty() || text.len() > 256 || !text.bytes().all(token) {
            return Err(InvalidName {
                what: "header name",
                value: text.chars().take(64).collect(),
                expected: "use letters, digits and -, as in x-plan",
            });
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }

    /// Returns the name in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Pattern is a regular expression that matches a whole text in linear time.
#[derive(Clone)]
pub struct Pattern {
    source: Arc<str>,
    regex: regex::bytes::Regex,
}

impl Pattern {
    /// Most bytes of a compiled expression.
    const SIZE_LIMIT: usize = 64 * 1024;

    /// Compiles an expression that must match a whole text.
    ///
    /// # Errors
    /// Where it is longer than 1,024 bytes, is no regular expression, or compiles to more than 64 KiB.
    pub fn parse(source: &str) -> Result<Self, InvalidName> {
        let invalid = |expected| InvalidName {
            what: "regular expression",
            value: source.chars().take(64).collect(),
            expected,
        };
        if source.len() > 1024 {
            return Err(invalid("at most 1,024 bytes"));
        }
        // Compiled alone first: `a)(b` must not become valid by our own brackets.
        regex::bytes::RegexBuilder::new(source)
            .unicode(false)
            .size_limit(Self::SIZE_LIMIT)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => {
                    invalid("it compiles to more than 64 KiB: use smaller repetitions")
                }
                _ => invalid("use the RE2 syntax, without look-around and back-references"),
            })?;
        let regex = regex::bytes::RegexBuilder::new(&format!(r"\A(?:{source})\z"))
            .unicode(false)
            .size_limit(2 * Self::SIZE_LIMIT)
            .dfa_size_limit(256 * 1024)
            .build()
            .map_err(|_| invalid("it compiles to more than 64 KiB: use smaller repetitions"))?;
        Ok(Self { source: source.into(), regex })
    }

    /// Compiles `wider` for an expression that does not compile: it is shown, compared and ranked as
    /// what was declared.
    ///
    /// # Errors
    /// As [`Self::parse`], of `wider`.
    pub fn in_place_of(declared: &str, wider: &str) -> Result<Self, InvalidName> {
        Ok(Self { source: declared.into(), ..Self::parse(wider)? })
    }

    /// Returns the expression as written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Returns whether the whole text matches.
    pub fn matches(&self, text: &[u8]) -> bool {
        self.regex.is_match(text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.source)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Pattern {}

impl PartialOrd for Pattern {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pattern {
    fn cmp(&self, other: &Self) -> Ordering {
        self.source.cmp(&other.source)
    }
}

impl std::hash::Hash for Pattern {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.source.hash(state);
    }
}

impl Serialize for Pattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}
