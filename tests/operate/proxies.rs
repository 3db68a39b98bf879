//! Behind the proxies that people use, with connections to the server kept alive.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use std::{fs, thread};

use support::{Client, Launch, Server, tools};

use crate::{REQUEST, read, wait_for};

/// A proxy that runs, in a directory of its own.
struct Proxy {
    child: Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Proxy {
    /// Starts it with a configuration, and waits until it listens. `arguments` come before the configuration's path.
    fn start(program: &Path, arguments: &[&str], configuration: impl Fn(u16, &Path) -> String) -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let path = folder.path().join("configuration");
        fs::write(&path, configuration(address.port(), folder.path())).expect("a file");
        let errors = fs::File::create(folder.path().join("errors")).expect("a file");
        let child = Command::new(program)
            .args(arguments)
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(errors.try_clone().expect("a descriptor"))
            .stderr(errors)
            .spawn()
            .expect("it starts");
        let proxy = Self {
            child,
            address,
            folder,
        };
        wait_for(
            &format!("it listens: {}", read(&proxy.folder.path().join("errors"))),
            || std::net::TcpStream::connect(address).is_ok(),
        );
        proxy
    }
}

fn haproxy() -> Option<PathBuf> {
    sbin("haproxy")
}

fn nginx() -> Option<PathBuf> {
    sbin("nginx")
}

/// Debian puts them where not every PATH leads.
fn sbin(name: &str) -> Option<PathBuf> {
    let path = Path::new("/usr/sbin").join(name);
    if path.is_file() {
        Some(path)
    } else {
        tools::tool(name)
    }
}

/// HAProxy before these servers; `options` stand behind each.
fn before(haproxy: &Path, servers: &[SocketAddr], checks: &[SocketAddr], options: &str) -> Proxy {
    Proxy::start(haproxy, &["-db", "-f"], |port, _| {
        let mut text = format!(
            "global\n maxconn 1000\ndefaults\n mode http\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n \
             option http-keep-alive\n http-reuse always\n option forwardfor\n retries 0\n\
             frontend f\n bind 127.0.0.1:{port}\n default_backend b\nbackend b\n"
        );
        if !checks.is_empty() {
            text += " option httpchk GET /readyz\n";
        }
        for (index, server) in servers.iter().enumerate() {
            let check = checks.get(index).map_or(String::new(), |admin| {
                format!(
                    " check inter 100ms fall 1 rise 1 port {} addr {}",
                    admin.port(),
                    admin.ip()
                )
            });
            text += &format!(" server s{index} {server} {options}{check}\n");
        }
        text
    })
}

/// nginx before a server, with connections to it kept alive.
fn nginx_before(nginx: &Path, server: SocketAddr) -> Proxy {
    Proxy::start(nginx, &["-c"], |port, folder| {
        let folder = folder.display();
        format!(
            "daemon off;\nworker_processes 1;\npid {folder}/pid;\nerror_log {folder}/error.log;\n\
             events {{}}\nhttp {{\n access_log off;\n client_body_temp_path {folder}/body;\n proxy_temp_path {folder}/proxy;\n \
             fastcgi_temp_path {folder}/f;\n uwsgi_temp_path {folder}/u;\n scgi_temp_path {folder}/s;\n \
             upstream u {{ server {server} max_fails=0; keepalive 32; }}\n \
             server {{ listen 127.0.0.1:{port};\n  location / {{ proxy_pass http://u; proxy_http_version 1.1;\n   \
             proxy_set_header Connection \"\"; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n   \
             proxy_next_upstream off; }} }}\n}}\n"
        )
    })
}

/// Has so many clients ask without a pause until `over`; every answer has to be 200. Returns what failed.
fn ask_all(address: SocketAddr, clients: usize, over: &AtomicBool, answers: &AtomicUsize) -> Vec<String> {
    let ask = || -> std::io::Result<()> {
        let mut client = Client::connect(address);
        while !over.load(Ordering::Relaxed) {
            let response = client.exchange(REQUEST)?;
            if response.status != 200 {
                return Err(std::io::Error::other(format!(
                    "{} {}",
                    response.status,
                    response.text()
                )));
            }
            answers.fetch_add(1, Ordering::Relaxed);
            if response.says_close() {
                client = Client::connect(address);
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(ask)).collect();
        let ends = clients.into_iter().filter_map(|client| client.join().ok());
        ends.filter_map(|end| end.err().map(|error| error.to_string()))
            .collect()
    })
}

