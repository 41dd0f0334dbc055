//! A door for `tests/fuzz`: what the codec makes of bytes, without a socket. No part of the API.

use bytes::BytesMut;
use http::HeaderMap;

use super::exchange::take_final;
use super::{Expectation, Head, Violation};

/// Takes the head of the final answer from the front of `input`, as an exchange does.
///
/// # Errors
/// Where an answer breaks a rule.
pub fn answer(
    input: &mut BytesMut,
    headers: &mut HeaderMap,
    expectation: Expectation,
    interim: &mut u8,
) -> Result<Option<Head>, Violation> {
    take_final(input, headers, expectation, interim, &mut |_, _| {})
}
