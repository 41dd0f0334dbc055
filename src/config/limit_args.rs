//! Flags that bound what clients may ask of this process.

use std::time::Duration;

use clap::Args;

use super::{ByteSize, parse_time};

/// LimitArgs are the flags of `weir run` that bound what clients may ask.
#[derive(Args, Debug, Clone)]
pub struct LimitArgs {
    /// Most client connections at once; 0 is as many as file descriptors allow. Above it new ones
    /// wait until one ends
    #[arg(long, env = "WEIR_MAX_CONNECTIONS", value_name = "N", default_value_t = 0)]
    pub max_connections: u32,

    /// Most connections at once of one client address, of IPv6 of its /64; those above are closed.
    /// With --proxy-protocol it is the announced address. 0 is no limit: behind a proxy that hides its
    /// clients all of them are one
    #[arg(long, env = "WEIR_MAX_CONNECTIONS_PER_CLIENT", value_name = "N", default_value_t = 0)]
    pub max_connections_per_client: u32,

    /// Most connections at once of one listener, that is of http or of https; those above are closed, so
    /// that clients of one do not keep those of the other out. 0 is no limit
    #[arg(long, env = "WEIR_MAX_CONNECTIONS_PER_LISTENER", value_name = "N", default_value_t = 0)]
    pub max_connections_per_listener: u32,

    /// Most requests of one connection; then HTTP/1.1 gets `connection: close`, HTTP/2 GOAWAY
    #[arg(long, env = "WEIR_MAX_REQUESTS_PER_CONNECTION", value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_requests_per_connection: u32,

    /// Most requests at once in one HTTP/2 connection
    #[arg(long, env = "WEIR_MAX_STREAMS", value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub max_streams: u32,

    /// Most frames in a second of one HTTP/2 connection that bring nothing (PING, SETTINGS, PRIORITY,
    /// WINDOW_UPDATE, empty DATA), beyond one for every 8 bytes that the client takes. Ten seconds' worth
    /// may come at once; then the connection ends with GOAWAY
    #[arg(long, env = "WEIR_MAX_CONTROL_FRAMES", value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_control_frames: u32,

    /// Most requests in a second of one HTTP/2 connection that the client gives up (RST_STREAM). Ten
    /// seconds' worth may come at once; then the connection ends with GOAWAY
    #[arg(long, env = "WEIR_MAX_RESETS", value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_resets: u32,

    /// Most bytes of the head of a request; a longer one gets 431. 1Ki to 1Mi
    #[arg(long, env = "WEIR_MAX_HEADER_BYTES", value_name = "SIZE", default_value = "64Ki", value_parser = parse_head_size)]
    pub max_header_bytes: ByteSize,

    /// Most fields of a request, cookies counted one by one; more get 431. 1 to 256
    #[arg(long, env = "WEIR_MAX_HEADERS", value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub max_headers: u16,

    /// Most bytes of the target of a request, that is of path and query; a longer one gets 414. 256 to
    /// 1Mi
    #[arg(long, env = "WEIR_MAX_TARGET_BYTES", value_name = "SIZE", default_value = "16Ki", value_parser = parse_target_size)]
    pub max_target_bytes: ByteSize,

    /// Most bytes of the body of a request, where its pool says nothing; a longer one gets 413. 0 is no
    /// limit
    #[arg(long, env = "WEIR_MAX_REQUEST_BODY_BYTES", value_name = "SIZE", default_value = "0")]
    pub max_request_body_bytes: ByteSize,

    /// Time for a TLS handshake
    #[arg(long, env = "WEIR_HANDSHAKE_TIMEOUT", value_name = "DURATION", default_value = "10s", value_parser = parse_time)]
    pub handshake_timeout: Duration,

    /// Time from the first byte of a request to the end of its head, and for a PROXY header; then 408
    #[arg(long, env = "WEIR_HEADER_TIMEOUT", value_name = "DURATION", default_value = "10s", value_parser = parse_time)]
    pub header_timeout: Duration,

    /// How long a connection may wait for its next request
    #[arg(long, env = "WEIR_KEEP_ALIVE_TIMEOUT", value_name = "DURATION", default_value = "75s", value_parser = parse_time)]
    pub keep_alive_timeout: Duration,

    /// How far a client may be behind --client-min-rate while Weir waits for it, to send a body (408) or
    /// to take an answer (cut off). Silence ends after this time. Not for WebSockets, for bodies of gRPC,
    /// and for bodies whose answer has begun: the pool's `timeouts.idle` is for those
    #[arg(long, env = "WEIR_CLIENT_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = parse_time)]
    pub client_timeout: Duration,

    /// Least bytes in a second of a client that Weir waits for; 0 is any
    #[arg(long, env = "WEIR_CLIENT_MIN_RATE", value_name = "BYTES", default_value_t = 240)]
    pub client_min_rate: u32,

    /// Memory that the process may use; 0 is that of its cgroup. At 85 % connections end with their next
    /// answer, at 92 % requests get 503
    #[arg(long, env = "WEIR_MEMORY_LIMIT", value_name = "SIZE", default_value = "0")]
    pub memory_limit: ByteSize,
}

fn parse_head_size(text: &str) -> Result<ByteSize, String> {
    between(text, 1024, 1024 * 1024)
}

fn parse_target_size(text: &str) -> Result<ByteSize, String> {
    between(text, 256, 1024 * 1024)
}

fn between(text: &str, least: u64, most: u64) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse()?;
    if (least..=most).contains(&size.0) {
        Ok(size)
    } else {
        Err(format!("write {least} to {most} bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_bounds() {
        assert_eq!(parse_head_size("2Ki"), Ok(ByteSize(2048)));
        for wrong in ["0", "1023", "2Mi", "x"] {
            assert!(parse_head_size(wrong).is_err(), "{wrong}");
        }
        assert!(parse_target_size("255").unwrap_err().contains("256"));
    }
}
