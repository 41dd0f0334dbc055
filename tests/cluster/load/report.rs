//! What happened: counts, and each failure with its time and kind.

use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::http::Kind;

/// Failures that are kept; more are only counted.
const KEPT: usize = 200;

/// Failure is a request or a message that was not answered as it should be.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Failure {
    /// When it was due, in seconds from the start.
    pub at: f64,
    /// What was sent, and how: `get kept`, `websocket`...
    pub kind: String,
    /// What came instead of the answer.
    pub what: String,
}

/// Report is the result of a run.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Report {
    /// How long it ran.
    pub seconds: f64,
    /// Requests that were sent.
    pub requests: u64,
    /// Times that one was sent again.
    pub again: u64,
    /// Messages sent through the WebSocket connection.
    pub messages: u64,
    /// WebSocket connections that were opened; one, unless the other side closed.
    pub websockets: u64,
    /// Requests and messages that failed.
    pub failed: u64,
    /// The first of them.
    pub failures: Vec<Failure>,
    /// Milliseconds from when a request was due to the end of its answer: the median, that of 99
    /// of 100, and the most.
    pub latency: [u64; 3],
}

/// Recorder collects a report.
#[derive(Debug)]
pub(super) struct Recorder {
    start: Instant,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    report: Report,
    /// Requests by milliseconds.
    latencies: Vec<u32>,
}

impl Recorder {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), inner: Mutex::default() }
    }

    pub(super) fn request(&self, kind: Kind, due: Instant, result: Result<(), String>) {
        let millis = due.elapsed().as_millis() as usize;
        let mut inner = self.inner.lock();
        inner.report.requests += 1;
        if inner.latencies.len() <= millis {
            inner.latencies.resize(millis + 1, 0);
        }
        inner.latencies[millis] += 1;
        if let Err(what) = result {
            fail(&mut inner.report, due - self.start, kind.to_string(), what);
        }
    }

    pub(super) fn again(&self) {
        self.inner.lock().report.again += 1;
    }

    pub(super) fn websocket_opened(&self) {
        self.inner.lock().report.websockets += 1;
    }

    pub(super) fn message(&self, result: Result<(), String>) {
        let mut inner = self.inner.lock();
        inner.report.messages += 1;
        if let Err(what) = result {
            fail(&mut inner.report, self.start.elapsed(), "websocket".into(), what);
        }
    }

    pub(super) fn report(&self, end: Instant) -> Report {
        let inner = self.inner.lock();
        let mut report = inner.report.clone();
        report.seconds = (end - self.start).as_secs_f64();
        let total: u64 = inner.latencies.iter().map(|count| u64::from(*count)).sum();
        report.latency = [0.5, 0.99, 1.0].map(|share| {
            let mut left = (total as f64 * share).ceil() as i64;
            let reached = inner.latencies.iter().position(|count| {
                left -= i64::from(*count);
                left <= 0
            });
            reached.unwrap_or_default() as u64
        });
        report
    }
}

fn fail(report: &mut Report, at: Duration, kind: String, what: String) {
    report.failed += 1;
    if report.failures.len() < KEPT {
        report.failures.push(Failure { at: at.as_secs_f64(), kind, what });
    }
}
