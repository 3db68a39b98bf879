//! Behind the proxies that people use, with connections to the server kept alive.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use std::{fs, thread};

use support::{Client, Launch, PATIENCE, Server, tools};

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

/// HAProxy before these servers; `options` stand behind each. With `checks` it asks there whether they are ready.
fn before(haproxy: &Path, servers: &[SocketAddr], checks: &[SocketAddr], options: &str) -> Proxy {
    Proxy::start(haproxy, &["-db", "-f"], |port, folder| {
        let mut text = format!(
            "global\n maxconn 1000\n stats socket {}/stats\n\
             defaults\n mode http\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n timeout check 2s\n \
             option http-keep-alive\n http-reuse always\n option forwardfor\n retries 0\n\
             frontend f\n bind 127.0.0.1:{port}\n default_backend b\nbackend b\n",
            folder.display()
        );
        if !checks.is_empty() {
            text += " option httpchk GET /readyz\n";
        }
        for (index, server) in servers.iter().enumerate() {
            let check = checks.get(index).map_or(String::new(), |admin| {
                // One that connects too late, because nobody had a turn, counts as failed: two make a server one that is down.
                format!(
                    " check inter 300ms fastinter 100ms fall 2 rise 1 port {} addr {}",
                    admin.port(),
                    admin.ip()
                )
            });
            text += &format!(" server s{index} {server} {options}{check}\n");
        }
        text
    })
}

/// How many servers HAProxy takes for ready.
fn servers_that_are_up(proxy: &Proxy) -> usize {
    let ask = || -> io::Result<String> {
        let mut socket = UnixStream::connect(proxy.folder.path().join("stats"))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.write_all(b"show stat\n")?;
        let mut text = String::new();
        socket.read_to_string(&mut text).map(|_| text)
    };
    // Comma-separated: the backend, the server, and behind others the state.
    let is_up = |line: &&str| line.starts_with("b,s") && line.split(',').nth(17) == Some("UP");
    ask().expect("HAProxy tells").lines().filter(is_up).count()
}

/// nginx before a server, with connections to it kept alive.
fn nginx_before(nginx: &Path, server: SocketAddr) -> Proxy {
    Proxy::start(nginx, &["-c"], |port, folder| {
        let folder = folder.display();
        format!(
            "daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log {folder}/error.log;\n\
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
            "2s",
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
            wait_for("HAProxy has seen that all are ready", || {
                servers_that_are_up(&proxy) == 3
            });
            more(500);
        }
        over.store(true, Ordering::Relaxed);
        asking.join().expect("they end")
    });
    println!("{} answers", answers.load(Ordering::Relaxed));
    assert!(failures.is_empty(), "{failures:?}");
}

