//! The process under test, its backends and its manifests.

use std::cell::{Cell, RefCell};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ClientConfig, RootCertStore};

use crate::record::Record;

/// How long anything that must happen may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// World is everything but the load.
pub struct World {
    pub http: SocketAddr,
    pub https: SocketAddr,
    pub record: RefCell<Record>,
    /// Trusts the authority alone, so that a wrong certificate is a failure.
    pub tls: Arc<ClientConfig>,
    issuer: Issuer<'static, KeyPair>,
    /// Nothing until it is started.
    weir: RefCell<Option<Child>>,
    log: Arc<Mutex<Vec<String>>>,
    backends: RefCell<Vec<Backend>>,
    directory: tempfile::TempDir,
    is_over: Cell<bool>,
}

/// A simulated backend; it comes back on the port that it had.
struct Backend {
    name: &'static str,
    flags: &'static [&'static str],
    address: SocketAddr,
    process: Option<Child>,
}

/// Names of the simulated backends, and how they are.
const BACKENDS: [(&str, &[&str]); 4] = [
    ("a", &["--latency", "2ms", "--jitter", "1ms"]),
    ("b", &["--latency", "5ms", "--jitter", "3ms"]),
    // This one is killed now and then.
    ("c", &["--latency", "3ms"]),
    ("d", &["--error-rate", "0.1"]),
];
pub const KILLED: &str = "c";

impl World {
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut backends: Vec<Backend> = BACKENDS
            .iter()
            .map(|&(name, flags)| Backend { name, flags, address: nowhere(), process: None })
            .collect();
        backends.iter_mut().for_each(Backend::start);
        let odd = crate::requests::odd_backends().await;
        let (issuer, tls) = authority();
        let nowhere = nowhere();
        let mut weir = command();
        weir.args(["run", "--http", "127.0.0.1:0", "--https", "127.0.0.1:0"]);
        weir.args(["--admin", "127.0.0.1:0", "--workers", "2", "--drain-delay", "0s"]);
        weir.args(["--drain-timeout", "5s", "--manifests"]).arg(directory.path());
        let mut world = Self {
            http: nowhere,
            https: nowhere,
            record: RefCell::default(),
            tls,
            issuer,
            weir: RefCell::default(),
            log: Arc::default(),
            backends: RefCell::new(backends),
            directory,
            is_over: Cell::new(false),
        };
        world.write("shop.yaml", &world.manifests(odd));
        world.rotate();
        world.reroute(0);
        let (child, lines) = spawn(weir);
        world.weir.replace(Some(child));
        world.http = address(&lines, "listener=\"http\" address=");
        world.https = address(&lines, "listener=\"https\" address=");
        let admin = address(&lines, "listener=\"admin\" address=");
        let log = Arc::clone(&world.log);
        std::thread::spawn(move || {
            while let Ok(line) = lines.recv() {
                log.lock().push(line);
            }
        });
        crate::requests::ready(admin).await;
        world
    }

    pub fn pid(&self) -> u32 {
        self.weir.borrow().as_ref().map_or(0, Child::id)
    }

    /// Returns all that the process logged so far.
    pub fn log(&self) -> String {
        self.log.lock().join("\n")
    }

    pub fn is_over(&self) -> bool {
        self.is_over.get()
    }

    pub fn end(&self) {
        self.is_over.set(true);
    }

    /// Ends the process in good order, and returns what is wrong with its end and its log.
    pub fn stop(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let pid = self.pid().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status();
        let mut weir = self.weir.borrow_mut();
        let status = weir.as_mut().expect("it is started").wait().expect("the process ends");
        if !status.success() {
            wrong.push(format!("the process ended with {status}; told {told:?}"));
        }
        for backend in &mut *self.backends.borrow_mut() {
            backend.kill();
        }
        let log = self.log.lock();
        let is_bad = |line: &&String| line.contains("panicked") || line.contains("ERROR");
        // A file that is broken on purpose is an error in the log.
        let bad = log.iter().filter(is_bad).filter(|line| !line.contains("broken.yaml"));
        wrong.extend(bad.take(10).map(|line| format!("log: {line}")));
        wrong
    }

    /// Kills a backend, or starts it again.
    pub fn set_alive(&self, name: &str, is_alive: bool) {
        let mut backends = self.backends.borrow_mut();
        let backend = backends.iter_mut().find(|b| b.name == name).expect("a backend");
        if is_alive {
            backend.start();
        } else {
            backend.kill();
        }
        self.record.borrow_mut().disturbed();
    }

    pub fn write(&self, file: &str, text: &str) {
        // Written beside and moved, as editors and mounts do.
        let hidden = self.directory.path().join(format!(".{file}.new"));
        std::fs::write(&hidden, text).expect("a manifest");
        std::fs::rename(hidden, self.directory.path().join(file)).expect("a manifest");
    }

    pub fn remove(&self, file: &str) {
        let _ = std::fs::remove_file(Path::join(self.directory.path(), file));
    }

    fn manifests(&self, (upload, reset): (SocketAddr, SocketAddr)) -> String {
        let of = |name: &str| {
            let backends = self.backends.borrow();
            backends.iter().find(|b| b.name == name).expect("a backend").address
        };
        let shop = [of("a"), of("b"), of("c")];
        // So patient that a busy machine does not make all endpoints look dead.
        let check = "  healthCheck: { http: {}, interval: 2s, timeout: 2s }\n  \
                     retry: { attempts: 3, triggers: [reset, connect-failure], budget: { percent: 100 } }\n  \
                     tls: { certificateRefs: [{ name: shop }] }\n";
        [
            pool("shop", "shop.test", &shop, check),
            pool("flaky", "flaky.test", &[of("d")], ""),
            pool("upload", "upload.test", &[upload], ""),
            pool("reset", "reset.test", &[reset], "  retry: { attempts: 1 }\n"),
        ]
        .concat()
    }

    /// Puts a new certificate of the same authority in place.
    pub fn rotate(&self) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["shop.test".to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let indented = |text: &str| text.trim_end().replace('\n', "\n    ");
        let text = format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{ name: shop, namespace: soak }}\n\
             type: kubernetes.io/tls\nstringData:\n  tls.crt: |\n    {}\n  tls.key: |\n    {}\n",
            indented(&certificate.pem()),
            indented(&key.serialize_pem())
        );
        self.write("secret.yaml", &text);
    }

    /// Declares another version of the pool that changes: algorithm, weights, endpoints, routes.
    pub fn reroute(&self, version: usize) {
        let algorithms = ["RoundRobin", "LeastRequest", "PeakEwma", "Random", "RingHash", "Maglev"];
        let algorithm = algorithms[version % algorithms.len()];
        let (a, b) = {
            let backends = self.backends.borrow();
            (backends[0].address, backends[1].address)
        };
        let endpoints = match version % 3 {
            0 => vec![a],
            1 => vec![b],
            _ => vec![a, b],
        };
        let more = format!("  loadBalancing: {{ algorithm: {algorithm} }}\n");
        let mut text = pool("changing", "changing.test", &endpoints, &more);
        for extra in 0..version % 4 {
            let name = format!("extra-{extra}");
            text += &pool(&name, &format!("{name}.test"), &endpoints, &more);
        }
        self.write("changing.yaml", &text);
    }
}

