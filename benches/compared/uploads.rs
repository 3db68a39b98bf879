//! Uploads that stream through to a file in memory: processor time for each byte.

use std::io::{self, Read as _, Write as _};
use std::path::Path;

use bench::load::connect;
use bench::report::Table;
use bench::servers::{Running, Server, Setup};
use tempfile::TempDir;

use crate::context::{Context, cell, ratio};

/// How many bytes are written at once.
const PIECE: usize = 256 * 1024;

pub(crate) fn tables(context: &mut Context) -> io::Result<Vec<Table>> {
    let mebibytes = context.upload >> 20;
    let title =
        format!("An upload of {mebibytes} MiB, written to a file in memory: processor time for each MiB, µs");
    let mut table = Table::new(&title, &["server", "µs", "over nginx's"]);
    let mut running = Vec::new();
    if context.servers.contains(&Server::Ours) {
        running.push(Running::start_upload(
            &context.programs,
            folder()?,
            &context.processor,
        )?);
    }
    if context.servers.contains(&Server::Nginx) {
        let setup = Setup::files(context.pages.root());
        running.push(Running::start_in(
            Server::Nginx,
            folder()?,
            &context.programs,
            &setup,
            &context.processor,
        )?);
    }
    let rounds = context.rounds(&running, "upload", &mut table, |server| measure(context, server));
    let nginx = running.iter().position(|server| server.server == Server::Nginx);
    for (server, each) in running.iter().zip(&rounds) {
        let over = nginx.map_or("-".into(), |nginx| ratio(each, &rounds[nginx]));
        let name = if server.server == Server::Ours {
            "**the example `upload`**"
        } else {
            "nginx, `dav_methods PUT`"
        };
        table.row(vec![name.to_owned(), cell(each, 0), over]);
    }
    Ok(vec![table])
}

/// A folder in memory, so that no disk is measured.
fn folder() -> io::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        TempDir::with_prefix_in("compare-", memory)
    } else {
        TempDir::with_prefix("compare-")
    }
}

fn measure(context: &Context, server: &Running) -> io::Result<f64> {
    let (path, stored) = match server.server {
        Server::Nginx => ("/put/upload", server.folder().join("put/upload")),
        _ => ("/upload", server.folder().join("upload")),
    };
    let before = server.cpu()?;
    put(server, path, context.upload)?;
    let spent = server.cpu()? - before;
    let size = std::fs::metadata(&stored)?.len();
    std::fs::remove_file(&stored)?;
    if size != context.upload {
        return Err(io::Error::other(format!(
            "{size} bytes of {} were stored",
            context.upload
        )));
    }
    Ok(spent.as_secs_f64() * 1e6 / (context.upload as f64 / f64::from(1 << 20)))
}

fn put(server: &Running, path: &str, length: u64) -> io::Result<()> {
    let mut stream = connect(server.address, 0)?;
    write!(
        stream,
        "PUT {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    let (piece, mut left) = (vec![b'x'; PIECE], length);
    while left > 0 {
        let count = stream.write(&piece[..PIECE.min(usize::try_from(left).unwrap_or(PIECE))])?;
        left -= count as u64;
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 201") {
        Ok(())
    } else {
        Err(io::Error::other(format!("the answer is {answer:?}")))
    }
}
