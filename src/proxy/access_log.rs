//! One line per request, written by a thread of its own: a worker never waits for a disk or a pipe.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, SystemTime};

use crate::metrics::Metrics;
use crate::upstream::Pool;

/// Lines kept for a slow reader; more are dropped and counted.
const LINES_KEPT: usize = 8192;

/// AccessLogFormat is the form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// Fields as `name=value`, after the time.
    Text,
    /// One JSON object.
    Json,
}

/// Entry is one request and how it ended.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When the request began.
    pub time: SystemTime,
    /// The client, as far as it is trusted to be known.
    pub client: IpAddr,
    /// Method.
    pub method: Box<str>,
    /// Host that was asked for.
    pub host: Box<str>,
    /// Path, without the query.
    pub path: Box<str>,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub protocol: &'static str,
    /// Status that the client got; 0 where it left before.
    pub status: u16,
    /// Why Weir itself answered, or nothing where an endpoint did.
    pub reason: Option<&'static str>,
    /// Pool, as `namespace/name`.
    pub pool: Option<Arc<str>>,
    /// Route.
    pub route: Option<Arc<str>>,
    /// Where it went.
    pub target: Target,
    /// Tries.
    pub attempts: u32,
    /// Bytes of the request's body.
    pub received_bytes: u64,
    /// Bytes of the answer's body.
    pub sent_bytes: u64,
    /// From the first byte of the request to the last of the answer.
    pub duration: Duration,
    /// From sending to the head of the endpoint's answer.
    pub upstream_duration: Option<Duration>,
    /// Id of the request.
    pub request_id: Box<str>,
}

/// Target is the endpoint that answered, or was tried last.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// The backend that it is of: `namespace/service:port`, or `endpoint` where the pool has its
    /// address.
    pub backend: Option<Arc<str>>,
    /// Address and port.
    pub endpoint: Option<SocketAddr>,
    /// Zone, where it is known.
    pub zone: Option<Arc<str>>,
    /// Region, where it is known.
    pub region: Option<Arc<str>>,
}

impl Target {
    /// Returns an endpoint of a pool.
    pub(super) fn of(pool: &Pool, index: usize) -> Self {
        let Some(member) = pool.endpoint(index) else { return Self::default() };
        Self {
            backend: pool.backend_of(member).map(|backend| Arc::clone(&backend.origin)),
            endpoint: Some(member.state.address()),
            zone: member.zone.clone(),
            region: member.region.as_ref().map(|region| Arc::clone(&region.0)),
        }
    }
}

/// AccessLog takes entries from workers.
#[derive(Clone, Debug)]
pub struct AccessLog {
    sender: SyncSender<Entry>,
    metrics: Arc<Metrics>,
}

impl AccessLog {
    /// Starts the thread that writes to `output`; it ends when the last clone is dropped.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn start(
        format: AccessLogFormat,
        metrics: Arc<Metrics>,
        output: impl std::io::Write + Send + 'static,
    ) -> std::io::Result<Self> {
        let (sender, entries) = sync_channel(LINES_KEPT);
        std::thread::Builder::new().name("access-log".into()).spawn({
            let metrics = Arc::clone(&metrics);
            move || write(&entries, format, &metrics, output)
        })?;
        Ok(Self { sender, metrics })
    }

    /// Logs a request. Never waits: where the writer is behind, the line is dropped and counted. So
    /// is each line that the output refuses; the writer keeps trying.
    pub fn log(&self, entry: Entry) {
        if self.sender.try_send(entry).is_err() {
            self.metrics.control().access_log_dropped(1);
        }
    }
}

/// Bytes that are gathered while there are more entries.
const GATHERED: usize = 64 * 1024;

fn write(
    entries: &Receiver<Entry>,
    format: AccessLogFormat,
    metrics: &Metrics,
    output: impl std::io::Write,
) {
    let mut sink = Sink { output, is_failing: false, is_torn: false };
    let mut lines = String::with_capacity(GATHERED + 4096);
    while let Ok(entry) = entries.recv() {
        let mut next = Some(entry);
        while let Some(entry) = next {
            match format {
                AccessLogFormat::Text => text(&entry, &mut lines),
                AccessLogFormat::Json => json(&entry, &mut lines),
            }
            lines.push('\n');
            next = if lines.len() < GATHERED { entries.try_recv().ok() } else { None };
        }
        metrics.control().access_log_dropped(sink.write(&lines));
        lines.clear();
    }
}