fn nowhere() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

fn pool(name: &str, host: &str, endpoints: &[SocketAddr], more: &str) -> String {
    let endpoint = |address: &SocketAddr| {
        format!("{{ endpoint: {{ address: {}, port: {} }} }}", address.ip(), address.port())
    };
    let backends: Vec<String> = endpoints.iter().map(endpoint).collect();
    format!(
        "---\napiVersion: weir.dev/v1alpha1\nkind: BackendPool\n\
         metadata: {{ name: {name}, namespace: soak }}\nspec:\n  \
         routes: [{{ hostnames: [{host}] }}]\n  backends: [{}]\n{more}",
        backends.join(", ")
    )
}

fn authority() -> (Issuer<'static, KeyPair>, Arc<ClientConfig>) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = params.self_signed(&key).expect("a certificate");
    let mut roots = RootCertStore::empty();
    roots.add(root.der().clone()).expect("an authority");
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    (Issuer::new(params, key), Arc::new(config))
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WEIR_")) {
        command.env_remove(name);
    }
    command
}

fn spawn(mut command: Command) -> (Child, Receiver<String>) {
    let mut child =
        command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("weir starts");
    let (sender, lines) = channel();
    let stderr = child.stderr.take().expect("its standard error");
    std::thread::spawn(move || {
        let lines = BufReader::new(stderr).lines().map_while(Result::ok);
        for line in lines {
            let _ = sender.send(line);
        }
    });
    (child, lines)
}

/// Waits for the line that says an address.
fn address(lines: &Receiver<String>, key: &str) -> SocketAddr {
    loop {
        let line = lines.recv_timeout(PATIENCE).expect("weir says where it listens");
        if let Some((_, rest)) = line.split_once(key) {
            return rest
                .split_whitespace()
                .next()
                .expect("an address")
                .parse()
                .expect("an address");
        }
    }
}

impl Backend {
    fn start(&mut self) {
        let mut command = command();
        command.args(["backend", "--name", self.name, "--listen", &self.address.to_string()]);
        let (child, lines) = spawn({
            command.args(self.flags);
            command
        });
        self.process = Some(child);
        self.address = address(&lines, "address=");
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("the backend is killed");
            process.wait().expect("the backend ends");
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(weir) = self.weir.get_mut() {
            let _ = weir.kill();
            let _ = weir.wait();
        }
        self.backends.get_mut().iter_mut().for_each(Backend::kill);
    }
}
