//! Wrong input: a clear word about it, and everything else keeps being served.

use std::time::Duration;

use crate::rig::{Backend, Client, Weir, command, eventually, weir_fails};

fn good(backend: &Backend, name: &str, path: &str) -> String {
    format!(
        "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: {name} }}\nspec:\n  \
         routes: [{{ matches: [{{ path: {{ value: {path} }} }}] }}]\n  \
         backends: [{{ endpoint: {{ address: 127.0.0.1, port: {} }} }}]\n",
        backend.address.port()
    )
}

#[test]
fn a_wrong_manifest_disturbs_nobody() {
    let backend = Backend::start("ok", [127, 0, 0, 1], 0, Duration::ZERO);
    let mut weir = Weir::start(&good(&backend, "good", "/"));
    let mut client = weir.client();
    for (file, text) in [
        ("rule.yaml", "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: { name: bad }\nspec: { backends: [{ weight: 1 }] }\n".to_owned()),
        ("type.yaml", "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: { name: bad2 }\nspec: { backends: 7 }\n".to_owned()),
        ("garbage.yaml", "\u{1}{{{[[[ - : \t".repeat(60_000)),
    ] {
        weir.write(file, &text);
        weir.wait_log(file);
        assert_eq!(client.get("pool.test", "/").unwrap().body, "ok");
    }
    weir.write("second.yaml", &good(&backend, "second", "/second"));
    eventually("the second pool", || weir.metrics().contains("second"));
    assert_eq!(client.get("pool.test", "/second").unwrap().body, "ok");
    // A good pool that becomes wrong is served as it was.
    weir.write("second.yaml", "kind: nothing");
    weir.wait_log("second.yaml");
    assert_eq!(client.get("pool.test", "/second").unwrap().body, "ok");
}

#[test]
fn the_hosts_of_a_wrong_pool_are_not_handed_to_another() {
    let backend = Backend::start("ok", [127, 0, 0, 1], 0, Duration::ZERO);
    let pool = |name: &str, host: &str, more: &str| {
        let port = backend.address.port();
        format!(
            "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: {name} }}\nspec:\n  \
             routes: [{{ hostnames: ['{host}'] }}]\n  {more}\n  \
             backends: [{{ endpoint: {{ address: 127.0.0.1, port: {port} }} }}]\n"
        )
    };
    let mut weir = Weir::start(&pool("wide", "*.shop.test", ""));
    let admin = |network: &str| {
        pool("admin", "admin.shop.test", &format!("access: {{ allow: [{network}] }}"))
    };
    weir.write("admin.yaml", &admin("10.0.0.0/8"));
    let mut client = weir.client();
    eventually("kept out", || client.get("admin.shop.test", "/").unwrap().status == 403);
    weir.write("admin.yaml", &admin("10.0.0.0/33"));
    weir.wait_log("/33");
    eventually("held", || {
        let answer = client.get("admin.shop.test", "/").unwrap();
        assert_ne!(answer.status, 200, "another pool answers for it");
        answer.status == 503
    });
    assert_eq!(client.get("other.shop.test", "/").unwrap().status, 200);
    // And so it is where nothing was good before.
    let text = pool("wide", "*.shop.test", "") + "---\n" + &admin("10.0.0.0/33");
    let weir = Weir::start(&text);
    assert_eq!(weir.client().get("admin.shop.test", "/").unwrap().status, 503);
}

