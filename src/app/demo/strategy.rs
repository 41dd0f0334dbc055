//! The strategies that the demo shows: each is a file that a reader may take.

use std::net::{IpAddr, SocketAddr};

/// Strategy is one file of `manifests/examples/demo`.
///
/// Its first lines are a comment: what it shows, then one curl line, which may end in what the
/// name of the backend that answers begins with.
#[derive(Debug)]
pub(super) struct Strategy {
    pub(super) name: &'static str,
    pub(super) manifest: &'static str,
    pub(super) what: String,
    /// The line to try, for the address that the files name.
    pub(super) curl: String,
    pub(super) request: Request,
    /// What the name of the backend begins with; empty where any may answer.
    pub(super) expected: String,
}

/// Request is what a curl line sends.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    /// Address that it comes from.
    pub(super) client: Option<IpAddr>,
}

/// Where the curl lines of the files go.
const WRITTEN: &str = "127.0.0.1:8080";

/// The port of the first backend in the files; those of the others follow it.
const FIRST_PORT: u16 = 9001;

macro_rules! manifest {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../manifests/examples/demo/", $name, ".yaml")))
    };
}

/// What stands behind the Services that the strategies name.
pub(super) const SERVICES: &str = manifest!("services").1;

/// The strategies, in the order in which they are shown.
pub(super) const MANIFESTS: [(&str, &str); 20] = [
    manifest!("round-robin"),
    manifest!("weighted"),
    manifest!("least-request"),
    manifest!("peak-ewma"),
    manifest!("random"),
    manifest!("ring-hash"),
    manifest!("maglev"),
    manifest!("sticky"),
    manifest!("nearest"),
    manifest!("zone"),
    manifest!("failover"),
    manifest!("retried"),
    manifest!("ejected"),
    manifest!("path"),
    manifest!("regex"),
    manifest!("header"),
    manifest!("cookie"),
    manifest!("query"),
    manifest!("method"),
    manifest!("wildcard"),
];

/// Returns all strategies.
///
/// # Errors
/// Where a file has no curl line, which would be a mistake in it.
pub(super) fn all() -> anyhow::Result<Vec<Strategy>> {
    let read = |(name, manifest)| {
        Strategy::read(name, manifest)
            .ok_or_else(|| anyhow::anyhow!("{name}.yaml has no curl line in its first comment"))
    };
    MANIFESTS.into_iter().map(read).collect()
}

impl Strategy {
    fn read(name: &'static str, manifest: &'static str) -> Option<Self> {
        let comment = || manifest.lines().map_while(|line| line.strip_prefix('#')).map(str::trim);
        let what: Vec<&str> = comment().take_while(|line| !line.is_empty()).collect();
        let line = comment().find(|line| line.starts_with("curl "))?;
        let (curl, expected) = line.split_once("    ").unwrap_or((line, ""));
        Some(Self {
            name,
            manifest,
            what: what.join(" "),
            curl: curl.to_owned(),
            request: Request::of_curl(curl)?,
            expected: expected.trim().to_owned(),
        })
    }

    /// Returns the curl line for the address that Weir has.
    pub(super) fn curl_to(&self, weir: SocketAddr) -> String {
        self.curl.replace(WRITTEN, &weir.to_string())
    }
}

impl Request {
    /// Reads the options that the files use; nothing where there is another, or no URL.
    pub(super) fn of_curl(line: &str) -> Option<Self> {
        let mut request = Self { method: "GET".to_owned(), ..Self::default() };
        let mut words = words(line).into_iter().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "-s" => {}
                "-X" => request.method = words.next()?,
                // The file that cookies are kept in: there are none yet.
                "-c" => drop(words.next()?),
                "-b" => {
                    let cookie = words.next()?;
                    if cookie.contains('=') {
                        request.headers.push(("cookie".to_owned(), cookie));
                    }
                }
                "-H" => {
                    let header = words.next()?;
                    let (name, value) = header.split_once(':')?;
                    request.headers.push((name.to_owned(), value.trim().to_owned()));
                }
                "--interface" => request.client = Some(words.next()?.parse().ok()?),
                url => {
                    url.strip_prefix("http://")?
                        .strip_prefix(WRITTEN)?
                        .clone_into(&mut request.path);
                }
            }
        }
        (!request.path.is_empty()).then_some(request)
    }

    /// Returns a header that it sends.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

/// Splits a line as a shell does, as far as single quotes go.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// Returns the Services with the ports that the backends have, in the place of those written.
pub(super) fn services(backends: &[SocketAddr]) -> String {
    let mut lines: Vec<String> = SERVICES.lines().map(str::to_owned).collect();
    for line in lines.iter_mut().filter(|line| line.starts_with("ports:")) {
        for (written, backend) in (FIRST_PORT..).zip(backends) {
            if line.contains(&written.to_string()) {
                *line = line.replace(&written.to_string(), &backend.port().to_string());
                break;
            }
        }
    }
    lines.join("\n") + "\n"
}
