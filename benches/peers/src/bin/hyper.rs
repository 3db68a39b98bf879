//! hyper on a runtime of one thread, as its documentation shows a server; answers from memory only. A `ROOT` says that large
//! answers are to be expected.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

type Answer = Result<Response<Full<Bytes>>, Infallible>;

fn text(status: StatusCode, body: Bytes) -> Answer {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let plain = hyper::header::HeaderValue::from_static("text/plain");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, plain);
    Ok(response)
}

async fn answer(request: Request<Incoming>, big: Bytes) -> Answer {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/plaintext") => text(StatusCode::OK, Bytes::from_static(peers::HELLO.as_bytes())),
        (&Method::GET, "/1k") => text(StatusCode::OK, Bytes::from_static(&peers::KILO)),
        (&Method::GET, "/1m") => text(StatusCode::OK, big.slice(..peers::MEGA)),
        (&Method::GET, "/big") => text(StatusCode::OK, big),
        (&Method::POST, "/echo") => match request.into_body().collect().await {
            Ok(body) => text(StatusCode::OK, body.to_bytes()),
            Err(_) => text(StatusCode::BAD_REQUEST, Bytes::new()),
        },
        _ => text(StatusCode::NOT_FOUND, Bytes::new()),
    }
}

async fn serve(address: std::net::SocketAddr, large: bool) -> std::io::Result<()> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener: TcpListener = socket.listen(4096)?;
    let big = Bytes::from(vec![b'x'; peers::BIG]);
    loop {
        // Errors of accepting are those of single connections, or pass when others have closed.
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let big = big.clone();
        tokio::spawn(async move {
            let mut builder = http1::Builder::new();
            // This makes small pipelined answers one write, and copies large ones whole into a buffer.
            builder.timer(TokioTimer::new()).pipeline_flush(!large);
            let service = service_fn(move |request| answer(request, big.clone()));
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn main() -> std::io::Result<()> {
    let (address, root) = peers::arguments();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(address, root.is_some()))
}
