//! What the system says of this process.

use std::fs;

/// Ticks in a second of the times in `/proc`: the same on every Linux that this runs on.
/// Source: proc_pid_stat(5), sysconf(3) `_SC_CLK_TCK`.
const TICKS: f64 = 100.0;

/// Process is a reading of `/proc`; what cannot be read is left out.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Process {
    pub(super) cpu_seconds: Option<f64>,
    pub(super) resident_bytes: Option<f64>,
    pub(super) virtual_bytes: Option<f64>,
    pub(super) open_fds: Option<f64>,
    pub(super) max_fds: Option<f64>,
    pub(super) threads: Option<f64>,
    pub(super) start_seconds: Option<f64>,
}

impl Process {
    pub(super) fn read() -> Self {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let (stat, status) = (text("/proc/self/stat"), text("/proc/self/status"));
        // The command stands in brackets and may hold anything: fields count from behind it.
        let fields: Vec<&str> =
            stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        let kibibytes = |name: &str| Some(value(&status, name)? * 1024.0);
        let boot = value(&text("/proc/stat"), "btime");
        Self {
            cpu_seconds: field(14).zip(field(15)).map(|(user, system)| (user + system) / TICKS),
            resident_bytes: kibibytes("VmRSS:"),
            virtual_bytes: kibibytes("VmSize:"),
            open_fds: count_open(),
            max_fds: value(&text("/proc/self/limits"), "Max open files"),
            threads: value(&status, "Threads:"),
            start_seconds: boot.zip(field(22)).map(|(boot, ticks)| boot + ticks / TICKS),
        }
    }
}

/// Returns the first number behind a name at the begin of a line.
fn value(text: &str, name: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

fn count_open() -> Option<f64> {
    // The reading itself holds one.
    Some(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_read() {
        let process = Process::read();
        assert!(process.resident_bytes.unwrap() > 1e5, "{process:?}");
        assert!(process.virtual_bytes >= process.resident_bytes);
        assert!(process.open_fds.unwrap() >= 3.0);
        assert!(process.max_fds > process.open_fds);
        assert!(process.threads.unwrap() >= 1.0);
        assert!(process.cpu_seconds.is_some());
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let age = now.as_secs_f64() - process.start_seconds.unwrap();
        assert!((-2.0..86_400.0).contains(&age), "{age}");
    }
}
