//! The simulation as a worker's [`System`].

use std::cell::RefCell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use multiplex::{Fanout, Interest, Trigger};
use nix::errno::Errno;

use super::luck::{Call, Oddity, note};
use super::network::{EVENTS, Network};
use super::wire::Registration;
use super::world::World;
use crate::driver::handler::mailbox::Wake;
use crate::driver::pace;
use crate::driver::socket::Socket;
use crate::worker::slab::Key;
use crate::worker::system::{Event, System};

/// What a worker sees of the simulation. While it waits, the world goes on.
pub(super) struct Simulation {
    pub(super) network: Rc<RefCell<Network>>,
    pub(super) world: World,
}

/// The worker's listener.
pub(super) struct Ear(Rc<RefCell<Network>>);

impl Ear {
    pub(super) fn new(network: &Rc<RefCell<Network>>) -> Self {
        Self(Rc::clone(network))
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.0.borrow_mut().close_listener();
    }
}

impl System for Simulation {
    type Socket = ServerEnd;
    type Listener = Ear;

    const EVENTS: usize = EVENTS;

    fn waker(&self) -> io::Result<Box<dyn Wake>> {
        Ok(Box::new(self.network.borrow().bell.clone()))
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.world.wait(&self.network, timeout)
    }

    fn event(&self, index: usize) -> Option<Event> {
        self.network.borrow().events.get(index).copied()
    }

    fn add(&self, socket: &ServerEnd, key: Key, interest: Interest, trigger: Trigger) -> io::Result<()> {
        socket.register(Call::Add, key, interest, trigger)
    }

    fn modify(&self, socket: &ServerEnd, key: Key, interest: Interest, trigger: Trigger) -> io::Result<()> {
        socket.register(Call::Modify, key, interest, trigger)
    }

    fn forget(&self, socket: &ServerEnd) -> io::Result<()> {
        self.network.borrow_mut().forget(socket.number)
    }

    fn listen(&self, _: &Ear, _: usize, fanout: Fanout) -> io::Result<Fanout> {
        let mut network = self.network.borrow_mut();
        // A server whose first registration fails does not start.
        if network.waits > 0
            && let Some(failure) = network.luck.fail(Call::Listen)
        {
            return Err(failure.error);
        }
        network.is_listening = true;
        Ok(fanout)
    }

    fn ignore(&self, _: &Ear) -> io::Result<()> {
        let mut network = self.network.borrow_mut();
        match std::mem::replace(&mut network.is_listening, false) {
            true => Ok(()),
            false => Err(Errno::ENOENT.into()),
        }
    }

    fn accept(&self, _: &Ear) -> io::Result<(ServerEnd, Option<SocketAddr>)> {
        let number = self.network.borrow_mut().accept()?;
        let end = ServerEnd {
            network: Rc::clone(&self.network),
            number,
        };
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1 + number as u16));
        Ok((end, Some(peer)))
    }

    fn has_waiting(&self, _: &Ear) -> bool {
        !self.network.borrow().backlog.is_empty()
    }

    fn waiting(&self, _: &Ear) -> Option<usize> {
        Some(self.network.borrow().backlog.len())
    }

    fn now(&self) -> Instant {
        self.network.borrow().clock.now()
    }

    fn clock(&self) -> pace::Clock {
        let clock = self.network.borrow().clock.clone();
        Box::new(move || clock.now())
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

/// The server's end of a connection.
pub(super) struct ServerEnd {
    network: Rc<RefCell<Network>>,
    number: usize,
}

impl ServerEnd {
    /// Registers it exactly as asked, whatever it was before. What is ready now is news to an edge.
    fn register(&self, call: Call, key: Key, interest: Interest, trigger: Trigger) -> io::Result<()> {
        let mut network = self.network.borrow_mut();
        let failure = network.luck.fail(call);
        let wire = &mut network.wires[self.number];
        if let Some(failure) = failure {
            wire.is_lost = true;
            return Err(failure.error);
        }
        if wire.registered > 0 && wire.registration.is_none() {
            note(Oddity::Forgotten);
        }
        wire.registered += 1;
        wire.registration = Some(Registration {
            key,
            interest,
            trigger,
            has_news: true,
        });
        Ok(())
    }
}

impl Socket for ServerEnd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.network.borrow_mut().read(self.number, buffer)
    }

    fn write(&mut self, bytes: &[u8], _more: bool) -> io::Result<usize> {
        self.network.borrow_mut().write(self.number, bytes, Call::Write)
    }

    fn send_file(
        &mut self,
        file: BorrowedFd<'_>,
        offset: u64,
        count: usize,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        let mut network = self.network.borrow_mut();
        let most = count.min(buffer.len()).min(network.random().some_bytes());
        match rustix::io::pread(file, &mut buffer[..most], offset)? {
            0 => Ok(0),
            length => network.write(self.number, &buffer[..length], Call::SendFile),
        }
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.network.borrow_mut().shut(self.number)
    }

    fn has_unread(&self) -> bool {
        !self.network.borrow().wires[self.number].inbound.is_empty()
    }

    fn reset_on_close(&mut self) {
        self.network.borrow_mut().wires[self.number].outbound.clear();
    }
}

impl Drop for ServerEnd {
    fn drop(&mut self) {
        self.network.borrow_mut().close(self.number);
    }
}
