//! Every example, served by itself: a request shows what it is about. That of gRPC is tried in
//! `tests/grpc`, those of the demo by `weir demo`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use crate::example_tls;
use crate::rig::{Backend, Client, Weir, eventually};

/// A file, and what is tried of it.
type Try = (&'static str, fn(&mut Example));

const EXAMPLES: &[Try] = &[
    ("backend-tls", example_tls::is_spoken_to_endpoints),
    ("content", content),
    ("failover", failover),
    ("geography", geography),
    ("grpc", |_| {}),
    ("health", health),
    ("ingress", ingress),
    ("least-request", the_slow_one_gets_less),
    ("limits", limits),
    ("maglev", maglev),
    ("peak-ewma", the_slow_one_gets_less),
    ("random", random),
    ("ring-hash", ring_hash),
    ("round-robin", |example| assert_eq!(example.counts(16), [4, 4, 4, 4])),
    ("services", services),
    ("sessions", sessions),
    ("weighted", |example| assert_eq!(example.counts(20), [10, 6, 2, 2])),
    ("zones", |example| assert_eq!(example.counts(20), [10, 10, 0, 0])),
];

/// Example is a file that is served, with endpoints at the ports it names: 9001 to 9004.
pub struct Example {
    pub host: String,
    pub text: String,
    pub backends: Vec<Backend>,
    running: Option<Weir>,
}

impl Example {
    fn read(name: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/examples");
        let text = std::fs::read_to_string(root.join(format!("{name}.yaml"))).expect("example");
        let slow = |port| match (name, port) {
            ("least-request" | "peak-ewma", 9003) => Duration::from_millis(50),
            _ => Duration::ZERO,
        };
        let backends: Vec<Backend> = (9001..=9004)
            .map(|port| Backend::start(&port.to_string(), [127, 0, 0, 1], 0, slow(port)))
            .collect();
        let mut moved = text;
        for (port, backend) in (9001..).zip(&backends) {
            moved = moved.replace(&format!(": {port}"), &format!(": {}", backend.address.port()));
        }
        let host = format!("{name}.example.com");
        Self { host, text: moved, backends, running: None }
    }

    /// Returns the program that serves it.
    pub fn weir(&mut self) -> &Weir {
        let Self { text, running, .. } = self;
        running.get_or_insert_with(|| Weir::start_with(text, &["--zone", "a"]))
    }

    fn ask(&mut self, path: &str, headers: &[(&str, &str)]) -> String {
        let host = self.host.clone();
        let answer = self.weir().client().send("GET", &host, path, headers).expect("answer");
        assert_eq!(answer.status, 200, "{host}{path}: {}", answer.body);
        answer.body
    }

    /// Asks so often over one connection, and returns how often each endpoint answered.
    fn counts(&mut self, total: usize) -> [usize; 4] {
        let host = self.host.clone();
        let mut client = self.weir().client();
        let mut counts = [0; 4];
        for _ in 0..total {
            let answer = client.get(&host, "/").expect("answer");
            counts[answer.body.parse::<usize>().expect("a port") - 9001] += 1;
        }
        counts
    }
}

#[test]
fn each_is_served_as_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/examples");
    let names = std::fs::read_dir(root).expect("examples").filter_map(|entry| {
        let path = entry.expect("an entry").path();
        let name = path.file_stem()?.to_str()?.to_owned();
        path.extension().is_some_and(|end| end == "yaml").then_some(name)
    });
    let tried: BTreeSet<String> = EXAMPLES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names.collect::<BTreeSet<_>>(), tried, "each file, and no other, is tried");
    for (name, try_it) in EXAMPLES {
        println!("{name}");
        try_it(&mut Example::read(name));
    }
}

fn content(example: &mut Example) {
    assert_eq!(example.ask("/", &[]), "9001");
    assert_eq!(example.ask("/api/orders", &[]), "9002");
    for (path, headers) in [
        ("/", [("x-plan", "gold")]),
        ("/", [("cookie", "beta=on")]),
        ("/?preview=1", [("x-a", "b")]),
    ] {
        assert_eq!(example.ask(path, &headers), "9003", "{path} {headers:?}");
    }
    assert_eq!(example.ask("/img/logo.png", &[]), "9004");
    "any.content.example.com".clone_into(&mut example.host);
    assert_eq!(example.ask("/api/orders", &[]), "9001");
}

fn failover(example: &mut Example) {
    assert_eq!(example.counts(20), [10, 10, 0, 0]);
    example.backends[0].kill();
    example.backends[1].kill();
    let host = example.host.clone();
    eventually("the second tier takes over", || {
        example.weir().client().get(&host, "/").is_ok_and(|answer| answer.body == "9003")
    });
}

