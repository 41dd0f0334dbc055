//! `weir probe`: the client of images that have none.

use std::time::Duration;

use crate::rig::{Backend, Weir, weir_fails};

#[test]
fn it_ends_well_only_with_the_answer_that_is_expected() {
    let backend = Backend::start("here", [127, 0, 0, 1], 0, Duration::ZERO);
    let weir = Weir::start(&format!(
        "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: p }}\nspec:\n  \
         routes: [{{ hostnames: [probe.test] }}]\n  \
         backends: [{{ endpoint: {{ address: 127.0.0.1, port: {} }} }}]\n",
        backend.address.port()
    ));
    let url = format!("http://{}/", weir.http);
    let probe = |flags: &[&str]| weir_fails(&[&["probe", &*url], flags].concat(), None);
    let (code, out, error) = probe(&["-H", "Host: probe.test", "--contains", "here"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(out.starts_with("200 from http://127.0.0.1:"), "{out}");
    let (code, _, error) = probe(&[]);
    assert_eq!(code, Some(1), "another host");
    assert!(error.contains("404 instead of 200, x-weir-reason no_host (try 1"), "{error}");
    let (code, ..) = probe(&["--status", "404"]);
    assert_eq!(code, Some(0));
    let (code, _, error) = probe(&["-H", "Host: probe.test", "--contains", "there"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("does not contain \"there\""), "{error}");
    drop(weir);
    let (code, _, error) = probe(&["--within", "600ms"]);
    assert_eq!(code, Some(1), "nobody is there");
    assert!(error.contains("cannot connect") && error.contains("try 2"), "{error}");
}

#[test]
fn a_url_that_it_cannot_ask_is_refused_at_once() {
    for url in ["https://127.0.0.1/", "127.0.0.1:80", "http:///x"] {
        let (code, _, error) = weir_fails(&["probe", url, "--within", "1h"], None);
        assert_eq!(code, Some(1), "{url}");
        assert!(error.contains("write http://host") || error.contains("not a URL"), "{error}");
    }
}
