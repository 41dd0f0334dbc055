//! Strategies at once, over sockets: weights of Services beside hashing and sessions.

use std::collections::BTreeMap;

use crate::declared::{assert_counts, backends, endpoint, next_table, service};
use crate::rig::{Backend, Weir};

/// Declares a pool of `v1` and `v2` by weight: three backends and one.
fn versions(weights: [u32; 2], backends: &[Backend], more: &str) -> String {
    let [v1, v2] = weights;
    let all: Vec<&Backend> = backends.iter().collect();
    format!(
        "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: p, namespace: test }}\n\
         spec:\n  routes: [{{}}]\n  backends:\n    - {{ service: {{ name: v1, port: 80 }}, weight: {v1} }}\n    \
         - {{ service: {{ name: v2, port: 80 }}, weight: {v2} }}\n{more}{}{}",
        service("v1", &all[..3]),
        service("v2", &all[3..])
    )
}

fn is_new(owner: &str) -> bool {
    owner == "b4"
}

#[test]
fn hashing_keeps_to_the_weights_of_services_and_moves_no_key_needlessly() {
    const KEYS: usize = 1_000;
    for algorithm in ["RingHash", "Maglev"] {
        let backends = backends(4);
        let balancing = format!(
            "  loadBalancing: {{ algorithm: {algorithm}, hashOn: [{{ header: x-user }}] }}\n"
        );
        let weir = Weir::start(&versions([90, 10], &backends, &balancing));
        let mut client = weir.client();
        let mut owners = || -> Vec<String> {
            let owner = |key| {
                let user = format!("user-{key}");
                let answer = client.send("GET", "pool.test", "/", &[("x-user", &user)]);
                answer.expect("answer").body
            };
            (0..KEYS).map(owner).collect()
        };
        let share = |owners: &[String]| owners.iter().filter(|owner| is_new(owner)).count();
        let tenth = owners();
        assert_eq!(owners(), tenth, "{algorithm}");
        // Six standard deviations.
        assert!(share(&tenth).abs_diff(KEYS / 10) < 57, "{algorithm}: {}", share(&tenth));
        next_table(&weir, || {
            weir.write("pool.yaml", &versions([50, 50], &backends, &balancing));
        });
        let half = owners();
        assert!(share(&half).abs_diff(KEYS / 2) < 95, "{algorithm}: {}", share(&half));
        for (before, after) in tenth.iter().zip(&half) {
            assert!(before == after || is_new(after), "{algorithm}: {before} to {after}");
        }
        next_table(&weir, || {
            weir.write("pool.yaml", &versions([90, 10], &backends, &balancing));
        });
        assert_eq!(owners(), tenth, "{algorithm}: and back");
    }
}

#[test]
fn sessions_begin_by_weight_and_stay_when_weights_change() {
    let backends = backends(4);
    let sticky = "  sessionPersistence: { sessionName: sid }\n";
    let weir = Weir::start(&versions([3, 1], &backends, sticky));
    let mut client = weir.client();
    let mut begin = |total: usize| -> Vec<(String, String)> {
        let session = |_| {
            let answer = client.get("pool.test", "/").expect("answer");
            let cookie = answer.headers["set-cookie"].split(';').next().unwrap().to_owned();
            (answer.body, cookie)
        };
        (0..total).map(session).collect()
    };
    let count = |sessions: &[(String, String)]| {
        let mut counts = BTreeMap::new();
        for (owner, _) in sessions {
            *counts.entry(owner.clone()).or_insert(0) += 1;
        }
        counts
    };
    let sessions = begin(120);
    assert_counts(&count(&sessions), &[("b1", 30), ("b2", 30), ("b3", 30), ("b4", 30)], 1);
    next_table(&weir, || weir.write("pool.yaml", &versions([1, 9], &backends, sticky)));
    let later = begin(300);
    assert_counts(&count(&later), &[("b1", 10), ("b2", 10), ("b3", 10), ("b4", 270)], 1);
    let mut client = weir.client();
    for (owner, cookie) in sessions.iter().chain(&later) {
        let answer = client.send("GET", "pool.test", "/", &[("cookie", cookie)]).expect("answer");
        assert_eq!(answer.body, *owner);
    }
}

#[test]
fn sessions_of_two_pools_on_a_host_leave_each_other_alone() {
    let backends = backends(6);
    let declared = |name: &str, of: &[Backend]| {
        let list: String = of.iter().map(|backend| endpoint(backend, "", "")).collect();
        format!(
            "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: {name}, namespace: test \
             }}\nspec:\n  routes: [{{ hostnames: [app.test], matches: [{{ path: {{ value: /{name} }} }}] \
             }}]\n  sessionPersistence: {{ type: Cookie }}\n  backends:\n{list}---\n"
        )
    };
    let weir = Weir::start(&(declared("a", &backends[..3]) + &declared("b", &backends[3..])));
    let mut client = weir.client();
    // What a browser keeps: by name, as all of them are for the host and for every path.
    let mut jar = BTreeMap::<String, String>::new();
    let mut ask = |path: &str| {
        let cookies: Vec<String> =
            jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let headers = [("cookie", cookies.join("; "))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let headers = if jar.is_empty() { &[] } else { &headers[..] };
        let answer = client.send("GET", "app.test", path, headers).expect("answer");
        if let Some(cookie) = answer.headers.get("set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            jar.insert(name.to_owned(), value.to_owned());
        }
        answer.body
    };
    let (a, b) = (ask("/a"), ask("/b"));
    for _ in 0..10 {
        assert_eq!((ask("/a"), ask("/b")), (a.clone(), b.clone()));
    }
}
