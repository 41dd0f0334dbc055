//! Futures with an end.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use super::wheel::Timer;
use crate::upstream::clock::Millis;

/// Returns nothing when the deadline comes first; without one it waits for ever.
pub(super) async fn before<F: Future>(
    timer: &Timer,
    deadline: Option<Millis>,
    future: F,
) -> Option<F::Output> {
    let mut future = pin!(future);
    timer.set(deadline);
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        timer.poll_due(context).map(|()| None)
    })
    .await
}
