//! The flags that become [`Settings`].

use std::time::Duration;

use clap::Args;
use http_core::TargetPolicy;

use super::units::{body_size, head_size, rate, time, time_or_none};
use crate::driver::settings::Settings;

/// What connections and requests may take.
#[derive(Args, Clone, Debug)]
pub(super) struct LimitFlags {
    /// Connections at once; more wait in the backlog [default: as many as the open files allow]
    #[arg(long, value_name = "N", env = "SERVER_MAX_CONNECTIONS",
          value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(super) max_connections: Option<u32>,

    /// Requests that one connection may make [default: no limit]
    #[arg(long, value_name = "N", env = "SERVER_MAX_REQUESTS", value_parser = clap::value_parser!(u32).range(1..))]
    max_requests: Option<u32>,

    /// Bytes of a request head
    #[arg(long, value_name = "BYTES", env = "SERVER_MAX_HEAD", default_value = "32K", value_parser = head_size)]
    max_head: u32,

    /// Bytes of a request body; without it 1M, or what a handler asks for
    #[arg(long, value_name = "BYTES", env = "SERVER_MAX_BODY", value_parser = body_size)]
    max_body: Option<u64>,

    /// Take the targets of RFC 3986 only, and answer 400 to what browsers send beyond them, as [ and | in a path
    #[arg(long, env = "SERVER_STRICT_TARGETS", value_parser = clap::builder::BoolishValueParser::new())]
    strict_targets: bool,

    /// Bytes a second at which a request body has to arrive; 0 for any
    #[arg(long, value_name = "BYTES", env = "SERVER_MIN_BODY_RATE", default_value = "240", value_parser = rate)]
    min_body_rate: u32,

    /// Bytes a second at which a client has to take a response; 0 for any. The kernel makes room in lumps, so
    /// clients below about 4 kB/s may be cut off, too, with the default timeout
    #[arg(long, value_name = "BYTES", env = "SERVER_MIN_WRITE_RATE", default_value = "240", value_parser = rate)]
    min_write_rate: u32,
}

impl LimitFlags {
    pub(super) fn put_into(&self, settings: &mut Settings) {
        settings.max_requests = self.max_requests.unwrap_or(u32::MAX);
        settings.limits.head = self.max_head;
        settings.limits.targets = match self.strict_targets {
            true => TargetPolicy::Rfc3986,
            false => TargetPolicy::Browsers,
        };
        if let Some(most) = self.max_body {
            settings.limits.body = most;
        }
        settings.max_body = self.max_body;
        settings.min_body_rate = self.min_body_rate;
        settings.min_write_rate = self.min_write_rate;
    }
}

/// For how long clients are waited for.
#[derive(Args, Clone, Debug)]
pub(super) struct TimeoutFlags {
    /// For a whole request head, from its first byte
    #[arg(long, value_name = "TIME", env = "SERVER_HEAD_TIMEOUT", default_value = "10s", value_parser = time)]
    head_timeout: Duration,

    /// Between two arrivals of request body bytes, and how far a body may fall behind --min-body-rate
    #[arg(long, value_name = "TIME", env = "SERVER_BODY_TIMEOUT", default_value = "20s", value_parser = time)]
    body_timeout: Duration,

    /// Between two requests of a connection
    #[arg(long, value_name = "TIME", env = "SERVER_IDLE_TIMEOUT", default_value = "75s", value_parser = time)]
    idle_timeout: Duration,

    /// Between two times that a client takes response bytes, and how far it may fall behind --min-write-rate
    #[arg(long, value_name = "TIME", env = "SERVER_WRITE_TIMEOUT", default_value = "60s", value_parser = time)]
    write_timeout: Duration,

    /// For an answer that is made elsewhere, as /slow is; then it is 503
    #[arg(long, value_name = "TIME", env = "SERVER_REPLY_TIMEOUT", default_value = "60s", value_parser = time)]
    reply_timeout: Duration,

    /// For one more request of an idle connection while the server drains; then it is closed
    #[arg(long, value_name = "TIME", env = "SERVER_IDLE_GRACE", default_value = "5s", value_parser = time_or_none)]
    idle_grace: Duration,

    /// How long /readyz says no before a drain begins, while accepting goes on, so that balancers look elsewhere
    #[arg(long, value_name = "TIME", env = "SERVER_DRAIN_DELAY", default_value = "0", value_parser = time_or_none)]
    pub(super) drain_delay: Duration,

    /// For the graceful drain after SIGTERM, SIGINT or SIGQUIT
    #[arg(long, value_name = "TIME", env = "SERVER_DRAIN_TIMEOUT", default_value = "30s", value_parser = time)]
    drain_timeout: Duration,
}

impl TimeoutFlags {
    pub(super) fn put_into(&self, settings: &mut Settings) {
        settings.head_timeout = self.head_timeout;
        settings.body_timeout = self.body_timeout;
        settings.idle_timeout = self.idle_timeout;
        settings.write_timeout = self.write_timeout;
        settings.reply_timeout = self.reply_timeout;
        settings.drain_timeout = self.drain_timeout;
        settings.drain_idle_timeout = self.idle_grace;
    }
}