#[test]
fn the_requests_of_a_wrong_route_are_not_handed_to_another() {
    let backend = Backend::start("ok", [127, 0, 0, 1], 0, Duration::ZERO);
    let pool = |name: &str, routes: &str| {
        let port = backend.address.port();
        format!(
            "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: {name} }}\nspec:\n  \
             routes: [{routes}]\n  backends: [{{ endpoint: {{ address: 127.0.0.1, port: {port} }} }}]\n"
        )
    };
    let admin = |expression: &str| {
        let path = format!("{{ path: {{ type: RegularExpression, value: '{expression}' }} }}");
        let header = "{ headers: [{ name: x-plan, type: RegularExpression, value: 'gold(' }] }";
        let client = "{ headers: [{ name: user-agent, type: RegularExpression, value: '.*(' }] }";
        let routes = format!(
            "{{ name: admin, hostnames: [shop.test], matches: [{path}] }}, \
             {{ name: plan, hostnames: [plan.test], matches: [{header}] }}, \
             {{ name: robots, hostnames: [shop.test], matches: [{client}] }}, \
             {{ name: fine, hostnames: [fine.test] }}"
        );
        pool("admin", &routes)
    };
    let wide = pool("wide", "{ hostnames: [shop.test, '*.test'] }");
    let text = wide + "---\n" + &admin("/admin/(users|keys");
    let weir = Weir::start(&text);
    let mut client = weir.client();
    for (host, path, status) in [
        ("shop.test", "/admin/users", 503),
        ("shop.test", "/admin/x", 503),
        ("shop.test", "/admin", 200),
        ("shop.test", "/", 200),
        ("fine.test", "/", 200),
        ("plan.test", "/", 200),
    ] {
        let answer = client.get(host, path).unwrap();
        assert_eq!(answer.status, status, "{host}{path}");
        if status == 503 {
            assert_eq!(answer.headers["x-weir-reason"], "route_invalid");
        }
    }
    for (host, header, status) in [
        ("plan.test", ("x-plan", "golden"), 503),
        ("plan.test", ("x-plan", "silver"), 200),
        // All clients have it: a letter in one route ends no host.
        ("shop.test", ("user-agent", "curl"), 200),
    ] {
        let answer = client.send("GET", host, "/", &[header]).unwrap();
        assert_eq!(answer.status, status, "{header:?}");
    }
    // Mended, it is served, while the other wrong route stays as it was.
    weir.write("pool.yaml", &text.replace("(users|keys", "(users|keys)"));
    eventually("served", || client.get("shop.test", "/admin/users").unwrap().status == 200);
}

#[test]
fn a_change_of_a_manifest_is_served() {
    let one = Backend::start("one", [127, 0, 0, 1], 0, Duration::ZERO);
    let two = Backend::start("two", [127, 0, 0, 1], 0, Duration::ZERO);
    let weir = Weir::start(&good(&one, "p", "/"));
    let mut client = weir.client();
    assert_eq!(client.get("pool.test", "/").unwrap().body, "one");
    weir.write("pool.yaml", &good(&two, "p", "/"));
    eventually("the other backend", || client.get("pool.test", "/").unwrap().body == "two");
    std::fs::remove_file(weir.manifests.join("pool.yaml")).unwrap();
    eventually("no route", || {
        let answer = client.get("pool.test", "/").unwrap();
        answer.status == 404 && answer.headers["x-weir-reason"].starts_with("no_")
    });
}

#[test]
fn wrong_use_is_told_in_one_line() {
    let (code, _, error) = weir_fails(&["run", "--manifests", "/does/not/exist"], None);
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("/does/not/exist"), "{error}");
    let (code, _, error) = weir_fails(&["run", "--wrong"], None);
    assert_eq!(code, Some(2), "{error}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let directory = tempfile::tempdir().unwrap();
    let args = [
        "run",
        "--http",
        &address,
        "--admin",
        "127.0.0.1:0",
        "--https",
        "127.0.0.1:0",
        "--manifests",
    ];
    let (code, _, error) = weir_fails(&args, Some(directory.path()));
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains(&address) && error.contains("--http"), "{error}");
    assert_eq!(error.matches("in use").count(), 1, "a cause is told once: {error}");
    let keys = directory.path().join("keys");
    std::fs::write(&keys, "c2hvcnQ=\n").unwrap();
    let file = keys.to_str().unwrap();
    let args = ["run", "--tls-ticket-key-file", file, "--manifests"];
    let (code, _, error) = weir_fails(&args, Some(directory.path()));
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains(file) && error.contains("line 1") && !error.contains("c2hv"), "{error}");
    for (flag, value, right) in [
        ("--http", "x", "0.0.0.0:8080"),
        ("--proxy-protocol", "10.0.0.0/33", "10.0.0.0/8"),
        ("--trusted-networks", "10.0.0.0", "10.0.0.0/8"),
        ("--trusted-networks", "10.0.0.0/8", "--trusted-hops: say how many"),
        ("--trusted-hops", "1", "--trusted-networks: say where"),
        ("--watch-namespace", "shop", "leave it out"),
        ("--publish-service", "a/b", "leave it out"),
        ("--geoip-database", "/does/not/exist", "--geoip-database"),
    ] {
        let args = ["run", "--admin", "127.0.0.1:0", flag, value, "--manifests"];
        let (code, _, error) = weir_fails(&args, Some(directory.path()));
        assert!(code.is_some_and(|code| code != 0), "{flag} {value}: {error}");
        assert!(error.contains(flag) && error.contains(right), "{error}");
    }
}

