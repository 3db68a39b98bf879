//! The flags that say what is written down, and who is believed to be the client.

use std::io::IsTerminal as _;
use std::str::FromStr;

use clap::Args;
use clap::builder::BoolishValueParser;

use crate::operate::log::{Format, Settings, Target};
use crate::operate::proxy_protocol::Trusted;

/// `off`, `-` or a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum AccessLog {
    Off,
    To(Target),
}

impl FromStr for AccessLog {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            _ => text.parse().map(Self::To),
        }
    }
}

/// What is written down.
#[derive(Args, Clone, Debug)]
pub(super) struct LogFlags {
    /// A line for each request: to FILE, to standard output (-), or not at all (off) [default: - on a terminal, else off]
    #[arg(long, value_name = "FILE", env = "SERVER_ACCESS_LOG")]
    access_log: Option<AccessLog>,

    /// How such a line looks: combined, as Apache and nginx write it, or json
    #[arg(
        long,
        value_name = "FORMAT",
        env = "SERVER_LOG_FORMAT",
        default_value = "combined"
    )]
    log_format: Format,

    /// Where /metrics, /healthz and /readyz are answered, as 127.0.0.1:9100; for nobody else's eyes
    #[arg(long, value_name = "ADDR", env = "SERVER_ADMIN")]
    pub(super) admin: Option<crate::address::Address>,
}

impl LogFlags {
    pub(super) fn settings(&self) -> Settings {
        let target = match &self.access_log {
            Some(AccessLog::Off) => None,
            Some(AccessLog::To(target)) => Some(target.clone()),
            None => std::io::stdout().is_terminal().then_some(Target::Stdout),
        };
        Settings {
            access: target.map(|target| (target, self.log_format)),
            ..Settings::default()
        }
    }

    /// What contradicts itself.
    pub(super) fn check(&self) -> Result<(), String> {
        match &self.access_log {
            Some(AccessLog::Off) if self.log_format != Format::default() => {
                Err("--log-format says how lines look that --access-log off does not write".into())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn effective(&self) -> Vec<(&'static str, String)> {
        let access = match self.settings().access {
            None => "off".to_owned(),
            Some((Target::File(path), _)) => path.display().to_string(),
            Some(_) => "-".to_owned(),
        };
        match self.access_log {
            None => vec![("--access-log", access)],
            Some(_) => Vec::new(),
        }
    }
}

/// Who is believed to be the client.
#[derive(Args, Clone, Debug)]
pub(super) struct ProxyFlags {
    /// Proxies whose X-Forwarded-For the log believes: addresses and networks, as 10.0.0.0/8,::1
    #[arg(long, value_name = "NETS", env = "SERVER_TRUSTED_PROXIES")]
    pub(super) trusted_proxies: Option<Trusted>,

    /// Have the PROXY protocol, version 1 or 2, begin each connection; those of other than trusted proxies are closed
    #[arg(long, env = "SERVER_PROXY_PROTOCOL", value_parser = BoolishValueParser::new())]
    pub(super) proxy_protocol: bool,
}
