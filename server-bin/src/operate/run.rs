//! The program from its start to its end: it binds or takes over its sockets, starts the server, and ends with a code that
//! tells how. What happens in between is in `life.rs`.

use std::io;
use std::panic;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use super::admin::{self, Readiness, Told};
use super::config::Config;
use super::life::{Call, Ended, Life, Stage};
use super::log::Log;
use super::logged::Logged;
use super::proxy_protocol::Required;
use super::restart::{Handover, Predecessor, Program};
use super::signals::{self, Start};
use super::{plural, systemd, welcome};
use crate::address::Address;
use crate::demo::Demo;
use crate::files::{FileEvent, Reopener};
use crate::handler::{Handler, Notice};
use crate::server::{Running, Server};
use crate::sockets::{Options, Sockets};
use crate::sys::{complain, print};
use crate::worker::stage::Handle;

/// The command line is wrong.
pub const EXIT_USAGE: u8 = 2;
/// Connections were cut off in the middle of a request.
pub const EXIT_CUT_OFF: u8 = 3;
/// A worker did not end: a handler did not return in time.
pub const EXIT_STUCK: u8 = 4;
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
    // Before anything else, so that no signal is missed.
    let starting = signals::watch(tell.clone())?;
    let predecessor =
        Predecessor::find().map_err(|error| format!("cannot take over the sockets: {error}"))?;
    let (predecessor, sockets) = predecessor.unzip();
    let log = Log::start(config.log()).map_err(|error| error.to_string())?;
    say_panics(&log);
    let sockets = match sockets {
        Some(sockets) => sockets,
        None => bind(config)?,
    };
    let started = start(config, &log, sockets, tell.clone(), &starting)?;
    if let Some(predecessor) = predecessor {
        predecessor.replace();
    }
    systemd::notify("READY=1");
    // Nobody may be reading, and that is no reason to stop serving.
    print(&started.welcome);
    let mut life = Life {
        config,
        program,
        tell,
        handle: started.handle,
        readiness: started.readiness,
        sockets: Some(Arc::new(started.sockets)),
        stage: Stage::Serving,
        last: None,
        restart: None,
        reopener: started.reopener,
        log: &log,
    };
    let end = life.live(&calls);
    if let Some(admin) = started.admin {
        // Whatever it says, the program ends now.
        let _ = admin::end(admin);
    }
    let end = end.map(verdict);
    if let Ok((_, Some(line))) = &end {
        log.notices().say(line.as_str());
    }
    log.finish(LAST_LINES);
    let (code, _) = end.map_err(|error| format!("a worker failed: {error}"))?;
    Ok(ExitCode::from(code))
}

/// The code that tells how the server has ended, and what is said beside it.
fn verdict(end: Ended) -> (u8, Option<String>) {
    let connections = |cut: usize| plural(cut as u64, "connection");
    match end {
        Ended::Workers(0) => (0, None),
        Ended::Workers(cut) => {
            let cut = connections(cut);
            (
                EXIT_CUT_OFF,
                Some(format!("{cut} cut off in the middle of a request")),
            )
        }
        Ended::Stuck(cut) => {
            let cut = connections(cut);
            let line =
                format!("a handler does not return, and the time for it is over: ends with {cut} cut off");
            (EXIT_STUCK, Some(line))
        }
    }
}

