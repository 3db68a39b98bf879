//! What the kernel holds for connections that do not read, or are not read from.

use std::thread;
use std::time::Duration;

use support::{Launch, crowd, process};

use crate::{Attacked, MIB, REQUEST, overhead, push, small_client};

#[test]
fn a_thousand_clients_that_pipeline_and_do_not_read_take_no_more_than_they_may() {
    const CLIENTS: usize = 1_000;
    crowd::make_room(CLIENTS as u64);
    let attacked = Attacked::new("a_thousand_clients_that_pipeline", || {
        Launch::new().args(["--workers", "2", "--max-memory", "32M"])
    });
    let Some(attacked) = attacked else { return };
    let requests = REQUEST.repeat(10_000);
    let mut streams = Vec::new();
    for index in 0..CLIENTS {
        let stream = small_client(attacked.server.address(), index);
        push(&stream, requests.as_bytes(), &mut 0);
        streams.push(stream);
        if index % 100 == 0 {
            attacked.serves_others("/plaintext");
        }
    }
    for _ in 0..5 {
        for stream in &streams {
            push(stream, requests.as_bytes(), &mut 0);
        }
        attacked.serves_others("/plaintext");
    }
    let (peak, queued) = (attacked.peak_growth(), attacked.queued());
    assert!(peak <= 32 * MIB + overhead(32 * MIB), "{peak} bytes at the peak");
    // 512 KiB that were not read, 128 KiB that were not sent or not acknowledged, and the client's own 128 KiB.
    let most = CLIENTS as u64 * 768 * 1024;
    println!("{queued} bytes are in the kernel's queues");
    assert!(queued <= most, "the kernel holds {queued} bytes");
    drop(streams);
    attacked.recovers_from(CLIENTS as u64);
}

#[test]
fn a_client_that_was_read_from_quickly_cannot_leave_megabytes_unread() {
    let Some(attacked) = Attacked::new("a_client_that_was_read_from_quickly", Launch::new) else {
        return;
    };
    let mut client = attacked.server.connect();
    let body = "x".repeat(1_000_000);
    let upload = format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n{body}");
    // The kernel makes room for a connection that is read from as fast as this one.
    for _ in 0..100 {
        assert_eq!(client.exchange(&upload).expect("an answer").status, 200);
    }
    let stream = client.stream().try_clone().expect("a second handle");
    stream.set_nonblocking(true).expect("it need not wait");
    let requests = REQUEST.repeat(10_000);
    for _ in 0..50 {
        for _ in 0..50 {
            push(&stream, requests.as_bytes(), &mut 0);
        }
        thread::sleep(Duration::from_millis(10));
    }
    let unread = process::unread(
        attacked.server.address(),
        stream.local_addr().expect("an address"),
    );
    println!("{unread} bytes are unread");
    assert!(
        (10_000..512 * 1024).contains(&unread),
        "{unread} bytes are unread"
    );
}
