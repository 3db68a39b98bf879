//! libpq in the event loop, beside a server that speaks as much of the protocol as a query needs.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// A message of the server: its kind, its length with the four bytes of itself, its body.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32 + 4).to_be_bytes();
    [&[kind], &length[..], body].concat()
}

/// Reads the body of a message, whose length comes first.
fn body(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
    stream.read_exact(&mut body)?;
    Ok(body)
}

/// Greets without a password, and answers the first query with so many rows as it asks for, in pieces.
fn answer(mut stream: TcpStream) -> io::Result<()> {
    // A client that would rather have encryption asks for that first, and hears that there is none.
    while !body(&mut stream)?.starts_with(&196_608_u32.to_be_bytes()) {
        stream.write_all(b"N")?;
    }
    let ready = message(b'Z', b"I");
    stream.write_all(&[message(b'R', &[0; 4]), ready.clone()].concat())?;
    stream.read_exact(&mut [0])?; // 'Q'
    let query = body(&mut stream)?;
    let rows: usize = String::from_utf8_lossy(&query)
        .trim_end_matches('\0')
        .parse()
        .unwrap_or(0);
    // One column called "n": of no table, type text (25), of any length, as text.
    let description = [
        &[0, 1][..],
        b"n\0",
        &[0; 6],
        &25_u32.to_be_bytes(),
        &[255, 255],
        &[255; 4],
        &[0, 0],
    ]
    .concat();
    let mut all = message(b'T', &description);
    for row in 0..rows {
        let text = format!("row {row}");
        let data = [&[0, 1][..], &(text.len() as u32).to_be_bytes(), text.as_bytes()].concat();
        all.extend(message(b'D', &data));
    }
    all.extend(message(b'C', format!("SELECT {rows}\0").as_bytes()));
    all.extend(ready);
    for piece in all.chunks(1_000) {
        stream.write_all(piece)?;
        thread::yield_now();
    }
    while stream.read(&mut [0; 64])? > 0 {}
    Ok(())
}

#[test]
fn every_row_comes_although_libpq_reads_ahead() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().for_each(|stream| drop(stream.map(answer))));
    for rows in [0, 1, 3_000] {
        let conninfo = format!("host=127.0.0.1 port={port} user=test dbname=test gssencmode=disable");
        let column = libraries::libpq::first_column(&conninfo, &rows.to_string()).unwrap();
        assert_eq!(
            column,
            (0..rows).map(|row| format!("row {row}")).collect::<Vec<_>>()
        );
    }
}

/// The first address refuses, so libpq closes its socket and opens another one, as a rule under the same number.
#[test]
fn the_next_address_is_tried_with_another_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let closed = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .unwrap()
        .port();
    thread::spawn(move || listener.incoming().for_each(|stream| drop(stream.map(answer))));
    let conninfo =
        format!("host=127.0.0.1,127.0.0.1 port={closed},{port} user=test dbname=test gssencmode=disable");
    assert_eq!(libraries::libpq::first_column(&conninfo, "1").unwrap(), ["row 0"]);
    let refused = format!("host=127.0.0.1 port={closed} user=test dbname=test");
    let error = libraries::libpq::first_column(&refused, "1").unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
}
