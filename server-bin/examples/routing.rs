//! Routing is left to its user. A `match` on the path does for a few routes; here the `matchit` crate finds them.
//!
//!     cargo run -p server-bin --example routing -- 127.0.0.1:8080
//!     curl http://127.0.0.1:8080/books/7
//!
//! [`Handler::methods`] is asked first: it looks the route up, and the server answers 405, `Allow` and `OPTIONS` from what
//! it returns. For a path that is nowhere it returns every method, so that the answer is 404 whatever the method.

use std::env;
use std::sync::Arc;

use matchit::Router;
use server_bin::Server;
use server_bin::handler::{Context, Decision, Handler, Methods, plain};
use server_bin::http_core::{Head, Method};

#[derive(Clone, Copy)]
enum Route {
    Home,
    Books,
    Book,
}

impl Route {
    fn methods(self) -> Methods {
        match self {
            Self::Home => Methods::GET_HEAD,
            Self::Books => Methods::of("GET, HEAD, POST"),
            Self::Book => Methods::of("GET, HEAD, DELETE"),
        }
    }
}

#[derive(Clone)]
struct Library(Arc<Router<Route>>);

impl Handler for Library {
    fn methods(&self, head: &Head<'_>) -> Methods {
        match self.0.at(head.target().path()) {
            Ok(found) => found.value.methods(),
            Err(_) => Methods::ANY,
        }
    }

    fn head(&mut self, head: &Head<'_>, cx: &mut Context<'_>) -> Decision {
        let Ok(found) = self.0.at(head.target().path()) else {
            return plain::reply(cx, 404).into();
        };
        let id = found.params.get("id").unwrap_or_default();
        match (found.value, head.method()) {
            (Route::Home, _) => "a library\n".into(),
            (Route::Books, Method::Post) => Decision::buffer(1024, |body, cx| {
                cx.set_status(201);
                format!("a book of {} bytes\n", body.len()).into()
            }),
            (Route::Books, _) => "all books\n".into(),
            (Route::Book, Method::Delete) => format!("book {id} is gone\n").into(),
            (Route::Book, _) => format!("book {id}\n").into(),
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let mut router = Router::new();
    router.insert("/", Route::Home)?;
    router.insert("/books", Route::Books)?;
    router.insert("/books/{id}", Route::Book)?;
    let running = Server::with(Library(Arc::new(router)))
        .listen(address.parse()?)
        .spawn()?;
    println!("listening on {}", running.addresses()[0]);
    running.join()?;
    Ok(())
}
