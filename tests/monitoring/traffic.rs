//! A Weir under traffic that goes well and wrong in every way that a panel shows.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;

use crate::rig::{Backend, Weir};

const LOOPBACK: [u8; 4] = [127, 0, 0, 1];

/// Traffic goes on until this is dropped.
pub struct Traffic {
    pub weir: Weir,
    /// Milliseconds between two rounds of requests.
    pub pause: Arc<AtomicU64>,
    _backends: Vec<Backend>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Traffic {
    pub fn start() -> Self {
        let backends: Vec<Backend> = [2, 3, 8]
            .into_iter()
            .map(|delay| Backend::start("ok", LOOPBACK, 0, Duration::from_millis(delay)))
            .collect();
        // Nobody listens there.
        let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // Limits that are met now and then.
        let flags = ["--memory-limit", "4Gi", "--max-connections-per-client", "16"];
        let mut weir = Weir::start_with(&manifests(&backends, dead), &flags);
        let https = weir.wait_log("listener=\"https\" address=");
        let https = https.split("address=").nth(1).unwrap().split_whitespace().next().unwrap();
        let https: SocketAddr = https.parse().unwrap();
        let directory = weir.manifests.clone();
        let (stop, pause) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(10)));
        let (http, stopped, pauses) = (weir.http, Arc::clone(&stop), Arc::clone(&pause));
        let thread = std::thread::spawn(move || {
            let (mut turn, mut held) = (0_u64, Vec::new());
            while !stopped.load(Ordering::SeqCst) {
                round(http, https, turn);
                if turn.is_multiple_of(20) {
                    // More connections than one client may have, open until Weir has seen them all.
                    held.clear();
                    let greedy = || crate::rig::Client::connect(http, Some([127, 9, 9, 9].into()));
                    held.extend((0..20).map(|_| greedy()));
                }
                if turn.is_multiple_of(40) {
                    change(&directory, dead, turn);
                }
                turn += 1;
                std::thread::sleep(Duration::from_millis(pauses.load(Ordering::SeqCst)));
            }
        });
        Self { weir, pause, _backends: backends, stop, thread: Some(thread) }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// One request of each sort; what comes back is Weir's to count.
fn round(http: SocketAddr, https: SocketAddr, turn: u64) {
    let mut client = crate::rig::Client::connect(http, None);
    for (host, path, every) in [
        ("shop.test", "/", 1),
        ("shop.test", "/cart", 2),
        ("mixed.test", "/", 2),
        ("broken.test", "/", 9),
        ("limited.test", "/", 3),
        ("nobody.test", "/", 7),
    ] {
        if turn.is_multiple_of(every) {
            client.get(host, path).ok();
        }
    }
    if turn.is_multiple_of(5) {
        let upload = "POST / HTTP/1.1\r\nhost: shop.test\r\nconnection: close\r\n\
                      content-length: 5\r\n\r\nhello";
        let sent = TcpStream::connect(http).and_then(|mut stream| {
            stream.write_all(upload.as_bytes())?;
            stream.read_to_end(&mut Vec::new())
        });
        sent.ok();
    }
    if turn.is_multiple_of(20) {
        // Not TLS: a handshake that fails.
        TcpStream::connect(https).and_then(|mut stream| stream.write_all(b"hello\r\n\r\n")).ok();
        // Not HTTP.
        TcpStream::connect(http).and_then(|mut stream| stream.write_all(b"hello\r\n\r\n")).ok();
    }
}

/// A change of the configuration, so that the reconcile loop turns.
fn change(directory: &Path, port: u16, turn: u64) {
    let text = format!(
        "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: change, namespace: \
         shop }}\nspec:\n  backends: [{{ endpoint: {{ address: 127.0.0.1, port: {port} }}, weight: \
         {} }}]\n",
        turn % 100 + 1
    );
    let temporary = directory.join(".change.new");
    std::fs::write(&temporary, text).unwrap();
    std::fs::rename(temporary, directory.join("change.yaml")).unwrap();
}

/// An Ingress that leads to a Service which is not there.
fn lost_ingress() -> String {
    "---\napiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: { name: weir }\nspec: \
     { controller: weir.dev/ingress-controller }\n---\napiVersion: networking.k8s.io/v1\nkind: \
     Ingress\nmetadata: { name: lost, namespace: shop }\nspec:\n  ingressClassName: weir\n  \
     defaultBackend: { service: { name: lost, port: { number: 80 } } }\n"
        .to_owned()
}

fn manifests(backends: &[Backend], dead: u16) -> String {
    let ports: Vec<u16> = backends.iter().map(|backend| backend.address.port()).collect();
    let endpoints = |ports: &[u16]| {
        let one = |port: &u16| format!("{{ endpoint: {{ address: 127.0.0.1, port: {port} }} }}");
        format!("[{}]", ports.iter().map(one).collect::<Vec<_>>().join(", "))
    };
    let pool = |name: &str, ports: &[u16], more: &str| {
        format!(
            "---\napiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: {name}, \
             namespace: shop }}\nspec:\n  routes:\n    - {{ name: all, hostnames: [{name}.test] }}\n  \
             backends: {}\n{more}",
            endpoints(ports)
        )
    };
    let key = rcgen::KeyPair::generate().unwrap();
    let mut wanted = rcgen::CertificateParams::new(["shop.test".to_owned()]).unwrap();
    // Until the next year begins, as real ones are short.
    let days = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 86_400;
    wanted.not_after = rcgen::date_time_ymd(1971 + (days / 365) as i32, 1, 1);
    let certificate = wanted.self_signed(&key).unwrap();
    let base64 = |pem: &str| base64::engine::general_purpose::STANDARD.encode(pem);
    let secret = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{ name: shop, namespace: shop }}\ntype: \
         kubernetes.io/tls\ndata:\n  tls.crt: {}\n  tls.key: {}\n",
        base64(&certificate.pem()),
        base64(&key.serialize_pem())
    );
    [
        secret,
        pool("shop", &ports, "  tls: { certificateRefs: [{ name: shop }] }\n  healthCheck: { http: { path: / }, interval: 1s, timeout: 900ms }\n"),
        pool("mixed", &[ports[0], dead], "  retry: { attempts: 2, triggers: [connect-failure] }\n  outlierDetection: { consecutiveErrors: 3, baseEjectionTime: 1s }\n"),
        pool("broken", &[dead], ""),
        lost_ingress(),
        pool("limited", &ports, "  rateLimit: { requests: 5, per: 1s, burst: 5 }\n"),
    ]
    .concat()
}
