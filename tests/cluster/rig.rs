//! One node for all tests, and programs that run inside it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use serde_json::Value;

/// Where clients connect: the node's address and the node ports of Weir's Service.
pub const HTTP: &str = "10.99.0.10:30080";
pub const HTTPS: &str = "10.99.0.10:30443";
/// No test waits longer for anything.
const DEADLINE: Duration = Duration::from_secs(120);

/// Rig is a node that runs. It ends with this process.
#[derive(Debug)]
pub struct Rig {
    dir: PathBuf,
}

/// Returns the node that the tests share; or says `skipped`.
pub fn shared() -> Option<&'static Rig> {
    static SHARED: OnceLock<Result<Rig, String>> = OnceLock::new();
    match SHARED.get_or_init(start) {
        Ok(rig) => Some(rig),
        Err(reason) if env::var_os("WEIR_REQUIRE_CLUSTER").is_some_and(|v| v == "1") => {
            panic!("WEIR_REQUIRE_CLUSTER=1, but there is no cluster: {reason}")
        }
        Err(reason) => {
            println!("skipped: {reason}");
            None
        }
    }
}

fn start() -> Result<Rig, String> {
    let me = Command::new("id").arg("-u").output().map_err(|error| format!("id: {error}"))?;
    if me.stdout != b"0\n" {
        return Err("a cluster needs root".into());
    }
    for script in ["hack/k8s/build", "hack/cluster/build"] {
        run(Command::new(script).arg("--no-build"))?;
    }
    if helm_folder().is_none() {
        return Err("no helm: run hack/tools/build and set WEIR_TOOLS to what it prints".into());
    }
    let profile = ["--profile", "release", "--no-build"];
    let image = run(Command::new("hack/image/build").args(profile))?;
    let dir = env::temp_dir().join(format!("weir-cluster-{}", std::process::id()));
    // Left by an earlier process that had the same id.
    run(Command::new("hack/cluster/down").arg(&dir))?;
    let mut up = Command::new("hack/cluster/up");
    up.args(["--no-build", "--owner", &std::process::id().to_string()]);
    let said = run(up.arg(&dir).arg(image.trim()));
    // The programs are there, so this is a failure whatever the environment says.
    said.unwrap_or_else(|error| panic!("the node does not start: {error}"));
    Ok(Rig { dir })
}

/// Returns the folder of helm.
pub fn helm_folder() -> Option<PathBuf> {
    let known = env::var_os("WEIR_TOOLS").map(PathBuf::from);
    let folder = known.or_else(|| {
        run(Command::new("hack/tools/build").arg("--no-build")).ok().map(|out| out.trim().into())
    })?;
    folder.join("helm").exists().then_some(folder)
}

/// Runs a program to its end, and returns its standard output.
pub fn run(command: &mut Command) -> Result<String, String> {
    let out = command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    let said = String::from_utf8_lossy(&out.stderr);
    if out.status.success() {
        return Ok(String::from_utf8_lossy(&out.stdout).into_owned());
    }
    Err(format!("{command:?}: {}\n{}{said}", out.status, String::from_utf8_lossy(&out.stdout)))
}

impl Rig {
    /// Returns the directory of the node, which goes with it.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns a command that runs a program inside the node.
    pub fn inside(&self, program: impl AsRef<Path>) -> Command {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new(root.join("hack/cluster/in"));
        command.current_dir(root).arg(&self.dir).arg(program.as_ref());
        command
    }

    /// Runs kubectl and returns what it printed.
    pub fn kubectl(&self, arguments: &str) -> String {
        self.try_kubectl(arguments).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same where a failure is expected.
    pub fn try_kubectl(&self, arguments: &str) -> Result<String, String> {
        run(self.inside("kubectl").args(arguments.split_whitespace()))
    }

    /// Runs helm and returns what it printed.
    pub fn helm(&self, arguments: &str) -> String {
        let helm = helm_folder().expect("helm was there at the start").join("helm");
        run(self.inside(helm).args(arguments.split_whitespace()))
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs a command of `hack/k8s/control-plane` for this node's control plane.
    pub fn control_plane(&self, command: &str) -> String {
        let mut control = self.inside("hack/k8s/control-plane");
        control.args(command.split_whitespace()).arg(self.dir.join("cp"));
        run(&mut control).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs a shell command inside the node.
    pub fn shell(&self, line: &str) -> String {
        run(self.inside("bash").args(["-c", line])).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Applies manifests, one or more YAML documents.
    pub fn apply(&self, manifests: &str) {
        self.try_apply(manifests).unwrap_or_else(|error| panic!("{error}"));
    }

    /// The same where it may fail.
    pub fn try_apply(&self, manifests: &str) -> Result<(), String> {
        let file = self.dir.join("apply.yaml");
        fs::write(&file, manifests).map_err(|error| error.to_string())?;
        run(self.inside("kubectl").args(["apply", "-f"]).arg(&file)).map(drop)
    }

    /// Installs or upgrades the release `weir` in the namespace `weir-system` and waits for it.
    pub fn install(&self, values: &str) {
        self.helm(&format!(
            "upgrade --install weir charts/weir --namespace weir-system --wait --timeout 120s \
             --set image.tag=dev,service.type=NodePort \
             --set service.nodePorts.http=30080,service.nodePorts.https=30443 {values}"
        ));
    }

    /// Sends one request from the node and returns the status and the body.
    pub fn fetch(&self, address: &str, host: &str, path: &str) -> Result<(u16, String), String> {
        let said = run(self.inside(this()).args(["fetch", address, host, path]))?;
        let (status, body) = said.split_once('\n').ok_or("no status")?;
        Ok((status.parse().map_err(|_| format!("status {status:?}"))?, body.to_owned()))
    }

    /// Starts the load inside the node.
    pub fn load(&self, arguments: &str) -> Child {
        let mut load = self.inside(this());
        load.arg("load").args(arguments.split_whitespace());
        load.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the load starts")
    }

    /// Says what there is to know after a failure.
    pub fn tell(&self) {
        let mut said = String::new();
        for arguments in [
            "get pods -A -o wide",
            "get backendpools -A",
            "get events -n weir-system",
            "logs -n weir-system -l app.kubernetes.io/name=weir --tail=60",
        ] {
            let out = self.try_kubectl(arguments).unwrap_or_else(|error| error);
            let _ = writeln!(said, "--- kubectl {arguments}\n{out}");
        }
        println!("{said}");
    }
}

/// Returns this program, which is also the load.
fn this() -> PathBuf {
    fs::canonicalize("/proc/self/exe").expect("the path of this program")
}

/// Waits until something is so, up to the deadline.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < DEADLINE, "waited for {what}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// Reads what `kubectl -o json` printed.
pub fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}
