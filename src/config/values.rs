//! Values of flags that clap cannot read by itself.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;

/// ByteSize is a number of bytes: `4096`, `64Ki`, `1Mi`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteSize(pub u64);

impl std::str::FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let factor = match text.strip_prefix(digits).unwrap_or_default() {
            "" => 1,
            "Ki" => 1024,
            "Mi" => 1024 * 1024,
            "Gi" => 1024 * 1024 * 1024,
            unit => return Err(format!("{unit:?} is not a unit: use Ki, Mi or Gi")),
        };
        let number: u64 =
            digits.parse().map_err(|_| "write a number of bytes, for instance 64Ki".to_owned())?;
        number.checked_mul(factor).map(Self).ok_or_else(|| "too large".to_owned())
    }
}

/// Parses a duration as manifests write it: `10s`, `1m30s`, `250ms`.
///
/// # Errors
/// Where the text has another form; the message says what would be right.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write numbers with h, m, s or ms, for instance 1m30s or 250ms".to_owned();
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at_checked(digits).ok_or_else(wrong)?;
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at_checked(letters).ok_or_else(wrong)?;
        let number: u32 = number.parse().map_err(|_| wrong())?;
        let unit = match unit {
            "h" => Duration::from_secs(3600),
            "m" => Duration::from_secs(60),
            "s" => Duration::from_secs(1),
            "ms" => Duration::from_millis(1),
            _ => return Err(wrong()),
        };
        total =
            unit.checked_mul(number).and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
        rest = tail;
    }
    if text.is_empty() { Err(wrong()) } else { Ok(total) }
}

/// Parses a time that is not 0.
///
/// # Errors
/// Where the text has another form; the message says what would be right.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err("write a time above 0, for instance 10s".to_owned()),
        time => Ok(time),
    }
}

/// Parses a share.
///
/// # Errors
/// Where the text is no number from 0 to 1; the message says what would be right.
pub fn parse_share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share
        .ok_or_else(|| "write a number from 0 to 1, for instance 0.05 for one in twenty".to_owned())
}

/// Parses an address with its port.
///
/// # Errors
/// Where the text has another form; the message says what would be right.
pub fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "write an address and a port, for instance 0.0.0.0:8080 or [::]:8080".to_owned()
    })
}

/// Parses a network.
///
/// # Errors
/// Where the text has another form; the message says what would be right.
pub fn parse_network(text: &str) -> Result<IpNet, String> {
    text.parse().map_err(|_| "write a network, for instance 10.0.0.0/8 or fd00::/8".to_owned())
}

/// Parses the name of a controller of IngressClasses.
///
/// # Errors
/// Where the text is no domain with a path; the message says what would be right.
/// Source: Ingress v1 `IngressClassSpec.controller`.
pub fn parse_controller(text: &str) -> Result<String, String> {
    match text.split_once('/') {
        Some((domain, path)) if !domain.is_empty() && !path.is_empty() && text.len() <= 250 => {
            Ok(text.to_owned())
        }
        _ => Err("write a domain and a path, for instance example.com/weir-internal".to_owned()),
    }
}

/// Parses the name of a lease.
///
/// # Errors
/// Where the text is no name of an object; the message says what would be right.
pub fn parse_lease(text: &str) -> Result<String, String> {
    let is_inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-.".contains(&c);
    let is_name = text.bytes().all(is_inner)
        && !text.is_empty()
        && text.trim_matches(['-', '.']).len() == text.len()
        && text.len() <= 253;
    let right = "write lowercase letters, digits, '-' and '.', for instance weir-status";
    if is_name { Ok(text.to_owned()) } else { Err(right.to_owned()) }
}

/// ObjectArg names an object in a namespace: `weir-system/weir`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectArg {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl std::str::FromStr for ObjectArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((namespace, name))
                if !namespace.is_empty() && !name.is_empty() && !name.contains('/') =>
            {
                Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
            }
            _ => Err("write namespace/name, for instance weir-system/weir".to_owned()),
        }
    }
}

/// HeaderArg is a header as curl takes it: `name: value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderArg {
    /// Name.
    pub name: String,
    /// Value without surrounding blanks.
    pub value: String,
}

impl std::str::FromStr for HeaderArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) =
            text.split_once(':').ok_or("write 'name: value', for instance 'x-plan: gold'")?;
        Ok(Self { name: name.trim().to_owned(), value: value.trim().to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!("64Ki".parse(), Ok(ByteSize(65_536)));
        assert_eq!("10".parse(), Ok(ByteSize(10)));
        assert!("10K".parse::<ByteSize>().unwrap_err().contains("Ki"));
        assert!("".parse::<ByteSize>().is_err());
        assert!("99999999999999999Gi".parse::<ByteSize>().is_err());
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        for wrong in ["", "5", "s", "5x", "-1s", "1s5", "99999999999s"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn shares() {
        assert_eq!(["0", "0.05", "1"].map(parse_share), [Ok(0.0), Ok(0.05), Ok(1.0)]);
        for wrong in ["", "2", "-0.1", "NaN", "5%", "inf"] {
            assert!(parse_share(wrong).unwrap_err().contains("0.05"), "{wrong}");
        }
    }

    /// Empty ones would be the controller of no class, and a lease that cannot be.
    #[test]
    fn controllers_and_leases() {
        for right in ["weir.dev/ingress-controller", "example.com/a/b"] {
            assert_eq!(parse_controller(right).as_deref(), Ok(right));
        }
        for wrong in ["", "weir", "/weir", "weir.dev/", &format!("a/{}", "a".repeat(249))] {
            assert!(parse_controller(wrong).unwrap_err().contains("example.com/"), "{wrong}");
        }
        for right in ["weir-status", "a.b-9"] {
            assert_eq!(parse_lease(right).as_deref(), Ok(right));
        }
        for wrong in ["", "Weir", "-a", "a.", "a b", "a/b", &"a".repeat(254)] {
            assert!(parse_lease(wrong).unwrap_err().contains("weir-status"), "{wrong}");
        }
    }

    #[test]
    fn headers() {
        let header: HeaderArg = "x-plan:  gold ".parse().unwrap();
        assert_eq!((header.name.as_str(), header.value.as_str()), ("x-plan", "gold"));
        assert!("x-plan".parse::<HeaderArg>().is_err());
    }
}
