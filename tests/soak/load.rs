//! The load: clients of each kind, each at its own pace.

use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{Instant, sleep, timeout};

use crate::record::{Failed, Kind};
use crate::requests::{self, Ask, Sender, Sender2};
use crate::world::World;

/// A request that takes longer has failed.
const SLOWEST: Duration = Duration::from_secs(20);

const MEGABYTE: usize = 1 << 20;

fn ask<'a>(host: &'a str, path: &'a str, body: &'a Bytes) -> Ask<'a> {
    Ask { host, path, body, statuses: &[200], pause: Duration::ZERO }
}

/// Does something again and again, and records how it went.
async fn drive(
    world: &World,
    kind: Kind,
    pause: u64,
    mut once: impl AsyncFnMut(usize) -> Result<(), Failed>,
) {
    let mut number = 0;
    while !world.is_over() {
        let began = Instant::now();
        let result = timeout(SLOWEST, once(number)).await;
        let result = result.unwrap_or_else(|_| Err(Failed::before("timeout")));
        world.record.borrow_mut().take(kind, began, result);
        number += 1;
        sleep(Duration::from_millis(pause)).await;
    }
}

/// Kind of what Weir may send again by itself.
const fn safe(name: &'static str) -> Kind {
    Kind { name, repeats: true }
}

const fn once(name: &'static str) -> Kind {
    Kind { name, repeats: false }
}

/// Client is one client at work.
type Client = Pin<Box<dyn Future<Output = ()>>>;

/// Starts all clients.
pub fn start(world: &Rc<World>) -> Vec<JoinHandle<()>> {
    let mut tasks = Vec::new();
    let mut add = |task: fn(Rc<World>) -> Client| {
        tasks.push(spawn_local(task(Rc::clone(world))));
    };
    add(|world| Box::pin(async move { new(&world).await }));
    for _ in 0..3 {
        add(|world| Box::pin(async move { kept(&world).await }));
    }
    add(|world| Box::pin(async move { posts(&world).await }));
    add(|world| Box::pin(async move { uploads(&world).await }));
    add(|world| Box::pin(async move { downloads(&world).await }));
    add(|world| Box::pin(async move { slow_reader(&world).await }));
    add(|world| Box::pin(async move { tls_new(&world).await }));
    add(|world| Box::pin(async move { tls_kept(&world).await }));
    add(|world| Box::pin(async move { h2(&world).await }));
    add(|world| Box::pin(async move { h2c(&world).await }));
    for _ in 0..5 {
        add(|world| Box::pin(async move { websockets(&world).await }));
    }
    add(|world| Box::pin(async move { changing(&world).await }));
    add(|world| Box::pin(async move { flaky(&world).await }));
    add(|world| Box::pin(async move { reset(&world).await }));
    add(|world| Box::pin(async move { hostile(&world).await }));
    add(|world| Box::pin(async move { abandoned(&world).await }));
    tasks
}

async fn new(world: &World) {
    drive(world, safe("GET over a new connection"), 20, async |_| {
        let mut sender = requests::open1(requests::connect(world.http).await?).await?;
        ask("shop.test", "/", &Bytes::new()).over1(&mut sender).await
    })
    .await;
}

/// Takes the kept connection, or opens one; a failure ends it.
async fn over_kept(world: &World, sender: &mut Option<Sender>, ask: Ask<'_>) -> Result<(), Failed> {
    let mut open = match sender.take().filter(|sender| !sender.is_closed()) {
        Some(open) => open,
        None => requests::open1(requests::connect(world.http).await?).await?,
    };
    ask.over1(&mut open).await?;
    *sender = Some(open);
    Ok(())
}

async fn kept(world: &World) {
    let mut sender = None;
    drive(world, safe("GET over a kept connection"), 5, async |_| {
        over_kept(world, &mut sender, ask("shop.test", "/a?b=c", &Bytes::new())).await
    })
    .await;
}

async fn posts(world: &World) {
    let (mut sender, body) = (None, Bytes::from_static(b"order=1"));
    drive(world, once("POST"), 20, async |_| {
        over_kept(world, &mut sender, ask("shop.test", "/order", &body)).await
    })
    .await;
}

