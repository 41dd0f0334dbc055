//! A real Kubernetes control plane for tests: etcd and kube-apiserver, and the
//! controller manager where a test asks for it. `hack/k8s/control-plane` does
//! the work; this file runs it and ends it.
//!
//! Nothing is built here. `make test` runs `hack/k8s/build` first. Where the
//! programs are missing, [`assets_or_skip`] lets a test skip itself, and
//! `WEIR_REQUIRE_APISERVER=1` turns that skip into a failure.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]
#![allow(clippy::panic, clippy::print_stdout, clippy::print_stderr, reason = "for tests only")]

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// What to start. The default is etcd and the API server on a free port.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The controller manager too: it makes EndpointSlices, ServiceAccounts,
    /// ReplicaSets and so on. Pods stay Pending, as there are no nodes.
    pub controllers: bool,
    /// The API server's port. A free one where this is `None`.
    pub port: Option<u16>,
    /// More arguments for kube-apiserver.
    pub apiserver_args: Vec<String>,
    /// More arguments for kube-controller-manager.
    pub controller_args: Vec<String>,
}

/// A running control plane. It ends when this is dropped, and also when the
/// test process ends without dropping it.
#[derive(Debug)]
pub struct ApiServer {
    dir: PathBuf,
    bin: PathBuf,
    kubeconfig: PathBuf,
}

