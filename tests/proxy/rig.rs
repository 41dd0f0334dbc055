//! A proxy on a free port, with the pool that a test wants.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use weir::metrics::Metrics;
use weir::model::{Limits, Model, Origin, PathPattern, Pool, PoolName, Route, RouteId, RouteMatch};
use weir::proxy::{self, Options, Trusted};
use weir::table::{Table, TableHandle};
use weir::upstream::{Pools, clock};

use crate::support::{self, client::Client};

pub struct Rig {
    pub handle: proxy::Handle,
    pub http: SocketAddr,
    pub metrics: Arc<Metrics>,
    pub table: TableHandle,
    pools: Arc<Pools>,
    // Selections are asked for here; nobody has to answer.
    _readers: weir::upstream::Readers,
}

/// Returns a pool of endpoints that are addresses of the declaration.
pub fn pool(addresses: &[SocketAddr]) -> Pool {
    let name = PoolName::new("default", "test");
    Pool {
        idle_timeout: Some(Duration::from_secs(60)),
        limits: Limits { queue_timeout: Duration::from_secs(1), ..Limits::default() },
        ..support::pool::pool(name, vec![support::pool::group(addresses)])
    }
}

/// Returns a route for everything.
pub fn route() -> Route {
    Route {
        id: RouteId {
            created: 0,
            object: Origin::pool(&PoolName::new("default", "test")),
            position: 0,
            name: "all".into(),
        },
        hostnames: Vec::new(),
        is_one_label: false,
        is_fallback: false,
        is_held: false,
        matches: vec![RouteMatch {
            path: PathPattern::Prefix("/".into()),
            method: None,
            headers: Vec::new(),
            query: Vec::new(),
            cookies: Vec::new(),
        }],
        request_timeout: None,
        backend_request_timeout: None,
        https_redirect: None,
        client: None,
        pool: PoolName::new("default", "test"),
    }
}

pub fn options() -> Options {
    Options { http: Some("127.0.0.1:0".parse().unwrap()), workers: 2, ..Options::default() }
}

/// Believes so many proxies on loopback.
pub fn trusted(hops: u8) -> Trusted {
    Trusted { hops, networks: vec!["127.0.0.0/8".parse().unwrap()] }
}

impl Rig {
    pub fn start(pool: Pool) -> Self {
        Self::with(pool, route(), options())
    }

    pub fn with(pool: Pool, route: Route, options: Options) -> Self {
        let metrics = Metrics::new(options.workers);
        let (pools, readers) = Pools::new(weir::upstream::Options::default(), Arc::clone(&metrics));
        let table = TableHandle::default();
        let handle = proxy::spawn(options, table.clone(), Arc::clone(&metrics)).unwrap();
        let http = handle.http_address().unwrap();
        let rig = Self { handle, http, metrics, table, pools, _readers: readers };
        rig.publish(pool, route);
        rig
    }

    pub fn publish(&self, pool: Pool, route: Route) {
        let mut model = Model::default();
        let name = pool.name.clone();
        model.pools.insert(name.clone(), Arc::new(pool));
        model.routes.insert(Origin::pool(&name), vec![route].into());
        self.publish_model(&model);
    }

    pub fn publish_model(&self, model: &Model) {
        self.table.publish(Table::build(model, &self.pools, &self.metrics, clock::now()));
    }

    pub async fn client(&self) -> Client<tokio::net::TcpStream> {
        Client::connect(self.http).await
    }
}