fn geography(example: &mut Example) {
    let host = example.host.clone();
    let from = |example: &mut Example, ip| {
        example.weir().client_from(ip).get(&host, "/").expect("answer").body
    };
    assert_eq!(from(example, [127, 0, 0, 1]), "9001", "dublin");
    assert_eq!(from(example, [127, 5, 0, 1]), "9003", "tokyo");
}

fn health(example: &mut Example) {
    assert!(example.counts(30)[..3].iter().all(|count| *count == 10));
    example.backends[1].kill();
    // Whoever finds it dead is served by another one, and the checks find it dead too.
    let series = "weir_upstream_endpoints_in_state{pool=\"examples/health\",state=\"unhealthy\"} 1";
    eventually("the checks notice", || {
        assert_eq!(example.counts(4)[1], 0);
        example.weir().metrics().contains(series)
    });
}

fn ingress(example: &mut Example) {
    let host = example.host.clone();
    let mut client = example.weir().client();
    let first = client.get(&host, "/").expect("answer");
    let cookie = first.headers["set-cookie"].split(';').next().expect("a cookie").to_owned();
    assert!(cookie.starts_with("web="), "{cookie}");
    for path in ["/", "/cart"] {
        let answer = client.send("GET", &host, path, &[("cookie", &cookie)]).expect("answer");
        assert_eq!((answer.status, answer.body), (200, first.body.clone()));
    }
    assert!(["9001", "9002"].contains(&first.body.as_str()));
}

/// 9003 is slow, and several clients ask at once.
fn the_slow_one_gets_less(example: &mut Example) {
    let host = example.host.clone();
    let weir = example.weir();
    std::thread::scope(|scope| {
        for mut client in (0..6).map(|_| weir.client()).collect::<Vec<Client>>() {
            let host = &host;
            scope.spawn(move || {
                for _ in 0..40 {
                    assert_eq!(client.get(host, "/").expect("answer").status, 200);
                }
            });
        }
    });
    let served: Vec<u64> = example.backends.iter().map(Backend::served).collect();
    assert!(served[2] < served[0] && served[2] < served[1], "{served:?}");
}

fn limits(example: &mut Example) {
    let host = example.host.clone();
    let mut client = example.weir().client();
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    // More than the burst, and far more than what is given back meanwhile.
    while !statuses.contains_key(&429) && statuses.values().sum::<usize>() < 20_000 {
        *statuses.entry(client.get(&host, "/").expect("answer").status).or_default() += 1;
    }
    assert_eq!(statuses.get(&429), Some(&1), "{statuses:?}");
    assert!(statuses[&200] >= 200, "the burst is let through: {statuses:?}");
    // Each client is counted for itself.
    let other = example.weir().client_from([127, 0, 0, 9]).get(&host, "/").expect("answer");
    assert_eq!(other.status, 200);
}

fn maglev(example: &mut Example) {
    let host = example.host.clone();
    let mut used = BTreeSet::new();
    for last in 1..=20 {
        let mut ask = || {
            let mut client = example.weir().client_from([127, 5, 0, last]);
            client.get(&host, "/").expect("answer").body
        };
        let first = ask();
        assert_eq!(ask(), first, "a client stays");
        used.insert(first);
    }
    assert!(used.len() > 1, "{used:?}");
}

fn random(example: &mut Example) {
    let [twice, once, ..] = example.counts(600);
    assert!((340..=460).contains(&twice) && twice + once == 600, "{twice} and {once}");
}

fn ring_hash(example: &mut Example) {
    let mut used = BTreeSet::new();
    for user in 0..40 {
        let user = format!("user-{user}");
        let first = example.ask("/", &[("x-user", &user)]);
        assert_eq!(example.ask("/", &[("x-user", &user), ("cookie", "user=else")]), first);
        let cookie = format!("user={user}");
        let by_cookie = example.ask("/", &[("cookie", &cookie)]);
        assert_eq!(example.ask("/", &[("cookie", &cookie)]), by_cookie);
        used.insert(first);
    }
    assert!(used.len() > 2, "{used:?}");
}

fn services(example: &mut Example) {
    // The second pod of shop-v1 has the port of the first.
    let port = example.backends[0].address.port();
    let second = Backend::start("9002", [127, 0, 0, 2], port, Duration::ZERO);
    "shop.example.com".clone_into(&mut example.host);
    assert_eq!(example.counts(100), [45, 45, 10, 0]);
    drop(second);
}

fn sessions(example: &mut Example) {
    let host = example.host.clone();
    let first = example.weir().client().get(&host, "/").expect("answer");
    let cookie = &first.headers["set-cookie"];
    assert!(cookie.starts_with("seat=") && cookie.contains("Max-Age=3600"), "{cookie}");
    let cookie = cookie.split(';').next().expect("a cookie");
    for _ in 0..9 {
        assert_eq!(example.ask("/", &[("cookie", cookie)]), first.body);
    }
}
