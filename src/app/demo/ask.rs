//! One request through Weir, as the curl line of a strategy sends it.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::strategy::{Request, Strategy};

/// Sends the request of a strategy until it is answered 200, and returns who answered.
///
/// # Errors
/// Where it is not served, or by a backend that the strategy should not have chosen.
pub(super) async fn ask(weir: SocketAddr, strategy: &Strategy) -> anyhow::Result<String> {
    let mut last = String::new();
    for _ in 0..100 {
        let (stream, is_from_there) = connect(weir, &strategy.request).await?;
        let answer = exchange(stream, &strategy.request).await?;
        if answer.status == "200" {
            let expected = if is_from_there { strategy.expected.as_str() } else { "" };
            return judge(strategy.name, expected, answer.backend);
        }
        // Right after the start the first table may not be there yet, and tokyo-2 makes errors.
        last = format!("{} {}", answer.status, answer.reason);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("{} is not served: {last}", strategy.name)
}

/// Returns the backend, if it is one that the strategy allows.
pub(super) fn judge(name: &str, expected: &str, backend: String) -> anyhow::Result<String> {
    anyhow::ensure!(
        backend.starts_with(expected),
        "{name} went to {backend}, and should have gone to {expected}"
    );
    Ok(backend)
}

struct Answer {
    status: String,
    backend: String,
    reason: String,
}

/// Connects, and says whether from the address that the request names. Not every system has all of
/// 127.0.0.0/8: where that address is missing, it comes from another.
async fn connect(weir: SocketAddr, request: &Request) -> anyhow::Result<(TcpStream, bool)> {
    if let Some(client) = request.client {
        let socket = if client.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        if socket.bind(SocketAddr::new(client, 0)).is_ok() {
            return Ok((socket.connect(weir).await?, true));
        }
    }
    Ok((TcpStream::connect(weir).await?, request.client.is_none()))
}

async fn exchange(mut stream: TcpStream, request: &Request) -> anyhow::Result<Answer> {
    let Request { method, path, headers, .. } = request;
    let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    };
    Ok(Answer {
        status: text.split(' ').nth(1).unwrap_or_default().to_owned(),
        backend: field("x-weir-backend:"),
        reason: field("x-weir-reason:"),
    })
}
