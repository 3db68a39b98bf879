//! The program from its start to its end: it binds or takes over its sockets, starts the server, and ends with a code that
//! tells how. What happens in between is in `life.rs`.

use std::io::{self, Write as _};
use std::panic;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

use super::admin::{self, Readiness, Told};
use super::config::Config;
use super::life::{Call, Life, Stage};
use super::log::Log;
use super::logged::Logged;
use super::proxy_protocol::Required;
use super::restart::{Handover, Predecessor, Program};
use super::{plural, systemd, welcome};
use crate::address::Address;
use crate::demo::Demo;
use crate::files::Reopener;
use crate::handler::{Handler, Notice};
use crate::server::{Running, Server};
use crate::sockets::{Options, Sockets};
use crate::worker::stage::Handle;

/// The command line is wrong.
pub const EXIT_USAGE: u8 = 2;
/// Connections were cut off in the middle of a request.
pub const EXIT_CUT_OFF: u8 = 3;
/// How long the log is waited for at the end.
const LAST_LINES: Duration = Duration::from_secs(2);

/// Serves until a signal has ended it.
///
/// # Errors
///
/// A line that says why it could not serve, or why it ended.
pub fn run(config: &Config) -> Result<ExitCode, String> {
    let program = Program::of_this_process();
    let (tell, calls) = mpsc::channel();
    // Before anything else, so that no signal is missed; SIGPIPE is ignored by Rust's runtime.
    watch_signals(tell.clone())?;
    let predecessor =
        Predecessor::find().map_err(|error| format!("cannot take over the sockets: {error}"))?;
    let (predecessor, sockets) = predecessor.unzip();
    let log = Log::start(config.log()).map_err(|error| error.to_string())?;
    say_panics(&log);
    let sockets = match sockets {
        Some(sockets) => sockets,
        None => bind(config)?,
    };
    let started = start(config, &log, sockets, tell.clone())?;
    print(&started.welcome);
    if let Some(predecessor) = predecessor {
        predecessor.replace();
    }
    systemd::notify("READY=1");
    let mut life = Life {
        config,
        program,
        tell,
        handle: started.handle,
        readiness: started.readiness,
        sockets: Some(started.sockets),
        stage: Stage::Serving,
        is_restarting: false,
        reopener: started.reopener,
        log: &log,
    };
    let end = life.live(&calls);
    if let Some(admin) = started.admin {
        // Whatever it says, the program ends now.
        let _ = admin::end(admin);
    }
    let cut_off = *end.as_ref().unwrap_or(&0);
    if cut_off > 0 {
        log.notices().say(format!(
            "{} cut off in the middle of a request",
            plural(cut_off as u64, "connection")
        ));
    }
    log.finish(LAST_LINES);
    end.map_err(|error| format!("a worker failed: {error}"))?;
    Ok(if cut_off > 0 {
        ExitCode::from(EXIT_CUT_OFF)
    } else {
        ExitCode::SUCCESS
    })
}

fn watch_signals(tell: Sender<Call>) -> Result<(), String> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2])
        .map_err(|error| format!("cannot wait for signals: {error}"))?;
    let watch = move || {
        for signal in signals.forever() {
            if tell.send(Call::Signal(signal)).is_err() {
                return;
            }
        }
    };
    let thread = thread::Builder::new().name("signals".into()).spawn(watch);
    thread
        .map(drop)
        .map_err(|error| format!("cannot wait for signals: {error}"))
}

/// The standard hook writes to standard error on the thread that panics, where a worker would wait for its reader.
fn say_panics(log: &Log) {
    let topic = log.notices().topic();
    panic::set_hook(Box::new(move |info| topic.say(|| info.to_string())));
}

/// Binds what the command line names, and takes what the service manager has bound.
fn bind(config: &Config) -> Result<Handover, String> {
    let given = systemd::sockets()?;
    let mut sockets = Handover::default();
    let options = config.sockets();
    if given.is_empty() || config.names_addresses() {
        sockets.service = bind_all(&config.addresses(), &options)?;
    }
    sockets
        .service
        .append(Sockets::inherit(given).map_err(|error| error.to_string())?);
    if let Some(address) = config.admin() {
        let options = Options {
            workers: 1,
            ..options
        };
        sockets.admin = bind_all(std::slice::from_ref(address), &options)?;
    }
    Ok(sockets)
}

