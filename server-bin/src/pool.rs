//! Threads for work that blocks, so that no worker has to.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use http_core::ResponseHead;

use crate::driver::held;
use crate::handler::{Completed, Completer, Context, Reply, plain, status};

/// A bounded number of threads for work that blocks: reading a database, a slow disk, a lookup of names.
///
/// A request whose work finds the queue full is answered with 503 and `Retry-After`, so a flood of slow requests cannot
/// pile up. Clones share the threads; they end, after the work that is waiting, when the last clone is dropped.
///
/// ```
/// use server_bin::handler::{Context, Reply};
/// use server_bin::{BlockingPool, Server};
///
/// # fn main() -> std::io::Result<()> {
/// let pool = BlockingPool::new(4, 64)?;
/// let server = Server::new(move |_, cx| {
///     pool.run(cx, |head| {
///         head.set_status(200);
///         std::fs::read_to_string("/proc/loadavg").unwrap_or_default()
///     })
/// });
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct BlockingPool(Arc<Owner>);

/// Ends the threads when it is dropped.
struct Owner(Arc<Queue>);

struct Queue {
    waiting: Mutex<Waiting>,
    /// There is work, or the end.
    called: Condvar,
    most: usize,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    /// Threads that wait for work.
    free: usize,
    ended: bool,
}

type Job = Box<dyn FnOnce() + Send>;

impl BlockingPool {
    /// Starts so many threads, with room for so much work to wait beside what the threads are doing. 0 threads are taken
    /// as 1.
    ///
    /// # Errors
    ///
    /// When the system has no thread left.
    pub fn new(threads: usize, waiting: usize) -> io::Result<Self> {
        let queue = Arc::new(Queue {
            waiting: Mutex::default(),
            called: Condvar::new(),
            most: waiting,
        });
        // Before the threads: should one not start, those that did are ended.
        let pool = Self(Arc::new(Owner(Arc::clone(&queue))));
        for number in 0..threads.max(1) {
            let queue = Arc::clone(&queue);
            thread::Builder::new()
                .name(format!("blocking {number}"))
                .spawn(move || queue.work())?;
        }
        Ok(pool)
    }

    /// Answers the request with what `work` returns, on one of the pool's threads; `work` may change the status and the
    /// fields. A panic costs this request only: it is answered with 500.
    pub fn run<C: Into<Completed>>(
        &self,
        cx: &mut Context<'_>,
        work: impl FnOnce(&mut ResponseHead) -> C + Send + 'static,
    ) -> Reply {
        self.try_run(cx, work).unwrap_or_else(|| {
            let reply = plain::reply(cx, 503);
            cx.line(status::RETRY);
            reply
        })
    }

    /// Returns nothing when the queue has no room.
    fn try_run<C: Into<Completed>>(
        &self,
        cx: &mut Context<'_>,
        work: impl FnOnce(&mut ResponseHead) -> C + Send + 'static,
    ) -> Option<Reply> {
        let queue = &self.0.0;
        let mut waiting = queue.lock();
        if waiting.jobs.len() >= queue.most.saturating_add(waiting.free) {
            return None;
        }
        let (ticket, completer) = cx.later();
        let mut head = ResponseHead::new(cx.status());
        head.push_all(cx.fields());
        waiting
            .jobs
            .push_back(Box::new(move || answer(completer, head, work)));
        drop(waiting);
        queue.called.notify_one();
        Some(Reply::Later(ticket))
    }
}

fn answer<C: Into<Completed>>(
    completer: Completer,
    mut head: ResponseHead,
    work: impl FnOnce(&mut ResponseHead) -> C,
) {
    let body = work(&mut head);
    completer.complete(head, body);
}

impl Queue {
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works until the pool has ended and nothing waits any more.
    fn work(&self) {
        while let Some(job) = self.next() {
            // After a panic the completer answers 500 as it unwinds.
            held::run(job);
        }
    }

    fn next(&self) -> Option<Job> {
        let mut waiting = self.lock();
        loop {
            if let Some(job) = waiting.jobs.pop_front() {
                return Some(job);
            }
            if waiting.ended {
                return None;
            }
            waiting.free += 1;
            waiting = self.called.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            waiting.free -= 1;
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.called.notify_all();
    }
}

impl fmt::Debug for BlockingPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingPool")
            .field("waiting", &self.0.0.lock().jobs.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::handler::Detached;

    #[test]
    fn a_full_queue_is_503_and_says_when_to_come_again() {
        let pool = BlockingPool::new(1, 1).expect("a thread");
        let (go, gate) = mpsc::channel::<()>();
        let (began, begun) = mpsc::channel();
        let mut detached = Detached::new(Instant::now());
        let mut first = detached.context();
        let held = pool.run(&mut first, move |_| {
            began.send(()).expect("the test waits");
            let _ = gate.recv_timeout(Duration::from_secs(10));
            "first"
        });
        assert!(matches!(held, Reply::Later(_)));
        begun
            .recv_timeout(Duration::from_secs(10))
            .expect("the thread has begun");
        assert!(matches!(pool.run(&mut first, |_| "second"), Reply::Later(_)));
        let full = pool.run(&mut first, |_| "third");
        assert!(matches!(full, Reply::Bytes(_)));
        assert_eq!(first.status(), 503);
        assert!(first.fields().contains("retry-after"));
        drop(go);
    }

    fn wait_for_a_free_thread(pool: &BlockingPool) {
        let start = Instant::now();
        while pool.0.0.lock().free == 0 {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "the thread waits for work"
            );
            thread::yield_now();
        }
    }

    #[test]
    fn a_pool_without_room_to_wait_takes_work_for_its_free_threads_and_no_more() {
        let pool = BlockingPool::new(1, 0).expect("a thread");
        wait_for_a_free_thread(&pool);
        let (go, gate) = mpsc::channel::<()>();
        let (began, begun) = mpsc::channel();
        let mut detached = Detached::new(Instant::now());
        let mut cx = detached.context();
        let taken = pool.run(&mut cx, move |_| {
            began.send(()).expect("the test waits");
            let _ = gate.recv_timeout(Duration::from_secs(10));
            "taken"
        });
        assert!(matches!(taken, Reply::Later(_)), "its thread is free");
        begun
            .recv_timeout(Duration::from_secs(10))
            .expect("the thread has begun");
        let full = pool.run(&mut cx, |_| "one too many");
        assert!(matches!(full, Reply::Bytes(_)), "its thread works");
        assert_eq!(cx.status(), 503);
        drop(go);
    }

    #[test]
    fn a_pool_without_a_bound_takes_work() {
        let pool = BlockingPool::new(1, usize::MAX).expect("a thread");
        wait_for_a_free_thread(&pool);
        let mut detached = Detached::new(Instant::now());
        let reply = pool.run(&mut detached.context(), |_| "done");
        assert!(matches!(reply, Reply::Later(_)));
    }

    #[test]
    fn a_panic_costs_no_thread_and_what_waits_is_done_before_the_end() {
        let pool = BlockingPool::new(1, 8).expect("a thread");
        let mut detached = Detached::new(Instant::now());
        let mut cx = detached.context();
        let (done, all) = mpsc::channel();
        pool.run(&mut cx, |_| -> &'static str { panic!("on purpose") });
        for number in 0..3 {
            let done = done.clone();
            pool.run(&mut cx, move |_| {
                done.send(number).expect("the test waits");
                "done"
            });
        }
        drop((pool, done));
        assert_eq!(all.iter().collect::<Vec<i32>>(), [0, 1, 2]);
    }
}