/// Sink is an output that may fail for a while.
struct Sink<W> {
    output: W,
    /// Whether the last lines were lost; it is said once.
    is_failing: bool,
    /// Whether the output ends in the middle of a line.
    is_torn: bool,
}

impl<W: std::io::Write> Sink<W> {
    /// Writes lines, and returns how many of them were lost.
    fn write(&mut self, lines: &str) -> u64 {
        let mut written = 0;
        let Err(error) = self.try_write(lines.as_bytes(), &mut written) else {
            self.is_failing = false;
            return 0;
        };
        let count = |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').skip(1).count() as u64;
        // What was handed over in whole may still be lost where only the flush failed: it counts.
        let whole = if written == lines.len() { 0 } else { written };
        let (kept, lost) = lines.as_bytes().split_at(whole);
        self.is_torn = (self.is_torn && written == 0) || kept.last().is_some_and(|b| *b != b'\n');
        if !self.is_failing {
            self.is_failing = true;
            tracing::warn!(%error, "cannot write the access log: lines are lost and counted in weir_access_log_dropped_total until it works again");
        }
        count(lost)
    }

    fn try_write(&mut self, mut bytes: &[u8], written: &mut usize) -> std::io::Result<()> {
        if self.is_torn {
            self.output.write_all(b"\n")?;
            self.is_torn = false;
        }
        while !bytes.is_empty() {
            match self.output.write(bytes) {
                Ok(0) => return Err(std::io::ErrorKind::WriteZero.into()),
                Ok(taken) => {
                    *written += taken;
                    bytes = bytes.get(taken..).unwrap_or_default();
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.output.flush()
    }
}

enum Value<'a> {
    Text(&'a str),
    Number(u64),
    Millis(Duration),
}

fn fields(entry: &Entry, mut field: impl FnMut(&'static str, Value<'_>)) {
    let target = &entry.target;
    let endpoint = target.endpoint.map(|endpoint| endpoint.to_string());
    field("client", Value::Text(&entry.client.to_string()));
    field("method", Value::Text(&entry.method));
    field("host", Value::Text(&entry.host));
    field("path", Value::Text(&entry.path));
    field("protocol", Value::Text(entry.protocol));
    field("status", Value::Number(entry.status.into()));
    for (name, text) in [
        ("reason", entry.reason),
        ("pool", entry.pool.as_deref()),
        ("route", entry.route.as_deref()),
        ("backend", target.backend.as_deref()),
        ("endpoint", endpoint.as_deref()),
        ("zone", target.zone.as_deref()),
        ("region", target.region.as_deref()),
    ] {
        if let Some(text) = text {
            field(name, Value::Text(text));
        }
    }
    field("attempts", Value::Number(entry.attempts.into()));
    field("received_bytes", Value::Number(entry.received_bytes));
    field("sent_bytes", Value::Number(entry.sent_bytes));
    field("duration_ms", Value::Millis(entry.duration));
    if let Some(duration) = entry.upstream_duration {
        field("upstream_ms", Value::Millis(duration));
    }
    field("request_id", Value::Text(&entry.request_id));
}

fn text(entry: &Entry, line: &mut String) {
    push_time(entry.time, line);
    fields(entry, |name, value| {
        line.push(' ');
        line.push_str(name);
        line.push('=');
        push_value(&value, line, |text| {
            text.is_empty() || text.bytes().any(|b| !b.is_ascii_graphic() || b"\"\\=".contains(&b))
        });
    });
}

fn json(entry: &Entry, line: &mut String) {
    line.push_str("{\"time\":\"");
    push_time(entry.time, line);
    line.push('"');
    fields(entry, |name, value| {
        line.push_str(",\"");
        line.push_str(name);
        line.push_str("\":");
        push_value(&value, line, |_| true);
    });
    line.push('}');
}

fn push_value(value: &Value<'_>, line: &mut String, is_quoted: impl Fn(&str) -> bool) {
    match value {
        Value::Text(text) if is_quoted(text) => push_quoted(text, line),
        Value::Text(text) => line.push_str(text),
        Value::Number(number) => push_display(number, line),
        Value::Millis(time) => push_display(&format_args!("{:.3}", time.as_secs_f64() * 1e3), line),
    }
}

fn push_display(value: &dyn std::fmt::Display, line: &mut String) {
    // Writing into a String cannot fail.
    let _ = write!(line, "{value}");
}

fn push_time(time: SystemTime, line: &mut String) {
    match jiff::Timestamp::try_from(time) {
        Ok(time) => push_display(&format_args!("{time:.3}"), line),
        Err(_) => line.push('-'),
    }
}

/// Quotes a text so that no byte of it can end the line or the field.
fn push_quoted(text: &str, line: &mut String) {
    line.push('"');
    for c in text.chars() {
        match c {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                push_display(&format_args!("\\u{:04x}", u32::from(c)), line);
            }
            c => line.push(c),
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str) -> Entry {
        Entry {
            time: SystemTime::UNIX_EPOCH,
            client: [192, 0, 2, 1].into(),
            method: "GET".into(),
            host: "shop.test".into(),
            path: path.into(),
            protocol: "HTTP/1.1",
            status: 503,
            reason: Some("no_endpoint"),
            pool: Some("a/shop".into()),
            route: Some("0".into()),
            target: Target::default(),
            attempts: 0,
            received_bytes: 0,
            sent_bytes: 12,
            duration: Duration::from_micros(1500),
            upstream_duration: None,
            request_id: "id".into(),
        }
    }

    #[test]
    fn a_json_line_is_one_object_whatever_a_client_sends() {
        for path in ["/", "/\"},{\"x\":\"", "/a\r\nb\u{0}\u{7f}", "/\u{2028}ü"] {
            let mut line = String::new();
            json(&entry(path), &mut line);
            assert!(!line.chars().any(char::is_control), "{line:?}");
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(value["path"], path);
            assert_eq!(value["status"], 503);
            assert_eq!(value["duration_ms"], 1.5);
            assert_eq!(value["time"], "1970-01-01T00:00:00.000Z");
        }
    }

    #[test]
    fn a_text_line_cannot_be_forged() {
        let mut line = String::new();
        text(&entry("/a status=200\nb"), &mut line);
        assert!(line.contains("path=\"/a status=200\\u000ab\""), "{line}");
        assert!(line.contains(" status=503 reason=no_endpoint pool=a/shop "), "{line}");
        assert_eq!(line.lines().count(), 1);
    }

    /// Takes what its plan says: so many bytes, or an error.
    struct Planned {
        plan: std::collections::VecDeque<Option<usize>>,
        taken: Vec<u8>,
    }

    impl std::io::Write for Planned {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let most = self.plan.pop_front().unwrap_or(Some(usize::MAX));
            let most = most.ok_or(std::io::ErrorKind::StorageFull)?.min(bytes.len());
            self.taken.extend(&bytes[..most]);
            Ok(most)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_failed_write_costs_its_lines_and_none_after_it() {
        let plan = [None, None, Some(3), None, None, Some(1), Some(2), None].into();
        let output = Planned { plan, taken: Vec::new() };
        let mut sink = Sink { output, is_failing: false, is_torn: false };
        assert_eq!(sink.write("a\nb\n"), 2, "nothing was taken");
        assert!(sink.is_failing);
        assert_eq!(sink.write("c\n"), 1);
        assert_eq!(sink.write("d\nefg\nh\n"), 2, "torn in the second line");
        assert_eq!(sink.write("i\n"), 1, "and not mended yet");
        assert_eq!(sink.write("j\nk\n"), 1, "the torn line is ended before the next");
        assert_eq!(sink.write("l\n"), 0);
        assert!(!sink.is_failing, "the next error is said again");
        assert_eq!(sink.output.taken, b"d\ne\nj\nl\n");
    }

    #[test]
    fn an_output_that_came_back_gets_lines_and_each_lost_one_is_counted() {
        let (sender, entries) = sync_channel(8);
        (0..3).for_each(|_| sender.send(entry("/")).unwrap());
        drop(sender);
        let metrics = Metrics::new(1);
        let mut output = Planned { plan: [None].into(), taken: Vec::new() };
        write(&entries, AccessLogFormat::Json, &metrics, &mut output);
        assert!(metrics.encode().contains("weir_access_log_dropped_total 3\n"));
        let (sender, entries) = sync_channel(8);
        sender.send(entry("/")).unwrap();
        drop(sender);
        write(&entries, AccessLogFormat::Json, &metrics, &mut output);
        assert_eq!(output.taken.split(|byte| *byte == b'\n').skip(1).count(), 1);

        let (sender, entries) = sync_channel(1);
        drop(entries);
        let log = AccessLog { sender, metrics: Arc::clone(&metrics) };
        log.log(entry("/"));
        assert!(metrics.encode().contains("weir_access_log_dropped_total 4\n"));
    }
}
