//! httpsd on its event loop of one thread: a handler for what comes from memory, else the files.

use httpsd::{Request, Response, Server, StatusCode};

fn main() -> httpsd::Result<()> {
    let (address, root) = peers::arguments();
    let server = Server::bind(address)?.max_conns_per_ip(0);
    match root {
        Some(root) => server.serve_dir(root).run_mio(),
        None => server.handler(answer).run_mio(),
    }
}

fn answer(request: &Request) -> Response {
    match request.path() {
        "/plaintext" => Response::text(peers::HELLO),
        _ => Response::new(StatusCode::NOT_FOUND),
    }
}
