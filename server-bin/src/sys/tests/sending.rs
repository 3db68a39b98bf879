//! From a file to a socket.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::errno::Errno;

use super::Tree;
use crate::sys::send::{copy, sent_or_error};
use crate::sys::{Root, send_file};

/// A file with these bytes, and a pair of sockets, the first of them nonblocking.
fn file_and_sockets(bytes: &[u8]) -> (File, UnixStream, UnixStream) {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("bytes in it");
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    ours.set_nonblocking(true).expect("a nonblocking socket");
    theirs
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a timeout");
    (file, ours, theirs)
}

fn received(socket: &mut UnixStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    socket.read_exact(&mut bytes).expect("the bytes");
    bytes
}

#[test]
fn a_part_of_a_file_is_sent_and_its_position_stays() {
    let (file, ours, mut theirs) = file_and_sockets(b"0123456789");
    let mut buffer = [0; 4];
    assert_eq!(send_file(&ours, file.as_fd(), 2, 5, &mut buffer).ok(), Some(5));
    assert_eq!(received(&mut theirs, 5), b"23456");
    assert_eq!(send_file(&ours, file.as_fd(), 8, 5, &mut buffer).ok(), Some(2));
    assert_eq!(received(&mut theirs, 2), b"89");
    assert_eq!(send_file(&ours, file.as_fd(), 10, 5, &mut buffer).ok(), Some(0));
    assert_eq!(send_file(&ours, file.as_fd(), 0, 0, &mut buffer).ok(), Some(0));
    assert!(send_file(&ours, file.as_fd(), u64::MAX, 5, &mut buffer).is_err());
    assert_eq!(nix::unistd::lseek(&file, 0, nix::unistd::Whence::SeekCur), Ok(10));
}

#[test]
fn bytes_past_four_gib_are_opened_and_sent_whatever_the_width_of_a_pointer() {
    use std::os::unix::fs::FileExt as _;
    let tree = Tree::new();
    let offset = (4 << 30) + 7;
    // A hole up to there: it takes no room on the disk.
    let writer = File::create(tree.root().join("large")).expect("a file");
    writer
        .write_all_at(b"far", offset)
        .expect("a file system with holes");
    let (_, ours, mut theirs) = file_and_sockets(b"");
    for root in [Root::open(&tree.root()), Root::walking(&tree.root())] {
        let file = root.expect("the root").open_below(c"large").expect("the file");
        assert_eq!(
            send_file(&ours, file.as_fd(), offset, 9, &mut [0; 4]).ok(),
            Some(3)
        );
        assert_eq!(received(&mut theirs, 3), b"far");
        assert_eq!(
            copy(ours.as_fd(), file.as_fd(), offset, 9, &mut [0; 4]).ok(),
            Some(3)
        );
        assert_eq!(received(&mut theirs, 3), b"far");
    }
}

#[test]
fn a_full_socket_takes_what_it_can_and_then_says_would_block() {
    let content: Vec<u8> = (0..4_000_000_u32).map(|n| (n % 251) as u8).collect();
    let (file, ours, mut theirs) = file_and_sockets(&content);
    type Send = fn(&UnixStream, &File, u64, usize, &mut [u8]) -> io::Result<usize>;
    let copying: Send =
        |socket, file, offset, count, buffer| copy(socket.as_fd(), file.as_fd(), offset, count, buffer);
    let sending: Send =
        |socket, file, offset, count, buffer| send_file(socket, file.as_fd(), offset, count, buffer);
    for send in [sending, copying] {
        let (mut sent, mut buffer) = (0, vec![0; 64 * 1024]);
        let mut arrived = Vec::new();
        while sent < content.len() {
            match send(&ours, &file, sent as u64, content.len() - sent, &mut buffer) {
                Ok(count) => {
                    assert!(count > 0);
                    sent += count;
                }
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    let waiting = sent - arrived.len();
                    arrived.extend(received(&mut theirs, waiting));
                }
            }
        }
        let waiting = sent - arrived.len();
        arrived.extend(received(&mut theirs, waiting));
        assert!(arrived == content, "the bytes differ");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn what_sendfile_refuses_goes_through_the_buffer() {
    use crate::sys::send::kernel_send;
    use tempfile::TempDir;
    // sendfile(2), EINVAL: "out_fd has the O_APPEND flag set".
    let (file, _, _) = file_and_sockets(b"0123456789");
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("appended");
    let appended = File::options()
        .append(true)
        .create(true)
        .open(&path)
        .expect("a file");
    let refused = kernel_send(appended.as_fd(), file.as_fd(), 0, 5);
    assert_eq!(refused, (Err(Errno::EINVAL), 0));
    assert_eq!(
        send_file(&appended, file.as_fd(), 2, 5, &mut [0; 3]).ok(),
        Some(3)
    );
    assert_eq!(
        send_file(&appended, file.as_fd(), 5, 5, &mut [0; 30]).ok(),
        Some(5)
    );
    assert_eq!(
        send_file(&appended, file.as_fd(), 10, 5, &mut [0; 30]).ok(),
        Some(0)
    );
    assert_eq!(std::fs::read(&path).expect("the copy"), b"23456789");
}

#[test]
fn bytes_sent_beside_an_error_count() {
    assert_eq!(sent_or_error((Err(Errno::EAGAIN), 7)), Ok(7));
    assert_eq!(sent_or_error((Err(Errno::EAGAIN), 0)), Err(Errno::EAGAIN));
    assert_eq!(sent_or_error((Err(Errno::EPIPE), 0)), Err(Errno::EPIPE));
    assert_eq!(sent_or_error((Ok(()), 0)), Ok(0));
    assert_eq!(sent_or_error((Ok(()), 9)), Ok(9));
}

#[test]
fn a_gone_reader_is_an_error() {
    let (file, ours, theirs) = file_and_sockets(b"0123456789");
    drop(theirs);
    let error = send_file(&ours, file.as_fd(), 0, 10, &mut [0; 4])
        .err()
        .map(|error| error.kind());
    assert_eq!(error, Some(io::ErrorKind::BrokenPipe));
}
