//! Words of the form `name=value`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::str::FromStr;

use anyhow::{Context as _, bail};

/// Options are the words behind a command.
#[derive(Debug, Default)]
pub struct Options(BTreeMap<String, String>);

const KNOWN: &[&str] = &[
    "http1",
    "http2",
    "address",
    "host",
    "path",
    "protocol",
    "connections",
    "seconds",
    "skip",
    "rate",
    "body",
];

impl Options {
    /// Reads words; one that is not known is refused.
    pub fn parse(words: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let mut options = Self::default();
        for word in words {
            let (name, value) = word.split_once('=').with_context(|| format!("{word}: no `=`"))?;
            if !KNOWN.contains(&name) {
                bail!("{name}: not one of {}", KNOWN.join(", "));
            }
            options.0.insert(name.to_owned(), value.to_owned());
        }
        Ok(options)
    }

    /// Returns a text, or what stands for it.
    pub fn text<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.0.get(name).map_or(default, String::as_str)
    }

    /// Returns a value, or what stands for it.
    pub fn value<T: FromStr>(&self, name: &str, default: T) -> anyhow::Result<T> {
        let Some(text) = self.0.get(name) else { return Ok(default) };
        text.parse().ok().with_context(|| format!("{name}={text}: not understood"))
    }

    /// Returns addresses, separated by commas.
    pub fn addresses(&self, name: &str) -> anyhow::Result<Vec<SocketAddr>> {
        let texts = self.text(name, "").split(',').filter(|text| !text.is_empty());
        texts.map(|text| text.parse().with_context(|| format!("{name}={text}"))).collect()
    }
}
