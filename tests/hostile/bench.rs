//! Weir with small limits, and an endpoint that records. The one place that chooses the codec.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use weir::proxy::{ClientLimits, Http1Codec, Options};

use crate::recorder::Recorder;
use crate::rig::{Rig, options, pool, route};

/// Who reads HTTP/1.1 from clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    Own,
    Hyper,
}

/// The codecs that every case runs against.
pub const CODECS: [Codec; 2] = [Codec::Own, Codec::Hyper];

impl Codec {
    /// Whether it refuses what [`crate::case::Expect::RefusedByOurs`] says.
    pub fn is_ours(self) -> bool {
        self == Self::Own
    }

    pub fn options(self) -> Options {
        let http1 = match self {
            Self::Own => Http1Codec::Own,
            Self::Hyper => Http1Codec::Hyper,
        };
        Options { http1, ..options() }
    }
}

/// Most bytes of a head here.
pub const HEAD: usize = 16 * 1024;
/// Most bytes of a target here.
pub const TARGET: usize = 4 * 1024;

pub struct Bench {
    pub codec: Codec,
    pub rig: Rig,
    pub recorder: Recorder,
    marks: AtomicUsize,
}

impl Bench {
    /// Starts with limits of time that no case reaches.
    pub async fn start(codec: Codec) -> Self {
        Self::with(codec, Duration::from_secs(30)).await
    }

    /// Starts with limits of time that end late cases.
    pub async fn with(codec: Codec, patience: Duration) -> Self {
        let recorder = Recorder::start().await;
        let limits = ClientLimits {
            head_timeout: patience,
            idle_timeout: patience,
            max_head_bytes: HEAD,
            max_target_bytes: TARGET,
            ..ClientLimits::default()
        };
        let mut pool = pool(&[recorder.address]);
        pool.idle_timeout = Some(patience);
        let rig = Rig::with(pool, route(), Options { limits, ..codec.options() });
        Self { codec, rig, recorder, marks: AtomicUsize::new(0) }
    }

    /// Returns a path that was never asked before.
    pub fn mark(&self, kind: &str) -> String {
        format!("/{kind}/{}", self.marks.fetch_add(1, Ordering::Relaxed))
    }
}
