//! Watches the memory of the process, and tells the workers when little is left.
//!
//! The kernel ends a container that reaches the limit of its cgroup, and every connection with it.
//! What files cache is not counted: the kernel takes that back first, as the kubelet knows too.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::config::ByteSize;
use crate::metrics::Metrics;
use crate::proxy::{Level, Pressure};

/// How often memory is looked at.
const EVERY: Duration = Duration::from_millis(200);

/// Memory is where the limit and the use of memory are read.
#[derive(Debug, PartialEq, Eq)]
struct Memory {
    limit: u64,
    used: Used,
}

/// Used is where the use is read.
#[derive(Debug, PartialEq, Eq)]
enum Used {
    /// What the process itself has in RAM.
    Own(PathBuf),
    /// That of a cgroup: of version 2, or 1.
    Cgroup(PathBuf, &'static Names),
}

/// Names are those of the files and lines of a version.
#[derive(Debug, PartialEq, Eq)]
struct Names {
    limit: &'static str,
    used: &'static str,
    /// What caches files, among the statistics.
    cached: [&'static str; 2],
}

/// Source: kernel documentation, admin-guide/cgroup-v2.
const V2: Names = Names {
    limit: "memory.max",
    used: "memory.current",
    cached: ["inactive_file ", "active_file "],
};
/// Source: kernel documentation, admin-guide/cgroup-v1/memory.
const V1: Names = Names {
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    cached: ["total_inactive_file ", "total_active_file "],
};

impl Memory {
    /// Takes the limit that was given, or the least one of the process's cgroups below `root`.
    /// Nothing where there is none.
    fn find(root: &Path, given: u64) -> Option<Self> {
        if given > 0 {
            return Some(Self { limit: given, used: Used::Own(root.join("proc/self/status")) });
        }
        let own = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
        own.lines().filter_map(|line| least(root, line)).min_by_key(|memory| memory.limit)
    }

    /// Returns how many bytes are in use. Nothing where that cannot be read.
    fn used(&self) -> Option<u64> {
        match &self.used {
            Used::Own(status) => {
                Some(value(&fs::read_to_string(status).ok()?, "VmRSS:")?.saturating_mul(1024))
            }
            Used::Cgroup(folder, names) => {
                let used = number(&folder.join(names.used))?;
                let stat = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
                let cached = names.cached.iter().filter_map(|name| value(&stat, name)).sum();
                Some(used.saturating_sub(cached))
            }
        }
    }
}

/// Returns the least limit of a line of `/proc/self/cgroup`, from the cgroup up to the root. In a
/// container the path may be that of the host, and what is mounted its own.
fn least(root: &Path, line: &str) -> Option<Memory> {
    let (_, rest) = line.split_once(':')?;
    let (controllers, path) = rest.split_once(':')?;
    let (mounted, names) = match controllers {
        "" => (root.join("sys/fs/cgroup"), &V2),
        _ if controllers.split(',').any(|name| name == "memory") => {
            (root.join("sys/fs/cgroup/memory"), &V1)
        }
        _ => return None,
    };
    let full = mounted.join(path.trim_start_matches('/'));
    let folders = full.ancestors().take_while(|folder| folder.starts_with(&mounted));
    folders
        .filter_map(|folder| {
            let limit = number(&folder.join(names.limit))?;
            // Version 1 says the largest number that there is.
            let is_limit = limit < 1 << 62;
            is_limit.then(|| Memory { limit, used: Used::Cgroup(folder.to_owned(), names) })
        })
        .min_by_key(|memory| memory.limit)
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Returns the first number behind a name at the begin of a line.
fn value(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

/// Watches for ever.
pub(super) async fn watch(given: ByteSize, pressure: Arc<Pressure>, metrics: Arc<Metrics>) {
    let Some(memory) = Memory::find(Path::new("/"), given.0) else {
        return std::future::pending().await;
    };
    metrics.control().set_memory_limit(memory.limit);
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let used = memory.used().unwrap_or(0);
        let level = Level::of(used, memory.limit);
        let before = pressure.set(level);
        metrics.control().set_memory_used(used);
        if level == before {
            continue;
        }
        let limit = memory.limit;
        match level {
            Level::Normal => tracing::info!(used, limit, "memory: enough is left again"),
            Level::High => {
                tracing::warn!(used, limit, "memory: little is left, connections end early");
            }
            Level::Full => {
                tracing::warn!(used, limit, "memory: too little is left, requests get 503");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(name: &str, files: &[(&str, &str)]) -> PathBuf {
        let root = std::env::temp_dir().join(format!("weir-memory-{name}-{}", std::process::id()));
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn read(name: &str, given: u64, files: &[(&str, &str)]) -> Option<(u64, Option<u64>)> {
        let root = machine(name, files);
        let memory = Memory::find(&root, given);
        let found = memory.map(|memory| (memory.limit, memory.used()));
        fs::remove_dir_all(root).unwrap();
        found
    }

    #[test]
    fn the_least_limit_of_version_2_counts() {
        let found = read(
            "v2",
            0,
            &[
                ("proc/self/cgroup", "0::/pods/one\n"),
                ("sys/fs/cgroup/pods/one/memory.max", "max\n"),
                ("sys/fs/cgroup/pods/memory.max", "1000\n"),
                ("sys/fs/cgroup/pods/memory.current", "700\n"),
                ("sys/fs/cgroup/pods/memory.stat", "anon 400\ninactive_file 200\nactive_file 50\n"),
            ],
        );
        assert_eq!(found, Some((1000, Some(450))));
    }

    #[test]
    fn a_container_of_version_1_sees_its_own_mount() {
        let files = [
            ("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/kubepods/pod1/c\n0::/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "2000\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "1500\n"),
            (
                "sys/fs/cgroup/memory/memory.stat",
                "inactive_file 1\ntotal_inactive_file 100\ntotal_active_file 200\n",
            ),
        ];
        assert_eq!(read("v1", 0, &files), Some((2000, Some(1200))));
    }

    #[test]
    fn what_is_given_counts_and_no_limit_is_none() {
        let unlimited = [
            ("proc/self/cgroup", "4:memory:/\n0::/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("proc/self/status", "Name:\tweir\nVmRSS:\t     12 kB\n"),
        ];
        assert_eq!(read("none", 0, &unlimited), None);
        assert_eq!(read("given", 4096, &unlimited), Some((4096, Some(12 * 1024))));
    }
}
