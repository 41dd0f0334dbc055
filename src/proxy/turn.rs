//! The order in which a worker's tasks do their parts, so that what is in a crowd costs less.
//!
//! Flow: a connection whose client has sent something asks `Begin` before it reads, an exchange asks
//! `after_the_others` before it sends, and `run` lets the next ones begin once a turn. A turn ends when
//! the worker asks the kernel what has happened since.
//!
//! - Sends stand together. Each may wake the process at the other end, which costs the sender more
//!   than the send itself; sent one right after the other they wake it once.
//! - What was begun is ended first. With a thousand clients waiting, the requests between their read
//!   and their answer stay few, and with them the connections to endpoints and the memory in use.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

/// How many requests begin in one turn. Fewer and sends stand alone again; more and what they use
/// leaves the cache before they end.
const BEGIN: u32 = 32;

#[derive(Debug, Default)]
struct Turns {
    /// How many began since the last turn that had to wait.
    begun: u32,
    waiting: VecDeque<Waker>,
    /// The number of the last that came to wait, and of the last that was let in.
    last: u64,
    admitted: u64,
    /// Who lets them in; nobody does where no worker runs, and then none waits.
    usher: Option<Waker>,
}

thread_local! {
    static TURNS: RefCell<Turns> = RefCell::default();
}

/// Begin is one request's leave to be read.
#[derive(Debug, Default)]
pub(super) struct Begin {
    state: State,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    New,
    Waiting(u64),
    Begun,
}

impl Begin {
    pub(super) fn poll(&mut self, context: &Context<'_>) -> Poll<()> {
        if matches!(self.state, State::Begun) {
            return Poll::Ready(());
        }
        self.state = TURNS.with_borrow_mut(|turns| turns.next(self.state, context));
        if matches!(self.state, State::Begun) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Turns {
    fn next(&mut self, state: State, context: &Context<'_>) -> State {
        match state {
            State::New if self.usher.is_some() && self.begun >= BEGIN => {
                self.waiting.push_back(context.waker().clone());
                self.last += 1;
                if let Some(usher) = self.usher.as_ref().filter(|_| self.waiting.len() == 1) {
                    usher.wake_by_ref();
                }
                State::Waiting(self.last)
            }
            State::Waiting(number) if number > self.admitted => state,
            State::Begun | State::Waiting(_) => State::Begun,
            State::New => {
                self.begun += 1;
                State::Begun
            }
        }
    }

    /// Lets in as many as begin in a turn.
    fn admit(&mut self) {
        let count = self.waiting.len().min(BEGIN as usize);
        self.begun = count as u32;
        self.admitted += count as u64;
        self.waiting.drain(..count).for_each(Waker::wake);
    }
}

/// Lets waiting requests begin, turn by turn.
pub(super) async fn run() {
    let _leaving = Leaving;
    loop {
        poll_fn(|context| {
            TURNS.with_borrow_mut(|turns| {
                if !turns.usher.as_ref().is_some_and(|usher| usher.will_wake(context.waker())) {
                    turns.usher = Some(context.waker().clone());
                }
                if turns.waiting.is_empty() { Poll::Pending } else { Poll::Ready(()) }
            })
        })
        .await;
        // Goes on when the kernel was asked, and behind what it told of.
        tokio::task::yield_now().await;
        TURNS.with_borrow_mut(Turns::admit);
    }
}

/// Leaving lets all begin when there is nobody any more who lets them in.
struct Leaving;

impl Drop for Leaving {
    fn drop(&mut self) {
        let _ = TURNS.try_with(|turns| {
            let turns = &mut *turns.borrow_mut();
            turns.usher = None;
            turns.admitted = turns.last;
            turns.waiting.drain(..).for_each(Waker::wake);
        });
    }
}

/// Waits until every task that is ready now had its turn.
pub(super) async fn after_the_others() {
    let mut had_turn = false;
    poll_fn(|context| {
        if had_turn {
            return Poll::Ready(());
        }
        had_turn = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    /// Counts requests that wait for an answer, which comes as soon as the worker looks.
    async fn most_at_once(requests: u32) -> u32 {
        let (now, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let asked = (0..requests).map(|_| {
            let (now, most) = (Rc::clone(&now), Rc::clone(&most));
            tokio::task::spawn_local(async move {
                let mut begin = Begin::default();
                poll_fn(|context| begin.poll(context)).await;
                now.set(now.get() + 1);
                most.set(most.get().max(now.get()));
                tokio::task::yield_now().await;
                now.set(now.get() - 1);
            })
        });
        for request in asked.collect::<Vec<_>>() {
            request.await.unwrap();
        }
        most.get()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_was_begun_is_ended_before_the_next_begin() {
        tokio::task::LocalSet::new()
            .run_until(async {
                assert_eq!(most_at_once(500).await, 500, "nobody lets in, and none waits");
                let usher = tokio::task::spawn_local(run());
                tokio::task::yield_now().await;
                let most = most_at_once(500).await;
                assert!((1..=2 * BEGIN).contains(&most), "{most} at once");
                usher.abort();
                let _ = usher.await;
                assert_eq!(most_at_once(500).await, 500, "nobody lets in any more");
            })
            .await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn all_that_is_ready_has_its_turn_before_a_send() {
        tokio::task::LocalSet::new()
            .run_until(async {
                let order = Rc::new(RefCell::new(Vec::new()));
                let tasks = (0..3).map(|number| {
                    let order = Rc::clone(&order);
                    tokio::task::spawn_local(async move {
                        order.borrow_mut().push(("reads", number));
                        after_the_others().await;
                        order.borrow_mut().push(("sends", number));
                    })
                });
                for task in tasks.collect::<Vec<_>>() {
                    task.await.unwrap();
                }
                let words: Vec<_> = order.borrow().iter().map(|(word, _)| *word).collect();
                assert_eq!(words, ["reads", "reads", "reads", "sends", "sends", "sends"]);
            })
            .await;
    }
}
