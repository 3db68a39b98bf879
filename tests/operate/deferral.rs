//! Connections that the kernel holds back until their clients have sent something: `--defer-accept`. What a drain makes of them
//! is in `tests/deferral.rs`.
#![cfg(target_os = "linux")]

use std::thread;
use std::time::Duration;

use support::{Client, Launch, process};

use crate::chain::Chain;
use crate::{REQUEST, admin_address, get};

/// How many clients the server has taken in.
fn accepted(admin: std::net::SocketAddr) -> u64 {
    let (_, text) = get(admin, "/metrics");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("server_connections_accepted_total "));
    line.expect("the metric is there").parse().expect("a number")
}

#[test]
fn silent_clients_cost_the_server_nothing_before_their_first_byte() {
    let server = Launch::new()
        .args(["--defer-accept", "7s", "--workers", "2"])
        .args(["--admin", "127.0.0.1:0"])
        .start();
    let admin = admin_address(&server);
    // Whatever a first request takes, it has taken.
    assert_eq!(server.connect().exchange(REQUEST).expect("an answer").status, 200);
    assert_eq!(accepted(admin), 1);
    let before = (
        process::open_files(server.pid()),
        process::anonymous_memory(server.pid()),
    );
    let mut silent: Vec<Client> = (0..200).map(|_| server.connect()).collect();
    thread::sleep(Duration::from_millis(200));
    assert_eq!(accepted(admin), 1);
    let after = (
        process::open_files(server.pid()),
        process::anonymous_memory(server.pid()),
    );
    // The connection that has asked for the metrics may still be there, and so may the first client's.
    assert!(
        after.0 <= before.0 + 2,
        "{} open files, then {}",
        before.0,
        after.0
    );
    // The question for the metrics has taken something, too, and so may a thread that came deeper into its stack than before. A
    // page for each of the silent ones would be 800 KiB.
    let memory = after.1.saturating_sub(before.1);
    assert!(
        memory <= 256 * 1024,
        "{memory} bytes of memory for silent clients"
    );
    for client in &mut silent {
        assert_eq!(client.exchange(REQUEST).expect("an answer").status, 200);
    }
    assert_eq!(accepted(admin), 201);
    server.stop();
}

#[test]
fn a_restart_leaves_those_that_are_held_back_to_the_new_process() {
    // Both at once: in the end each waits for eight seconds, for clients that might still be held back.
    thread::scope(|scope| {
        for mode in ["reuseport", "shared"] {
            scope.spawn(move || a_restart_leaves_them(mode));
        }
    });
}

fn a_restart_leaves_them(mode: &str) {
    // For longer than all of this takes on a machine that is busy.
    let launch = Launch::new().args(["--defer-accept", "15s", "--accept", mode]);
    let mut chain = Chain::start(launch.args(["--admin", "127.0.0.1:0"]));
    let admin = admin_address(chain.first());
    let mut silent: Vec<Client> = (0..20).map(|_| Client::connect(chain.address())).collect();
    chain.restart();
    // It does not wait for those that are held back.
    let end = chain.first().ends_within(Duration::from_secs(6));
    assert!(end.success(), "{end}");
    // The sockets are the same ones, and still hold clients back.
    silent.extend((0..20).map(|_| Client::connect(chain.address())));
    thread::sleep(Duration::from_millis(200));
    assert_eq!(accepted(admin), 0, "{mode}");
    for client in &mut silent {
        let answer = client.exchange(REQUEST).expect("an answer, and no reset");
        assert!(answer.status == 200 && !answer.says_close(), "{mode}");
    }
    drop(silent);
    chain.stop();
}
