//! Binding on the real kernel.

use super::*;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixDatagram, UnixStream};

fn options(workers: usize) -> Options {
    Options {
        workers,
        accept: AcceptMode::Shared,
        mode: None,
    }
}

fn bind(addresses: &[&str], options: &Options) -> Result<Sockets, BindError> {
    let addresses: Vec<Address> = addresses
        .iter()
        .map(|address| address.parse().expect("an address"))
        .collect();
    Sockets::bind(&addresses, options)
}

#[test]
fn of_a_name_those_addresses_are_bound_that_this_machine_has() {
    let here = SocketAddr::from(([127, 0, 0, 1], 0));
    let elsewhere = SocketAddr::from(([192, 0, 2, 1], 0));
    let bind = |addresses: &[SocketAddr], is_one_of| {
        let mut sockets = Sockets::default();
        let resolved = Resolved {
            addresses: addresses.to_vec(),
            is_one_of,
        };
        let bound = sockets.bind_resolved(&resolved, &options(1), |_| false);
        bound.map(|()| sockets.0.len()).map_err(|error| error.kind())
    };
    assert_eq!(bind(&[here, elsewhere], false), Ok(1));
    assert_eq!(bind(&[elsewhere, here], false), Ok(1));
    assert_eq!(bind(&[here, here], false), Ok(2));
    assert_eq!(bind(&[elsewhere, here, here], true), Ok(1));
    assert_eq!(bind(&[elsewhere], false), Err(io::ErrorKind::AddrNotAvailable));
    assert_eq!(bind(&[], false), Err(io::ErrorKind::AddrNotAvailable));
    assert!(is_not_here(&Errno::EAFNOSUPPORT.into()) && !is_not_here(&Errno::EACCES.into()));
}

#[test]
fn every_address_is_one_socket_that_answers_both_families() {
    let sockets = bind(&[":0"], &options(1)).expect("a free port");
    let Some((Bound::Tcp(address), 1, both)) = sockets.facts().next() else {
        panic!("{sockets:?}");
    };
    TcpStream::connect((Ipv4Addr::LOCALHOST, address.port())).expect("it answers IPv4");
    if address.is_ipv6() && both {
        TcpStream::connect((Ipv6Addr::LOCALHOST, address.port())).expect("it answers IPv6");
    }
}

#[test]
fn beside_an_own_socket_for_ipv4_that_of_ipv6_takes_none() {
    // Somebody else may take a port that was free a moment ago.
    for _ in 0..10 {
        let port = bind(&["127.0.0.1:0"], &options(1)).expect("a free port");
        let Some(Bound::Tcp(free)) = port.addresses().next().cloned() else {
            panic!("{port:?}");
        };
        drop(port);
        let [v4, v6] = ["0.0.0.0", "[::]"].map(|ip| format!("{ip}:{}", free.port()));
        match bind(&[&v6, &v4], &options(1)) {
            Ok(sockets) => return assert!(sockets.facts().all(|(_, _, both)| !both)),
            // This machine may have switched IPv6 off.
            Err(error) if error.to_string().contains("[::]") => return,
            Err(_) => {}
        }
    }
    panic!("no port stays free");
}

#[test]
fn each_worker_gets_a_listener_of_each_address_and_no_socket_is_left_over() {
    let folder = tempfile::tempdir().expect("a directory");
    let unix = format!("unix:{}", folder.path().join("socket").display());
    for (sockets, workers, shares) in [
        (1, 3, [2, 2, 2]),
        (3, 3, [2, 2, 2]),
        (3, 1, [4, 0, 0]),
        (2, 3, [2, 2, 2]),
    ] {
        let options = Options {
            accept: if BALANCES_SHARED_PORTS {
                AcceptMode::Reuseport
            } else {
                AcceptMode::Shared
            },
            ..options(if BALANCES_SHARED_PORTS { sockets } else { 1 })
        };
        let bound = bind(&["127.0.0.1:0", &unix], &options).expect("free places");
        let lengths: Vec<usize> = bound
            .shares(workers)
            .expect("room")
            .iter()
            .map(Vec::len)
            .collect();
        if BALANCES_SHARED_PORTS {
            assert_eq!(lengths, shares[..workers], "{sockets} sockets, {workers} workers");
        }
    }
}

#[test]
fn a_unix_socket_gets_the_permissions_that_were_asked_for() {
    let _held = crate::sys::tests::children::no_child_starts();
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("socket");
    let unix = format!("unix:{}", path.display());
    let options = Options {
        mode: Some(0o620),
        ..options(1)
    };
    let _sockets = bind(&[&unix], &options).expect("a free path");
    let mode = std::fs::metadata(&path)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o620);
}

#[test]
fn inherited_sockets_are_grouped_by_their_address_and_others_are_refused() {
    let options = Options {
        accept: if BALANCES_SHARED_PORTS {
            AcceptMode::Reuseport
        } else {
            AcceptMode::Shared
        },
        ..options(2)
    };
    let sockets = bind(&["127.0.0.1:0", "127.0.0.1:0"], &options).expect("free ports");
    let fds = |sockets: &Sockets| -> Vec<OwnedFd> {
        use std::os::fd::AsFd as _;
        let fds = sockets
            .listeners()
            .map(|listener| listener.as_fd().try_clone_to_owned());
        fds.collect::<io::Result<_>>().expect("duplicates")
    };
    let inherited = Sockets::inherit(fds(&sockets)).expect("they listen");
    assert!(inherited.facts().eq(sockets.facts()));
    let other = UnixDatagram::unbound().expect("a socket");
    let mut both = fds(&sockets);
    both.push(other.into());
    let error = Sockets::inherit(both)
        .expect_err("a datagram socket does not listen")
        .to_string();
    assert!(
        error.contains(&format!("socket {} ", sockets.listeners().count())),
        "{error}"
    );
    let (connected, _peer) = UnixStream::pair().expect("a pair");
    Sockets::inherit([connected.into()]).expect_err("a connected socket does not listen");
}
