//! Draws the overview dashboard from what Prometheus answers: docs/dashboard.svg, by `make picture`.
//!
//! Grafana is not needed, so it looks a little different there. Places, titles, units and queries are
//! those of the dashboard's file.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::prometheus::{Prometheus, dashboard, filled_in, root};
use crate::rig::eventually;
use crate::traffic::Traffic;

const CELL: f64 = 50.0;
const LINE: f64 = 30.0;
const COLORS: [&str; 8] =
    ["#3b82c4", "#d9822b", "#3f9e5a", "#c2434f", "#8a63c8", "#8d7a3b", "#c25b9b", "#4a9fa8"];
const STYLE: &str = "svg { font-family: sans-serif; font-size: 11px } .back { fill: #f4f5f7 } \
    .panel { fill: #ffffff; stroke: #d5d8de } .text { fill: #24292f } .dim { fill: #68707c } \
    .grid { stroke: #e3e5ea } @media (prefers-color-scheme: dark) { .back { fill: #111217 } \
    .panel { fill: #181b1f; stroke: #2c3038 } .text { fill: #d8dce3 } .dim { fill: #949ba8 } \
    .grid { stroke: #262a31 } }";

/// One line of a panel: its legend, and value by time.
struct Series {
    legend: String,
    points: Vec<(f64, f64)>,
}