async fn uploads(world: &World) {
    let (mut sender, body) = (None, Bytes::from(vec![b'x'; MEGABYTE]));
    drive(world, once("POST of 1 MiB"), 200, async |_| {
        over_kept(world, &mut sender, ask("upload.test", "/", &body)).await
    })
    .await;
}

async fn downloads(world: &World) {
    let mut sender = None;
    drive(world, safe("GET of 1 MiB"), 150, async |_| {
        over_kept(world, &mut sender, ask("shop.test", "/bytes/1048576", &Bytes::new())).await
    })
    .await;
}

async fn slow_reader(world: &World) {
    drive(world, safe("GET of 4 MiB, read slowly"), 100, async |_| {
        let mut sender = requests::open1(requests::connect(world.http).await?).await?;
        let body = Bytes::new();
        let pause = Duration::from_millis(10);
        let ask = Ask { pause, ..ask("shop.test", "/bytes/4194304", &body) };
        ask.over1(&mut sender).await
    })
    .await;
}

async fn tls_new(world: &World) {
    drive(world, safe("GET over TLS, new connection"), 60, async |_| {
        let stream = requests::connect_tls(world, "http/1.1").await?;
        let mut sender = requests::open1(stream).await?;
        ask("shop.test", "/", &Bytes::new()).over1(&mut sender).await
    })
    .await;
}

async fn tls_kept(world: &World) {
    let mut sender: Option<Sender> = None;
    drive(world, safe("GET over TLS, kept connection"), 20, async |_| {
        let mut open = match sender.take().filter(|sender| !sender.is_closed()) {
            Some(open) => open,
            None => requests::open1(requests::connect_tls(world, "http/1.1").await?).await?,
        };
        ask("shop.test", "/", &Bytes::new()).over1(&mut open).await?;
        sender = Some(open);
        Ok(())
    })
    .await;
}

/// Five streams at once.
async fn streams(sender: &Sender2) -> Result<(), Failed> {
    let body = Bytes::new();
    let ask = ask("shop.test", "/", &body);
    join_all((0..5).map(|_| ask.over2(sender))).await.into_iter().collect()
}

async fn h2(world: &World) {
    let mut sender: Option<Sender2> = None;
    drive(world, safe("5 GETs over HTTP/2 and TLS"), 40, async |number| {
        let open = match sender.take().filter(|s| !s.is_closed() && number % 50 != 0) {
            Some(open) => open,
            None => requests::open2(requests::connect_tls(world, "h2").await?).await?,
        };
        streams(&open).await?;
        sender = Some(open);
        Ok(())
    })
    .await;
}

async fn h2c(world: &World) {
    let mut sender: Option<Sender2> = None;
    drive(world, safe("5 GETs over h2c"), 40, async |number| {
        let open = match sender.take().filter(|s| !s.is_closed() && number % 50 != 0) {
            Some(open) => open,
            None => requests::open2(requests::connect(world.http).await?).await?,
        };
        streams(&open).await?;
        sender = Some(open);
        Ok(())
    })
    .await;
}

async fn websockets(world: &World) {
    drive(world, safe("WebSocket of 10 messages"), 50, async |_| requests::websocket(world).await)
        .await;
}

async fn changing(world: &World) {
    let mut sender = None;
    drive(world, safe("GET of a pool that changes"), 5, async |_| {
        over_kept(world, &mut sender, ask("changing.test", "/", &Bytes::new())).await
    })
    .await;
}

async fn flaky(world: &World) {
    let mut sender = None;
    drive(world, safe("GET of a backend with errors"), 20, async |_| {
        let body = Bytes::new();
        let ask = Ask { statuses: &[200, 500], ..ask("flaky.test", "/", &body) };
        over_kept(world, &mut sender, ask).await
    })
    .await;
}

async fn reset(world: &World) {
    let mut sender = None;
    drive(world, safe("GET of a backend that resets"), 50, async |_| {
        let body = Bytes::new();
        let ask = Ask { statuses: &[502], ..ask("reset.test", "/", &body) };
        over_kept(world, &mut sender, ask).await
    })
    .await;
}

async fn hostile(world: &World) {
    drive(world, safe("hostile, refused"), 50, async |number| {
        requests::hostile(world, number).await
    })
    .await;
}

async fn abandoned(world: &World) {
    drive(world, safe("abandoned by the client"), 30, async |number| {
        requests::abandoned(world, number).await
    })
    .await;
}