/// The standard hook writes to standard error on the thread that panics, where a worker would wait for its reader. The program
/// ends with the thread that calls this, and the log's writer may not come to write any more, so that one writes by itself.
fn say_panics(log: &Log) {
    let topic = log.notices().topic();
    let first = thread::current().id();
    panic::set_hook(Box::new(move |info| match thread::current().id() == first {
        true => complain(&info.to_string()),
        false => topic.say(|| info.to_string()),
    }));
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

fn start(
    config: &Config,
    log: &Log,
    sockets: Handover,
    tell: Sender<Call>,
    starting: &Start,
) -> Result<Started, String> {
    // A name may have several, and a service manager gives as many as it likes.
    let addresses = sockets.service.addresses().count();
    let (server, reopener, demo) = server(config, addresses, log)?;
    let server = with_trust(with_notices(server, config, log), config).count(config.admin().is_some());
    let (workers, most) = (server.worker_count(), server.connection_limit());
    let no_room = |error: io::Error| format!("cannot duplicate a socket: {error}");
    let own = sockets.service.duplicate().map_err(no_room)?;
    let asked = server.accept_mode();
    starting.finish();
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
        limits: config.limits(),
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
fn server(
    config: &Config,
    addresses: usize,
    log: &Log,
) -> Result<(Server, Option<Reopener>, Option<Demo>), String> {
    if config.root.is_none() {
        let demo = Demo::new().map_err(|error| format!("cannot start the demonstration: {error}"))?;
        return Ok((logged(demo.clone(), config, addresses, log)?, None, Some(demo)));
    }
    let [root, forbidden, dead, failed] = std::array::from_fn(|_| log.notices().topic());
    let files = config
        .files()?
        .with_root_log(move |event| root.say(|| event.to_string()))
        .with_file_log(move |event| {
            let topic = match event {
                FileEvent::Forbidden(_) => &forbidden,
                FileEvent::DeadLink(_) => &dead,
                FileEvent::Failed(..) => &failed,
            };
            topic.say(|| event.to_string());
        });
    for line in files.missing_pages() {
        log.notices().say(line);
    }
    let reopener = files.reopener();
    Ok((logged(files, config, addresses, log)?, Some(reopener), None))
}

/// The server with the access log around its handler. Without a log there is nothing around it, which costs less.
fn logged(handler: impl Handler, config: &Config, addresses: usize, log: &Log) -> Result<Server, String> {
    match config.log().access {
        Some(_) => {
            let handler = Logged::new(handler, log.lines(), config.trusted_proxies());
            config.server(handler, addresses)
        }
        None => config.server(handler, addresses),
    }
}

/// The server with its notices in the log, and with the PROXY protocol where that is asked for.
fn with_notices(server: Server, config: &Config, log: &Log) -> Server {
    let [refused, panicked, paused, unwatched, memory, pulled] =
        std::array::from_fn(|_| log.notices().topic());
    let server = server.on_notice(move |notice| {
        let topic = match notice {
            Notice::ResponseRefused(_) => &refused,
            Notice::HandlerPanicked => &panicked,
            Notice::AcceptPaused(_) => &paused,
            Notice::Unwatched(_) => &unwatched,
            Notice::MemoryReached { .. } => &memory,
            Notice::PullTooLarge(_) => &pulled,
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

/// The server that closes the connections of trusted proxies last. A client that comes by a Unix socket is one.
fn with_trust(server: Server, config: &Config) -> Server {
    let trusted = config.trusted_proxies();
    match trusted.is_empty() {
        true => server,
        false => server.trust(move |peer| peer.is_none_or(|peer| trusted.has(peer.ip()))),
    }
}

/// Says why the program ends, as the last that it does.
pub fn say_at_the_end(line: &str) {
    crate::sys::say_at_the_end(line);
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::operate::log::{Settings, Target};

    #[test]
    fn the_code_and_the_line_tell_how_the_server_has_ended() {
        assert_eq!(verdict(Ended::Workers(0)), (0, None));
        for (end, code, word) in [
            (Ended::Workers(1), 3, "1 connection cut off"),
            (Ended::Stuck(0), 4, "0 connections cut off"),
            (Ended::Stuck(2), 4, "2 connections cut off"),
        ] {
            let (found, line) = verdict(end);
            let line = line.expect("a line");
            assert!(found == code && line.contains(word), "{found}: {line}");
        }
    }

    /// Not a test of its own: what the next one runs.
    #[test]
    fn child_panics_on_its_first_thread() {
        let Some(log) = std::env::var_os("PANIC_WITH_THIS_LOG") else {
            return;
        };
        let notices = Target::File(log.into());
        let log = Log::start(Settings {
            access: None,
            notices,
        });
        say_panics(&log.expect("a log"));
        panic!("the first thread's");
    }

    #[test]
    fn a_panic_of_the_first_thread_is_said_without_the_logs_writer() {
        let _alone = crate::sys::tests::children::child_starts();
        let folder = tempfile::tempdir().expect("a directory");
        let child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "operate::run::tests::child_panics_on_its_first_thread"])
            .env("PANIC_WITH_THIS_LOG", folder.path().join("log"))
            .output()
            .expect("this program runs");
        let said = String::from_utf8_lossy(&child.stderr);
        assert!(
            said.contains("server-bin: ") && said.contains("the first thread's"),
            "{said}"
        );
    }
}
