//! The command lines of both comparisons: which parts are wanted, and which servers are there.

use std::io;

use crate::servers::{Programs, Server};

/// Checks that each part that is wanted is one of `known`.
///
/// # Errors
///
/// When one is not, with its name.
pub fn check<'a>(wanted: &[String], known: impl Iterator<Item = &'a str> + Clone) -> io::Result<()> {
    match wanted
        .iter()
        .find(|part| known.clone().all(|name| name != part.as_str()))
    {
        Some(unknown) => {
            let known: Vec<&str> = known.collect();
            let text = format!("no part is called {unknown}; there are {}", known.join(", "));
            Err(io::Error::new(io::ErrorKind::InvalidInput, text))
        }
        None => Ok(()),
    }
}

/// Returns those servers whose programs are there, and says on both outputs which are missing and how to get them.
#[must_use]
pub fn present(servers: impl Iterator<Item = Server>, programs: &Programs) -> Vec<Server> {
    servers
        .filter(|server| match server.program(programs) {
            Ok(_) => true,
            Err(missing) => {
                eprintln!("\n!!! {missing}\n");
                println!("**{missing}**\n");
                false
            }
        })
        .collect()
}
