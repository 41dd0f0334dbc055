//! The requests of one connection, one after the other.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use http::header::{CONNECTION, EXPECT};
use http::{HeaderMap, Method, Response, StatusCode, Version};
use tokio::sync::oneshot;

use super::answer::{self, Connection, Framing};
use super::body::Body;
use super::head::{self, Head};
use super::link::{Link, ToClient};
use super::stream::Stream;
use crate::metrics::Reason;
use crate::proxy::body::AnswerBody;
use crate::proxy::client_body::ClientBody;
use crate::proxy::connection::{Client, Handler};
use crate::proxy::service::refuse_unread;
use crate::proxy::socket::Ahead;
use crate::proxy::tunnel::Upgrade;
use crate::proxy::turn;
use crate::proxy::wheel::Timer;
use crate::upstream::clock;
use crate::upstream::http1::{Error, Outgoing, head_buffer, keep_buffer, keep_header_map};

/// Most bytes that are read and thrown away after an answer that came before the end of its
/// request, and the time for it: so that the client reads the answer and no reset.
const LINGER_BYTES: usize = 256 * 1024;
const LINGER: Duration = Duration::from_secs(2);

/// Upgraded is the client's connection after it left HTTP, and what counts it.
#[derive(Debug)]
pub(in crate::proxy) struct Upgraded {
    pub(in crate::proxy) stream: Ahead<Stream>,
    /// Counts the connection for as long as it lives.
    pub(in crate::proxy) _client: Rc<Client>,
}

/// Next says what becomes of the connection after an answer.
enum Next {
    Request,
    End,
    Upgrade,
}

/// What an answer depends on besides itself.
struct Asked {
    method: Method,
    version: Version,
    keeps_alive: bool,
    wants_trailers: bool,
}

/// Serves a connection of which `first` was read already, to its end.
pub(in crate::proxy) async fn serve(
    stream: Stream,
    first: BytesMut,
    client: Client,
    handler: impl Handler,
) {
    let client = Rc::new(client);
    let link = {
        let limits = &client.worker.options().limits;
        Rc::new(RefCell::new(Link::new(stream, first, Arc::clone(&client.watch), limits)))
    };
    loop {
        let head = match next_head(&link, &client).await {
            Ok(Some(head)) => head,
            Ok(None) => return Box::pin(end(&link)).await,
            Err(reason) => return Box::pin(refuse(&link, &client, reason)).await,
        };
        let (upgrade, handover) = if head.parts.headers.contains_key(http::header::UPGRADE) {
            let (sender, receiver) = oneshot::channel();
            (Some(Upgrade::Own(receiver)), Some(sender))
        } else {
            (None, None)
        };
        // In boxes, so that a connection that waits for its next request is small.
        match Box::pin(exchange(&link, &client, head, upgrade, handler)).await {
            Ok(Next::Request) => link.borrow_mut().begin_waiting(),
            Ok(Next::End) => return Box::pin(end(&link)).await,
            Ok(Next::Upgrade) => {
                // A request for another protocol has no body that would hold on to the link.
                if let (Some(link), Some(handover)) = (Rc::into_inner(link), handover) {
                    let (stream, bytes) = link.into_inner().into_parts();
                    let stream = Ahead { bytes, stream };
                    let _ = handover.send(Upgraded { stream, _client: client });
                }
                return;
            }
            Err(_) => return,
        }
    }
}

/// Waits for the head of the next request. Nothing at the end of the connection, and when draining
/// begins before a byte of it has come.
async fn next_head(link: &RefCell<Link>, client: &Client) -> Result<Option<Head>, Reason> {
    let most = client.worker.options().limits.max_head_bytes;
    let (mut seen, mut timer, mut begin) = (0, None, turn::Begin::default());
    poll_fn(|context| {
        let mut link = link.borrow_mut();
        loop {
            if !link.input.is_empty()
                && let Some(head) = head::parse(&mut link.input, &mut seen, most)?
            {
                return Poll::Ready(Ok(Some(head)));
            }
            if link.has_come(context) {
                ready!(begin.poll(context));
            }
            match link.poll_fill(context) {
                Poll::Pending => {
                    client.listen(context.waker());
                    if link.input.is_empty() {
                        return client.poll_left(context, &mut timer).map(|()| Ok(None));
                    }
                    return Poll::Pending;
                }
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(None)),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => {
                    let is_late = error.kind() == io::ErrorKind::TimedOut;
                    return Poll::Ready(if is_late && !link.input.is_empty() {
                        Err(Reason::HeadTimeout)
                    } else {
                        Ok(None)
                    });
                }
            }
        }
    })
    .await
}

