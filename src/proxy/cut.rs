//! The end of a WebSocket over HTTP/2 whose endpoint broke off: hyper ends the stream of one that is
//! dropped as if nothing was amiss, and offers no other way.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use tokio::sync::oneshot;

/// Cut resets the stream of a WebSocket. Source: RFC 8441 §5.
#[derive(Debug)]
pub(super) struct Cut(oneshot::Sender<oneshot::Sender<()>>);

/// Cutting is what hyper's half of it waits for.
pub(super) type Cutting = oneshot::Receiver<oneshot::Sender<()>>;

impl Cut {
    pub(super) fn new() -> (Self, Cutting) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }

    /// Lets go of hyper's half, once the client has what it has room for. When the other half is
    /// dropped too, the stream is reset.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub(super) async fn cut(self) {
        let (done, over) = oneshot::channel();
        if self.0.send(done).is_ok() {
            let _ = over.await;
        }
    }
}

/// Runs what hyper starts, until it is over or cut.
pub(super) async fn run(task: impl Future, mut cutting: Option<Cutting>) {
    let ended = async {
        let mut task = pin!(task);
        poll_fn(|context| {
            if task.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            let Some(asked) = &mut cutting else { return Poll::Pending };
            match Pin::new(asked).poll(context) {
                Poll::Ready(Ok(done)) => Poll::Ready(Some(done)),
                // It ends in good order.
                Poll::Ready(Err(_)) => {
                    cutting = None;
                    Poll::Pending
                }
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    };
    // The task is gone by now.
    drop(ended.await);
}
