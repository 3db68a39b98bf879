//! Work that blocks: a bounded pool of threads does it, so that no worker has to, and refuses what it has no room for.
//!
//!     mkfifo slow
//!     cargo run -p server-bin --example blocking -- 127.0.0.1:8080 slow
//!     curl http://127.0.0.1:8080/file &      # the thread of the pool waits until somebody writes
//!     curl http://127.0.0.1:8080/file &      # waits for the thread
//!     curl -i http://127.0.0.1:8080/file     # 503, with Retry-After
//!     curl http://127.0.0.1:8080/            # answered at once
//!     echo first >slow

use std::path::Path;
use std::{env, fs};

use server_bin::handler::{Context, Reply, plain};
use server_bin::http_core::{Head, ResponseHead};
use server_bin::{BlockingPool, Server};

/// So that one can see it with three requests. A server for many has some threads more, and a longer queue.
const THREADS: usize = 1;
const WAITING: usize = 1;

/// Reads a file that may make its reader wait: a named pipe, or one on a slow disk. It runs on a thread of the pool.
fn read(path: &Path, head: &mut ResponseHead) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| {
        head.set_status(404);
        format!("{}: {error}\n", path.display())
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let path = env::args().nth(2).unwrap_or("Cargo.toml".into());
    let pool = BlockingPool::new(THREADS, WAITING)?;
    let server = Server::new(move |head: &Head<'_>, cx: &mut Context<'_>| -> Reply {
        match head.target().path() {
            "/" => "at once\n".into(),
            "/file" => {
                let path = path.clone();
                pool.run(cx, move |head| read(Path::new(&path), head))
            }
            _ => plain::reply(cx, 404),
        }
    });
    // One worker, so that whatever held it up would hold up everybody.
    let running = server.workers(1).listen(address.parse()?).spawn()?;
    println!("listening on {}", running.addresses()[0]);
    running.join()?;
    Ok(())
}
