//! One HTTP/2 stream whose client does not take the answer: it gives no window, or no longer reads.
//!
//! hyper asks a body for its next piece when the last one went out. Between the two the client owes.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::cut::{self, Cutting};
use super::pace::{Pace, Progress};
use super::wheel::Timer;
use crate::upstream::clock;

/// Stall watches how one stream's answer is taken.
#[derive(Debug)]
pub(super) struct Stall {
    pace: Cell<Pace>,
    timer: Timer,
    is_set: Cell<bool>,
    is_over: Cell<bool>,
    progress: Progress,
}

impl Stall {
    pub(super) fn new(progress: Progress) -> Rc<Self> {
        Rc::new(Self {
            pace: Cell::default(),
            timer: Timer::new(),
            is_set: Cell::new(false),
            is_over: Cell::new(false),
            progress,
        })
    }

    /// Takes note that a piece was handed over.
    pub(super) fn handed_over(&self) {
        let (mut pace, now) = (self.pace.get(), clock::now());
        pace.begin(now);
        self.pace.set(pace);
        if !self.is_set.replace(true) {
            self.timer.set(pace.deadline(self.progress));
        }
    }

    /// Takes note that a piece of this length went out.
    pub(super) fn went_out(&self, bytes: usize) {
        let mut pace = self.pace.get();
        if pace.is_owing() {
            pace.moved(clock::now(), bytes, self.progress);
            self.pace.set(pace);
        }
    }

    /// Whether the stream was ended for it.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.get()
    }

    fn poll_over(&self, context: &Context<'_>) -> Poll<()> {
        while self.pace.get().is_owing() && self.timer.poll_due(context).is_ready() {
            let (pace, now) = (self.pace.get(), clock::now());
            if pace.is_over(now, self.progress) {
                self.is_over.set(true);
                return Poll::Ready(());
            }
            self.timer.set(pace.deadline(self.progress));
        }
        Poll::Pending
    }
}

/// Streams runs the streams of an HTTP/2 connection on the worker's thread. A panic ends one stream,
/// and so does a client that does not take its answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Streams {
    /// What belongs to the stream that hyper starts next: it does so right after asking the service.
    next: Rc<RefCell<Option<Announced>>>,
    /// What cuts the WebSocket that hyper starts next: it does so in the task of its stream.
    cutting: Rc<RefCell<Option<Cutting>>>,
}

#[derive(Debug)]
struct Announced {
    stall: Rc<Stall>,
    cutting: Option<Cutting>,
}

impl Streams {
    /// Gives the stream that is started next its stall.
    pub(super) fn announce(&self, stall: &Rc<Stall>, cutting: Option<Cutting>) {
        *self.next.borrow_mut() = Some(Announced { stall: Rc::clone(stall), cutting });
    }
}

impl<F: Future + 'static> hyper::rt::Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let Some(Announced { stall, mut cutting }) = self.next.borrow_mut().take() else {
            let cutting = self.cutting.borrow_mut().take();
            tokio::task::spawn_local(cut::run(stream, cutting));
            return;
        };
        let streams = self.clone();
        tokio::task::spawn_local(async move {
            let mut stream = pin!(stream);
            poll_fn(|context| {
                streams.cutting.replace(cutting.take());
                let polled = stream.as_mut().poll(context);
                cutting = streams.cutting.take();
                match polled {
                    Poll::Ready(_) => Poll::Ready(()),
                    Poll::Pending => stall.poll_over(context),
                }
            })
            .await;
        });
    }
}
