//! Runs and drops the code and the values that handlers hand over, so that a panic costs their own request and never the worker.
//!
//! A value's `Drop` is the handler's code too, and the driver drops values at moments of its own: a deadline, a reset,
//! a reply that another one replaced. What has to be kept for a while is therefore kept as [`Held`].
//!
//! One case is beyond help: a `Drop` that panics while the same panic unwinds through it ends the process (the
//! language has it so).

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a handler's code. Nothing comes back when it panics.
///
/// The worker's state has to be whole at that moment: it is looked at again.
#[inline]
pub(crate) fn run<T>(code: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(code)) {
        Ok(value) => Some(value),
        Err(panic) => {
            forget(panic);
            None
        }
    }
}

/// Drops a handler's value.
pub(crate) fn discard<T>(value: T) {
    run(|| drop(value));
}

/// A panic carries a value, which may panic when it is dropped, with a value that may do the same: that one is leaked.
#[cold]
fn forget(panic: Box<dyn Any + Send>) {
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(another);
    }
}

/// A handler's value that may be dropped anywhere.
pub(crate) struct Held<T>(Option<T>);

impl<T> Held<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }

    /// [`run`]s code that needs the value.
    pub(crate) fn with<R>(&mut self, code: impl FnOnce(&mut T) -> R) -> Option<R> {
        let value = self.0.as_mut()?;
        run(|| code(value))
    }

    /// [`run`]s code that uses the value up.
    pub(crate) fn consume<R>(mut self, code: impl FnOnce(T) -> R) -> Option<R> {
        let value = self.0.take()?;
        run(|| code(value))
    }
}

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        discard(self.0.take());
    }
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::*;

    /// Panics when it is dropped, with one of its kind for as long as there are any.
    struct Bomb(u32);

    impl Drop for Bomb {
        fn drop(&mut self) {
            match self.0 {
                0 => panic!("on purpose"),
                more => panic_any(Bomb(more - 1)),
            }
        }
    }

    #[test]
    fn a_panic_stays_here_whatever_it_carries() {
        assert_eq!(run(|| 7), Some(7));
        assert_eq!(run(|| -> u8 { panic!("on purpose") }), None);
        assert_eq!(run(|| -> u8 { panic_any(Bomb(0)) }), None);
        assert_eq!(run(|| -> u8 { panic_any(Bomb(3)) }), None);
        discard(Bomb(0));
        discard(Bomb(3));
    }

    #[test]
    fn a_held_value_can_be_used_and_dropped_whatever_its_drop_does() {
        let mut held = Held::new(Bomb(0));
        assert_eq!(held.with(|bomb| bomb.0), Some(0));
        assert_eq!(held.with(|_| -> u8 { panic!("on purpose") }), None);
        drop(held);
        assert_eq!(Held::new(Bomb(1)).consume(std::mem::forget), Some(()));
        assert_eq!(Held::new(Bomb(1)).consume(drop), None);
    }
}
