//! A query to PostgreSQL in an event loop of multiplex.
//!
//!     cargo run --example libpq --features libpq -- "host=127.0.0.1 dbname=postgres" "select 1"

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let conninfo = arguments.next().unwrap_or_default();
    let query = arguments.next().unwrap_or("select version()".into());
    for row in libraries::libpq::first_column(&conninfo, &query)? {
        println!("{row}");
    }
    Ok(())
}
