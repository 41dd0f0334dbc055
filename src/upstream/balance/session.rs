//! Tokens that lead a client back to its endpoint.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::RequestFacts;
use super::request::cookie;
use crate::model::{Persistence, PersistenceKind};
use crate::upstream::clock::Millis;
use crate::upstream::{EndpointState, Pool, PoolState};

/// SessionToken names the endpoint of a session, for the client to send again. It is made of
/// letters, digits, `-` and `_`.
///
/// Eight bytes name the endpoint, four say when the session began (seconds since 1970), eight
/// prove both. The key is made of the pool's name and the process's session key, so a token is
/// good on every replica and after a restart, and nowhere but in its pool.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionToken([u8; TEXT_BYTES]);

const NAME_BYTES: usize = 8;
const TIME_BYTES: usize = 4;
const PROOF_BYTES: usize = 8;
const BYTES: usize = NAME_BYTES + TIME_BYTES + PROOF_BYTES;
const TEXT_BYTES: usize = 27;

/// Seconds that the clock of another replica may be ahead.
const CLOCK_SKEW: u64 = 300;

impl SessionToken {
    /// Returns the text, fit for a cookie or a header.
    pub fn as_str(&self) -> &str {
        // It was made of ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Makes the token of a session that begins now.
    pub(super) fn issue(pool: &PoolState, endpoint: u64, now: Millis) -> Option<Self> {
        let name = endpoint.to_be_bytes();
        let time = u32::try_from(now.unix_seconds()).ok()?.to_be_bytes();
        let proof = prove(pool, name, time);
        let mut bytes = [0; BYTES];
        let parts = name.into_iter().chain(time).chain(proof);
        bytes.iter_mut().zip(parts).for_each(|(byte, part)| *byte = part);
        let mut text = [0; TEXT_BYTES];
        URL_SAFE_NO_PAD.encode_slice(bytes, &mut text).ok()?;
        Some(Self(text))
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(..)")
    }
}

/// Session is what a request says of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Session {
    /// It belongs to the endpoint of this name.
    Of(u64),
    /// It says nothing.
    None,
    /// What it says is over, or not from here.
    Invalid,
}

impl Session {
    /// Reads the session of a request.
    pub(super) fn read(
        pool: &PoolState,
        persistence: &Persistence,
        request: &RequestFacts<'_>,
        now: Millis,
    ) -> Self {
        let text = match &persistence.kind {
            PersistenceKind::Cookie(name) => cookie(request.headers, name),
            PersistenceKind::Header(name) => {
                request.headers.get(name.as_str()).map(http::HeaderValue::as_bytes)
            }
        };
        let Some(text) = text else { return Self::None };
        match parse(pool, text) {
            Some((endpoint, began)) if is_current(persistence, began, now) => Self::Of(endpoint),
            _ => Self::Invalid,
        }
    }
}

fn is_current(persistence: &Persistence, began: u32, now: Millis) -> bool {
    let (began, now) = (u64::from(began), now.unix_seconds());
    let is_over = persistence.absolute_timeout.is_some_and(|most| now >= began + most.as_secs());
    !is_over && began <= now + CLOCK_SKEW
}

fn parse(pool: &PoolState, text: &[u8]) -> Option<(u64, u32)> {
    if text.len() != TEXT_BYTES {
        return None;
    }
    let mut bytes = [0; BYTES];
    let written = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
    let (name, rest) = bytes.split_first_chunk::<NAME_BYTES>()?;
    let (time, proof) = rest.split_first_chunk::<TIME_BYTES>()?;
    // The time it takes to compare must not tell how much was right.
    let wrong = prove(pool, *name, *time).iter().zip(proof).fold(0, |sum, (a, b)| sum | (a ^ b));
    (written == BYTES && wrong == 0).then(|| (u64::from_be_bytes(*name), u32::from_be_bytes(*time)))
}

fn prove(pool: &PoolState, name: [u8; NAME_BYTES], time: [u8; TIME_BYTES]) -> [u8; PROOF_BYTES] {
    let mut context = hmac::Context::with_key(pool.session_key());
    context.update(b"token");
    context.update(&name);
    context.update(&time);
    first_bytes(&context.sign())
}

fn first_bytes(tag: &hmac::Tag) -> [u8; 8] {
    tag.as_ref().first_chunk().copied().unwrap_or_default()
}

/// Returns what tokens call an endpoint.
fn name_of(pool: &PoolState, address: SocketAddr) -> u64 {
    let mut context = hmac::Context::with_key(pool.session_key());
    context.update(b"endpoint");
    match address.ip() {
        IpAddr::V4(ip) => context.update(&ip.octets()),
        IpAddr::V6(ip) => context.update(&ip.octets()),
    }
    context.update(&address.port().to_be_bytes());
    u64::from_be_bytes(first_bytes(&context.sign()))
}

impl EndpointState {
    /// Returns what session tokens call this endpoint.
    pub(super) fn session_name(&self) -> u64 {
        *self.session.get_or_init(|| name_of(&self.pool, self.address))
    }
}

/// Returns the index of every endpoint by its name in tokens. Of an endpoint of two backends, the
/// first counts.
pub(super) fn identities(pool: &Pool) -> HashMap<u64, u32> {
    let mut identities = HashMap::with_capacity(pool.endpoints.len());
    for (index, member) in pool.endpoints.iter().enumerate() {
        identities.entry(member.state.session_name()).or_insert(index as u32);
    }
    identities
}
