//! Timers in the wheel of the thread that they are made on.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::machine::{TICK, Wheel};
use crate::upstream::clock::{self, Millis};

#[derive(Debug, Default)]
struct Local {
    wheel: Wheel,
    /// The tick at which `run` looks next.
    looks_at: u64,
    /// Wakes `run` when something is due before that.
    driver: Option<Waker>,
}

thread_local! {
    static LOCAL: RefCell<Local> = RefCell::default();
}

/// Timer has at most one deadline. It works on the thread that made it alone; elsewhere it never
/// comes.
#[derive(Debug)]
pub(crate) struct Timer {
    key: u32,
}

impl Timer {
    /// Makes a timer without a deadline.
    pub(crate) fn new() -> Self {
        Self { key: LOCAL.with_borrow_mut(|local| local.wheel.insert()) }
    }

    /// Sets the deadline, or none.
    pub(crate) fn set(&self, deadline: Option<Millis>) {
        let driver = LOCAL.with_borrow_mut(|local| {
            let at = local.wheel.set(self.key, deadline)?;
            if at < local.looks_at {
                local.looks_at = at;
                return local.driver.take();
            }
            None
        });
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    /// Sets the deadline to this time from now.
    pub(crate) fn set_after(&self, duration: Duration) {
        self.set(Some(clock::now().plus(duration)));
    }

    /// Ready when the deadline has come.
    pub(crate) fn poll_due(&self, context: &Context<'_>) -> Poll<()> {
        let is_due = LOCAL.with_borrow_mut(|local| local.wheel.poll(self.key, context.waker()));
        if is_due { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // At the end of the thread there may be no wheel any more.
        let _ = LOCAL.try_with(|local| local.borrow_mut().wheel.remove(self.key));
    }
}

/// Waits for a time, by the wheel.
pub(crate) async fn sleep(duration: Duration) {
    let timer = Timer::new();
    timer.set_after(duration);
    poll_fn(|context| timer.poll_due(context)).await;
}

/// Turns the wheel of this thread, for ever.
pub(crate) async fn run() {
    let mut due = Vec::new();
    loop {
        let now = clock::now();
        let pause = LOCAL.with_borrow_mut(|local| {
            local.wheel.advance(now, &mut due);
            let pause = local.wheel.pause(now);
            local.looks_at = pause.map_or(u64::MAX, |pause| now.plus(pause).0.div_ceil(TICK));
            pause
        });
        due.drain(..).for_each(Waker::wake);
        let mut rest =
            std::pin::pin!(tokio::time::sleep(pause.unwrap_or(Duration::from_secs(3600))));
        let looks_at = LOCAL.with_borrow(|local| local.looks_at);
        poll_fn(|context| {
            let is_earlier = LOCAL.with_borrow_mut(|local| {
                local.driver = Some(context.waker().clone());
                local.looks_at < looks_at
            });
            if is_earlier { Poll::Ready(()) } else { rest.as_mut().poll(context) }
        })
        .await;
    }
}

/// HyperTimer lets hyper use the wheel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HyperTimer;

impl hyper::rt::Timer for HyperTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        let timer = Timer::new();
        timer.set_after(duration);
        Box::pin(Sleep(timer))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        self.sleep(deadline.saturating_duration_since(Instant::now()))
    }
}

struct Sleep(Timer);

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.poll_due(context)
    }
}

impl hyper::rt::Sleep for Sleep {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn sleeps_in_order_and_moves_earlier() {
        tokio::task::LocalSet::new()
            .run_until(async {
                tokio::task::spawn_local(run());
                let start = Instant::now();
                let timer = Timer::new();
                timer.set_after(Duration::from_secs(600));
                sleep(Duration::from_millis(1)).await;
                timer.set_after(Duration::from_millis(20));
                poll_fn(|context| timer.poll_due(context)).await;
                assert!(start.elapsed() >= Duration::from_millis(21));
            })
            .await;
    }
}
