//! What sslyze finds at the HTTPS listener.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::certificates;
use crate::rig::{Backend, Weir};
use crate::tools;

#[test]
fn only_what_is_safe_today_is_offered() {
    let Some(program) = tools::find("sslyze") else { return };
    let backend = Backend::start("one", [127, 0, 0, 1], 0, Duration::ZERO);
    let weir = Weir::start(&certificates::manifests(backend.address).0);
    let report = tempfile::NamedTempFile::new().expect("report");
    let output = Command::new(program)
        .args(["--sslv2", "--sslv3", "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3"])
        .args(["--resum", "--resum_attempts", "20", "--early_data", "--compression", "--reneg"])
        .args(["--ems", "--fallback", "--heartbleed", "--openssl_ccs", "--robot"])
        .args(["--elliptic_curves", "--mozilla_config", "disable", "--json_out"])
        .arg(report.path())
        .arg(format!("localhost:{}{{127.0.0.1}}", weir.https.port()))
        .output()
        .expect("sslyze starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let text = std::fs::read_to_string(report.path()).expect("report");
    let report: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {said}"));
    let results = &report["server_scan_results"][0]["scan_result"];
    let found = |scan: &str| -> Value {
        assert_eq!(results[scan]["status"], "COMPLETED", "{scan}: {said}");
        results[scan]["result"].clone()
    };
    for old in ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"] {
        let result = found(&format!("{old}_cipher_suites"));
        assert_eq!(result["is_tls_version_supported"], false, "{old}: {said}");
    }
    let both = ["ECDSA", "RSA"].iter().flat_map(|kind| {
        ["AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256"]
            .map(|cipher| format!("TLS_ECDHE_{kind}_WITH_{cipher}"))
    });
    assert_eq!(suites(&found("tls_1_2_cipher_suites")), both.collect(), "{said}");
    let newest = ["AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256"];
    let newest = newest.map(|cipher| format!("TLS_{cipher}"));
    assert_eq!(suites(&found("tls_1_3_cipher_suites")), newest.into(), "{said}");

    for (scan, field, expected) in [
        ("tls_1_3_early_data", "supports_early_data", Value::Bool(false)),
        ("tls_compression", "supports_compression", Value::Bool(false)),
        ("session_renegotiation", "is_vulnerable_to_client_renegotiation_dos", Value::Bool(false)),
        ("session_renegotiation", "supports_secure_renegotiation", Value::Bool(true)),
        ("tls_extended_master_secret", "supports_ems_extension", Value::Bool(true)),
        ("tls_fallback_scsv", "supports_fallback_scsv", Value::Bool(true)),
        ("heartbleed", "is_vulnerable_to_heartbleed", Value::Bool(false)),
        ("openssl_ccs_injection", "is_vulnerable_to_ccs_injection", Value::Bool(false)),
        ("robot", "robot_result", "NOT_VULNERABLE_RSA_NOT_SUPPORTED".into()),
        // Its measure for tickets is that a resumed session keeps its ticket, but each resumption
        // gives a new one here: `resumption` tries tickets. RFC 5077 §3.3 allows both.
        ("session_resumption", "session_id_successful_resumptions_count", 20.into()),
    ] {
        assert_eq!(found(scan)[field], expected, "{scan}: {field}: {said}");
    }
    let curves = found("elliptic_curves");
    let curves = curves["supported_curves"].as_array().expect("curves").iter();
    let curves: BTreeSet<&str> = curves.filter_map(|curve| curve["name"].as_str()).collect();
    assert_eq!(curves, BTreeSet::from(["X25519", "secp256r1", "secp384r1"]), "{said}");
}

fn suites(result: &Value) -> BTreeSet<String> {
    let accepted = result["accepted_cipher_suites"].as_array().expect("suites").iter();
    accepted.filter_map(|one| Some(one["cipher_suite"]["name"].as_str()?.to_owned())).collect()
}
