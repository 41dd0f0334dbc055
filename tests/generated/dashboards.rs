//! Writes the Grafana dashboards of the chart from one line for each panel.

use serde_json::{Value, json};

use crate::of_pool::POOL;
use crate::overview::OVERVIEW;
use crate::panels::Panel;

const RATE: &str = "$__rate_interval";

/// The files, by name.
pub fn all() -> [(&'static str, String); 2] {
    [
        ("weir-overview.json", dashboard("weir-overview", "Weir", true, OVERVIEW)),
        ("weir-pool.json", dashboard("weir-pool", "Weir / one pool", false, POOL)),
    ]
}

fn dashboard(uid: &str, title: &str, is_multi: bool, rows: &[(&str, &[Panel])]) -> String {
    let mut panels = Vec::new();
    let mut y = 0;
    for (title, row) in rows {
        panels.push(json!({ "id": panels.len() + 1, "type": "row", "title": title,
            "collapsed": false, "panels": [], "gridPos": { "x": 0, "y": y, "w": 24, "h": 1 } }));
        y += 1;
        let mut x = 0;
        let mut height = 0;
        for panel in *row {
            if x + panel.1 > 24 {
                (x, y) = (0, y + height);
            }
            height = if panel.2 == "stat" { 4 } else { 8 };
            let place = json!({ "x": x, "y": y, "w": panel.1, "h": height });
            panels.push(write(panel, panels.len() + 1, &place));
            x += panel.1;
        }
        y += height;
    }
    let source = json!({ "type": "prometheus", "uid": "${datasource}" });
    let all = if is_multi {
        json!({ "selected": true, "text": "All", "value": "$__all" })
    } else {
        json!({})
    };
    let variables = json!([
        { "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus" },
        { "name": "pool", "label": "Pool", "type": "query", "datasource": source,
          "query": { "query": "label_values(weir_upstream_endpoints, pool)", "refId": "pool" },
          "definition": "label_values(weir_upstream_endpoints, pool)", "refresh": 2, "sort": 1,
          "multi": is_multi, "includeAll": is_multi, "allValue": ".*", "current": all }
    ]);
    let dashboard = json!({ "uid": uid, "title": title, "tags": ["weir"], "schemaVersion": 39,
        "version": 1, "editable": true, "graphTooltip": 1, "refresh": "30s", "timezone": "",
        "time": { "from": "now-1h", "to": "now" }, "panels": panels,
        "templating": { "list": variables }, "annotations": { "list": [] },
        "links": [{ "type": "dashboards", "tags": ["weir"], "title": "Weir", "asDropdown": false,
            "includeVars": true, "keepTime": true }] });
    serde_json::to_string_pretty(&dashboard).expect("a dashboard is JSON") + "\n"
}

fn write((title, _, form, unit, description, queries): &Panel, id: usize, place: &Value) -> Value {
    let source = json!({ "type": "prometheus", "uid": "${datasource}" });
    let targets: Vec<Value> = queries
        .iter()
        .zip('A'..)
        .map(|((query, legend), letter)| {
            json!({ "refId": letter.to_string(), "datasource": source,
                "expr": query.replace("RATE", RATE), "legendFormat": legend })
        })
        .collect();
    let options = if *form == "stat" {
        json!({ "colorMode": "value", "graphMode": "area", "textMode": "auto",
            "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false } })
    } else {
        json!({ "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true },
            "tooltip": { "mode": "multi", "sort": "desc" } })
    };
    let custom = if *form == "stat" {
        json!({})
    } else {
        json!({ "lineWidth": 1, "fillOpacity": 8, "showPoints": "never" })
    };
    json!({ "id": id, "type": form, "title": title, "description": description,
        "datasource": source, "gridPos": place, "targets": targets, "options": options,
        "fieldConfig": { "defaults": { "unit": unit, "custom": custom }, "overrides": [] } })
}
