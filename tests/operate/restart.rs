//! Restarts under load, and those that fail.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use nix::sys::signal::Signal;
use support::{Client, Launch};

use crate::chain::Chain;
use crate::{REQUEST, admin_address, get, wait_for, wait_longer_for};

/// Asks without a pause until it is over. A connection is made anew only after an answer that said so.
fn ask(address: std::net::SocketAddr, over: &AtomicBool, answers: &AtomicUsize) -> std::io::Result<()> {
    let mut client = Client::connect(address);
    while !over.load(Ordering::Relaxed) {
        let response = client.exchange(REQUEST)?;
        if response.status != 200 || response.text() != "Hello, World!" {
            return Err(std::io::Error::new(
                ErrorKind::InvalidData,
                format!("{response:?}"),
            ));
        }
        answers.fetch_add(1, Ordering::Relaxed);
        if response.says_close() {
            client = Client::connect(address);
        }
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// `RESTARTS=100` takes as many; it is what was promised.
fn restarts() -> usize {
    let wish = std::env::var("RESTARTS")
        .ok()
        .and_then(|count| count.parse().ok());
    wish.unwrap_or(5)
}

#[test]
fn no_request_of_200_clients_fails_while_the_server_is_restarted() {
    for mode in ["reuseport", "exclusive"] {
        let launch = Launch::new().args(["--workers", "2", "--accept", mode]);
        let mut chain = Chain::start(launch);
        let address = chain.address();
        let (over, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
        let failures: Vec<String> = thread::scope(|scope| {
            let clients: Vec<_> = (0..200)
                .map(|_| scope.spawn(|| ask(address, &over, &answers)))
                .collect();
            wait_for("all clients are served", || answers.load(Ordering::Relaxed) > 400);
            for _ in 0..restarts() {
                let before = answers.load(Ordering::Relaxed);
                chain.restart();
                wait_for("clients are served", || {
                    answers.load(Ordering::Relaxed) > before + 400
                });
            }
            over.store(true, Ordering::Relaxed);
            let ends = clients.into_iter().map(|client| client.join());
            ends.filter_map(|end| match end {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some("no connection".into()),
            })
            .collect()
        });
        println!(
            "{mode}: {} restarts, {} answers",
            restarts(),
            answers.load(Ordering::Relaxed)
        );
        assert!(failures.is_empty(), "{mode}: {failures:?}");
        chain.stop();
    }
}

#[test]
fn a_program_that_does_not_start_leaves_the_old_one_serving() {
    let folder = tempfile::tempdir().expect("a directory");
    let program = folder.path().join("server");
    // A link, so that the next program can be another one, as at an upgrade.
    std::os::unix::fs::symlink(support::server::executable(), &program).expect("a free name");
    let path = program.to_str().expect("a path of text");
    let mut chain = Chain::start(Launch::new().by([path]));
    let mut client = Client::connect(chain.address());
    for (script, why) in [("#!/bin/sh\nexit 7\n", "7"), ("no program", "cannot start")] {
        fs::remove_file(&program).expect("it is there");
        fs::write(&program, script).expect("a file");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
        let before = chain.output().matches("serves on: ").count();
        chain.signal(Signal::SIGUSR2);
        wait_for("the failure is said", || {
            chain.output().matches("serves on: ").count() > before
        });
        let output = chain.output();
        let line = output
            .lines()
            .rfind(|line| line.contains("serves on: "))
            .expect("a line");
        assert!(line.contains(why), "{line}");
        let response = client.exchange(REQUEST).expect("an answer");
        assert!(
            response.status == 200 && !response.says_close(),
            "it serves as ever: {response:?}"
        );
    }
    fs::remove_file(&program).expect("it is there");
    std::os::unix::fs::symlink(support::server::executable(), &program).expect("a free name");
    chain.restart();
    assert_eq!(
        Client::connect(chain.address())
            .exchange(REQUEST)
            .expect("an answer")
            .status,
        200
    );
    chain.stop();
}

#[test]
fn a_second_restart_meanwhile_is_refused_with_a_line() {
    let folder = tempfile::tempdir().expect("a directory");
    let program = folder.path().join("server");
    std::os::unix::fs::symlink(support::server::executable(), &program).expect("a free name");
    let chain = Chain::start(Launch::new().by([program.to_str().expect("a path of text")]));
    put_script(&program, "exec sleep 2");
    chain.signal(Signal::SIGUSR2);
    wait_for("the first one is under way", || {
        chain.output().contains("restarting: ")
    });
    chain.signal(Signal::SIGUSR2);
    wait_for("the second one is refused", || {
        chain.output().contains("no restart: one is under way")
    });
    wait_for("the first one has failed", || {
        chain.output().contains("serves on: ")
    });
    chain.stop();
}

#[test]
fn a_unix_socket_its_lock_and_the_admin_listener_are_handed_on() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("socket");
    let unix = format!("unix:{}", path.display());
    let launch = || {
        Launch::new().args([
            "--listen",
            "127.0.0.1:0",
            "--listen",
            &unix,
            "--admin",
            "127.0.0.1:0",
        ])
    };
    let mut chain = Chain::start(launch());
    let admin = admin_address(chain.first());
    chain.restart();
    let status = chain.first().ends_within(Duration::from_secs(10));
    assert!(status.success(), "{status}");
    UnixStream::connect(&path).expect("the socket is still there");
    let second = launch().fails();
    let line = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(line.contains("is taken"), "{line}");
    assert_eq!(get(admin, "/readyz").0, 200);
    chain.stop();
    assert!(!path.exists(), "the last one removes it");
    assert!(folder.path().join("socket.lock").exists(), "and leaves the lock");
}

/// What a server that has ended said of the program that was to take its place.
#[track_caller]
fn fate_of_the_new_one(chain: &Chain) -> String {
    let line = || {
        let output = chain.output();
        let mut lines = output.lines().map(str::to_owned);
        lines.find(|line| line.ends_with("ended with this one"))
    };
    // It lies in the pipe since the server has ended, and has only to be read from there.
    let patience = Duration::from_secs(5);
    wait_longer_for(patience, "the fate of the new one", || line().is_some());
    line().unwrap_or_default()
}

#[test]
fn a_server_that_is_to_end_while_its_successor_starts_takes_that_with_it() {
    let real = support::server::executable().display();
    // Should the test fail, what is left behind ends by itself.
    let starts_late = format!("sleep 1; exec timeout -s KILL 10 {real} \"$@\"");
    // The last one leaves a process behind that was never asked for, and holds no socket.
    for (number, script) in [&starts_late[..], "exec sleep 10", "sleep 4; exit 1"]
        .into_iter()
        .enumerate()
    {
        for with_request in [false, true] {
            // An address where nobody else listens: on the usual one the port would be anybody's as soon as it is free.
            let nobody_elses = format!("127.83.{number}.{}:0", 1 + u8::from(with_request));
            let folder = tempfile::tempdir().expect("a directory");
            let program = folder.path().join("server");
            std::os::unix::fs::symlink(support::server::executable(), &program).expect("a free name");
            let launch = Launch::new().by([program.to_str().expect("a path of text")]);
            let mut chain = Chain::start(launch.args(["--listen", &nobody_elses]));
            put_script(&program, script);
            let mut slow = Client::connect(chain.address());
            if with_request {
                slow.send("GET /slow?ms=2000 HTTP/1.1\r\nHost: a\r\n\r\n")
                    .expect("it reads");
            }
            chain.signal(Signal::SIGUSR2);
            wait_for("it is under way", || chain.output().contains("restarting: "));
            thread::sleep(Duration::from_millis(100));
            chain.signal(Signal::SIGTERM);
            if with_request {
                assert_eq!(slow.response().expect("the answer that was due").status, 200);
            }
            drop(slow);
            let status = chain.first().ends_within(Duration::from_secs(10));
            assert!(status.success(), "{script}: {status}");
            let fate = fate_of_the_new_one(&chain);
            assert!(fate.contains("did not serve yet"), "{script}: {fate}");
            let left = std::net::TcpStream::connect(chain.address());
            assert!(left.is_err(), "{script}: somebody holds the port");
            thread::sleep(Duration::from_millis(1200));
            let left = std::net::TcpStream::connect(chain.address());
            assert!(left.is_err(), "{script}: the new one serves");
        }
    }
}

#[test]
fn a_server_with_all_the_connections_that_its_open_files_allow_is_restarted() {
    let launch = Launch::new().args(["--workers", "32"]).open_files(200);
    let mut chain = Chain::start(launch);
    let most = || {
        let output = chain.output();
        let after = output.split("at most ").nth(1)?;
        after.split(' ').next()?.parse::<usize>().ok()
    };
    wait_for("it says how many it holds", || most().is_some());
    let most = most().expect("a number");
    let mut clients: Vec<Client> = (0..most).map(|_| Client::connect(chain.address())).collect();
    for client in &mut clients {
        assert_eq!(client.exchange(REQUEST).expect("an answer").status, 200);
    }
    chain.restart();
    drop(clients);
    chain.stop();
}

/// Puts a script in the place of a program.
fn put_script(program: &Path, script: &str) {
    fs::remove_file(program).expect("it is there");
    fs::write(program, format!("#!/bin/sh\n{script}\n")).expect("a file");
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).expect("it is ours");
}

#[test]
fn a_process_that_was_stopped_and_goes_on_still_waits_for_its_successor() {
    let folder = tempfile::tempdir().expect("a directory");
    let program = folder.path().join("server");
    std::os::unix::fs::symlink(support::server::executable(), &program).expect("a free name");
    let mut chain = Chain::start(Launch::new().by([program.to_str().expect("a path of text")]));
    let real = support::server::executable().display();
    put_script(&program, &format!("sleep 1; exec {real} \"$@\""));
    let first = chain.present();
    let stopped = || {
        wait_for("it is under way", || chain.output().contains("restarting: "));
        thread::sleep(Duration::from_millis(200));
        let first = nix::unistd::Pid::from_raw(first);
        for signal in [Signal::SIGSTOP, Signal::SIGCONT] {
            nix::sys::signal::kill(first, signal).expect("it runs");
            thread::sleep(Duration::from_millis(50));
        }
    };
    chain.signal(Signal::SIGUSR2);
    stopped();
    wait_for("it is replaced, or not", || {
        chain.output().contains(" serves now") || chain.output().contains("no restart")
    });
    assert!(!chain.output().contains("no restart"), "{}", chain.output());
    assert!(chain.first().ends_within(Duration::from_secs(10)).success());
    let response = Client::connect(chain.address()).exchange(REQUEST);
    assert_eq!(response.expect("an answer").status, 200);
    chain.follow();
    chain.stop();
}

/// A server that was started to take the place of this process, and the way to it. It has asked for the sockets.
fn successor_of_this_process() -> (Child, UnixStream) {
    let (mut here, there) = UnixStream::pair().expect("a pair");
    let child = Command::new(support::server::executable())
        .env("SERVER_HANDOVER", "1")
        .stdin(OwnedFd::from(there))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let limit = Some(Duration::from_secs(20));
    here.set_read_timeout(limit).expect("a socket");
    let mut asked = [0];
    here.read_exact(&mut asked).expect("it asks");
    assert_eq!(&asked, b"?");
    (child, here)
}

#[test]
fn a_successor_that_was_stopped_and_goes_on_still_waits_for_the_sockets() {
    let (mut child, mut way) = successor_of_this_process();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a process id is positive"));
    thread::sleep(Duration::from_millis(100));
    for signal in [Signal::SIGSTOP, Signal::SIGCONT] {
        nix::sys::signal::kill(pid, signal).expect("it runs");
        thread::sleep(Duration::from_millis(50));
    }
    // That is all: there are no sockets.
    let _ = way.write_all(b"E");
    let mut said = String::new();
    let mut stderr = child.stderr.take().expect("a pipe");
    stderr.read_to_string(&mut said).expect("text");
    let _ = child.wait();
    assert!(!said.contains("cannot take over"), "{said}");
}

#[test]
fn a_signal_to_end_ends_a_successor_that_waits_for_the_sockets() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT] {
        let (mut child, _way) = successor_of_this_process();
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a process id is positive"));
        nix::sys::signal::kill(pid, signal).expect("it runs");
        // By itself it gives up after ten seconds.
        let started = Instant::now();
        let status = child.wait().expect("it is ours");
        assert!(started.elapsed() < Duration::from_secs(5), "{signal}");
        assert_eq!(status.code(), Some(0), "{signal}");
    }
}

