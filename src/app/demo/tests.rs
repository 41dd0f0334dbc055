use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

use super::ask::judge;
use super::paint::{Look, lines};
use super::screen::Screen;
use super::strategy::{MANIFESTS, Request, SERVICES, all, services};
use super::traffic::{Cell, PoolTraffic, State, Traffic};

#[test]
fn every_file_of_the_folder_is_shown() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/examples/demo");
    let there: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let names = MANIFESTS.iter().map(|(name, _)| *name).chain(["services"]);
    let shown: BTreeSet<String> = names.map(|name| format!("{name}.yaml")).collect();
    assert_eq!(there, shown);
}

#[test]
fn every_strategy_says_what_it_is_and_asks_its_own_host() {
    for strategy in all().unwrap() {
        let name = strategy.name;
        assert!(strategy.what.ends_with('.'), "{name}: {}", strategy.what);
        let host = strategy.request.header("host").unwrap();
        assert!(host.ends_with(&format!("{name}.demo")), "{name}: {host}");
        let curl = strategy.curl_to("127.0.0.1:1234".parse().unwrap());
        assert!(curl.replace('\'', " ").contains(" http://127.0.0.1:1234/"), "{curl}");
        assert!(!curl.ends_with(' '), "{curl:?}");
    }
}

#[test]
fn what_is_in_the_request_decides() {
    for name in ["path", "regex", "header", "cookie", "query", "method", "wildcard"] {
        let strategies = all().unwrap();
        let strategy = strategies.iter().find(|strategy| strategy.name == name).unwrap();
        assert_eq!(strategy.expected, "tokyo", "{name}");
    }
}

#[test]
fn every_algorithm_has_a_line() {
    let files = MANIFESTS.map(|(_, text)| text).concat();
    // Round robin is what a pool does that says nothing.
    for algorithm in ["LeastRequest", "PeakEwma", "Random", "RingHash", "Maglev"] {
        assert!(files.contains(&format!("algorithm: {algorithm}")), "{algorithm}");
    }
}

#[test]
fn only_what_is_about_errors_meets_the_backend_that_makes_them() {
    let unsteady = |(_, text): &&(&str, &str)| text.contains("name: unsteady");
    let names: Vec<&str> = MANIFESTS.iter().filter(unsteady).map(|(name, _)| *name).collect();
    assert_eq!(names, ["retried", "ejected"]);
    let slices = SERVICES.split("---").filter(|document| document.contains("port: 9004"));
    for slice in slices {
        assert!(slice.contains("kubernetes.io/service-name: unsteady"), "{slice}");
    }
}

#[test]
fn a_curl_line_is_read_as_curl_reads_it() {
    let line = "curl -s -X POST --interface 127.5.0.1 -c /tmp/a -b /tmp/a -b 'x=1' -H 'host: a.demo' \
                -H 'x-plan: very gold' http://127.0.0.1:8080/api/orders?x=1";
    let headers = [("cookie", "x=1"), ("host", "a.demo"), ("x-plan", "very gold")];
    let request = Request {
        method: "POST".into(),
        path: "/api/orders?x=1".into(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        client: Some("127.5.0.1".parse().unwrap()),
    };
    assert_eq!(Request::of_curl(line), Some(request));
    for wrong in [
        "curl -s",
        "curl -d x http://127.0.0.1:8080/",
        "curl http://127.0.0.1:8080/ -X",
        "curl http://example.com/",
        "curl http://127.0.0.1:8080/ -H",
    ] {
        assert_eq!(Request::of_curl(wrong), None, "{wrong}");
    }
}

#[test]
fn services_get_the_ports_of_the_backends() {
    let ports = [9002, 9001, 40_003, 40_004];
    let given = services(&ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port))));
    let count = |text: &str, port: u16| text.matches(&format!("[{{ port: {port} }}]")).count();
    for ((written, port), times) in (9001..).zip(ports).zip([2, 2, 3, 1]) {
        assert_eq!(count(SERVICES, written), times, "{written}");
        assert_eq!(count(&given, port), times, "{port} in {given}");
    }
    assert_eq!(count(&given, 9003) + count(&given, 9004), 0, "{given}");
    assert_eq!(given.lines().count(), SERVICES.lines().count());
}

#[test]
fn an_answer_of_the_wrong_backend_is_an_error() {
    assert_eq!(judge("path", "tokyo", "tokyo-2".into()).unwrap(), "tokyo-2");
    assert_eq!(judge("path", "", "dublin-1".into()).unwrap(), "dublin-1");
    let error = judge("path", "tokyo", "dublin-1".into()).unwrap_err().to_string();
    assert_eq!(error, "path went to dublin-1, and should have gone to tokyo");
}

