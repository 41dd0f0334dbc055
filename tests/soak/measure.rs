//! Memory, descriptors and processor time of the process, over time.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

/// Growth over the measured time that is no leak: tables of memory and kept connections vary.
const MEMORY_BOUND: f64 = 12.0;
const MEMORY_SHARE: f64 = 0.10;
const DESCRIPTORS_BOUND: f64 = 24.0;
const DESCRIPTORS_SHARE: f64 = 0.10;

/// Ticks of the processor clock per second. Source: man 5 proc, man 3 sysconf.
const TICKS: f64 = 100.0;

struct Sample {
    at: f64,
    megabytes: f64,
    descriptors: f64,
    seconds: f64,
}

/// Measure is samples of one process.
pub struct Measure {
    pid: u32,
    samples: Vec<Sample>,
}

impl Measure {
    pub fn new(pid: u32) -> Self {
        Self { pid, samples: Vec::new() }
    }

    pub fn sample(&mut self, at: Duration) {
        let folder = format!("/proc/{}", self.pid);
        let Ok(status) = fs::read_to_string(format!("{folder}/status")) else { return };
        let Ok(stat) = fs::read_to_string(format!("{folder}/stat")) else { return };
        let Ok(descriptors) = fs::read_dir(format!("{folder}/fd")) else { return };
        let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = kilobytes.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let field = |n: usize| after_name.split_whitespace().nth(n)?.parse::<f64>().ok();
        self.samples.push(Sample {
            at: at.as_secs_f64(),
            megabytes: kilobytes.unwrap_or(0.0) / 1024.0,
            descriptors: descriptors.count() as f64,
            seconds: (field(11).unwrap_or(0.0) + field(12).unwrap_or(0.0)) / TICKS,
        });
    }

    pub fn latest(&self) -> String {
        self.samples.last().map_or_else(String::new, |sample| {
            format!("{:.1} MiB, {:.0} descriptors", sample.megabytes, sample.descriptors)
        })
    }

    fn measured(&self, warm_up: f64) -> &[Sample] {
        &self.samples[(self.samples.len() as f64 * warm_up) as usize..]
    }

    pub fn table(&self, warm_up: f64) -> String {
        let samples = self.measured(warm_up);
        let mut text = String::from(
            "| what | least | mean | most | growth |\n| --- | --- | --- | --- | --- |\n",
        );
        let mut row = |name: &str, value: fn(&Sample) -> f64| {
            let values = samples.iter().map(value);
            let least = values.clone().fold(f64::INFINITY, f64::min);
            let most = values.fold(0.0, f64::max);
            let _ = writeln!(
                text,
                "| {name} | {least:.1} | {:.1} | {most:.1} | {:+.1} |",
                mean(samples, value),
                growth(samples, value)
            );
        };
        row("memory, MiB", |sample| sample.megabytes);
        row("descriptors", |sample| sample.descriptors);
        if let (Some(first), Some(last)) = (samples.first(), samples.last()) {
            let share = (last.seconds - first.seconds) / (last.at - first.at).max(1.0) * 100.0;
            let _ =
                writeln!(text, "\n{share:.0} % of one core; {:.0} s measured", last.at - first.at);
        }
        text
    }

    /// Returns what grows beyond its bound, by the slope of least squares.
    pub fn growth(&self, warm_up: f64) -> Vec<String> {
        let samples = self.measured(warm_up);
        if samples.len() < 5 {
            return vec![format!("{} samples are too few to say anything", samples.len())];
        }
        let mut wrong = Vec::new();
        let mut bound = |name: &str, value: fn(&Sample) -> f64, least: f64, share: f64| {
            let (growth, bound) = (growth(samples, value), least + share * mean(samples, value));
            if growth > bound {
                wrong.push(format!("{name} grew by {growth:.1}, more than {bound:.1}"));
            }
        };
        bound("memory in MiB", |s| s.megabytes, MEMORY_BOUND, MEMORY_SHARE);
        bound("descriptors", |s| s.descriptors, DESCRIPTORS_BOUND, DESCRIPTORS_SHARE);
        wrong
    }

    /// Draws memory and descriptors.
    pub fn picture(&self) -> String {
        let mut svg = String::from(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 300\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"640\" height=\"300\" fill=\"#fff\"/>\n",
        );
        let end = self.samples.last().map_or(1.0, |sample| sample.at);
        let mut curve = |name: &str, top: f64, color: &str, value: fn(&Sample) -> f64| {
            let most = self.samples.iter().map(value).fold(1.0, f64::max);
            let points: Vec<String> = self
                .samples
                .iter()
                .map(|s| {
                    let (x, y) = (40.0 + s.at / end * 590.0, top + 110.0 - value(s) / most * 100.0);
                    format!("{x:.1},{y:.1}")
                })
                .collect();
            let _ = writeln!(
                svg,
                "<text x=\"40\" y=\"{}\">{name}, 0 to {most:.0}, over {end:.0} s</text>\n\
                 <path d=\"M40 {0:.0}V{1:.0}H630\" fill=\"none\" stroke=\"#999\"/>\n\
                 <polyline points=\"{2}\" fill=\"none\" stroke=\"{color}\"/>",
                top + 4.0,
                top + 110.0,
                points.join(" ")
            );
        };
        curve("memory in MiB", 20.0, "#0a7", |sample| sample.megabytes);
        curve("descriptors", 165.0, "#a50", |sample| sample.descriptors);
        svg += "</svg>\n";
        svg
    }
}

fn mean(samples: &[Sample], value: fn(&Sample) -> f64) -> f64 {
    samples.iter().map(value).sum::<f64>() / samples.len().max(1) as f64
}

/// The slope of least squares, over the whole time.
fn growth(samples: &[Sample], value: fn(&Sample) -> f64) -> f64 {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return 0.0 };
    let (at, middle) = (mean(samples, |sample| sample.at), mean(samples, value));
    let over: f64 = samples.iter().map(|s| (s.at - at) * (value(s) - middle)).sum();
    let under: f64 = samples.iter().map(|s| (s.at - at).powi(2)).sum();
    over / under.max(1e-9) * (last.at - first.at)
}
