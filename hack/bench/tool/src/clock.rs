//! When requests are due.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;
use tokio::sync::Semaphore;

/// Clock hands out the moments at which requests are due, each once.
///
/// With a rate, request k is due at k / rate, whether earlier ones were answered or not: one that
/// finds every connection busy is late from that moment on. Without, a request is due when a
/// connection is free.
pub struct Clock {
    start: Instant,
    end: Instant,
    gap: Option<Duration>,
    due: Semaphore,
    next: AtomicU64,
}

impl Clock {
    /// Starts a clock; a rate of 0 is none.
    pub fn start(rate: f64, length: Duration) -> anyhow::Result<Arc<Self>> {
        let start = Instant::now();
        let gap = (rate > 0.0).then(|| Duration::from_secs_f64(1.0 / rate));
        let due = Semaphore::new(0);
        let clock = Self { start, end: start + length, gap, due, next: AtomicU64::new(0) };
        let clock = Arc::new(clock);
        if let Some(gap) = gap {
            let timer = periodic(gap)?;
            tokio::spawn(Arc::clone(&clock).tick(timer, gap));
        }
        Ok(clock)
    }

    /// Returns when the next request is due, and that is now or was; `None` when all is over.
    pub async fn next(&self) -> Option<Instant> {
        let Some(gap) = self.gap else {
            return Some(Instant::now()).filter(|now| *now < self.end);
        };
        self.due.acquire().await.ok()?.forget();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Some(self.start + gap.mul_f64(number as f64))
    }

    /// Returns how long it went on until now, at most until its end.
    pub fn length(&self) -> Duration {
        Instant::now().min(self.end) - self.start
    }

    /// Returns how many requests were due and found no free connection until the end.
    pub fn unsent(&self) -> u64 {
        let Some(gap) = self.gap else { return 0 };
        let due = (self.length().as_secs_f64() / gap.as_secs_f64()) as u64;
        // The last of them may just have become due.
        due.saturating_sub(self.next.load(Ordering::Relaxed) + 1)
    }

    /// Returns how late an instant is, from the start.
    pub fn since_start(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.start)
    }

    async fn tick(self: Arc<Self>, timer: AsyncFd<rustix::fd::OwnedFd>, gap: Duration) {
        let mut given = 0_u64;
        while Instant::now() < self.end {
            let Ok(mut guard) = timer.readable().await else { return };
            let mut count = [0; 8];
            if rustix::io::read(timer.get_ref(), &mut count).is_err() {
                guard.clear_ready();
            }
            let passed = Instant::now().min(self.end) - self.start;
            let due = (passed.as_secs_f64() / gap.as_secs_f64()) as u64;
            self.due.add_permits(due.saturating_sub(given) as usize);
            given = given.max(due);
        }
        self.due.close();
    }
}

#[allow(deprecated, reason = "the ways that are not deprecated are unsafe; an OwnedFd is sound")]
/// A timer of the kernel: those of tokio are exact to a millisecond, which is longer than an answer takes.
fn periodic(gap: Duration) -> anyhow::Result<AsyncFd<rustix::fd::OwnedFd>> {
    let timer =
        timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
    let gap = Timespec { tv_sec: gap.as_secs() as _, tv_nsec: gap.subsec_nanos().max(1) as _ };
    let times = Itimerspec { it_interval: gap, it_value: gap };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &times)?;
    Ok(AsyncFd::with_interest(timer, tokio::io::Interest::READABLE)?)
}
