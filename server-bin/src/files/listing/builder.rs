//! The thread that builds listings: one for each worker that was asked for one, one listing at a time.

use std::fmt;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;

use http_core::{FieldBlock, ResponseHead};

use super::{HTML, NOTHING_ACTIVE, Order, build};
use crate::files::selected::{NO_CACHE, NO_SNIFFING};
use crate::handler::{BodySource, Completer, Context, Reply, plain};

/// Listings that wait for their turn; more are answered with 503.
const WAITING: usize = 64;

/// Has listings built elsewhere, so that a large directory or a slow disk holds no worker up.
#[derive(Default)]
pub(in crate::files) struct Builder {
    /// None until the first listing is asked for.
    orders: Option<SyncSender<Job>>,
}

struct Job {
    order: Order,
    /// Field lines that every answer of the site has.
    everywhere: FieldBlock,
    completer: Completer,
}

impl Builder {
    /// Promises a listing, or returns the status that says why there will be none.
    pub(super) fn promise(
        &mut self,
        order: Order,
        everywhere: &FieldBlock,
        cx: &mut Context<'_>,
    ) -> Result<Reply, u16> {
        let (ticket, completer) = cx.later();
        let mut job = Job {
            order,
            everywhere: everywhere.clone(),
            completer,
        };
        // Twice, as the thread of before may have ended by a panic.
        for _ in 0..2 {
            let orders = match self.orders.take() {
                Some(orders) => orders,
                None => start().ok_or(503_u16)?,
            };
            match orders.try_send(job) {
                Ok(()) => {
                    self.orders = Some(orders);
                    return Ok(Reply::Later(ticket));
                }
                Err(TrySendError::Full(_)) => {
                    self.orders = Some(orders);
                    return Err(503);
                }
                Err(TrySendError::Disconnected(returned)) => job = returned,
            }
        }
        Err(503)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").finish_non_exhaustive()
    }
}

/// Starts the thread. It ends when the worker that has its other end is dropped.
fn start() -> Option<SyncSender<Job>> {
    let (orders, jobs) = sync_channel::<Job>(WAITING);
    let work = move || {
        for job in jobs {
            finish(job);
        }
    };
    let thread = thread::Builder::new().name("listings".to_owned()).spawn(work);
    thread.is_ok().then_some(orders)
}

fn finish(job: Job) {
    let mut head = ResponseHead::new(200);
    match build(&job.order) {
        Ok(listing) => {
            head.push_line(HTML);
            head.push_line(NOTHING_ACTIVE);
            complete(job, head, Box::new(listing) as Box<dyn BodySource>);
        }
        Err(status) => {
            plain::head(&mut head, &FieldBlock::new(), status);
            complete(job, head, plain::text(status));
        }
    }
}

fn complete(job: Job, mut head: ResponseHead, body: impl Into<crate::handler::Completed>) {
    head.push_line(NO_SNIFFING);
    head.push_line(NO_CACHE);
    head.push_all(&job.everywhere);
    job.completer.complete(head, body);
}