/// Writes to a pipe until it takes not a byte more. It stays as it is for whoever else writes to it: this is by an opening of its own.
fn fill(pipe: &impl AsRawFd) {
    let mut options = fs::OpenOptions::new();
    let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    let mut writer = options
        .write(true)
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(path)
        .expect("it has a reader");
    for piece in [4096, 1] {
        while writer.write(&vec![b'x'; piece]).is_ok() {}
    }
}

#[test]
fn a_server_whose_log_nobody_reads_is_restarted() {
    if !Path::new("/proc/self/fd").exists() {
        return support::tools::skipped("a_server_whose_log_nobody_reads_is_restarted", "Linux's /proc");
    }
    let arguments = ["--listen", "127.0.0.1:0", "--workers", "1", "--access-log", "-"];
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut child = Command::new(support::server::executable())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(writer.try_clone().expect("a descriptor"))
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdout = BufReader::new(reader);
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("text");
    let address = line.trim().strip_prefix("listening on http://");
    let address = address.expect("where it listens").trim_end_matches('/');
    let address = address.parse().expect("an address");
    fill(&writer);
    let first = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a process id is positive"));
    nix::sys::signal::kill(first, Signal::SIGUSR2).expect("it runs");
    // It says in half a minute that there is none, at the latest.
    let outcome = loop {
        line.clear();
        stderr.read_line(&mut line).expect("text");
        if line.is_empty() || line.contains(" serves now") || line.contains("no restart") {
            break line;
        }
    };
    let successor = outcome
        .split("process ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next()?.parse().ok());
    let Some(successor) = successor.filter(|_| outcome.contains(" serves now")) else {
        let _ = child.kill();
        panic!("{outcome}");
    };
    assert_eq!(
        Client::connect(address)
            .exchange(REQUEST)
            .expect("an answer")
            .status,
        200
    );
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(successor), Signal::SIGTERM).expect("it runs");
    // Both give up what nobody reads.
    assert!(child.wait().expect("it is ours").success());
    wait_for("the successor ends", || crate::chain::is_dead(successor));
}