#[test]
fn a_preference_for_a_zone_is_a_warning_where_no_zone_is_given() {
    let backend = Backend::start("ok", [127, 0, 0, 1], 0, Duration::ZERO);
    let near = good(&backend, "near", "/") + "  loadBalancing: { locality: { prefer: Zone } }\n";
    let mut weir = Weir::start(&near);
    let line = weir.wait_log("start it with --zone");
    assert!(line.contains("pool=default/near") && line.contains("locality.prefer"), "{line}");
    assert_eq!(weir.client().get("pool.test", "/").unwrap().body, "ok");
    let mut weir = Weir::start_with(&near, &["--zone", "a"]);
    let line = weir.wait_log("Accepted: ");
    assert!(!line.contains("warning"), "{line}");
}

#[test]
fn a_backend_that_cannot_be_is_wrong_use() {
    for rate in ["2", "-1", "NaN", "5%"] {
        let args = ["backend", "--listen", "127.0.0.1:0", "--name", "a", "--error-rate", rate];
        let (code, _, error) = weir_fails(&args, None);
        assert_eq!(code, Some(2), "{error}");
        assert!(error.contains("--error-rate") && error.contains("from 0 to 1"), "{error}");
    }
}

#[test]
fn check_says_what_is_wrong_and_where() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bad.yaml");
    std::fs::write(&file, "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: { name: bad }\nspec: { backends: [{ weight: 1 }], algorythm: x }\n").unwrap();
    let (code, out, error) = weir_fails(&["check"], Some(&file));
    assert_eq!(code, Some(1), "{out}{error}");
    let all = out + &error;
    for part in ["bad.yaml", "spec.backends[0]", "exactly one of service and endpoint", "algorythm"]
    {
        assert!(all.contains(part), "{part} in {all}");
    }
    std::fs::write(&file, "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: { name: good }\nspec: { backends: [{ endpoint: { address: 127.0.0.1, port: 80 } }] }\n").unwrap();
    let (code, out, error) = weir_fails(&["check"], Some(&file));
    assert_eq!(code, Some(0), "{out}{error}");
    let (code, out, error) = weir_fails(&["check", "--cluster"], Some(&file));
    assert_eq!(code, Some(1), "a loopback address is refused in a cluster: {out}{error}");
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let demo = "manifests/examples/demo";
    for args in [
        &["crds"][..],
        &["check", demo],
        &["explain", "--manifests", demo, "GET", "http://zone.demo/"],
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = command().args(args).stdout(writer).output().expect("weir");
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args:?}");
    }
}

#[test]
fn readyz_tells_of_a_pool_that_is_held_until_it_is_mended() {
    let backend = Backend::start("ok", [127, 0, 0, 1], 0, Duration::ZERO);
    let ready = |weir: &Weir| {
        let answer = Client::connect(weir.admin, None).get("admin", "/readyz").unwrap();
        assert_eq!(answer.status, 200, "the others are served: {}", answer.body);
        serde_json::from_str::<serde_json::Value>(&answer.body).unwrap()
    };
    let weir = Weir::start(&good(&backend, "good", "/"));
    assert_eq!(ready(&weir)["message"], "serving");
    let other = |network: &str| {
        good(&backend, "held", "/held") + &format!("  access: {{ allow: [{network}] }}\n")
    };
    weir.write("held.yaml", &other("10.0.0.0/33"));
    eventually("it is told", || ready(&weir)["refused"].as_array().unwrap().len() == 1);
    let said = ready(&weir);
    let why = said["refused"][0].as_str().unwrap();
    assert!(why.starts_with("BackendPool default/held: Invalid: spec.access.allow[0]: "), "{why}");
    let message = said["message"].as_str().unwrap();
    assert!(message.starts_with("serving; 1 object is refused in whole or in part"), "{message}");
    assert_eq!(weir.client().get("pool.test", "/").unwrap().body, "ok");
    // What the schema refuses is told once, by the file.
    let wrong = good(&backend, "wrong", "/wrong").replace("port: ", "prot: ");
    weir.write("wrong.yaml", &wrong);
    eventually("both", || ready(&weir)["refused"][0].as_str().unwrap().contains("wrong.yaml:"));
    let said = ready(&weir);
    let of_objects = said["refused"].as_array().unwrap().iter();
    let of_objects = of_objects.filter(|one| one.as_str().unwrap().starts_with("BackendPool"));
    assert_eq!(of_objects.count(), 1, "{said}");
    std::fs::remove_file(weir.manifests.join("wrong.yaml")).unwrap();
    weir.write("held.yaml", &other("127.0.0.0/8"));
    eventually("it is mended", || ready(&weir)["message"] == "serving");
    assert_eq!(ready(&weir)["refused"], serde_json::json!([]));
    assert_eq!(weir.client().get("pool.test", "/held").unwrap().body, "ok");
}