/// The clients that the lines of a combined log name.
fn clients(log: &Path) -> Vec<String> {
    let text = read(log);
    text.lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

/// A server with a log, and its place. It has one worker, because lines of several come in the order in which the writer asks them.
fn logged(arguments: &[&str]) -> (tempfile::TempDir, PathBuf, Server) {
    let folder = tempfile::tempdir().expect("a directory");
    let log = folder.path().join("log");
    let launch = Launch::new().args(["--workers", "1", "--access-log", log.to_str().expect("text")]);
    let server = arguments.iter().fold(launch, Launch::arg).start();
    (folder, log, server)
}

#[test]
fn the_proxy_protocol_of_haproxy_names_the_client_in_both_versions() {
    let Some(program) = haproxy() else {
        return;
    };
    for option in ["send-proxy", "send-proxy-v2"] {
        let (_folder, log, server) = logged(&["--proxy-protocol", "--trusted-proxies", "127.0.0.1"]);
        let proxy = before(&program, &[server.address()], &[], option);
        // A client at another address of the loopback network than the proxy itself.
        let client =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        client
            .bind(&SocketAddr::from(([127, 0, 0, 7], 0)).into())
            .expect("it is ours");
        client.connect(&proxy.address.into()).expect("it listens");
        let response = Client::over(client.into()).exchange(REQUEST).expect("an answer");
        assert_eq!(response.status, 200, "{option}: {response:?}");
        wait_for("a line", || !read(&log).is_empty());
        assert_eq!(clients(&log), ["127.0.0.7"], "{option}");
    }
}

#[test]
fn a_header_is_required_of_trusted_proxies_and_nobody_else_may_connect() {
    let (_folder, log, server) = logged(&["--proxy-protocol", "--trusted-proxies", "127.0.0.1"]);
    let request = "GET /plaintext HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    for (header, is_served) in [
        ("PROXY TCP4 192.0.2.1 198.51.100.1 4242 80\r\n", true),
        ("PROXY UNKNOWN\r\n", true),
        ("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", true),
        ("", false),
        ("PROXY TCP4 192.0.2.1\r\n", false),
        (
            "PROXY TCP4 192.0.2.1 198.51.100.1 4242 80\r\nPROXY UNKNOWN\r\n",
            false,
        ),
    ] {
        let mut client = server.connect();
        // In small pieces, so that no part is seen together with the next.
        client.send_in_pieces(format!("{header}{request}"), 7).ok();
        let answer = client
            .rest()
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let answer = answer.unwrap_or_default();
        assert_eq!(
            answer.starts_with("HTTP/1.1 200 "),
            is_served,
            "{header:?}: {answer}"
        );
    }
    wait_for("the lines", || clients(&log).len() >= 3);
    assert_eq!(clients(&log)[..3], ["192.0.2.1", "127.0.0.1", "127.0.0.1"]);
    wait_for("it is said", || server.output().contains("is send-proxy missing"));

    let (_folder, _, server) = logged(&["--proxy-protocol", "--trusted-proxies", "192.0.2.0/24"]);
    let mut stranger = server.connect();
    let _ = stranger.send(format!("PROXY UNKNOWN\r\n{request}"));
    assert!(
        stranger.rest().unwrap_or_default().is_empty(),
        "who is no proxy is not answered"
    );
    wait_for("it is said", || {
        server.output().contains("127.0.0.1 is closed at once")
    });
}

#[test]
fn a_header_that_does_not_come_is_waited_for_as_a_head_is() {
    let (_folder, _, server) = logged(&[
        "--proxy-protocol",
        "--trusted-proxies",
        "127.0.0.1",
        "--head-timeout",
        "500ms",
    ]);
    let mut client = server.connect();
    client.send("PROXY TCP4").expect("it reads");
    let started = std::time::Instant::now();
    assert!(client.rest().unwrap_or_default().is_empty());
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn forwarded_for_is_believed_of_trusted_proxies_alone() {
    let ask = |server: &Server, list: &str| {
        let request = format!("GET /plaintext HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {list}\r\n\r\n");
        assert_eq!(server.connect().exchange(request).expect("an answer").status, 200);
    };
    let (_folder, log, server) = logged(&["--trusted-proxies", "127.0.0.0/8,10.0.0.0/8"]);
    for (number, list) in ["6.6.6.6, 192.0.2.1, 10.0.0.9", "nobody", "2001:db8::1"]
        .iter()
        .enumerate()
    {
        ask(&server, list);
        wait_for("its line", || clients(&log).len() == number + 1);
    }
    assert_eq!(clients(&log), ["192.0.2.1", "127.0.0.1", "2001:db8::1"]);
    let (_folder, log, server) = logged(&["--trusted-proxies", "10.0.0.0/8"]);
    ask(&server, "192.0.2.1");
    wait_for("its line", || clients(&log).len() == 1);
    assert_eq!(clients(&log), ["127.0.0.1"]);
}

#[test]
fn the_client_that_nginx_names_is_the_one_of_the_log() {
    let Some(program) = nginx() else {
        return;
    };
    let (_folder, log, server) = logged(&["--trusted-proxies", "127.0.0.1"]);
    let proxy = nginx_before(&program, server.address());
    let request = "GET /plaintext HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n";
    assert_eq!(
        Client::connect(proxy.address)
            .exchange(request)
            .expect("an answer")
            .status,
        200
    );
    wait_for("its line", || clients(&log).len() == 1);
    // nginx appends 127.0.0.1, which is trusted.
    assert_eq!(clients(&log), ["192.0.2.1"]);
}
