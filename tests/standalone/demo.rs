//! `weir demo --exit` as its user sees it.

use crate::rig::command;

#[test]
fn every_strategy_of_the_demo_is_served_as_it_says() {
    let output = command()
        .args(["demo", "--exit", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .output()
        .expect("weir");
    let out = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    assert!(!out.contains('\u{1b}'), "no terminal, no codes: {out}");
    assert!(out.ends_with("It works.\n"), "{out}");
    assert_eq!(out.matches("\n  curl ").count(), 20, "{out}");
    for (path, backend) in [
        ("http://path.demo/api/orders", "tokyo"),
        ("http://regex.demo/img/logo.png", "tokyo"),
        ("http://header.demo/", "tokyo"),
        ("http://cookie.demo/", "tokyo"),
        ("http://query.demo/?preview=1", "tokyo"),
        ("http://method.demo/", "tokyo"),
        ("http://any.wildcard.demo/", "tokyo"),
        ("http://failover.demo/", "dublin"),
        ("http://zone.demo/", "dublin-1"),
    ] {
        assert!(out.contains(&format!("{path} -> {backend}")), "{path}: {out}");
    }
}

#[test]
fn a_demo_without_a_port_fails_with_a_reason() {
    let output =
        command().args(["demo", "--exit", "--http", "192.0.2.1:80"]).output().expect("weir");
    assert_eq!(output.status.code(), Some(1));
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.contains("192.0.2.1"), "{err}");
}
