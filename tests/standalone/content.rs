//! Cookie, header, path, method, host and client network decide as declared.

use std::time::Duration;

use crate::rig::{Backend, Weir};

fn pool(name: &str, routes: &str, backend: &Backend) -> String {
    let (ip, port) = (backend.address.ip(), backend.address.port());
    format!(
        "---\napiVersion: weir.dev/v1alpha1\nkind: BackendPool\n\
         metadata: {{ name: {name}, namespace: test }}\nspec:\n  routes: [{routes}]\n  \
         backends: [{{ endpoint: {{ address: {ip}, port: {port} }} }}]\n"
    )
}

#[test]
fn each_part_of_a_request_decides() {
    let names = ["any", "host", "wild", "exact", "prefix", "regex", "header", "cookie", "query"];
    let backends: Vec<Backend> =
        names.iter().map(|n| Backend::start(n, [127, 0, 0, 1], 0, Duration::ZERO)).collect();
    let routes = [
        "{}",
        "{ hostnames: [shop.test] }",
        "{ hostnames: ['*.shop.test'] }",
        "{ matches: [{ path: { type: Exact, value: /a } }] }",
        "{ matches: [{ path: { value: /a/b } }] }",
        "{ matches: [{ path: { type: RegularExpression, value: '/v[0-9]+/x' } }] }",
        "{ matches: [{ headers: [{ name: x-plan, value: gold }] }] }",
        "{ matches: [{ cookies: [{ name: beta, value: 'on' }] }] }",
        "{ matches: [{ queryParams: [{ name: q, value: '1' }] }] }",
    ];
    let text: String =
        names.iter().zip(routes).zip(&backends).map(|((n, r), b)| pool(n, r, b)).collect();
    let weir = Weir::start(&text);
    let mut client = weir.client();
    let mut ask = |host: &str, path: &str, headers: &[(&str, &str)]| {
        client.send("GET", host, path, headers).expect("answer").body
    };
    assert_eq!(ask("pool.test", "/", &[]), "any");
    assert_eq!(ask("shop.test", "/a", &[]), "host");
    assert_eq!(ask("SHOP.Test.:8080", "/", &[]), "host");
    assert_eq!(ask("eu.shop.test", "/", &[]), "wild");
    assert_eq!(ask("pool.test", "/a", &[]), "exact");
    assert_eq!(ask("pool.test", "/a/b/c", &[]), "prefix");
    assert_eq!(ask("pool.test", "/a/bc", &[]), "any");
    assert_eq!(ask("pool.test", "/a/x/../b", &[]), "prefix");
    assert_eq!(ask("pool.test", "/v12/x", &[]), "regex");
    assert_eq!(ask("pool.test", "/v12/x/y", &[]), "any");
    assert_eq!(ask("pool.test", "/", &[("X-Plan", "gold")]), "header");
    assert_eq!(ask("pool.test", "/", &[("cookie", "a=b; beta=on")]), "cookie");
    assert_eq!(ask("pool.test", "/?q=1", &[]), "query");
    assert_eq!(ask("pool.test", "/?q=2&q=1", &[]), "any");
}

#[test]
fn the_nearest_region_serves_a_client() {
    let dublin = Backend::start("dublin", [127, 0, 0, 1], 0, Duration::ZERO);
    let tokyo = Backend::start("tokyo", [127, 0, 0, 1], 0, Duration::ZERO);
    let weir = Weir::start(&format!(
        "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: geo }}\nspec:\n  \
         routes: [{{}}]\n  backends:\n    - endpoint: {{ address: 127.0.0.1, port: {}, region: dublin }}\n    \
         - endpoint: {{ address: 127.0.0.1, port: {}, region: tokyo }}\n  loadBalancing:\n    \
         locality:\n      prefer: ClientRegion\n      regions:\n        \
         - {{ name: dublin, location: {{ latitude: 53.3, longitude: -6.3 }}, clients: [127.0.0.0/8] }}\n        \
         - {{ name: tokyo, location: {{ latitude: 35.7, longitude: 139.7 }}, clients: [127.5.0.0/16] }}\n",
        dublin.address.port(),
        tokyo.address.port()
    ));
    for _ in 0..20 {
        let near = weir.client_from([127, 0, 0, 1]).get("pool.test", "/").unwrap();
        assert_eq!(near.body, "dublin");
        let far = weir.client_from([127, 5, 0, 1]).get("pool.test", "/").unwrap();
        assert_eq!(far.body, "tokyo");
    }
}

#[test]
fn a_session_survives_a_restart_of_weir() {
    let backends: Vec<Backend> = (1..=4u8)
        .map(|n| Backend::start(&format!("b{n}"), [127, 0, 0, n], 0, Duration::ZERO))
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
    let text = format!(
        "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: sticky }}\nspec:\n  \
         routes: [{{}}]\n  sessionPersistence: {{ sessionName: sid }}\n  backends:\n{list}"
    );
    let first = Weir::start(&text);
    let answer = first.client().get("pool.test", "/").unwrap();
    let cookie = answer.headers["set-cookie"].split(';').next().unwrap().to_owned();
    drop(first);
    let second = Weir::start(&text);
    for _ in 0..40 {
        let mut client = second.client();
        let again = client.send("GET", "pool.test", "/", &[("cookie", &cookie)]).unwrap();
        assert_eq!(again.body, answer.body);
        assert!(!again.headers.contains_key("set-cookie"), "a known session is not set anew");
    }
}