/// Through the proxy: files of each kind of framing, an upload, and many requests over kept connections.
fn serves(proxy: &Proxy) {
    let mut client = Client::connect(proxy.address);
    let upload = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    for (request, body) in [
        (REQUEST, "Hello, World!"),
        (upload, "hello"),
        ("GET /slow?ms=50 HTTP/1.1\r\nHost: a\r\n\r\n", ""),
        ("GET /stream?lines=3 HTTP/1.1\r\nHost: a\r\n\r\n", ""),
    ] {
        let response = client.exchange(request).expect("an answer");
        assert_eq!(response.status, 200, "{request}: {response:?}");
        assert!(response.text().contains(body), "{request}: {response:?}");
    }
    let (over, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    let failures = thread::scope(|scope| {
        let asking = scope.spawn(|| ask_all(proxy.address, 20, &over, &answers));
        wait_for("many answers", || answers.load(Ordering::Relaxed) > 2000);
        over.store(true, Ordering::Relaxed);
        asking.join().expect("they end")
    });
    assert!(failures.is_empty(), "{failures:?}");
}

/// How many connections the clients of a log have made: each has a port of its own.
fn ports(log: &Path) -> usize {
    let text = read(log);
    let peers = text
        .lines()
        .filter_map(|line| line.split("\"peer\":\"").nth(1)?.split('"').next());
    let mut peers: Vec<&str> = peers.collect();
    peers.sort_unstable();
    peers.dedup();
    peers.len()
}

#[test]
fn haproxy_keeps_connections_to_it_alive_and_no_request_fails() {
    let Some(program) = haproxy() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a directory");
    let log = folder.path().join("log");
    let arguments = [
        "--access-log",
        log.to_str().expect("text"),
        "--log-format",
        "json",
    ];
    let server = Launch::new().args(arguments).start();
    let proxy = before(&program, &[server.address()], &[], "");
    serves(&proxy);
    wait_for("the log", || read(&log).lines().count() > 2000);
    assert!(ports(&log) < 200, "connections are kept: {}", ports(&log));
}

#[test]
fn nginx_keeps_connections_to_it_alive_and_no_request_fails() {
    let Some(program) = nginx() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a directory");
    let log = folder.path().join("log");
    let arguments = [
        "--access-log",
        log.to_str().expect("text"),
        "--log-format",
        "json",
    ];
    let server = Launch::new().args(arguments).start();
    let proxy = nginx_before(&program, server.address());
    serves(&proxy);
    wait_for("the log", || read(&log).lines().count() > 2000);
    assert!(ports(&log) < 200, "connections are kept: {}", ports(&log));
}

/// A replica that can be replaced: on the same port, as a balancer's configuration names it.
struct Replica {
    server: Option<Server>,
    admin: SocketAddr,
}

impl Replica {
    fn start(listen: &str, admin: &str) -> Self {
        let arguments = [
            "--workers",
            "1",
            "--listen",
            listen,
            "--admin",
            admin,
            "--drain-delay",
            "500ms",
        ];
        let server = Launch::new().args(arguments).start();
        let admin = crate::admin_address(&server);
        Self {
            server: Some(server),
            admin,
        }
    }

    fn address(&self) -> SocketAddr {
        self.server.as_ref().expect("it runs").address()
    }

    /// Ends it, and starts another one in its place.
    fn replace(&mut self) {
        let (listen, admin) = (self.address().to_string(), self.admin.to_string());
        self.server.take().expect("it runs").stop();
        *self = Self::start(&listen, &admin);
    }
}

#[test]
fn a_rolling_restart_of_three_replicas_behind_haproxy_fails_no_request() {
    let Some(program) = haproxy() else {
        return;
    };
    let mut replicas: Vec<Replica> = (0..3)
        .map(|_| Replica::start("127.0.0.1:0", "127.0.0.1:0"))
        .collect();
    let servers: Vec<SocketAddr> = replicas.iter().map(Replica::address).collect();
    let admins: Vec<SocketAddr> = replicas.iter().map(|replica| replica.admin).collect();
    let proxy = before(&program, &servers, &admins, "");
    let (over, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    let failures = thread::scope(|scope| {
        let asking = scope.spawn(|| ask_all(proxy.address, 30, &over, &answers));
        let more = |count: usize| {
            let before = answers.load(Ordering::Relaxed);
            wait_for("answers", || answers.load(Ordering::Relaxed) > before + count);
        };
        more(500);
        for replica in &mut replicas {
            replica.replace();
            // HAProxy looks every 100 ms whether it is ready again.
            thread::sleep(Duration::from_millis(500));
            more(500);
        }
        over.store(true, Ordering::Relaxed);
        asking.join().expect("they end")
    });
    println!("{} answers", answers.load(Ordering::Relaxed));
    assert!(failures.is_empty(), "{failures:?}");
}
