//! A place for a request in a connection over HTTP/2.

use std::io;
use std::time::Instant;

use super::attempt::{FULL_PAUSE, Opened, unopened};
use super::deadline::before;
use super::forward::Forward;
use super::wheel::Timer;
use crate::metrics::Reason;
use crate::upstream::http2::{self, Checkout};
use crate::upstream::{Alpn, InFlight, OpenError, Outcome, clock};

/// Takes a place in an open connection, or opens one, or waits for either.
pub(super) async fn open(
    request: &Forward<'_>,
    in_flight: &InFlight,
    timer: &Timer,
) -> Result<Opened, (Reason, Outcome)> {
    // Only the extended CONNECT of RFC 8441 could carry a WebSocket, and few endpoints take it.
    if request.admitted.is_upgrade {
        return Err((Reason::NotImplemented, Outcome::ClientGone));
    }
    let (worker, endpoint) = (&request.client.worker, in_flight.endpoint());
    let (pool, transport) = (&request.pool.model, &request.pool.transport);
    let owner = transport.tells_client().then(|| request.client.owner());
    let mut times = None;
    loop {
        let checkout = worker.streams.checkout(endpoint, request.pool, owner);
        if let Checkout::Ready(slot) = checkout {
            return Ok(Opened::Http2(slot));
        }
        let now = clock::now();
        let until = *times.get_or_insert_with(|| now.plus(pool.connect_timeout));
        let deadline = request.deadline.map_or(until, |deadline| deadline.min(until));
        let waited = match checkout {
            Checkout::Ready(slot) => return Ok(Opened::Http2(slot)),
            Checkout::Open(opening) => {
                let parties = owner.map(|_| request.client.parties());
                let began = Instant::now();
                let open = async {
                    let stream = transport.open(endpoint.address(), Alpn::Http2, parties).await?;
                    if transport.is_tls() && !stream.is_http2() {
                        return Err(OpenError::Tls(io::Error::other("no agreement on HTTP/2")));
                    }
                    http2::begin(stream, opening, &endpoint.stats, worker.index, began)
                        .await
                        .map_err(OpenError::Connect)
                };
                match before(timer, Some(deadline), open).await {
                    Some(Ok(slot)) => return Ok(Opened::Http2(slot)),
                    Some(Err(error)) => return Err(unopened(request, endpoint.address(), &error)),
                    None => None,
                }
            }
            Checkout::Wait(waiting) => before(timer, Some(deadline), waiting.wait()).await,
            Checkout::Full(_) if deadline <= now => {
                return Err((Reason::EndpointFull, Outcome::ClientGone));
            }
            Checkout::Full(waiting) => {
                worker.want_connection();
                let pause = deadline.min(now.plus(FULL_PAUSE));
                let _ = before(timer, Some(pause), waiting.wait()).await;
                Some(())
            }
        };
        if waited.is_none() {
            return Err(if deadline < until {
                (Reason::RequestTimeout, Outcome::ClientGone)
            } else {
                (Reason::ConnectTimeout, Outcome::ConnectTimeout)
            });
        }
    }
}
