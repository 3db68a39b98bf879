//! The admin listener: `/metrics`, `/healthz` and `/readyz`, on a thread of its own.
//!
//! It is a server with one worker beside the one for clients, with limits of its own: it answers while that one is full,
//! and until the process ends, so that the end of a drain can be watched.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use http_core::{FieldLine, Head};

use super::metrics::{CONTENT_TYPE, Kind, Text};
use super::{counts, process};
use crate::driver::settings::Settings;
use crate::handler::{Context, Decision, Handler, plain, status};
use crate::server::{Running, Server, SpawnError};
use crate::sockets::Sockets;
use crate::worker::counters::Counters;

/// Connections that the admin listener holds at most; they are reserved beside those of clients.
pub(super) const CONNECTIONS: usize = 16;

/// How long a worker is waited for that is asked what it has counted.
const CENSUS: Duration = Duration::from_millis(200);

/// Whether the server wants to be sent clients. Clones are one and the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says so from now on.
    pub(crate) fn set(&self, is_ready: bool) {
        self.0.store(is_ready, Ordering::Relaxed);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the admin listener tells of.
#[derive(Clone)]
pub(crate) struct Told {
    /// Whether the server wants to be sent clients.
    pub(crate) readiness: Readiness,
    /// What the workers count.
    pub(crate) counters: Counters,
    /// How many connections that one holds at most.
    pub(crate) most: usize,
    /// The other limits in force, by name.
    pub(crate) limits: Vec<(&'static str, u64)>,
    /// How many of its threads there are.
    pub(crate) workers: usize,
    /// Lines of the access log that were lost.
    pub(crate) dropped: Arc<dyn Fn() -> u64 + Send + Sync>,
}

#[derive(Clone)]
struct Admin {
    told: Told,
    start: f64,
}

const NO_STORE: FieldLine = FieldLine::from_static("cache-control: no-store");

impl Handler for Admin {
    fn head(&mut self, head: &Head<'_>, cx: &mut Context<'_>) -> Decision {
        cx.line(NO_STORE);
        match head.target().path() {
            "/metrics" => {
                cx.field("content-type", CONTENT_TYPE);
                self.metrics().into()
            }
            "/healthz" => {
                cx.line(status::TYPE);
                "ok\n".into()
            }
            "/readyz" if self.told.readiness.get() => {
                cx.line(status::TYPE);
                "ready\n".into()
            }
            "/readyz" => {
                cx.set_status(503).line(status::TYPE);
                "not ready: the server starts or drains\n".into()
            }
            _ => plain::reply(cx, 404).into(),
        }
    }
}

impl Admin {
    fn metrics(&self) -> String {
        let told = &self.told;
        let mut text = Text::default();
        let version = env!("CARGO_PKG_VERSION");
        text.family("server_build_info", Kind::Gauge, "Which version runs.")
            .sample(&[("version", version)], 1);
        let ready = u8::from(told.readiness.get());
        text.number("server_ready", Kind::Gauge, "Whether /readyz says yes.", ready);
        text.number("server_workers", Kind::Gauge, "Threads that serve.", told.workers);
        text.number(
            "server_connections_max",
            Kind::Gauge,
            "--max-connections in force.",
            told.most,
        );
        let mut family = text.family("server_limit", Kind::Gauge, "The other limits in force.");
        for (name, value) in &told.limits {
            family.sample(&[("limit", name)], value);
        }
        counts::write(&mut text, &told.counters.read(CENSUS));
        let help = "Lines of the access log that were lost.";
        text.number(
            "server_log_lines_dropped_total",
            Kind::Counter,
            help,
            (told.dropped)(),
        );
        process::write(&mut text, self.start);
        text.finish()
    }
}

/// Starts the admin listener on these sockets.
///
/// # Errors
///
/// [`SpawnError`], when there can be no thread for it.
pub(crate) fn start(sockets: Sockets, told: Told) -> Result<Running, SpawnError> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let admin = Admin {
        told,
        start: since.unwrap_or_default().as_secs_f64(),
    };
    let settings = Settings {
        idle_timeout: Duration::from_secs(120),
        write_timeout: Duration::from_secs(10),
        ..Settings::default()
    };
    Server::with(admin)
        .listen_on(sockets)
        .workers(1)
        .max_connections(CONNECTIONS)
        .settings(settings)
        .spawn()
}

/// Ends it, at once: what it tells is over with the process.
pub(super) fn end(running: Running) -> io::Result<()> {
    running.handle().stop();
    running.join().map(drop)
}
