//! Builds listings beside the worker, one at a time, so that neither a large directory nor a slow disk holds it up.

use std::fmt;

use http_core::FieldBlock;

use super::{HTML, NOTHING_ACTIVE, Order, build};
use crate::files::selected::{NO_CACHE, NO_SNIFFING};
use crate::handler::{Completed, Context, Reply, status};
use crate::pool::BlockingPool;

/// Listings of one worker that wait for their turn; more are answered with 503.
const WAITING: usize = 64;

/// The one thread that builds a worker's listings; it starts with the first of them.
#[derive(Default)]
pub(in crate::files) struct Builder(Option<BlockingPool>);

impl Builder {
    /// Promises a listing, or returns the status that says why there will be none.
    pub(super) fn promise(
        &mut self,
        order: Order,
        everywhere: &FieldBlock,
        cx: &mut Context<'_>,
    ) -> Result<Reply, u16> {
        let pool = match self.0.take() {
            Some(pool) => pool,
            None => BlockingPool::new(1, WAITING).map_err(|_| 503_u16)?,
        };
        cx.line(NO_SNIFFING).line(NO_CACHE).add(everywhere);
        let reply = pool.run(cx, move |head| match build(&order) {
            Ok(listing) => {
                head.push_line(HTML);
                head.push_line(NOTHING_ACTIVE);
                Completed::Pull(Box::new(listing))
            }
            Err(status) => {
                head.set_status(status);
                head.push_line(status::TYPE);
                status::text(status).into()
            }
        });
        self.0 = Some(pool);
        Ok(reply)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Builder").field(&self.0.is_some()).finish()
    }
}
