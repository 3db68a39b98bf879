//! The floor: a server that only reads, writes and waits, on bare epoll, and always sends the same bytes.
//!
//!     floor ADDRESS BYTES keep|close
//!
//! It answers every end of a head with 200 and a body of `BYTES` bytes, as ours does for `/plaintext`: what stands in the
//! request it does not look at. With `close` a connection ends with its first answer; then, as few calls as there can be:
//! it is read as soon as it was accepted, and registered only if nothing had come.

#[cfg(target_os = "linux")]
mod serve;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, bytes, ends] = &arguments[..] else {
        panic!("usage: floor ADDRESS BYTES keep|close")
    };
    let (address, bytes) = (
        address.parse().expect("an address"),
        bytes.parse().expect("a number of bytes"),
    );
    #[cfg(target_os = "linux")]
    return serve::serve(address, bytes, ends == "close");
    #[cfg(not(target_os = "linux"))]
    panic!(
        "the floor needs epoll: {:?}",
        (address as std::net::SocketAddr, bytes as usize, ends)
    );
}
