//! One line per request, written by a thread of its own: a worker never waits for a disk or a pipe.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, SystemTime};

use crate::metrics::Metrics;

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
    /// The endpoint that answered, or was tried last.
    pub endpoint: Option<std::net::SocketAddr>,
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
        std::thread::Builder::new()
            .name("access-log".into())
            .spawn(move || write(&entries, format, output))?;
        Ok(Self { sender, metrics })
    }

    /// Logs a request. Never waits: where the writer is behind, the line is dropped and counted.
    pub fn log(&self, entry: Entry) {
        if let Err(TrySendError::Full(_)) = self.sender.try_send(entry) {
            self.metrics.control().access_log_dropped(1);
        }
    }
}

fn write(entries: &Receiver<Entry>, format: AccessLogFormat, output: impl std::io::Write) {
    let mut output = std::io::BufWriter::with_capacity(64 * 1024, output);
    let mut line = String::with_capacity(512);
    while let Ok(entry) = entries.recv() {
        let mut next = Some(entry);
        while let Some(entry) = next {
            line.clear();
            match format {
                AccessLogFormat::Text => text(&entry, &mut line),
                AccessLogFormat::Json => json(&entry, &mut line),
            }
            line.push('\n');
            if output.write_all(line.as_bytes()).is_err() {
                return;
            }
            next = entries.try_recv().ok();
        }
        if output.flush().is_err() {
            return;
        }
    }
}

enum Value<'a> {
    Text(&'a str),
    Number(u64),
    Millis(Duration),
}

fn fields(entry: &Entry, mut field: impl FnMut(&'static str, Value<'_>)) {
    let endpoint = entry.endpoint.map(|endpoint| endpoint.to_string());
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
        ("endpoint", endpoint.as_deref()),
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
            endpoint: None,
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
}
