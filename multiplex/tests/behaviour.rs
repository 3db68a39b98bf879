//! What each backend reports, scenario by scenario: the table in `docs/behaviour.md` is made and checked here.
//!
//! The contract says what a program may rely on; this table says what really comes, and so where backends differ within it.
//! Each backend checks a column of its own. To write that column anew:
//!
//! ```text
//! UPDATE_BEHAVIOUR=1 cargo test -p multiplex -p kqueue-on-linux --test behaviour
//! ```

#[path = "behaviour/datagrams.rs"]
mod datagrams;
#[path = "behaviour/scenarios.rs"]
mod scenarios;
mod support;
#[path = "behaviour/table.rs"]
mod table;

use std::env;

use table::Table;

#[test]
fn the_table_in_the_docs_is_what_this_backend_reports() {
    let other = |mode: &String| {
        ["chaos", "openbsd", "netbsd"]
            .iter()
            .any(|other| mode.contains(other))
    };
    if env::var("KQUEUE_SHIM").is_ok_and(|mode| other(&mode)) {
        // Chaos reports what it likes, and the column of the emulation is of what it answers as FreeBSD.
        return;
    }
    let rows = scenarios::run();
    let mut table = Table::read();
    if env::var_os("UPDATE_BEHAVIOUR").is_some() {
        table.set_column(backend(), &rows);
        table.write();
    } else if table.has_column(backend()) {
        table.check_column(backend(), &rows);
    } else {
        let needs = format!("a column for {} (UPDATE_BEHAVIOUR=1 makes one)", backend());
        support::skipped("behaviour", &needs);
    }
}

/// The name of this backend's column.
fn backend() -> &'static str {
    match env::consts::OS {
        "linux" if cfg!(multiplex_kqueue_crate) => "kqueue (emulated)",
        "linux" if cfg!(multiplex_kqueue) => "kqueue (another provider)",
        "linux" | "android" => "epoll",
        "macos" => "kqueue (macOS)",
        "freebsd" => "kqueue (FreeBSD)",
        "netbsd" => "kqueue (NetBSD)",
        "openbsd" => "kqueue (OpenBSD)",
        _ => "kqueue (another system)",
    }
}
