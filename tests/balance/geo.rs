//! Clients whose region a database file knows. The file is written here, byte by byte.
//! Source: MaxMind DB File Format Specification 2.0.

use std::net::Ipv4Addr;

use weir::model::{ClientRegions, Coordinates, LocalityPreference, Region, RegionName};
use weir::upstream::GeoIp;
use weir::upstream::balance::{PickTrace, RequestFacts, Tried, pick};

use crate::support::*;

const BITS: usize = 24;

fn text(text: &str) -> Vec<u8> {
    [&[0b010_00000 | text.len() as u8], text.as_bytes()].concat()
}

fn map(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let start = vec![0b111_00000 | pairs.len() as u8];
    pairs.iter().fold(start, |map, (key, value)| [map, text(key), value.clone()].concat())
}

fn double(number: f64) -> Vec<u8> {
    [&[0b011_01000][..], &number.to_be_bytes()].concat()
}

fn u16(number: u16) -> Vec<u8> {
    [&[0b101_00010][..], &number.to_be_bytes()].concat()
}

fn u32(number: u32) -> Vec<u8> {
    [&[0b110_00100][..], &number.to_be_bytes()].concat()
}

fn u64(number: u64) -> Vec<u8> {
    [&[0b000_01000, 2][..], &number.to_be_bytes()].concat()
}

/// Writes a database that knows where one /24 is, and nothing else.
fn database(network: Ipv4Addr, latitude: f64, longitude: f64) -> Vec<u8> {
    let nodes = BITS as u32;
    let mut file = Vec::new();
    for bit in 0..BITS {
        let next = if bit + 1 == BITS { nodes + 16 } else { bit as u32 + 1 };
        let is_one = network.to_bits() >> (31 - bit) & 1 == 1;
        let records = if is_one { [nodes, next] } else { [next, nodes] };
        file.extend(records.iter().flat_map(|record| record.to_be_bytes()[1..].to_vec()));
    }
    file.extend([0; 16]);
    let location = map(&[("latitude", double(latitude)), ("longitude", double(longitude))]);
    file.extend(map(&[("location", location)]));
    file.extend(b"\xab\xcd\xefMaxMind.com");
    file.extend(map(&[
        ("binary_format_major_version", u16(2)),
        ("binary_format_minor_version", u16(0)),
        ("build_epoch", u64(1)),
        ("database_type", text("Test-City")),
        ("description", map(&[("en", text("test"))])),
        ("ip_version", u16(4)),
        ("languages", vec![0b000_00000, 4]),
        ("node_count", u32(nodes)),
        ("record_size", u16(24)),
    ]));
    file
}

#[test]
fn the_database_knows_whom_the_pool_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("city.mmdb");
    // Osaka.
    std::fs::write(&path, database(Ipv4Addr::new(198, 51, 100, 0), 34.7, 135.5)).unwrap();
    let geo = GeoIp::open(&path).unwrap();

    let mut bench = bench();
    let region = |name: &str, latitude, longitude| Region {
        name: RegionName(name.into()),
        location: Coordinates { latitude, longitude },
    };
    let mut model = model(vec![service(
        "s",
        1,
        [zoned(0, "z", "dublin"), zoned(1, "z", "tokyo"), zoned(2, "z", "elsewhere")],
    )]);
    model.locality = Some(LocalityPreference::ClientRegion {
        regions: vec![region("dublin", 53.3, -6.3), region("tokyo", 35.7, 139.7)],
        clients: ClientRegions::new([("198.51.100.128/25".parse().unwrap(), 0)]),
    });
    let pool = bench.bind(model, NOON);
    let mut goes = |client: &str, geo| {
        let client = client.parse().unwrap();
        let headers = http::HeaderMap::new();
        let facts = RequestFacts { client, path: "/", query: None, headers: &headers, geo };
        let mut trace = PickTrace::default();
        let tried = Tried::default();
        let picked = pick(&pool, &facts, &tried, NOON, &mut bench.random, Some(&mut trace));
        (picked.unwrap().index, trace.client_region.map(|region| region.to_string()))
    };
    let (dublin, tokyo) = (Some("dublin".to_owned()), Some("tokyo".to_owned()));
    assert_eq!(goes("198.51.100.1", Some(&geo)), (1, tokyo.clone()));
    assert_eq!(goes("::ffff:198.51.100.1", Some(&geo)), (1, tokyo));
    // What the pool declares comes first; whom nobody knows goes as declared.
    assert_eq!(goes("198.51.100.200", Some(&geo)), (0, dublin));
    assert_eq!(goes("203.0.113.1", Some(&geo)), (0, None));
    assert_eq!(goes("2001:db8::1", Some(&geo)), (0, None));
    assert_eq!(goes("198.51.100.1", None), (0, None));
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("no.mmdb");
    std::fs::write(&path, b"hello").unwrap();
    let error = GeoIp::open(&path).unwrap_err().to_string();
    assert!(error.contains("no.mmdb"), "{error}");
    assert!(GeoIp::open(&folder.path().join("absent")).is_err());
}