/// The directory with etcd, kube-apiserver and kubectl, or why there is none.
/// It only looks: it answers in some milliseconds and builds nothing.
pub fn assets() -> Result<PathBuf, String> {
    let output = std::process::Command::new(script("build"))
        .arg("--no-build")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run hack/k8s/build: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let dir = text.trim();
    if output.status.success() && !dir.is_empty() {
        return Ok(PathBuf::from(dir));
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

/// The same for the first line of a test: without the programs it prints
/// `skipped: <reason>` and returns `None`, or panics where
/// `WEIR_REQUIRE_APISERVER=1` says that they must be there.
pub fn assets_or_skip() -> Option<PathBuf> {
    match assets() {
        Ok(dir) => Some(dir),
        Err(reason) if env::var_os("WEIR_REQUIRE_APISERVER").is_some_and(|v| v == "1") => {
            panic!("WEIR_REQUIRE_APISERVER=1, but there is no API server: {reason}")
        }
        Err(reason) => {
            println!("skipped: {reason}");
            None
        }
    }
}

impl ApiServer {
    /// Starts a control plane and waits until it is ready, about 4 seconds.
    /// The error holds what the script said, with the ends of the logs.
    pub async fn start(options: Options) -> Result<Self, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let bin = assets()?;
        let name = format!(
            "weir-apiserver-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let dir = env::temp_dir().join(name);
        // Left by an earlier process that had the same id.
        if dir.exists() {
            run_script("down", [dir.as_os_str()]).await?;
        }

        let mut args: Vec<String> = vec!["--no-build".into()];
        args.extend(["--owner".into(), std::process::id().to_string()]);
        if options.controllers {
            args.push("--kcm".into());
        }
        if let Some(port) = options.port {
            args.extend(["--port".into(), port.to_string()]);
        }
        for arg in options.apiserver_args {
            args.extend(["--apiserver-arg".into(), arg]);
        }
        for arg in options.controller_args {
            args.extend(["--kcm-arg".into(), arg]);
        }

        // Made before the start, so that a failed start is undone.
        let server = Self { kubeconfig: dir.join("kubeconfig"), bin, dir };
        let args = args.iter().map(OsStr::new);
        run_script("up", args.chain([server.dir.as_os_str()])).await?;
        Ok(server)
    }

    /// The administrator's kubeconfig, with the certificates inside.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The directory of everything: `log/`, `pki/`, `kubeconfig`, `pids/`.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The directory of etcd, kube-apiserver and kubectl.
    pub fn bin(&self) -> &Path {
        &self.bin
    }

    /// A client with the administrator's rights.
    pub async fn client(&self) -> kube::Client {
        client(&self.kubeconfig)
            .await
            .unwrap_or_else(|error| panic!("no client from {}: {error}", self.kubeconfig.display()))
    }

    /// A kubeconfig for another user, such as `/O=viewers/CN=jane`. The user
    /// may do nothing until RBAC says so. Use each name once.
    pub async fn credentials(&self, name: &str, subject: &str) -> Result<PathBuf, String> {
        let args = [self.dir.as_os_str(), name.as_ref(), subject.as_ref()];
        let output = run_script("credentials", args).await?;
        Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
    }

    /// Runs kubectl, with `stdin` as its input where given. A failure is an
    /// error that says what kubectl said.
    pub async fn kubectl<I, S>(&self, args: I, stdin: Option<&str>) -> Result<Output, String>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let mut command = Command::new(self.bin.join("kubectl"));
        command
            .args(args)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("KUBECACHEDIR", self.dir.join("kubectl-cache"));
        run(command, stdin).await
    }

    /// Applies manifests, one or more YAML documents.
    pub async fn apply(&self, manifests: &str) -> Result<(), String> {
        self.kubectl(["apply", "-f", "-"], Some(manifests)).await.map(drop)
    }

    /// An outage: connections end, and new ones are refused.
    pub async fn stop_apiserver(&self) -> Result<(), String> {
        self.control("stop-apiserver").await
    }

    /// The same without a goodbye, like a crash.
    pub async fn kill_apiserver(&self) -> Result<(), String> {
        run_script("stop-apiserver", [OsStr::new("--kill"), self.dir.as_os_str()]).await.map(drop)
    }

    /// The end of an outage: waits until the API server is ready again, at the
    /// same address and with the same data.
    pub async fn start_apiserver(&self) -> Result<(), String> {
        self.control("start-apiserver").await
    }

    /// Another outage: the API server's port accepts, but nothing answers.
    pub async fn pause_apiserver(&self) -> Result<(), String> {
        self.control("pause-apiserver").await
    }

    /// The end of that.
    pub async fn resume_apiserver(&self) -> Result<(), String> {
        self.control("resume-apiserver").await
    }

    async fn control(&self, command: &str) -> Result<(), String> {
        run_script(command, [self.dir.as_os_str()]).await.map(drop)
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        let mut down = std::process::Command::new(script("control-plane"));
        down.arg("down").stdin(Stdio::null());
        if std::thread::panicking() {
            // Keeps the logs for whoever looks into the failure.
            eprintln!("API server logs: {}", self.dir.join("log").display());
            down.arg("--keep");
        }
        match down.arg(&self.dir).output() {
            Ok(output) if output.status.success() => {}
            Ok(output) => eprintln!("{}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => eprintln!("cannot end {}: {error}", self.dir.display()),
        }
    }
}

/// A client for any kubeconfig file, as Weir makes its own.
pub async fn client(kubeconfig: &Path) -> Result<kube::Client, String> {
    let file = Kubeconfig::read_from(kubeconfig).map_err(|error| error.to_string())?;
    let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
        .await
        .map_err(|error| error.to_string())?;
    weir::source::kubernetes::client(config).map_err(|error| error.to_string())
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("hack/k8s").join(name)
}

async fn run_script<I, S>(name: &str, args: I) -> Result<Output, String>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = Command::new(script("control-plane"));
    command.arg(name).args(args);
    run(command, None).await
}

async fn run(mut command: Command, stdin: Option<&str>) -> Result<Output, String> {
    let line = format!("{:?}", command.as_std());
    command
        .stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("cannot run {line}: {error}"))?;
    let input = child.stdin.take().zip(stdin);
    let write = async {
        if let Some((mut pipe, text)) = input {
            // A program that does not read it all says why itself.
            let _ = pipe.write_all(text.as_bytes()).await;
        }
    };
    let (output, ()) = tokio::join!(child.wait_with_output(), write);
    let output = output.map_err(|error| format!("cannot run {line}: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    Err(format!(
        "{line}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}
