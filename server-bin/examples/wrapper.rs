//! A handler around a handler: fields for every answer, and a count of what became of the requests.
//!
//!     cargo run -p server-bin --example wrapper -- 127.0.0.1:8080
//!     curl -i http://127.0.0.1:8080/ http://127.0.0.1:8080/nowhere http://127.0.0.1:8080/counts
//!
//! An error begins with a clean head, so a field that was set before is not on it: a `Cache-Control` for pages must not
//! make a 404 last. What is to stand on errors too is kept with [`Context::keep`].

use std::env;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use server_bin::Server;
use server_bin::handler::{Context, Decision, End, Handler, Methods, Outcome, Watch, function, plain};
use server_bin::http_core::{FieldLine, Head};

/// How many requests ended with a status of each hundred, and how many lost their connection.
#[derive(Default)]
struct Counts {
    statuses: [AtomicU64; 6],
    lost: AtomicU64,
}

#[derive(Clone)]
struct Wrapper<H> {
    inner: H,
    counts: Arc<Counts>,
}

impl<H: Handler> Handler for Wrapper<H> {
    fn methods(&self, head: &Head<'_>) -> Methods {
        self.inner.methods(head)
    }

    fn head(&mut self, head: &Head<'_>, cx: &mut Context<'_>) -> Decision {
        cx.line(FieldLine::from_static("x-content-type-options: nosniff"));
        cx.keep();
        cx.line(FieldLine::from_static("cache-control: max-age=3600"));
        if head.path() == b"/counts" {
            return self.report(cx);
        }
        self.inner.head(head, cx)
    }

    fn done(&mut self, outcome: &Outcome<'_>) -> Watch {
        let hundred = usize::from(outcome.status / 100).min(5);
        self.counts.statuses[hundred].fetch_add(1, Ordering::Relaxed);
        if outcome.end != End::Complete {
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
        }
        self.inner.done(outcome);
        Watch::GoOn
    }

    fn round_ended(&mut self) {
        self.inner.round_ended();
    }
}

impl<H> Wrapper<H> {
    fn report(&self, cx: &mut Context<'_>) -> Decision {
        let mut text = String::new();
        for (hundred, count) in self.counts.statuses.iter().enumerate().skip(1) {
            // A string takes everything.
            let _ = writeln!(text, "{hundred}xx {}", count.load(Ordering::Relaxed));
        }
        let _ = writeln!(text, "lost {}", self.counts.lost.load(Ordering::Relaxed));
        // The answer begins anew, so that nobody caches it; what is kept stays.
        cx.start_over(200);
        text.into()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let inner = function(|head: &Head<'_>, cx: &mut Context<'_>| match head.path() {
        b"/" => Decision::from("a page\n"),
        _ => plain::reply(cx, 404).into(),
    });
    let wrapper = Wrapper {
        inner,
        counts: Arc::default(),
    };
    let running = Server::with(wrapper).listen(address.parse()?).spawn()?;
    println!("listening on {}", running.addresses()[0]);
    running.join()?;
    Ok(())
}
