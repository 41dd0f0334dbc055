//! What is counted and logged of a request, once, when it ends.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::{Method, Version};

use super::access_log::{Entry, Target};
use super::worker::Worker;
use crate::metrics::{MethodLabel, PoolStats, Reason, RequestSample, RouteStats};
use crate::upstream::clock::{self, Millis};

/// Record gathers what happens to a request. It is written down when it is dropped, wherever the
/// request ends.
#[derive(Debug)]
pub(super) struct Record {
    worker: Rc<Worker>,
    watch: Arc<super::watch::Watch>,
    pub(super) started: Instant,
    /// The same, as the data path counts.
    pub(super) began: Millis,
    pub(super) method: Method,
    pub(super) version: Version,
    pub(super) status: u16,
    pub(super) reason: Option<Reason>,
    pub(super) request_bytes: u64,
    pub(super) response_bytes: u64,
    pub(super) route: Option<Arc<RouteStats>>,
    pub(super) pool: Option<Arc<PoolStats>>,
    pub(super) upstream_time: Option<Duration>,
    /// What only the access log wants.
    pub(super) logged: Option<Box<Logged>>,
}

/// Logged is what only the access log wants.
#[derive(Debug)]
pub(super) struct Logged {
    pub(super) client: IpAddr,
    pub(super) host: Box<str>,
    pub(super) path: Box<str>,
    pub(super) request_id: Box<str>,
    pub(super) target: Target,
    pub(super) attempts: u32,
}

impl Record {
    pub(super) fn begin(
        worker: &Rc<Worker>,
        watch: &Arc<super::watch::Watch>,
        method: &Method,
        version: Version,
    ) -> Self {
        watch.request_begun();
        let (started, began) = clock::read();
        Self {
            worker: Rc::clone(worker),
            watch: Arc::clone(watch),
            started,
            began,
            method: method.clone(),
            version,
            status: 0,
            // Unless something better is known by then.
            reason: Some(Reason::ClientGone),
            request_bytes: 0,
            response_bytes: 0,
            route: None,
            pool: None,
            upstream_time: None,
            logged: None,
        }
    }

    /// Says that it ended as it should.
    pub(super) fn complete(&mut self) {
        if self.reason == Some(Reason::ClientGone) {
            self.reason = None;
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let (ended, now) = clock::read();
        self.watch.request_ended(now);
        if std::thread::panicking() {
            self.reason = Some(Reason::Internal);
        } else if self.reason == Some(Reason::ClientGone) && self.watch.is_slow() {
            self.reason = Some(Reason::SlowReader);
        }
        let duration = ended.saturating_duration_since(self.started);
        let index = self.worker.index;
        if let Some(route) = &self.route {
            route.record(
                index,
                &RequestSample {
                    method: MethodLabel::of(self.method.as_str()),
                    status: self.status,
                    duration,
                    received_bytes: self.request_bytes,
                    sent_bytes: self.response_bytes,
                },
            );
        }
        if let Some(pool) = &self.pool {
            pool.request_ended(index);
            if let Some(reason) = self.reason {
                pool.dropped(index, reason);
            }
        }
        let Some(logged) = self.logged.take() else { return };
        let protocol = match self.version {
            Version::HTTP_2 => "HTTP/2.0",
            Version::HTTP_10 => "HTTP/1.0",
            _ => "HTTP/1.1",
        };
        let now = SystemTime::now();
        self.worker.log(Entry {
            time: now.checked_sub(duration).unwrap_or(now),
            client: logged.client,
            method: self.method.as_str().into(),
            host: logged.host,
            path: logged.path,
            protocol,
            status: self.status,
            reason: self.reason.map(Reason::as_str),
            pool: self.route.as_ref().map(|route| Arc::clone(&route.labels().pool)),
            route: self.route.as_ref().map(|route| Arc::clone(&route.labels().route)),
            target: logged.target,
            attempts: logged.attempts,
            received_bytes: self.request_bytes,
            sent_bytes: self.response_bytes,
            duration,
            upstream_duration: self.upstream_time,
            request_id: logged.request_id,
        });
    }
}
