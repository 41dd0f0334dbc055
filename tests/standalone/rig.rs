//! A program under test, plain blocking backends, and a plain blocking client.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How long anything that must happen may take before a test gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A backend that answers every request with its name, and the status of `x-status` or 200.
pub struct Backend {
    pub address: SocketAddr,
    pub served: Arc<AtomicU64>,
    conduct: Arc<Conduct>,
    stopping: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// How a backend answers now.
#[derive(Default)]
struct Conduct {
    is_ill: AtomicBool,
    is_broken: AtomicBool,
}

impl Backend {
    pub fn start(name: &str, ip: [u8; 4], port: u16, delay: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::from(ip), port)).expect("backend address");
        let address = listener.local_addr().expect("backend address");
        let served = Arc::new(AtomicU64::new(0));
        let stopping = Arc::new(AtomicBool::new(false));
        let open = Arc::new(Mutex::new(Vec::new()));
        let conduct = Arc::new(Conduct::default());
        let (name, count, stop, all) =
            (name.to_owned(), Arc::clone(&served), Arc::clone(&stopping), Arc::clone(&open));
        let conducts = Arc::clone(&conduct);
        let thread = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                stream.set_nodelay(true).ok();
                all.lock().push(stream.try_clone().expect("clone"));
                let (name, count) = (name.clone(), Arc::clone(&count));
                let conduct = Arc::clone(&conducts);
                std::thread::spawn(move || serve(stream, &name, &count, delay, &conduct));
            }
        });
        Self { address, served, conduct, stopping, open, thread: Some(thread) }
    }

    /// From now on answers `/healthz` with 503, or no more; all else as ever.
    pub fn set_ill(&self, is_ill: bool) {
        self.conduct.is_ill.store(is_ill, Ordering::SeqCst);
    }

    /// From now on answers everything with 503, or no more.
    pub fn set_broken(&self, is_broken: bool) {
        self.conduct.is_broken.store(is_broken, Ordering::SeqCst);
    }

    pub fn served(&self) -> u64 {
        self.served.load(Ordering::SeqCst)
    }

    /// Ends the backend as a crash would: the port refuses, and open connections are cut.
    pub fn kill(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
        for stream in self.open.lock().drain(..) {
            stream.shutdown(std::net::Shutdown::Both).ok();
        }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.kill();
    }
}

fn serve(stream: TcpStream, name: &str, served: &AtomicU64, delay: Duration, conduct: &Conduct) {
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    loop {
        let (mut line, mut length, mut status) = (String::new(), 0, "200".to_owned());
        let mut is_check = false;
        loop {
            line.clear();
            match reader.read_line(&mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) if line == "\r\n" => break,
                Ok(_) => {
                    let lower = line.to_ascii_lowercase();
                    is_check |= lower.starts_with("get /healthz ");
                    if let Some(value) = lower.strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap_or(0);
                    } else if let Some(value) = lower.strip_prefix("x-status:") {
                        value.trim().clone_into(&mut status);
                    }
                }
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        served.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(delay);
        if conduct.is_broken.load(Ordering::SeqCst)
            || (is_check && conduct.is_ill.load(Ordering::SeqCst))
        {
            "503".clone_into(&mut status);
        }
        let answer = format!(
            "HTTP/1.1 {status} As Asked\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{name}",
            name.len()
        );
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// `weir run --manifests`, ended when dropped.
pub struct Weir {
    pub child: Child,
    lines: Receiver<String>,
    pub log: Vec<String>,
    pub http: SocketAddr,
    pub https: SocketAddr,
    pub admin: SocketAddr,
    pub manifests: PathBuf,
    _directory: tempfile::TempDir,
}

impl Weir {
    pub fn start(manifests: &str) -> Self {
        Self::start_with(manifests, &[])
    }

    pub fn start_with(manifests: &str, flags: &[&str]) -> Self {
        let mut started = command();
        started.stdout(Stdio::null());
        Self::start_by(started, manifests, flags)
    }

    /// Starts it, and returns what it writes to standard output too, line by line.
    pub fn start_logged(manifests: &str, flags: &[&str]) -> (Self, Receiver<String>) {
        let mut started = command();
        started.stdout(Stdio::piped());
        let mut weir = Self::start_by(started, manifests, flags);
        let output = weir.child.stdout.take().expect("stdout");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let mut read = BufReader::new(output).lines().map_while(Result::ok);
            while read.next().is_some_and(|line| sender.send(line).is_ok()) {}
        });
        (weir, lines)
    }

    /// Starts it with a variable of its environment.
    pub fn start_with_variable(manifests: &str, name: &str, value: &Path) -> Self {
        let mut started = command();
        started.stdout(Stdio::null()).env(name, value);
        Self::start_by(started, manifests, &[])
    }

    /// Starts it with this many descriptors.
    pub fn start_with_descriptors(manifests: &str, most: u32) -> Self {
        let mut shell = Command::new("sh");
        let program = env!("CARGO_BIN_EXE_weir");
        shell.args(["-c", &format!("ulimit -n {most}; exec \"$0\" \"$@\"")]).arg(program);
        shell.stdout(Stdio::null());
        Self::start_by(shell, manifests, &[])
    }

    fn start_by(mut command: Command, manifests: &str, flags: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().to_owned();
        std::fs::write(path.join("pool.yaml"), manifests).expect("manifest");
        let mut child = command
            .args(["run", "--http", "127.0.0.1:0", "--https", "127.0.0.1:0"])
            .args(["--admin", "127.0.0.1:0", "--workers", "2", "--manifests"])
            .arg(&path)
            .args(flags)
            .stderr(Stdio::piped())
            .spawn()
            .expect("weir");
        let (sender, lines) = channel();
        let stderr = child.stderr.take().expect("stderr");
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut weir = Self {
            child,
            lines,
            log: Vec::new(),
            http: nowhere,
            https: nowhere,
            admin: nowhere,
            manifests: path,
            _directory: directory,
        };
        weir.http = weir.address_of("http");
        weir.https = weir.address_of("https");
        weir.admin = weir.address_of("admin");
        weir.wait_ready();
        weir
    }

    fn address_of(&mut self, listener: &str) -> SocketAddr {
        let key = format!("listener=\"{listener}\" address=");
        let line = self.wait_log(&key);
        let rest = line.split(&key).nth(1).expect("address");
        rest.split_whitespace().next().expect("address").parse().expect("address")
    }

    /// Waits for a log line that contains a text, of those seen so far or to come.
    pub fn wait_log(&mut self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(line) = self.log.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => self.log.push(line),
                Err(error) => {
                    panic!("{error}: no log line with {text:?} in:\n{}", self.log.join("\n"))
                }
            }
        }
    }

    fn wait_ready(&self) {
        eventually("ready", || {
            Client::connect(self.admin, None).get("admin", "/readyz").is_ok_and(|a| a.status == 200)
        });
    }

    pub fn client(&self) -> Client {
        Client::connect(self.http, None)
    }

    pub fn client_from(&self, ip: [u8; 4]) -> Client {
        Client::connect(self.http, Some(Ipv4Addr::from(ip).into()))
    }

    pub fn write(&self, file: &str, text: &str) {
        // Written beside and moved, as editors and ConfigMap mounts do.
        let temporary = self.manifests.join(format!(".{file}.new"));
        std::fs::write(&temporary, text).expect("manifest");
        std::fs::rename(temporary, self.manifests.join(file)).expect("manifest");
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, as Kubernetes does.
    pub fn terminate(&self) {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("kill").success());
    }

    /// Waits for its end, and returns its exit code.
    pub fn wait(&mut self) -> Option<i32> {
        self.child.wait().expect("an end").code()
    }

    pub fn metrics(&self) -> String {
        Client::connect(self.admin, None).get("admin", "/metrics").expect("metrics").body
    }
}

