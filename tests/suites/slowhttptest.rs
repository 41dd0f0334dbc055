//! slowhttptest in all its modes, while a good client goes on asking.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::rig::{Backend, Client, Weir};
use crate::tools;

/// Connections of the attack, all opened within two seconds.
const CONNECTIONS: usize = 500;

/// Seconds that each mode lasts.
const SECONDS: usize = 6;

/// Most that the memory of Weir may grow over all modes: 64 KiB for each connection.
const GROWTH_KIB: u64 = 64 * CONNECTIONS as u64;

/// Each mode with its flags.
const MODES: [(&str, &[&str]); 4] = [
    ("slow headers", &["-H", "-i", "1", "-x", "24"]),
    ("slow body", &["-B", "-i", "1", "-s", "8192", "-x", "10"]),
    ("slow read", &["-X", "-w", "10", "-y", "20", "-n", "1", "-z", "5", "-k", "3"]),
    ("ranges", &["-R", "-a", "5", "-b", "3000"]),
];

#[test]
fn a_good_client_notices_nothing_of_slow_ones() {
    let Some(program) = tools::find("slowhttptest") else { return };
    let backend = Backend::start("one", [127, 0, 0, 1], 0, Duration::ZERO);
    let weir = Weir::start(&crate::certificates::manifests(backend.address).0);
    for _ in 0..100 {
        assert_eq!(weir.client().get("localhost", "/").expect("answer").status, 200);
    }
    let before = resident_kib(&weir);
    for (mode, flags) in MODES {
        let is_over = AtomicBool::new(false);
        let (said, asked) = std::thread::scope(|scope| {
            let good = [true, false].map(|is_kept| {
                scope.spawn({
                    let (address, is_over) = (weir.http, &is_over);
                    move || ask(address, is_kept, is_over)
                })
            });
            let output = Command::new(&program)
                .args(flags)
                .args(["-c", &CONNECTIONS.to_string(), "-r", "250", "-l", &SECONDS.to_string()])
                .args(["-p", "10", "-u", &format!("http://{}/", weir.http)])
                .stdin(Stdio::null())
                .output()
                .expect("slowhttptest starts");
            is_over.store(true, Ordering::SeqCst);
            let asked: usize = good.map(|one| one.join().expect(mode)).into_iter().sum();
            (String::from_utf8_lossy(&output.stdout).into_owned(), asked)
        });
        let available = said.lines().rev().find(|line| line.contains("service available"));
        let is_available = available.is_some_and(|line| line.contains("YES"));
        assert!(is_available, "{mode}: {said}");
        let grown = resident_kib(&weir).saturating_sub(before);
        println!("{mode}: {asked} requests answered, memory grew by {grown} KiB");
        assert!(grown < GROWTH_KIB, "{mode}: memory grew by {grown} KiB");
    }
}

/// Asks until it is over, on one connection or on a new one each time; returns how often. Every
/// request must be answered.
fn ask(address: SocketAddr, is_kept: bool, is_over: &AtomicBool) -> usize {
    let mut count = 0;
    let mut client = Client::connect(address, None);
    while !is_over.load(Ordering::SeqCst) {
        if !is_kept {
            client = Client::connect(address, None);
        }
        let answer = client.get("localhost", "/good").expect("a good client is answered");
        assert_eq!((answer.status, answer.body.as_str()), (200, "one"));
        count += 1;
        std::thread::sleep(Duration::from_millis(5));
    }
    count
}

/// Memory of Weir that is in use.
fn resident_kib(weir: &Weir) -> u64 {
    let metrics = weir.metrics();
    let line = metrics.lines().find(|line| line.starts_with("process_resident_memory_bytes "));
    let bytes = line.and_then(|line| line.split(' ').nth(1)?.parse::<f64>().ok());
    bytes.expect("memory is measured") as u64 / 1024
}
