//! One key, one endpoint, over sockets: for every connection, worker and process, and as far as can
//! be after a change.

use crate::declared::{CHECKS, await_endpoints, await_state, backends, equals};
use crate::rig::{Backend, Weir};

const KEYS: usize = 400;

fn hashed(algorithm: &str, backends: &[&Backend]) -> String {
    let balancing = format!(
        "  loadBalancing: {{ algorithm: {algorithm}, hashOn: [{{ header: x-user }}] }}\n{CHECKS}"
    );
    equals(backends.iter().copied(), &balancing)
}

/// Returns which backend each key leads to, asked over two connections in turns.
fn owners(weir: &Weir) -> Vec<String> {
    let mut clients = [weir.client(), weir.client()];
    let owner = |key: usize| {
        let user = format!("user-{key}");
        let client = &mut clients[key % 2];
        let answer = client.send("GET", "pool.test", "/", &[("x-user", &user)]).expect("answer");
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    };
    (0..KEYS).map(owner).collect()
}

/// Counts keys that moved though their backend is still there.
fn moved(before: &[String], after: &[String], gone: &str) -> usize {
    assert!(before.iter().any(|owner| owner == gone), "{gone} had no key");
    assert!(!after.iter().any(|owner| owner == gone), "{gone} is gone and has keys");
    before.iter().zip(after).filter(|(before, after)| *before != gone && before != after).count()
}

#[test]
fn few_keys_move_when_a_backend_goes_and_they_come_back() {
    // A ring moves no key of those who stay. Maglev moves a few in a hundred; a tenth is far off.
    for (algorithm, most) in [("RingHash", 0), ("Maglev", KEYS / 10)] {
        let backends = backends(5);
        let all: Vec<&Backend> = backends.iter().collect();
        let weir = Weir::start(&hashed(algorithm, &all));
        let before = owners(&weir);
        assert_eq!(owners(&weir), before, "{algorithm}: the same key, the same backend");
        for backend in 1..=5 {
            let name = format!("b{backend}");
            let share = before.iter().filter(|owner| **owner == name).count();
            assert!((KEYS / 10..KEYS * 3 / 10).contains(&share), "{algorithm}: {name} has {share}");
        }
        let other = Weir::start(&hashed(algorithm, &all));
        assert_eq!(owners(&other), before, "{algorithm}: every process agrees");

        backends[2].set_ill(true);
        await_state(&weir, "unhealthy", 1);
        let without = owners(&weir);
        let count = moved(&before, &without, "b3");
        assert!(count <= most, "{algorithm}: {count} moved without need");
        backends[2].set_ill(false);
        await_state(&weir, "unhealthy", 0);
        assert_eq!(owners(&weir), before, "{algorithm}: they come back");

        let stay: Vec<&Backend> = backends.iter().filter(|b| b.address != all[2].address).collect();
        weir.write("pool.yaml", &hashed(algorithm, &stay));
        await_endpoints(&weir, 4);
        assert_eq!(owners(&weir), without, "{algorithm}: ill or not declared is the same");
        weir.write("pool.yaml", &hashed(algorithm, &all));
        await_endpoints(&weir, 5);
        assert_eq!(owners(&weir), before, "{algorithm}: they come back");
    }
}

#[test]
fn each_kind_of_key_decides() {
    let backends = backends(5);
    let all: Vec<&Backend> = backends.iter().collect();
    for algorithm in ["RingHash", "Maglev"] {
        for key in ["header: x-user", "cookie: user", "queryParam: user", "path: true"] {
            let text = hashed(algorithm, &all).replace("header: x-user", key).replace(CHECKS, "");
            let weir = Weir::start(&text);
            let mut client = weir.client();
            let mut ask = |user: usize, noise: usize| {
                let path = format!("/u{user}?noise={noise}&user={user}");
                let (path, header) = match key {
                    "path: true" => (path, "x".to_owned()),
                    "queryParam: user" => (path.replace(&format!("/u{user}"), "/"), "x".to_owned()),
                    _ => (format!("/{noise}"), user.to_string()),
                };
                let cookie = format!("noise={noise}; user={header}");
                let headers = [("x-user", header.as_str()), ("cookie", &cookie)];
                client.send("GET", "pool.test", &path, &headers).expect("answer").body
            };
            let owners: Vec<String> = (0..40).map(|user| ask(user, 0)).collect();
            for (user, owner) in owners.iter().enumerate() {
                assert_eq!(ask(user, 1), *owner, "{algorithm} {key}: user {user}");
            }
            let several: std::collections::BTreeSet<&String> = owners.iter().collect();
            assert!(several.len() > 2, "{algorithm} {key}: all lead to {several:?}");
        }
    }
}

#[test]
fn a_client_address_is_a_key() {
    let backends = backends(5);
    let all: Vec<&Backend> = backends.iter().collect();
    for algorithm in ["RingHash", "Maglev"] {
        let text = hashed(algorithm, &all).replace("header: x-user", "clientAddress: true");
        let weir = Weir::start(&text);
        let ask = |n| weir.client_from([127, 7, 0, n]).get("pool.test", "/").expect("answer").body;
        let owners: Vec<String> = (1..40).map(ask).collect();
        assert_eq!((1..40).map(ask).collect::<Vec<_>>(), owners, "{algorithm}");
        let several: std::collections::BTreeSet<&String> = owners.iter().collect();
        assert!(several.len() > 2, "{algorithm}: all lead to {several:?}");
    }
}