/// Every panel is drawn with at least one line. The picture is kept only where
/// `WEIR_PICTURE_SECONDS` says how long the traffic before it lasts.
#[test]
fn the_dashboard_can_be_drawn() {
    let seconds: Option<u64> =
        std::env::var("WEIR_PICTURE_SECONDS").ok().map(|text| text.parse().expect("seconds"));
    let traffic = Traffic::start();
    let Some(prometheus) = Prometheus::start(traffic.weir.admin) else { return };
    let from = now();
    // Busier and quieter, so that there is something to see.
    for turn in 0..seconds.unwrap_or(0) {
        let wave = (turn as f64 / 15.0).sin().mul_add(8.0, 12.0);
        traffic.pause.store(wave as u64, Ordering::SeqCst);
        std::thread::sleep(Duration::from_secs(1));
    }
    let mut picture = String::new();
    eventually("lines in the panels", || {
        picture = draw(&prometheus, (from, now()));
        picture.matches("<polyline").count() >= 30
    });
    if seconds.is_some() {
        std::fs::write(root().join("docs/dashboard.svg"), picture).unwrap();
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

fn draw(prometheus: &Prometheus, time: (f64, f64)) -> String {
    let dashboard = dashboard("weir-overview.json");
    let panels = dashboard["panels"].as_array().unwrap();
    let place = |panel: &Value, name: &str| panel["gridPos"][name].as_f64().unwrap();
    let height = panels.iter().map(|p| place(p, "y") + place(p, "h")).fold(0.0, f64::max) * LINE;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1200 {height}\">\n\
         <style>{STYLE}</style>\n<rect class=\"back\" width=\"1200\" height=\"{height}\"/>\n"
    );
    for panel in panels {
        let (x, y) = (place(panel, "x") * CELL, place(panel, "y") * LINE);
        let (w, h) = (place(panel, "w") * CELL, place(panel, "h") * LINE);
        let title = escape(panel["title"].as_str().unwrap());
        if panel["type"] == "row" {
            text(&mut svg, (x + 8.0, y + 20.0), "text", "font-weight=\"bold\"", &title);
            continue;
        }
        writeln!(
            svg,
            "<rect class=\"panel\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"3\"/>",
            x + 3.0,
            y + 3.0,
            w - 6.0,
            h - 6.0
        )
        .unwrap();
        text(&mut svg, (x + 12.0, y + 20.0), "text", "", &title);
        let series = series(prometheus, panel, time);
        let unit = panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap();
        let area = (x + 68.0, y + 32.0, w - 83.0, h - 76.0);
        if panel["type"] == "stat" {
            stat(&mut svg, (x, y, w, h), unit, &series, time);
        } else {
            lines(&mut svg, area, unit, &series, time);
        }
    }
    svg + "</svg>\n"
}

fn series(prometheus: &Prometheus, panel: &Value, time: (f64, f64)) -> Vec<Series> {
    let mut all = Vec::new();
    for target in panel["targets"].as_array().unwrap() {
        let query = filled_in(target["expr"].as_str().unwrap());
        let step = ((time.1 - time.0) / 120.0).max(0.5);
        for result in prometheus.range(&query, time, step) {
            let mut legend = target["legendFormat"].as_str().unwrap().to_owned();
            for (name, value) in result["metric"].as_object().unwrap() {
                legend = legend.replace(&format!("{{{{{name}}}}}"), value.as_str().unwrap());
            }
            let points = result["values"].as_array().unwrap().iter();
            let points = points.map(|point| {
                (point[0].as_f64().unwrap(), point[1].as_str().unwrap().parse::<f64>().unwrap())
            });
            all.push(Series { legend, points: points.filter(|p| p.1.is_finite()).collect() });
        }
    }
    all.sort_by(|a, b| a.legend.cmp(&b.legend));
    all
}

fn stat(
    svg: &mut String,
    (x, y, w, h): (f64, f64, f64, f64),
    unit: &str,
    series: &[Series],
    time: (f64, f64),
) {
    let Some(first) = series.first() else { return };
    let Some((_, value)) = first.points.last() else { return };
    plot(svg, (x + 10.0, y + h - 36.0, w - 20.0, 26.0), series, time);
    let shown = format(*value, unit);
    let place = (x + w / 2.0, y + h / 2.0 + 12.0);
    text(svg, place, "text", "font-size=\"26\" text-anchor=\"middle\"", &shown);
}

fn lines(
    svg: &mut String,
    area: (f64, f64, f64, f64),
    unit: &str,
    series: &[Series],
    time: (f64, f64),
) {
    let (x, y, w, h) = area;
    let top = top_of(series);
    for part in 0..=2 {
        let at = y + h - h * f64::from(part) / 2.0;
        writeln!(
            svg,
            "<line class=\"grid\" x1=\"{x}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>",
            x + w
        )
        .unwrap();
        let label = format(top * f64::from(part) / 2.0, unit);
        text(svg, (x - 5.0, at + 4.0), "dim", "text-anchor=\"end\"", &label);
    }
    plot(svg, area, series, time);
    let mut at = (x - 53.0, y + h + 18.0);
    for (number, one) in series.iter().enumerate() {
        let width = one.legend.chars().count() as f64 * 6.2 + 22.0;
        if at.0 + width > x + w {
            at = (x - 53.0, at.1 + 14.0);
        }
        if at.1 > y + h + 34.0 {
            break;
        }
        let color = COLORS[number % COLORS.len()];
        writeln!(
            svg,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"10\" height=\"3\" fill=\"{color}\"/>",
            at.0,
            at.1 - 5.0
        )
        .unwrap();
        text(svg, (at.0 + 14.0, at.1), "dim", "", &escape(&one.legend));
        at.0 += width;
    }
}

fn top_of(series: &[Series]) -> f64 {
    let most = series.iter().flat_map(|s| &s.points).map(|p| p.1).fold(0.0, f64::max);
    if most > 0.0 { most * 1.1 } else { 1.0 }
}

fn plot(svg: &mut String, (x, y, w, h): (f64, f64, f64, f64), series: &[Series], time: (f64, f64)) {
    let top = top_of(series);
    for (number, one) in series.iter().enumerate() {
        let points: String = one
            .points
            .iter()
            .map(|(at, value)| {
                let across = x + w * (at - time.0) / (time.1 - time.0);
                format!("{across:.1},{:.1} ", y + h - h * value.max(0.0) / top)
            })
            .collect();
        let color = COLORS[number % COLORS.len()];
        writeln!(
            svg,
            "<polyline fill=\"none\" stroke=\"{color}\" stroke-width=\"1.5\" points=\"{}\"/>",
            points.trim()
        )
        .unwrap();
    }
}

fn text(svg: &mut String, (x, y): (f64, f64), class: &str, more: &str, said: &str) {
    writeln!(svg, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" {more}>{said}</text>")
        .unwrap();
}

/// A value as Grafana writes it for these units.
fn format(value: f64, unit: &str) -> String {
    let short = |value: f64| match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    match unit {
        _ if value == 0.0 => "0".to_owned(),
        "percentunit" => format!("{} %", short(value * 100.0)),
        "s" if value >= 172_800.0 => format!("{:.0} days", value / 86_400.0),
        "s" if value < 1.0 => format!("{} ms", short(value * 1000.0)),
        "s" => format!("{} s", short(value)),
        "bytes" => format!("{} MiB", short(value / f64::from(1 << 20))),
        "Bps" => format!("{} kB/s", short(value / 1000.0)),
        "reqps" | "ops" | "cps" => format!("{}/s", short(value)),
        _ if value.fract() == 0.0 => format!("{value:.0}"),
        _ => short(value),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
