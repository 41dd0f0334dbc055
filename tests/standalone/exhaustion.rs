//! What runs out: descriptors and memory.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::rig::{Backend, Client, Weir, eventually};

fn pool(backend: &Backend) -> String {
    format!(
        "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: shop, namespace: default }}\n\
         spec:\n  routes: [{{ hostnames: [a.test] }}]\n  \
         backends: [{{ endpoint: {{ address: {}, port: {} }} }}]\n",
        backend.address.ip(),
        backend.address.port()
    )
}

/// Processor time of a process, in hundredths of a second.
fn processor_time(id: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).expect("a process");
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// A bare loop around `accept` spins here: the connection that cannot be taken stays in the queue.
#[test]
fn without_descriptors_it_waits_and_recovers() {
    let backend = Backend::start("one", [127, 0, 0, 1], 0, Duration::ZERO);
    let weir = Weir::start_with_descriptors(&pool(&backend), 80);
    let mut kept = weir.client();
    assert_eq!(kept.get("a.test", "/").unwrap().status, 200);
    let mut admin = Client::connect(weir.admin, None);
    admin.get("admin", "/livez").unwrap();
    let waiting: Vec<TcpStream> =
        (0..200).map(|_| TcpStream::connect(weir.http).expect("the queue takes it")).collect();
    eventually("descriptors ran out", || {
        let open = std::fs::read_dir(format!("/proc/{}/fd", weir.id())).expect("a process");
        open.count() >= 78
    });
    let (before, began) = (processor_time(weir.id()), Instant::now());
    std::thread::sleep(Duration::from_secs(2));
    let used = Duration::from_millis((processor_time(weir.id()) - before) * 10);
    let share = used.as_secs_f64() / began.elapsed().as_secs_f64();
    assert!(share < 0.2, "{:.0} % of a core", share * 100.0);
    assert_eq!(kept.get("a.test", "/").unwrap().status, 200, "who is there is served");
    assert_eq!(admin.get("admin", "/livez").unwrap().status, 200);
    drop(waiting);
    eventually("serves again", || {
        weir.client().get("a.test", "/").is_ok_and(|answer| answer.status == 200)
    });
}

#[test]
fn without_memory_requests_are_refused_and_the_admin_port_answers() {
    let backend = Backend::start("one", [127, 0, 0, 1], 0, Duration::ZERO);
    // Far less than any process needs.
    let weir = Weir::start_with(&pool(&backend), &["--memory-limit", "1Mi"]);
    eventually("refuses", || {
        weir.client().get("a.test", "/").is_ok_and(|answer| {
            let reason = answer.headers.get("x-weir-reason").map(String::as_str);
            answer.status == 503 && reason == Some("overloaded")
        })
    });
    let metrics = weir.metrics();
    assert!(metrics.contains("\nweir_memory_limit_bytes 1048576\n"), "{metrics}");
    assert!(metrics.contains("reason=\"overloaded\""), "{metrics}");
}
