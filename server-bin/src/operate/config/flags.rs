//! The flags that become [`Settings`].

use std::time::Duration;

use clap::Args;
use http_core::TargetPolicy;

use super::units::{
    body_size, buffer_size, connections, fields, head_size, memory_size, rate, requests, spelled_size, time,
    time_or_none, trailers_size, turn_bytes, turn_requests, turn_time,
};
use crate::driver::memory::LEAST;
use crate::driver::settings::Settings;

/// What connections and requests may take.
#[derive(Args, Clone, Debug)]
pub(super) struct LimitFlags {
    /// Connections at once; more wait in the backlog [default: as many as the open files allow]
    #[arg(long, value_name = "N", env = "SERVER_MAX_CONNECTIONS",
          value_parser = connections)]
    pub(super) max_connections: Option<u32>,

    /// Requests that one connection may make [default: no limit]
    #[arg(long, value_name = "N", env = "SERVER_MAX_REQUESTS", value_parser = requests)]
    max_requests: Option<u32>,

    /// Bytes of a request head
    #[arg(long, value_name = "BYTES", env = "SERVER_MAX_HEAD", default_value = "32K", value_parser = head_size)]
    max_head: u32,

    /// Field lines of a request head or a trailer section
    #[arg(long, value_name = "N", env = "SERVER_MAX_FIELDS", default_value_t = http_core::limits::FIELDS,
          value_parser = fields)]
    max_fields: u16,

    /// Bytes of a trailer section
    #[arg(long, value_name = "BYTES", env = "SERVER_MAX_TRAILERS", default_value = "16K", value_parser = trailers_size)]
    max_trailers: u16,

    /// Bytes of a request body; without it 1M, or what a handler asks for
    #[arg(long, value_name = "BYTES", env = "SERVER_MAX_BODY", value_parser = body_size)]
    max_body: Option<u64>,

    /// Bytes of memory that the connections of all workers together may hold, the same share for each worker; beyond it they
    /// are not read from, and then refused with 503; 1M for each worker at least [default: 128M for each worker]
    #[arg(long, value_name = "BYTES", env = "SERVER_MAX_MEMORY", value_parser = memory_size)]
    pub(super) max_memory: Option<u64>,

    /// Bytes that the kernel keeps of what a client has sent and the server has not read, so much a round trip at most;
    /// 0 for as many as the kernel likes
    #[arg(long, value_name = "BYTES", env = "SERVER_RECEIVE_BUFFER", default_value = "256K", value_parser = buffer_size)]
    receive_buffer: usize,

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

    /// Time of a connection's turn while others wait for theirs, from 1us to 1s, with its unit. A program that watches
    /// the server from within, as valgrind does, makes it some fifty times slower
    #[arg(long, value_name = "TIME", env = "SERVER_TURN_TIME", default_value = "100us", value_parser = turn_time)]
    turn_time: Duration,

    /// Requests of a pipeline that are answered in one turn of their connection; the next ones wait for its next turn, and none
    /// is refused
    #[arg(long, value_name = "N", env = "SERVER_TURN_REQUESTS", default_value = "32", value_parser = turn_requests)]
    turn_requests: u32,

    /// Bytes of answers that are made or sent in one turn. So much and an answer more is kept of what a client does not take;
    /// until that has left, nothing more is read from it
    #[arg(long, value_name = "BYTES", env = "SERVER_TURN_BYTES", default_value = "256K", value_parser = turn_bytes)]
    turn_bytes: usize,
}

impl LimitFlags {
    /// What so many workers cannot do with.
    pub(super) fn check(&self, workers: usize) -> Result<(), String> {
        let least = LEAST.saturating_mul(workers);
        if let Some(most) = self.max_memory
            && most < least as u64
        {
            return Err(format!(
                "--max-memory {} is too little for {workers} workers, which need 1M each: give {} or more, or fewer --workers",
                spelled_size(most),
                spelled_size(least as u64)
            ));
        }
        // What a single client sends or does not take would push out all others.
        let share = self.worker_memory(workers) / 2;
        if let (Some(body), Some(most)) = (self.max_body, self.max_memory)
            && body > share as u64
        {
            return Err(format!(
                "--max-body {} does not fit: a body may take half of a worker's share of --max-memory {}: give less, or more memory",
                spelled_size(body),
                spelled_size(most)
            ));
        }
        if self.turn_bytes > share {
            return Err(format!(
                "--turn-bytes {} is more than half of a worker's memory: give {} or less, or more --max-memory",
                spelled_size(self.turn_bytes as u64),
                spelled_size(share as u64)
            ));
        }
        Ok(())
    }

    /// Bytes of memory for each of so many workers.
    fn worker_memory(&self, workers: usize) -> usize {
        match self.max_memory {
            Some(most) => usize::try_from(most).unwrap_or(usize::MAX) / workers,
            None => Settings::default().worker_memory,
        }
    }

    /// What they say for so many workers.
    pub(super) fn put_into(&self, settings: &mut Settings, workers: usize) {
        settings.worker_memory = self.worker_memory(workers);
        settings.receive_buffer = self.receive_buffer;
        settings.max_requests = self.max_requests.unwrap_or(u32::MAX);
        settings.limits.head = self.max_head;
        settings.limits.fields = self.max_fields;
        settings.limits.trailers = self.max_trailers;
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
        settings.turn_time = self.turn_time;
        settings.turn_requests = self.turn_requests;
        settings.turn_bytes = self.turn_bytes;
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
    pub(super) drain_timeout: Duration,
}

impl TimeoutFlags {
    /// A grace of more than the default that the drain's end would cut short. Up to the default nobody may have asked for it, and
    /// the drain's end may come before.
    pub(super) fn check(&self) -> Result<(), String> {
        let most = self.drain_timeout.max(Settings::default().drain_idle_timeout);
        match self.idle_grace > most {
            true => Err(
                "--idle-grace is longer than --drain-timeout, which would cut it short: give it less".into(),
            ),
            false => Ok(()),
        }
    }

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