#[test]
fn process_1_refuses_because_a_container_would_end_with_it() {
    let Some(unshare) = support::tools::tool("unshare") else {
        return;
    };
    let arguments = ["--pid", "--fork", "--kill-child", "true"];
    if !support::tools::run(&unshare, &arguments, Duration::from_secs(10))
        .status
        .success()
    {
        return support::tools::skipped(
            "process_1_refuses_because_a_container_would_end_with_it",
            "the right to make namespaces",
        );
    }
    let launch = Launch::new()
        .args(["--workers", "1"])
        .under(["unshare", "--pid", "--fork", "--kill-child"]);
    let server = launch.start();
    let children = format!("/proc/{0}/task/{0}/children", server.pid());
    let child = fs::read_to_string(children).expect("the kernel tells of children");
    let child: i32 = child.trim().parse().expect("one child");
    let signal = |signal| nix::sys::signal::kill(nix::unistd::Pid::from_raw(child), signal).expect("it runs");
    signal(Signal::SIGUSR2);
    wait_for("it refuses", || {
        server.output().contains("no restart: process 1 cannot")
    });
    let mut client = server.connect();
    assert_eq!(client.exchange(REQUEST).expect("it serves on").status, 200);
    drop(client);
    signal(Signal::SIGTERM);
    let mut server = server;
    assert!(server.ends_within(Duration::from_secs(10)).success());
}
