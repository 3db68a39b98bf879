//! How each server is told what to do: arguments, and for some a file.
//!
//! As their packages configure them, but for the limits: no access log, connections and requests as many as are asked. nginx
//! has its master also for a single worker: nobody runs it without, and without it there is no graceful end.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::{fs, io};

use super::{Server, Setup};

/// Returns the arguments of `server`, and writes its configuration into `folder` if it has one.
pub(super) fn arguments(
    server: Server,
    setup: &Setup<'_>,
    address: SocketAddr,
    folder: &Path,
) -> io::Result<Vec<OsString>> {
    let file = folder.join("configuration");
    let from_file = |text: String, flags: &[&str]| {
        fs::write(&file, text)?;
        let mut arguments: Vec<OsString> = flags.iter().map(OsString::from).collect();
        arguments.push(file.clone().into());
        Ok(arguments)
    };
    match server {
        Server::Floor => {
            let close = if setup.closes { "close" } else { "keep" };
            Ok([address.to_string(), setup.body.to_string(), close.to_owned()]
                .map(OsString::from)
                .to_vec())
        }
        Server::Ours => Ok(ours(setup, address)),
        Server::Nginx | Server::NginxCached => {
            from_file(nginx(server, setup, address, folder), &["-e", "stderr", "-c"])
        }
        Server::H2o => from_file(h2o(setup, address), &["-c"]),
        Server::Lighttpd => from_file(lighttpd(setup, address), &["-D", "-f"]),
        Server::Hyper | Server::Actix | Server::May | Server::Httpsd => {
            let root = setup.files.then(|| setup.root.into());
            Ok(std::iter::once(address.to_string().into()).chain(root).collect())
        }
    }
}

fn ours(setup: &Setup<'_>, address: SocketAddr) -> Vec<OsString> {
    let mut words = vec![
        "--listen".to_owned(),
        address.to_string(),
        "--workers".into(),
        setup.workers.to_string(),
    ];
    words.extend(["--access-log".into(), "off".into()]);
    let mut flag = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            words.extend([name.to_owned(), value]);
        }
    };
    flag("--accept", setup.accept.map(str::to_owned));
    flag("--max-connections", setup.limit.map(|limit| limit.to_string()));
    flag(
        "--idle-timeout",
        setup.idle.map(|idle| format!("{}ms", idle.as_millis())),
    );
    flag("--admin", setup.admin.map(|admin| admin.to_string()));
    if setup.listing {
        words.push("--listing".into());
    }
    let root = setup.files.then(|| setup.root.into());
    words.into_iter().map(OsString::from).chain(root).collect()
}

fn nginx(server: Server, setup: &Setup<'_>, address: SocketAddr, folder: &Path) -> String {
    let cache = if server == Server::NginxCached {
        "open_file_cache max=20000 inactive=60s; open_file_cache_valid 60s;"
    } else {
        ""
    };
    let memory = "location = /plaintext { return 200 \"Hello, World!\"; }";
    let (folder, root) = (folder.display(), setup.root.display());
    let workers = setup.workers;
    // Its listener and its channel to the master count, too. When a sixteenth is left, it closes idle ones: so there are many
    // more than descriptors.
    let connections = setup.limit.map_or(32_768, |limit| limit + 2);
    let idle = setup.idle.map_or(600, |idle| idle.as_secs());
    let reuseport = if setup.accept == Some("reuseport") {
        "reuseport"
    } else {
        ""
    };
    let listing = if setup.listing { "on" } else { "off" };
    let memory = if setup.files { "" } else { memory };
    format!(
        "daemon off; master_process on; user root; pid {folder}/pid; worker_processes {workers}; worker_rlimit_nofile 20000;
        events {{ worker_connections {connections}; }}
        http {{
            include /etc/nginx/mime.types; default_type application/octet-stream;
            sendfile on; tcp_nopush on; types_hash_max_size 2048; access_log off; {cache}
            keepalive_timeout {idle}; keepalive_requests 1000000000; client_max_body_size 0;
            client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
            uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
            server {{
                listen {address} backlog=4096 {reuseport}; root {root}; autoindex {listing};
                {memory}
                location /put/ {{ root {folder}; dav_methods PUT; create_full_put_path on; }}
            }}
        }}\n"
    )
}

fn h2o(setup: &Setup<'_>, address: SocketAddr) -> String {
    let (ip, port, root, workers) = (address.ip(), address.port(), setup.root.display(), setup.workers);
    format!(
        "listen:\n  host: {ip}\n  port: {port}\nuser: root\nnum-threads: {workers}\nmax-connections: 20000\n\
         http1-request-timeout: 600\nhosts:\n  default:\n    paths:\n      /:\n        file.dir: {root}\n"
    )
}

fn lighttpd(setup: &Setup<'_>, address: SocketAddr) -> String {
    let (ip, port, root) = (address.ip(), address.port(), setup.root.display());
    format!(
        "server.document-root = \"{root}\"\nserver.bind = \"{ip}\"\nserver.port = {port}\nserver.max-fds = 20000\n\
         server.max-connections = 19900\nserver.max-keep-alive-requests = 65535\nserver.max-keep-alive-idle = 600\n\
         server.listen-backlog = 4096\nmimetype.assign = ( \"\" => \"application/octet-stream\" )\n"
    )
}
