//! Sending descriptors to another process: SCM_RIGHTS, one a message. unix(7), unix(4).

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};

/// Sends a byte, and a descriptor with it.
pub(crate) fn send(socket: &UnixStream, tag: u8, fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut rights = SendAncillaryBuffer::new(&mut space);
    let fds: Vec<BorrowedFd<'_>> = fd.into_iter().collect();
    if !fds.is_empty() && !rights.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    let byte = [tag];
    let sent = uninterrupted(|| sendmsg(socket, &[IoSlice::new(&byte)], &mut rights, SendFlags::empty()));
    match sent? {
        1 => Ok(()),
        _ => Err(io::ErrorKind::WriteZero.into()),
    }
}

/// Receives a byte, and the descriptor that came with it. `UnexpectedEof` when the other process has gone.
pub(crate) fn receive(socket: &UnixStream) -> io::Result<(u8, Option<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut rights = RecvAncillaryBuffer::new(&mut space);
    let mut tag = [0];
    let message = uninterrupted(|| {
        recvmsg(
            socket,
            &mut [IoSliceMut::new(&mut tag)],
            &mut rights,
            CLOSE_ON_EXEC,
        )
    })?;
    if message.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut fds = rights.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => fds.collect(),
        _ => Vec::new(),
    });
    let fd = fds.next();
    if let Some(fd) = &fd {
        rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC)?;
    }
    Ok((tag[0], fd))
}

/// How often a call is made again that was interrupted.
const MAX_INTERRUPTIONS: usize = 16;

/// Makes a call again that fails because this process was stopped and goes on: on a socket with a timeout it does so without any
/// handler, signal(7). Also a debugger that comes, or a freezer of cgroups, stops a process.
fn uninterrupted<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    for _ in 0..MAX_INTERRUPTIONS {
        match call() {
            Err(rustix::io::Errno::INTR) => {}
            result => return result,
        }
    }
    call()
}

#[cfg(not(target_vendor = "apple"))]
const CLOSE_ON_EXEC: RecvFlags = RecvFlags::CMSG_CLOEXEC;
#[cfg(target_vendor = "apple")]
const CLOSE_ON_EXEC: RecvFlags = RecvFlags::empty();

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::os::fd::AsFd as _;

    #[test]
    fn a_call_that_was_interrupted_is_made_again_and_not_without_an_end() {
        use rustix::io::Errno;
        let calls = |interrupted: usize| {
            let mut calls = 0;
            let result = uninterrupted(|| {
                calls += 1;
                if calls > interrupted {
                    Ok(())
                } else {
                    Err(Errno::INTR)
                }
            });
            (result, calls)
        };
        assert_eq!(calls(0), (Ok(()), 1));
        assert_eq!(calls(MAX_INTERRUPTIONS), (Ok(()), MAX_INTERRUPTIONS + 1));
        assert_eq!(calls(usize::MAX), (Err(Errno::INTR), MAX_INTERRUPTIONS + 1));
    }

    #[test]
    fn a_descriptor_arrives_with_its_byte_and_closes_on_exec() {
        let (here, there) = UnixStream::pair().expect("a pair");
        let (mut reader, mut writer) = io::pipe().expect("a pipe");
        send(&here, b'a', Some(writer.as_fd())).expect("room");
        send(&here, b'b', None).expect("room");
        let (tag, fd) = receive(&there).expect("it was sent");
        let fd = fd.expect("a descriptor");
        assert_eq!(tag, b'a');
        let flags = rustix::io::fcntl_getfd(&fd).expect("it is open");
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        assert!(matches!(receive(&there), Ok((b'b', None))));
        writer.write_all(b"x").expect("a reader");
        drop(writer);
        std::fs::File::from(fd).write_all(b"y").expect("a reader");
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("all writers have gone");
        assert_eq!(text, "xy");
        drop(here);
        assert_eq!(
            receive(&there).expect_err("it has gone").kind(),
            io::ErrorKind::UnexpectedEof
        );
    }
}