fn traffic() -> Traffic {
    let cell = |rate, total, errors, state| Some(Cell { rate, total, errors, state });
    Traffic {
        backends: ["dublin-1", "dublin-2", "tokyo-1", "tokyo-2"].map(str::to_owned).into(),
        pools: vec![
            PoolTraffic {
                name: "round-robin".into(),
                cells: vec![
                    cell(12, 345, 0, State::Healthy),
                    cell(12, 99_999, 0, State::Unhealthy),
                    cell(10_000, 123_456, 0, State::Unchecked),
                    cell(0, 7, 1_234, State::Ejected),
                ],
            },
            PoolTraffic {
                name: "path-api".into(),
                cells: vec![
                    None,
                    None,
                    cell(0, 0, 0, State::Healthy),
                    cell(1, 2, 0, State::Healthy),
                ],
            },
        ],
    }
}

const LOOK: Look = Look { width: 80, height: 24, colour: false };

#[test]
fn the_table_has_rate_total_errors_and_health_of_each_backend() {
    assert_eq!(
        lines(&traffic(), LOOK),
        [
            "                      dublin-1        dublin-2         tokyo-1         tokyo-2 ",
            "pool              /s total err    /s total err    /s total err    /s total err ",
            "round-robin       12   345   0+   12 99999   0!  10k  123k   0?    0     7  1kx",
            "path-api                     .               .     0     0   0+    1     2   0+",
            "+ healthy  ! unhealthy  x ejected  ? unchecked",
            "Ctrl-C ends the demo.",
        ]
    );
}

#[test]
fn a_narrow_window_gets_totals_and_no_line_is_too_long() {
    let narrow = lines(&traffic(), Look { width: 60, ..LOOK });
    assert_eq!(narrow[1], "round-robin         345+   99999!  123456?       7x");
    for width in 0..100 {
        for line in lines(&traffic(), Look { width, ..LOOK }) {
            assert!(line.chars().count() <= width, "{width}: {line:?}");
        }
    }
}

#[test]
fn a_low_window_says_what_it_leaves_out() {
    let mut traffic = traffic();
    traffic.pools = vec![traffic.pools[0].clone(); 20];
    for height in 6..30 {
        let shown = lines(&traffic, Look { height, ..LOOK });
        assert!(shown.len() < height, "{height}: {}", shown.len());
        let pools = shown.iter().filter(|line| line.starts_with("round-robin")).count();
        let told = shown
            .iter()
            .any(|line| *line == format!("and {} more: make the window taller", 20 - pools));
        assert_eq!(told, pools < 20, "{height}: {shown:?}");
    }
}

#[test]
fn colours_are_only_there_where_they_are_wanted() {
    let plain = lines(&traffic(), LOOK);
    assert!(plain.iter().all(|line| !line.contains('\u{1b}')), "{plain:?}");
    let coloured = lines(&traffic(), Look { colour: true, ..LOOK });
    assert!(coloured[2].contains("\u{1b}[31m  1k\u{1b}[0m\u{1b}[31mx"), "{:?}", coloured[2]);
    for (plain, coloured) in plain.iter().zip(coloured) {
        let mut left = coloured;
        for code in ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[31m", "\u{1b}[32m"] {
            left = left.replace(code, "");
        }
        assert_eq!(*plain, left);
    }
}

#[test]
fn lines_are_drawn_in_place_and_the_cursor_comes_back() {
    let mut out = Vec::new();
    let mut screen = Screen::new(&mut out);
    let two = ["a".to_owned(), "b".to_owned()];
    screen.draw(&two, LOOK).unwrap();
    screen.draw(&two, LOOK).unwrap();
    screen.draw(&two[..1], Look { width: 40, ..LOOK }).unwrap();
    drop(screen);
    let (hide, a, b) = ("\u{1b}[?25l", "a\u{1b}[K\n", "b\u{1b}[K\n");
    let (up, clear, show) = ("\u{1b}[2F", "\u{1b}[J", "\u{1b}[?25h");
    assert_eq!(
        String::from_utf8(out).unwrap(),
        format!("{hide}{a}{b}{clear}{hide}{up}{a}{b}{clear}{hide}{a}{clear}{show}")
    );
}

#[test]
fn elsewhere_busy_pools_get_a_plain_line() {
    assert_eq!(
        traffic().plain_lines(),
        [
            "  round-robin: dublin-1 12/s (total 345, errors 0), dublin-2 12/s (total 99999, errors \
             0), tokyo-1 10000/s (total 123456, errors 0)",
            "  path-api: tokyo-2 1/s (total 2, errors 0)",
        ]
    );
}
