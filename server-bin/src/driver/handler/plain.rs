//! Answers that have nothing to say but their status.

use super::{Context, Reply, status};

/// Answers with `status` and its name as plain text.
///
/// The answer begins with a clean head: fields that were set before are dropped, but for those that
/// [`Context::keep`] keeps.
///
/// ```
/// # use server_bin::handler::{Context, Decision, plain};
/// # use http_core::Head;
/// fn nothing_here(_: &Head<'_>, cx: &mut Context<'_>) -> Decision {
///     plain::reply(cx, 404).into()
/// }
/// ```
pub fn reply(cx: &mut Context<'_>, status: u16) -> Reply {
    status::head(&mut cx.lent.head, &cx.lent.kept, status);
    status::text(status).into()
}
