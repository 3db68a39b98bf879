//! The kernel refuses to accept because the process is out of file descriptors. The program itself stops accepting
//! before it comes to that, so this test embeds a server without a limit of its own and takes the descriptors away.
//! One test only: the limit is the process's.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use http_core::Head;
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::sys::time::TimeValLike;
use server_bin::Server;
use server_bin::handler::{Context, Decision};
use support::{Client, process, tools};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Opens connections from another process, whose descriptors are its own, and closes them at a line on its input.
fn flood(python: &std::path::Path, port: u16, count: usize) -> Child {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/flood.py");
    let mut command = Command::new(python);
    command
        .args([script, &port.to_string(), &count.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().expect("python starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("it is piped"))
        .read_line(&mut line)
        .expect("it says that it is ready");
    assert_eq!(line, "ready\n");
    child
}

/// The processor time that this process has used: asked without a descriptor, for there is none.
fn cpu_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the kernel counts");
    let micros = (usage.user_time() + usage.system_time()).num_microseconds();
    Duration::from_micros(micros.try_into().expect("time goes forward"))
}

#[test]
fn when_accept_fails_for_want_of_descriptors_clients_are_served_and_it_recovers() {
    let Some(python) = tools::tool("python3") else {
        return;
    };
    let handler = |_: &Head<'_>, _: &mut Context<'_>| -> Decision { "fine".into() };
    let server = Server::new(handler)
        .listen("127.0.0.1:0".parse().expect("an address"))
        .workers(1);
    let running = server.spawn().expect("a free port");
    let address = running.addresses()[0].tcp().expect("a TCP address");
    let mut kept: Vec<_> = (0..5).map(|_| Client::connect(address)).collect();
    for client in &mut kept {
        assert_eq!(client.exchange(REQUEST).expect("an answer").text(), "fine");
    }
    let pid = std::process::id();
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("the limit can be read");
    // Room for the pipes of the flood and some connections, far fewer than are coming.
    let low = process::open_files(pid) as nix::libc::rlim_t + 12;
    setrlimit(Resource::RLIMIT_NOFILE, low, hard).expect("the limit can be lowered");
    let mut others = flood(&python, address.port(), 200);
    thread::sleep(Duration::from_millis(300));
    // Those that were idle for longer than the flood's have made room for it, and it does for them.
    drop(kept);
    let (before, started) = (cpu_time(), Instant::now());
    while started.elapsed() < Duration::from_secs(2) {
        for _ in 0..5 {
            let answer = Client::connect(address).exchange(REQUEST);
            assert_eq!(answer.expect("a new client is served").text(), "fine");
        }
        thread::sleep(Duration::from_millis(500));
    }
    let used = cpu_time() - before;
    assert!(
        used <= Duration::from_millis(100),
        "it used {used:?} of two seconds: it spins"
    );
    let mut input = others.stdin.take().expect("it is piped");
    input.write_all(b"close\n").expect("it waits for a line");
    drop(input);
    assert!(others.wait().expect("it ends").success());
    let recovered = Instant::now();
    assert_eq!(
        Client::connect(address)
            .exchange(REQUEST)
            .expect("new ones are served again")
            .text(),
        "fine"
    );
    assert!(
        recovered.elapsed() < Duration::from_secs(1),
        "it recovered after {:?}",
        recovered.elapsed()
    );
    running.handle().stop();
    running.join().expect("the worker has not failed");
}
