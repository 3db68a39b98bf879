//! actix-web with one worker, and actix-files for the files.

use actix_web::{App, HttpResponse, HttpServer, web};

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let (address, root) = peers::arguments();
    let root = root.unwrap_or_else(|| "/nonexistent".into());
    HttpServer::new(move || {
        App::new()
            .route(
                "/plaintext",
                web::get().to(|| async { HttpResponse::Ok().content_type("text/plain").body(peers::HELLO) }),
            )
            .service(actix_files::Files::new("/", &root))
    })
    .workers(1)
    .backlog(4096)
    .max_connections(20_000)
    .bind(address)?
    .run()
    .await
}
