//! What the program says when it serves.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::config::Config;
use super::plural;
use super::restart::Handover;
use crate::address::{AcceptMode, Bound};

/// Where it listens, what it serves, and what is in force.
pub(super) fn text(
    config: &Config,
    sockets: &Handover,
    workers: usize,
    most: usize,
    asked: AcceptMode,
    mode: AcceptMode,
) -> String {
    let mut text = String::new();
    for (bound, count, both) in sockets.service.facts() {
        // A string takes everything.
        let _ = writeln!(
            text,
            "listening on {bound}{}",
            remark(bound, count, both, workers, mode)
        );
    }
    for (bound, _, _) in sockets.admin.facts() {
        let _ = writeln!(text, "metrics, health and readiness on {bound}");
    }
    let _ = match &config.root {
        Some(root) if config.lists() => {
            writeln!(text, "serving {} with listings of directories", root.display())
        }
        Some(root) => writeln!(
            text,
            "serving {}; --listing for lists of directories",
            root.display()
        ),
        None => writeln!(
            text,
            "serving the built-in demonstration; name a directory to serve that"
        ),
    };
    let mode = match mode {
        mode if mode == asked => mode.to_string(),
        mode => format!("{mode} ({asked} does not exist on this system)"),
    };
    let workers = plural(workers as u64, "worker");
    let most = plural(most as u64, "connection");
    let limits = config.spelled_limits();
    let _ = writeln!(
        text,
        "{workers}, accept mode {mode}, at most {most}, {limits}; SIGTERM or Ctrl-C drains"
    );
    text
}

/// What the address alone does not say: who can reach it, and how the workers share it where that is not the mode of all.
fn remark(bound: &Bound, sockets: usize, both: bool, workers: usize, mode: AcceptMode) -> String {
    let mut words = Vec::new();
    if let Bound::Tcp(address) = bound
        && address.ip().is_unspecified()
    {
        words.push(match (address.ip(), both) {
            (IpAddr::V4(_), _) => "every IPv4 address".to_owned(),
            (IpAddr::V6(_), true) => "every address, IPv4 too".to_owned(),
            (IpAddr::V6(_), false) => "every IPv6 address, and no IPv4".to_owned(),
        });
        words.push(format!("here http://localhost:{}/", address.port()));
    }
    if mode == AcceptMode::Reuseport && sockets == 1 && workers > 1 {
        words.push("one socket shared by the workers".into());
    }
    match words.is_empty() {
        true => String::new(),
        false => format!(" ({})", words.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_who_can_reach_it() {
        let tcp = |address: &str| Bound::Tcp(address.parse().expect("an address"));
        for (bound, sockets, both, text) in [
            (tcp("127.0.0.1:80"), 2, false, ""),
            (
                tcp("0.0.0.0:80"),
                2,
                false,
                " (every IPv4 address; here http://localhost:80/)",
            ),
            (
                tcp("[::]:80"),
                2,
                true,
                " (every address, IPv4 too; here http://localhost:80/)",
            ),
            (
                tcp("[::]:80"),
                2,
                false,
                " (every IPv6 address, and no IPv4; here http://localhost:80/)",
            ),
            (
                Bound::Unix("/s".into()),
                1,
                false,
                " (one socket shared by the workers)",
            ),
        ] {
            assert_eq!(
                remark(&bound, sockets, both, 2, AcceptMode::Reuseport),
                text,
                "{bound}"
            );
        }
        assert_eq!(
            (plural(1, "worker"), plural(2, "worker")),
            ("1 worker".into(), "2 workers".into())
        );
    }
}
