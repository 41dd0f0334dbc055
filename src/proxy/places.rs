//! How many connections clients may have at once, over all workers and listeners.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Places are what connections hold, each one.
///
/// Any listener may take every place, and none holds one while it has no connection: a place is taken
/// just before the kernel is asked for a connection, and given back at once where it has none.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    taken: AtomicUsize,
    /// Listeners that wait for a place.
    waiting: AtomicUsize,
    freed: Notify,
}

impl Places {
    /// Makes room for so many connections, and at least one.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            taken: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            freed: Notify::new(),
        }
    }

    /// Takes a place; returns whether there was one.
    fn take(&self) -> bool {
        let more = |taken| (taken < self.most).then_some(taken + 1);
        self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok()
    }

    /// Takes a place whether there is one or not: at the end, for who has got through already.
    pub(super) fn take_anyway(&self) {
        self.taken.fetch_add(1, Ordering::SeqCst);
    }

    /// Gives a place back.
    pub(super) fn give_back(&self) {
        let less = |taken: usize| taken.checked_sub(1);
        let _ = self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
        // After the place is there: who begins to wait now sees it (both are in one order).
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.freed.notify_waiters();
        }
    }

    /// Accepts a connection, which holds a place from then on.
    ///
    /// # Errors
    /// Where the kernel has none to give; no place is held then.
    ///
    /// # Cancel safety
    /// Nothing is lost: no connection is accepted and no place is held.
    pub(super) async fn accept(
        &self,
        listener: &TcpListener,
    ) -> io::Result<(TcpStream, SocketAddr)> {
        loop {
            let accepted = poll_fn(|context| {
                if !self.take() {
                    return Poll::Ready(None);
                }
                let accepted = listener.poll_accept(context);
                if !matches!(accepted, Poll::Ready(Ok(_))) {
                    self.give_back();
                }
                accepted.map(Some)
            });
            match accepted.await {
                Some(accepted) => return accepted,
                None => self.wait().await,
            }
        }
    }

    /// Waits until there may be a place.
    async fn wait(&self) {
        let mut freed = pin!(self.freed.notified());
        freed.as_mut().enable();
        let _waiting = Waiting::begin(&self.waiting);
        if self.taken.load(Ordering::SeqCst) >= self.most {
            freed.await;
        }
    }
}

/// Waiting counts one who waits.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn an_idle_listener_holds_no_place() {
        let places = Places::new(1);
        let (idle, busy) = (TcpListener::bind("127.0.0.1:0"), TcpListener::bind("127.0.0.1:0"));
        let (idle, busy) = (idle.await.unwrap(), busy.await.unwrap());
        let mut waiting = pin!(places.accept(&idle));
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        let client = TcpStream::connect(busy.local_addr().unwrap()).await.unwrap();
        let (_first, peer) = places.accept(&busy).await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        // At the bound the other one waits, though the kernel has a connection for it.
        let _late = TcpStream::connect(idle.local_addr().unwrap()).await.unwrap();
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        assert_eq!(places.taken.load(Ordering::SeqCst), 1);
        places.give_back();
        waiting.await.unwrap();
        assert_eq!(places.taken.load(Ordering::SeqCst), 1);
        assert_eq!(places.waiting.load(Ordering::SeqCst), 0);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_freed_place_is_missed_and_none_is_given_twice() {
        let places = Arc::new(Places::new(3));
        let held = Arc::new(AtomicUsize::new(0));
        let turns = (0..8).map(|_| {
            let (places, held) = (Arc::clone(&places), Arc::clone(&held));
            tokio::spawn(async move {
                for _ in 0..2_000 {
                    while !places.take() {
                        places.wait().await;
                    }
                    assert!(held.fetch_add(1, Ordering::SeqCst) < 3);
                    tokio::task::yield_now().await;
                    held.fetch_sub(1, Ordering::SeqCst);
                    places.give_back();
                }
            })
        });
        for turn in turns.collect::<Vec<_>>() {
            turn.await.unwrap();
        }
        assert_eq!(places.taken.load(Ordering::SeqCst), 0);
    }
}
