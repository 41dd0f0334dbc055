//! Backends that die and come back, under load.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::rig::{Backend, Client, Weir, eventually};

#[test]
fn a_killed_backend_costs_no_idempotent_request_and_comes_back() {
    let mut backends: Vec<Backend> = (1..=4u8)
        .map(|n| Backend::start(&format!("b{n}"), [127, 0, 0, n], 0, Duration::from_millis(1)))
        .collect();
    let list: String = backends
        .iter()
        .map(|b| {
            format!(
                "    - endpoint: {{ address: {}, port: {} }}\n",
                b.address.ip(),
                b.address.port()
            )
        })
        .collect();
    let weir = Weir::start(&format!(
        "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: p }}\nspec:\n  \
         routes: [{{}}]\n  retry: {{ attempts: 3, budget: {{ percent: 100 }} }}\n  \
         healthCheck: {{ http: {{}}, interval: 200ms, timeout: 200ms }}\n  backends:\n{list}"
    ));
    let done = AtomicBool::new(false);
    let http = weir.http;
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Client::connect(http, None);
                    let mut served = 0;
                    while !done.load(Ordering::SeqCst) {
                        let answer = client.get("pool.test", "/").expect("an answer");
                        assert_eq!(answer.status, 200, "{answer:?}");
                        served += 1;
                    }
                    served
                })
            })
            .collect();
        let address = backends[0].address;
        eventually("traffic on the first backend", || backends[0].served() > 20);
        backends[0].kill();
        let others = backends[1].served();
        eventually("traffic on the others", || backends[1].served() > others + 50);
        let std::net::IpAddr::V4(ip) = address.ip() else { unreachable!() };
        backends[0] = Backend::start("b1", ip.octets(), address.port(), Duration::ZERO);
        // Checks alone would be 2 to 3; traffic is many more.
        eventually("traffic on the first backend again", || backends[0].served() > 50);
        done.store(true, Ordering::SeqCst);
        let served: u64 = workers.into_iter().map(|w| w.join().expect("no failed request")).sum();
        assert!(served > 200, "{served} requests are too few to say anything");
    });
}