/// Answers one request.
async fn exchange(
    link: &Rc<RefCell<Link>>,
    client: &Rc<Client>,
    head: Head,
    upgrade: Option<Upgrade>,
    handler: impl Handler,
) -> Result<Next, Error> {
    let Head { parts, framing, keeps_alive } = head;
    let expects_continue = parts.version == Version::HTTP_11 && parts.headers.contains_key(EXPECT);
    link.borrow_mut().begin_body(framing, expects_continue);
    client.count_request();
    client.early.begin(parts.version == Version::HTTP_11);
    let asked = Asked {
        method: parts.method.clone(),
        version: parts.version,
        keeps_alive,
        wants_trailers: wants_trailers(&parts.headers),
    };
    let body = ClientBody::own(Body(Rc::clone(link)));
    let mut responding = pin!(handler.answer(client, parts, body, upgrade));
    let response = poll_fn(|context| {
        if let Poll::Ready(response) = responding.as_mut().poll(context) {
            return Poll::Ready(Some(response));
        }
        let mut link = link.borrow_mut();
        if let Poll::Ready(Err(_)) = link.poll_early(context, &client.early) {
            return Poll::Ready(None);
        }
        link.poll_gone(context).map(|()| None)
    });
    // Dropping the answer that is being made gives up what it asked of the endpoint.
    let response = response.await.ok_or(Error::Closed)?;
    send(link, client, response, &asked).await
}

fn wants_trailers(headers: &HeaderMap) -> bool {
    headers.get_all(http::header::TE).iter().any(|value| {
        let mut codings = value.as_bytes().split(|&byte| byte == b',');
        codings.any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
    })
}

/// Writes an answer to its end.
async fn send(
    link: &RefCell<Link>,
    client: &Client,
    response: Response<AnswerBody>,
    asked: &Asked,
) -> Result<Next, Error> {
    let (parts, body) = response.into_parts();
    let length = http_body::Body::size_hint(&body).exact();
    let framing = Framing::of(&asked.method, asked.version, parts.status, length);
    let is_upgrade = parts.status == StatusCode::SWITCHING_PROTOCOLS;
    let stays = asked.keeps_alive
        && framing != Framing::Close
        && !client.ends_after_answer()
        && !closes(&parts.headers)
        && !link.borrow().owes_continue()
        && link.borrow().is_nearly_read();
    let connection = match (is_upgrade, stays, asked.version) {
        (true, ..) => Connection::Upgrade,
        (false, false, _) => Connection::Close,
        (false, true, Version::HTTP_10) => Connection::KeepAlive,
        (false, true, _) => Connection::Default,
    };
    let mut head = head_buffer();
    answer::encode(&mut head, &parts, framing, connection, clock::recent());
    keep_header_map(parts.headers);
    let body = match framing {
        Framing::Nothing => {
            drop(body);
            None
        }
        Framing::Length(length) => Some((body, Some(length))),
        Framing::Chunked | Framing::Close => Some((body, None)),
    };
    let mut outgoing = Outgoing::new(head, body, false);
    if framing == Framing::Close {
        outgoing = outgoing.until_close();
    }
    if !asked.wants_trailers {
        outgoing = outgoing.without_trailers();
    }
    turn::after_the_others().await;
    poll_fn(|context| {
        ready!(link.borrow_mut().poll_early(context, &client.early)).map_err(Error::Io)?;
        let polled = outgoing.poll_send(&mut ToClient(link), context)?;
        let mut link = link.borrow_mut();
        let flushed = link.poll_flush(context).map_err(Error::Io)?;
        if polled.is_ready() {
            return flushed.map(Ok);
        }
        link.poll_gone(context).map(|()| Err(Error::Closed))
    })
    .await?;
    let (buffer, ..) = outgoing.into_unsent();
    keep_buffer(buffer);
    if is_upgrade {
        return Ok(Next::Upgrade);
    }
    Ok(if stays && discard(link).await { Next::Request } else { Next::End })
}

/// Reads what is left of a request whose answer came early; false where that is too much.
async fn discard(link: &RefCell<Link>) -> bool {
    if !link.borrow().has_rest() {
        return true;
    }
    if !link.borrow().is_nearly_read() {
        return false;
    }
    let timer = Timer::new();
    timer.set_after(LINGER);
    poll_fn(|context| match link.borrow_mut().poll_discard(context) {
        Poll::Ready(is_done) => Poll::Ready(is_done),
        Poll::Pending => timer.poll_due(context).map(|()| false),
    })
    .await
}

fn closes(headers: &HeaderMap) -> bool {
    headers.get(CONNECTION).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"))
}

/// Answers a request whose head means nothing certain, and ends the connection.
async fn refuse(link: &RefCell<Link>, client: &Client, reason: Reason) {
    let response = refuse_unread(client, reason);
    let asked = Asked {
        method: Method::GET,
        version: Version::HTTP_11,
        keeps_alive: false,
        wants_trailers: false,
    };
    if send(link, client, response, &asked).await.is_ok() {
        end(link).await;
    }
}

/// Ends the connection: the direction to the client first; then what still comes is thrown away
/// for a while, where something may.
async fn end(link: &RefCell<Link>) {
    let timer = Timer::new();
    timer.set_after(LINGER);
    let mut left = LINGER_BYTES;
    let (mut is_ended, mut is_clean) = (false, false);
    poll_fn(|context| {
        let mut link = link.borrow_mut();
        if !is_ended {
            is_clean = link.input.is_empty() && !link.has_rest();
            match link.poll_end(context) {
                Poll::Pending => return timer.poll_due(context),
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) => is_ended = true,
            }
        }
        if is_clean {
            return Poll::Ready(());
        }
        loop {
            link.input.clear();
            match link.poll_fill(context) {
                Poll::Ready(Ok(count)) if count > 0 && count < left => left -= count,
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return timer.poll_due(context),
            }
        }
    })
    .await;
}
