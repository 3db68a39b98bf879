//! The kernel's own memory: what TCP has in its buffers, and what its objects take.

use std::collections::BTreeMap;
use std::{fs, io};

/// The last TCP line of /proc/net/sockstat.
#[derive(Clone, Copy, Debug)]
pub struct TcpMemory {
    /// Sockets of any state but TIME_WAIT.
    pub sockets: u64,
    /// Bytes in buffers, counted in pages.
    pub bytes: u64,
}

impl TcpMemory {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// When the kernel does not say.
    pub fn now() -> io::Result<Self> {
        let text = fs::read_to_string("/proc/net/sockstat")?;
        let value = |name: &str| {
            let mut words = text
                .lines()
                .find_map(|line| line.strip_prefix("TCP: "))?
                .split_whitespace();
            words.find(|word| *word == name)?;
            words.next()?.parse::<u64>().ok()
        };
        match (value("alloc"), value("mem")) {
            (Some(sockets), Some(pages)) => Ok(Self {
                sockets,
                bytes: 4096 * pages,
            }),
            _ => Err(io::Error::other("/proc/net/sockstat has no line for TCP")),
        }
    }
}

/// The bytes that the kernel's objects take, by their caches' names.
#[derive(Clone, Debug)]
pub struct Slabs(BTreeMap<String, u64>);

impl Slabs {
    /// Reads /proc/slabinfo, which only root may.
    ///
    /// # Errors
    ///
    /// When the kernel does not let us.
    pub fn now() -> io::Result<Self> {
        let text = fs::read_to_string("/proc/slabinfo")?;
        // name, objects in use, objects, bytes of an object
        let lines = text.lines().skip(2).filter_map(|line| {
            let mut words = line.split_whitespace();
            let (name, used) = (words.next()?, words.next()?.parse::<u64>().ok()?);
            Some((name.to_owned(), used * words.nth(1)?.parse::<u64>().ok()?))
        });
        Ok(Self(lines.collect()))
    }

    /// Returns by how much each cache has grown since `before`, if it has, the most first.
    pub fn grown_since(&self, before: &Self) -> Vec<(&str, u64)> {
        let mut grown: Vec<_> = self
            .0
            .iter()
            .map(|(name, bytes)| {
                (
                    name.as_str(),
                    bytes.saturating_sub(*before.0.get(name).unwrap_or(&0)),
                )
            })
            .filter(|(_, bytes)| *bytes > 0)
            .collect();
        grown.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        grown
    }
}
