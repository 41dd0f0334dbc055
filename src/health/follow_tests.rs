//! The scheduler over tables that follow one another, with real checks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpSocket;

use super::scheduler::{Options, run};
use crate::metrics::Metrics;
use crate::model::{self, Changed, HealthCheck, Model, PoolName, Probe};
use crate::pool_support;
use crate::table::TableHandle;
use crate::upstream::{self, EndpointState, Health, PoolChange, Pools, Readers, clock};

fn pool(address: SocketAddr, check: Option<HealthCheck>) -> model::Pool {
    let name = PoolName::new("shop", "web");
    model::Pool {
        health_check: check,
        ..pool_support::pool(name, vec![pool_support::group(&[address])])
    }
}

struct Rig {
    pools: Arc<Pools>,
    readers: Readers,
    metrics: Arc<Metrics>,
    table: TableHandle,
    model: Model,
}

impl Rig {
    fn start() -> Self {
        let metrics = Metrics::new(1);
        let (pools, readers) = Pools::new(upstream::Options::default(), Arc::clone(&metrics));
        let table = TableHandle::default();
        let options = Options { follow_interval: Duration::from_millis(5), ..Options::default() };
        tokio::spawn(run(table.clone(), Arc::clone(&metrics), options));
        Self { pools, readers, metrics, table, model: Model::default() }
    }

    fn publish(&mut self, pool: model::Pool) -> Arc<EndpointState> {
        let pools = [(pool.name.clone(), Arc::new(pool))].into();
        let model = Model { pools, ..Model::default() };
        let changed = Changed::between(&self.model, &model);
        let previous = self.table.load_full();
        let next = previous.next(&model, &changed, &self.pools, &self.metrics, clock::now());
        let endpoint = Arc::clone(&next.pools().next().unwrap().endpoints[0].state);
        self.model = model;
        self.table.publish(next);
        endpoint
    }

    async fn told(&mut self, step: &str) -> PoolChange {
        let waited = tokio::time::timeout(Duration::from_secs(30), self.readers.events.recv());
        waited.await.unwrap_or_else(|_| panic!("nothing is told: {step}")).unwrap().change
    }
}

fn often() -> HealthCheck {
    HealthCheck {
        probe: Probe::Tcp,
        port: None,
        interval: Duration::from_millis(10),
        timeout: Duration::from_secs(5),
        unhealthy_threshold: 2,
        healthy_threshold: 2,
    }
}

#[tokio::test]
async fn state_follows_the_checks_and_checks_follow_the_table() {
    // Bound but not listening: nobody else gets the port, and connections are refused.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    let mut rig = Rig::start();

    let endpoint = rig.publish(pool(address, Some(often())));
    assert_eq!(
        rig.told("first check").await,
        PoolChange::Unhealthy(address),
        "the first result decides"
    );
    assert_eq!(endpoint.health(), Health::Unhealthy);

    rig.publish(pool(address, None));
    assert_eq!(rig.told("checks withdrawn").await, PoolChange::Healthy(address));
    assert_eq!(endpoint.health(), Health::Unknown, "without checks nothing is known");

    let same = rig.publish(pool(address, Some(often())));
    assert!(Arc::ptr_eq(&same, &endpoint));
    assert_eq!(rig.told("checks declared again").await, PoolChange::Unhealthy(address));

    let _listener = socket.listen(64).unwrap();
    assert_eq!(rig.told("it listens").await, PoolChange::Healthy(address), "it is back");
    assert_eq!(endpoint.health(), Health::Healthy);
}

#[tokio::test]
async fn another_port_can_be_checked() {
    let open = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = TcpSocket::new_v4().unwrap();
    closed.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let mut rig = Rig::start();
    let check = HealthCheck { port: Some(closed.local_addr().unwrap().port()), ..often() };
    let address = open.local_addr().unwrap();
    rig.publish(pool(address, Some(check)));
    assert_eq!(rig.told("other port").await, PoolChange::Unhealthy(address));
}
