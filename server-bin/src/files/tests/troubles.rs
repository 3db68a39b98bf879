//! What an operator is told of files that are there and cannot be sent.

use std::os::unix::fs::symlink;
use std::sync::{Arc, Mutex};

use super::support::{Site, Worker};
use crate::files::FileEvent;
use crate::files::trouble::Troubles;

/// Requests these paths. Returns the statuses of the answers, and the events that the listener heard.
fn ask(site: &Site, paths: &[&str]) -> (Vec<u16>, Vec<String>) {
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    let files = site
        .files()
        .with_file_log(move |event| heard.lock().expect("one thread").push(event.to_string()));
    let worker = Worker::new(files);
    let statuses = paths.iter().map(|path| worker.get(path, &[]).status).collect();
    let said = said.lock().expect("one thread").clone();
    (statuses, said)
}

#[test]
fn a_dead_link_is_said_wherever_on_the_way_it_lies_and_a_missing_name_is_not() {
    let site = Site::of(&[("there.html", "there"), ("dir/there.html", "there")]);
    for (target, link) in [
        ("gone.html", "dead.html"),
        ("releases/7", "current"),
        ("/etc/hostname", "absolute"),
        ("circle", "circle"),
        ("../nowhere", "dir/dead\n.html"),
        ("gone.html", "dir/index.html"),
        ("dir", "alive"),
    ] {
        symlink(target, site.path(link)).expect("a free name");
    }
    let dead = [
        ("/dead.html", "\"dead.html\""),
        ("/current/index.html", "\"current/index.html\""),
        ("/current/", "\"current\""),
        ("/current/assets/a.js", "\"current/assets/a.js\""),
        ("/absolute", "\"absolute\""),
        ("/circle/a", "\"circle/a\""),
        ("/dir/dead%0A.html", "\"dir/dead\\n.html\""),
        ("/alive/dead%0A.html", "\"alive/dead\\n.html\""),
        ("/dir/", "\"dir/index.html\""),
    ];
    for (path, named) in dead {
        let (statuses, said) = ask(&site, &[path]);
        assert_eq!((&statuses[..], said.len()), (&[404][..], 1), "{path}: {said:?}");
        assert!(
            said[0].starts_with(named) && said[0].contains("leads to nothing below the root"),
            "{path}: {said:?}"
        );
    }
    let missing = [
        "/gone.html",
        "/gone/",
        "/gone/deeper/a.php",
        "/dir/gone.html",
        "/alive/gone.html",
        "/there.html/a",
        "/.git/config",
        "/a%2Fb",
    ];
    let (statuses, said) = ask(&site, &missing);
    assert!(statuses.iter().all(|status| *status == 404), "{statuses:?}");
    assert!(said.is_empty(), "{said:?}");
    let (statuses, said) = ask(&site, &["/there.html", "/alive/there.html"]);
    assert_eq!((&statuses[..], said.len()), (&[200, 200][..], 0), "{said:?}");
}

#[test]
fn what_fails_for_want_of_something_is_said_and_what_is_missing_is_not() {
    use nix::errno::Errno;
    let (tell, heard) = std::sync::mpsc::channel();
    let troubles = Troubles::new(move |event| tell.send(event.to_string()).expect("a listener"));
    for errno in [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM, Errno::EIO] {
        troubles.failed(b"a\0b", &errno.into(), false);
        let line = heard.try_recv().expect("a line");
        assert!(line.starts_with("\"a/b\" cannot be opened or read"), "{line}");
    }
    for errno in [Errno::ENOENT, Errno::ENOTDIR, Errno::ENAMETOOLONG] {
        troubles.failed(b"a", &errno.into(), false);
        assert!(heard.try_recv().is_err(), "{errno}");
    }
    Troubles::default().failed(b"a", &Errno::EIO.into(), false);
}

#[test]
fn each_event_says_what_to_do() {
    let path = std::path::Path::new("a\u{1b}[2J");
    for (errno, advice) in [
        (nix::errno::Errno::EMFILE, "ulimit -Hn"),
        (nix::errno::Errno::ENFILE, "of the whole system"),
        // The words of libraries differ.
        (nix::errno::Errno::EIO, "(os error 5)"),
    ] {
        let text = FileEvent::Failed(path, &errno.into()).to_string();
        assert!(text.contains(advice) && !text.contains('\u{1b}'), "{text}");
    }
    let text = FileEvent::Forbidden(path).to_string();
    assert!(
        text.contains("let this user read it") && !text.contains('\u{1b}'),
        "{text}"
    );
}
