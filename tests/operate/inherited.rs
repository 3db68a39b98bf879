//! What a program inherits that the server starts, or that a handler starts: three streams, and the signals that are held back.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;
use server_bin::files::Files;
use server_bin::{Running, Server};
use support::{Client, Launch};

use crate::chain::Chain;
use crate::{REQUEST, get, read, wait_for};

/// A shell that names its open descriptors, and does not become the program that looks.
const NAME_DESCRIPTORS: &str = "ls -l /proc/$$/fd; true";

/// The descriptors that it has named: their numbers, and what they lead to.
fn descriptors(named: &str) -> Vec<(String, String)> {
    let ends = named.lines().filter_map(|line| line.split_once(" -> "));
    let pairs = ends.filter_map(|(start, to)| Some((start.rsplit(' ').next()?.to_owned(), to.to_owned())));
    pairs.collect()
}

/// Descriptors beside the standard streams that this process itself has inherited, and hands on to all that it starts.
fn inherited_before() -> Vec<(String, String)> {
    const CLOSE_ON_EXEC: u32 = 0o2_000_000;
    let all = fs::read_dir("/proc/self/fd").expect("there are some");
    let names = all.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let stays_open = |fd: &String| {
        let info = read(Path::new(&format!("/proc/self/fdinfo/{fd}")));
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        flags.is_some_and(|flags| {
            u32::from_str_radix(flags.trim(), 8).is_ok_and(|bits| bits & CLOSE_ON_EXEC == 0)
        })
    };
    let given = names.filter(stays_open).filter_map(|fd| {
        let to = fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
        Some((fd, to.to_string_lossy().into_owned()))
    });
    given.collect()
}

/// Those beside the standard streams that are not of `before`.
fn others(named: &str, before: &[(String, String)]) -> Vec<(String, String)> {
    let mut all = descriptors(named);
    all.retain(|each| !matches!(&each.0[..], "0" | "1" | "2") && !before.contains(each));
    all
}

#[test]
fn a_successor_inherits_its_three_streams_and_no_other_descriptor() {
    let folder = tempfile::tempdir().expect("a directory");
    let at = |name: &str| folder.path().join(name);
    let (program, named) = (at("server"), at("named"));
    let before = inherited_before();
    fs::create_dir(at("site")).expect("a directory");
    fs::write(at("site/a"), "x".repeat(1 << 20)).expect("a file");
    std::os::unix::fs::symlink(support::server::executable(), &program).expect("a free name");
    // All that the server may hold: a root and files below it, a log, Unix sockets and their locks, connections.
    let launch = Launch::new()
        .by([program.to_str().expect("text")])
        .arg(at("site"))
        .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--listen"])
        .arg(format!("unix:{}", at("socket").display()))
        .arg("--access-log")
        .arg(at("log"));
    let chain = Chain::start(launch);
    let mut client = Client::connect(chain.address());
    // It does not read the answer: the server holds the file.
    client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n").expect("room");
    wait_for("the log is written", || at("log").exists());
    fs::remove_file(&program).expect("it is there");
    let script = format!(
        "#!/bin/sh\n({NAME_DESCRIPTORS}) > {0}.new\nmv {0}.new {0}\n",
        named.display()
    );
    fs::write(&program, script).expect("a file");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
    chain.signal(Signal::SIGUSR2);
    wait_for("its descriptors are named", || named.exists());
    let text = read(&named);
    let (_, input) = descriptors(&text).swap_remove(0);
    assert!(input.starts_with("socket:"), "over which the others come: {text}");
    let mut others = others(&text, &before);
    // The shell reads its script by one.
    others.retain(|(_, to)| Path::new(to) != program);
    assert_eq!(others, []);
    // The drain would wait for it.
    drop(client);
    chain.stop();
}

#[test]
fn a_program_that_a_handler_starts_inherits_no_descriptor() {
    let folder = tempfile::tempdir().expect("a directory");
    let before = inherited_before();
    let files = Files::open(folder.path()).expect("a directory");
    let handler = move |_: &http_core::Head<'_>, _: &mut server_bin::handler::Context<'_>| {
        // It holds the directory open.
        let _ = &files;
        let named = Command::new("sh").args(["-c", NAME_DESCRIPTORS]).output();
        String::from_utf8_lossy(&named.expect("a shell").stdout).into_owned()
    };
    let server = Server::new(handler)
        .listen("127.0.0.1:0".parse().expect("an address"))
        .listen(
            format!("unix:{}", folder.path().join("socket").display())
                .parse()
                .expect("an address"),
        );
    let running: Running = server.workers(2).spawn().expect("a free port");
    let address = running.addresses()[0].tcp().expect("a TCP address");
    let (_, text) = get(address, "/");
    assert!(descriptors(&text).len() >= 3, "{text}");
    assert_eq!(others(&text, &before), []);
    running.handle().stop();
    running.join().expect("it ends");
}

/// What a process holds back, catches and ignores.
fn signals(pid: i32) -> Vec<String> {
    let status = read(Path::new(&format!("/proc/{pid}/status")));
    let lines = status
        .lines()
        .filter(|line| line.starts_with("Sig") && !line.starts_with("SigQ"));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_successor_holds_the_same_signals_back_and_follows_them() {
    let mut chain = Chain::start(Launch::new());
    let before = signals(chain.present());
    assert_eq!(before.len(), 4, "pending, blocked, ignored, caught: {before:?}");
    // A successor, and one of that.
    for _ in 0..2 {
        chain.restart();
        assert_eq!(signals(chain.present()), before);
        let response = Client::connect(chain.address()).exchange(REQUEST);
        assert_eq!(response.expect("an answer").status, 200);
    }
    chain.stop();
}
