//! A place for a request in a connection over HTTP/2.

use std::io;
use std::time::Instant;

use super::attempt::{FULL_PAUSE, Opened, unopened};
use super::deadline::before;
use super::forward::Forward;
use super::websocket;
use super::wheel::Timer;
use crate::metrics::Reason;
use crate::upstream::http2::{self, Checkout, Opening, Slot};
use crate::upstream::{Alpn, EndpointState, InFlight, OpenError, Outcome, clock};

/// Takes a place in an open connection, or opens one, or waits for either.
pub(super) async fn open(
    request: &Forward<'_>,
    in_flight: &InFlight,
    timer: &Timer,
) -> Result<Opened, (Reason, Outcome)> {
    if request.admitted.is_upgrade && !websocket::is_whole(request.parts) {
        return Err((Reason::BadRequest, Outcome::ClientGone));
    }
    let (worker, endpoint) = (&request.client.worker, in_flight.endpoint());
    let pool = &request.pool.model;
    let owner = request.pool.transport.tells_client().then(|| request.client.owner());
    let mut times = None;
    loop {
        let checkout = worker.streams.checkout(endpoint, request.pool, owner);
        if let Checkout::Ready(slot) = checkout {
            return opened(request, slot);
        }
        let now = clock::now();
        let until = *times.get_or_insert_with(|| now.plus(pool.connect_timeout));
        let deadline = request.deadline.map_or(until, |deadline| deadline.min(until));
        let waited = match checkout {
            Checkout::Ready(slot) => return opened(request, slot),
            Checkout::Open(opening) => {
                let open = connect(request, endpoint, opening);
                match before(timer, Some(deadline), open).await {
                    Some(Ok(slot)) => return opened(request, slot),
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

/// Opens a connection, and takes the first place in it.
async fn connect(
    request: &Forward<'_>,
    endpoint: &EndpointState,
    opening: Opening,
) -> Result<Slot, OpenError> {
    let (client, transport) = (request.client, &request.pool.transport);
    let parties = transport.tells_client().then(|| client.parties());
    let began = Instant::now();
    let stream = transport.open(endpoint.address(), Alpn::Http2, parties).await?;
    if transport.is_tls() && !stream.is_http2() {
        return Err(OpenError::Tls(io::Error::other("no agreement on HTTP/2")));
    }
    let slot = http2::begin(stream, opening, &endpoint.stats, client.worker.index, began)
        .await
        .map_err(OpenError::Connect)?;
    // What it takes besides requests, its settings say.
    if request.admitted.is_upgrade {
        slot.settled().await.map_err(OpenError::Connect)?;
    }
    Ok(slot)
}

/// Returns the place, where the endpoint takes there what is asked. Source: RFC 8441 §3.
fn opened(request: &Forward<'_>, slot: Slot) -> Result<Opened, (Reason, Outcome)> {
    if request.admitted.is_upgrade && !slot.takes_websockets() {
        return Err((Reason::NotImplemented, Outcome::ClientGone));
    }
    Ok(Opened::Http2(slot))
}
