//! may_minihttp with one worker; answers from memory only.

use std::io;

use may_minihttp::{HttpService, HttpServiceFactory, Request, Response};

struct Answers;

impl HttpService for Answers {
    fn call(&mut self, request: Request<'_, '_, '_>, response: &mut Response<'_>) -> io::Result<()> {
        match request.path() {
            "/plaintext" => response.header("Content-Type: text/plain").body(peers::HELLO),
            "/1k" => response.body(std::str::from_utf8(&peers::KILO).unwrap_or_default()),
            "/1m" => response.body_vec(vec![b'x'; peers::MEGA]),
            _ => drop(response.status_code(404, "Not Found")),
        }
        Ok(())
    }
}

struct Factory;

impl HttpServiceFactory for Factory {
    type Service = Answers;

    fn new_service(&self, _: usize) -> Answers {
        Answers
    }
}

fn main() -> io::Result<()> {
    let (address, _) = peers::arguments();
    may::config().set_workers(1).set_worker_pin(false);
    Factory.start(address)?.wait();
    Ok(())
}