impl Drop for Weir {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            self.log.extend(self.lines.try_iter());
            eprintln!("--- log of weir\n{}", self.log.join("\n"));
        }
    }
}

pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WEIR_")) {
        command.env_remove(name);
    }
    command
}

pub fn weir_fails(args: &[&str], path: Option<&Path>) -> (Option<i32>, String, String) {
    let output = command().args(args).args(path).output().expect("weir");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// One keep-alive connection.
pub struct Client {
    reader: BufReader<TcpStream>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Client {
    pub fn connect(to: SocketAddr, from: Option<IpAddr>) -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)
            .expect("socket");
        if let Some(from) = from {
            socket.bind(&SocketAddr::new(from, 0).into()).expect("bind");
        }
        socket.connect(&to.into()).expect("connect");
        let stream: TcpStream = socket.into();
        stream.set_nodelay(true).expect("nodelay");
        stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
        Self { reader: BufReader::new(stream) }
    }

    pub fn get(&mut self, host: &str, path: &str) -> std::io::Result<Answer> {
        self.send("GET", host, path, &[])
    }

    pub fn send(
        &mut self,
        method: &str,
        host: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> std::io::Result<Answer> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        self.reader.get_mut().write_all(head.as_bytes())?;
        self.answer()
    }

    fn answer(&mut self) -> std::io::Result<Answer> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let status = line.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("status line");
        let mut headers = BTreeMap::new();
        loop {
            line.clear();
            self.reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let mut body = Vec::new();
        if let Some(length) = headers.get("content-length").and_then(|l| l.parse().ok()) {
            body.resize(length, 0);
            self.reader.read_exact(&mut body)?;
        } else if headers.get("transfer-encoding").is_some_and(|t| t == "chunked") {
            loop {
                line.clear();
                self.reader.read_line(&mut line)?;
                let size = usize::from_str_radix(line.trim(), 16).expect("chunk size");
                let mut chunk = vec![0; size + 2];
                self.reader.read_exact(&mut chunk)?;
                if size == 0 {
                    break;
                }
                body.extend_from_slice(&chunk[..size]);
            }
        }
        Ok(Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() })
    }
}

/// Waits until something holds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "never came: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends `total` requests over `connections` connections at once; counts answers by body, and by
/// `!status` where the status was not 200.
pub fn spread(weir: &Weir, total: usize, connections: usize, path: &str) -> BTreeMap<String, u64> {
    let counts = Arc::new(Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for index in 0..connections {
            let counts = Arc::clone(&counts);
            let mut client = weir.client();
            scope.spawn(move || {
                for _ in (index..total).step_by(connections) {
                    let answer = client.get("pool.test", path).expect("answer");
                    let key = match answer.status {
                        200 => answer.body,
                        other => format!("!{other}"),
                    };
                    *counts.lock().entry(key).or_insert(0) += 1;
                }
            });
        }
    });
    Arc::try_unwrap(counts).unwrap().into_inner()
}