fn bind_all(addresses: &[Address], options: &Options) -> Result<Sockets, String> {
    Sockets::bind(addresses, options).map_err(|error| error.to_string())
}

/// A server that has just started.
struct Started {
    handle: Handle,
    readiness: Readiness,
    sockets: Handover,
    admin: Option<Running>,
    reopener: Option<Reopener>,
    welcome: String,
}

fn start(config: &Config, log: &Log, sockets: Handover, tell: Sender<Call>) -> Result<Started, String> {
    let (server, reopener, demo) = server(config, log)?;
    let server = with_notices(server, config, log).count(config.admin().is_some());
    let (workers, most) = (server.worker_count(), server.connection_limit());
    let no_room = |error: io::Error| format!("cannot duplicate a socket: {error}");
    let own = sockets.service.duplicate().map_err(no_room)?;
    let asked = server.accept_mode();
    let running = server.listen_on(own).spawn().map_err(|error| error.to_string())?;
    if let Some(demo) = demo {
        demo.show(running.counters());
    }
    let handle = running.handle();
    let readiness = Readiness::default();
    let told = Told {
        readiness: readiness.clone(),
        counters: running.counters(),
        most,
        workers,
        dropped: Arc::new(log.dropped()),
    };
    let admin = match sockets.admin.is_empty() {
        true => None,
        false => {
            let own = sockets.admin.duplicate().map_err(no_room)?;
            Some(admin::start(own, told).map_err(|error| error.to_string())?)
        }
    };
    readiness.set(true);
    let welcome = welcome::text(config, &sockets, workers, most, asked, running.accept_mode());
    let join = move || {
        // The program may have ended meanwhile.
        let _ = tell.send(Call::Ended(running.join()));
    };
    let thread = thread::Builder::new().name("join".into()).spawn(join);
    thread.map_err(|error| format!("cannot start a thread: {error}"))?;
    Ok(Started {
        handle,
        readiness,
        sockets,
        admin,
        reopener,
        welcome,
    })
}

/// The server, and what opens its root anew when it has one; else the demonstration, which shows what the server counts.
fn server(config: &Config, log: &Log) -> Result<(Server, Option<Reopener>, Option<Demo>), String> {
    if config.root.is_none() {
        let demo = Demo::new().map_err(|error| format!("cannot start the demonstration: {error}"))?;
        return Ok((logged(demo.clone(), config, log)?, None, Some(demo)));
    }
    let topic = log.notices().topic();
    let files = config
        .files()?
        .with_root_log(move |event| topic.say(|| event.to_string()));
    let reopener = files.reopener();
    Ok((logged(files, config, log)?, Some(reopener), None))
}

/// The server with the access log around its handler. Without a log there is nothing around it, which costs less.
fn logged(handler: impl Handler, config: &Config, log: &Log) -> Result<Server, String> {
    match config.log().access {
        Some(_) => config.server(Logged::new(handler, log.lines(), config.trusted_proxies())),
        None => config.server(handler),
    }
}

/// The server with its notices in the log, and with the PROXY protocol where that is asked for.
fn with_notices(server: Server, config: &Config, log: &Log) -> Server {
    let [refused, panicked, paused] = std::array::from_fn(|_| log.notices().topic());
    let server = server.on_notice(move |notice| {
        let topic = match notice {
            Notice::ResponseRefused(_) => &refused,
            Notice::HandlerPanicked => &panicked,
            Notice::AcceptPaused(_) => &paused,
        };
        topic.say(|| notice.to_string());
    });
    match config.proxy_protocol() {
        true => {
            let [broken, strangers] = std::array::from_fn(|_| log.notices().topic());
            server.preamble(Required::new(config.trusted_proxies(), broken, strangers))
        }
        false => server,
    }
}

/// Nobody may be reading, and that is no reason to stop serving.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}
