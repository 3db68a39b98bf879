//! The methods that a handler serves.

use http_core::Method;

/// The methods that a target allows: what reaches the handler, what `Allow` says, and what `OPTIONS` is answered with.
///
/// `OPTIONS` itself need not be named: the driver answers it from this list, unless the list names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Methods {
    list: &'static str,
    /// A bit for each method of RFC 9110 and PATCH that reaches the handler.
    known: u16,
    /// Whether methods that are none of those reach it all the same.
    any_other: bool,
}

/// What `OPTIONS` says of a handler that takes every method: those of RFC 9110 section 9.3 that a client may try, and
/// PATCH (RFC 5789).
const COMMON: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

impl Methods {
    /// GET and HEAD, which every server has to support (RFC 9110 section 9.1).
    pub const GET_HEAD: Self = Self::of("GET, HEAD");
    /// Every method but CONNECT and TRACE: the handler looks at the method itself.
    pub const ANY: Self = Self {
        any_other: true,
        ..Self::of(COMMON)
    };

    /// The methods of a list as `Allow` writes it, for example `"GET, HEAD, PURGE"`.
    ///
    /// # Panics
    ///
    /// When an element of the list is no token (RFC 9110 section 5.6.2). In a constant that is a compile error.
    pub const fn of(list: &'static str) -> Self {
        let bytes = list.as_bytes();
        let (mut known, mut start, mut at) = (0, 0, 0);
        while at <= bytes.len() {
            if at == bytes.len() || bytes[at] == b',' {
                assert!(at > start, "a list of methods has no empty elements");
                known |= bit(bytes, start, at);
                assert!(
                    at == bytes.len() || (at + 1 < bytes.len() && bytes[at + 1] == b' '),
                    "methods are separated by a comma and a space"
                );
                start = at + 2;
                at = start;
            } else {
                assert!(is_token(bytes[at]), "a method is a token");
                at += 1;
            }
        }
        Self {
            list,
            known,
            any_other: false,
        }
    }

    /// Whether a request with this method reaches the handler.
    #[inline]
    pub fn allows(self, method: Method<'_>) -> bool {
        let bit = match method {
            Method::Get => GET,
            Method::Head => HEAD,
            Method::Post => POST,
            Method::Put => PUT,
            Method::Delete => DELETE,
            Method::Connect => CONNECT,
            Method::Options => OPTIONS,
            Method::Trace => TRACE,
            Method::Patch => PATCH,
            Method::Extension(name) => return self.any_other || names(self.list, name),
        };
        self.known & bit != 0
    }

    /// The value of `Allow`, and whether `OPTIONS` has to be added to it.
    pub(crate) const fn allow(self) -> (&'static str, bool) {
        (self.list, self.known & OPTIONS == 0)
    }
}

const GET: u16 = 1;
const HEAD: u16 = 2;
const POST: u16 = 4;
const PUT: u16 = 8;
const DELETE: u16 = 16;
const CONNECT: u16 = 32;
const OPTIONS: u16 = 64;
const TRACE: u16 = 128;
const PATCH: u16 = 256;

/// The bit of the method that stands in this part of a list; none for one of another document.
const fn bit(list: &[u8], start: usize, end: usize) -> u16 {
    const NAMES: [(&[u8], u16); 9] = [
        (b"GET", GET),
        (b"HEAD", HEAD),
        (b"POST", POST),
        (b"PUT", PUT),
        (b"DELETE", DELETE),
        (b"CONNECT", CONNECT),
        (b"OPTIONS", OPTIONS),
        (b"TRACE", TRACE),
        (b"PATCH", PATCH),
    ];
    let mut number = 0;
    while number < NAMES.len() {
        let (name, bit) = NAMES[number];
        let mut same = name.len() == end - start;
        let mut at = 0;
        while same && at < name.len() {
            same = name[at] == list[start + at];
            at += 1;
        }
        if same {
            return bit;
        }
        number += 1;
    }
    0
}

fn names(list: &str, method: &str) -> bool {
    list.split(", ").any(|name| name == method)
}

/// A byte of a token (RFC 9110 section 5.6.2). http-core has no such function in public; a test holds both to be the same.
const fn is_token(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'#'
            | b'$'
            | b'%'
            | b'&'
            | b'\''
            | b'*'
            | b'+'
            | b'-'
            | b'.'
            | b'^'
            | b'_'
            | b'`'
            | b'|'
            | b'~'
    ) || byte.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use http_core::ResponseHead;

    use super::*;

    #[test]
    fn a_list_allows_the_methods_that_it_names_and_no_others() {
        let methods = Methods::of("GET, PURGE");
        assert!(methods.allows(Method::Get) && methods.allows(Method::Extension("PURGE")));
        assert!(!methods.allows(Method::Head) && !methods.allows(Method::Extension("PUR")));
        assert_eq!(methods.allow(), ("GET, PURGE", true));
        assert_eq!(Methods::of("OPTIONS, GET").allow(), ("OPTIONS, GET", false));
    }

    #[test]
    fn a_byte_is_one_of_a_token_where_http_core_says_so() {
        for byte in 0..=u8::MAX {
            let name = [byte];
            let name = std::str::from_utf8(&name);
            let is_name = name.is_ok_and(|name| ResponseHead::new(200).push(name, "").is_ok());
            assert_eq!(is_token(byte), is_name, "{byte:#x}");
        }
    }

    #[test]
    fn a_tunnel_and_a_trace_reach_only_a_handler_that_names_them() {
        for method in [Method::Connect, Method::Trace] {
            assert!(!Methods::ANY.allows(method) && !Methods::GET_HEAD.allows(method));
        }
        assert!(Methods::of("CONNECT").allows(Method::Connect));
        assert!(Methods::ANY.allows(Method::Extension("QUERY")));
    }

    #[test]
    fn a_list_that_is_none_is_refused() {
        for list in ["", "GET,HEAD", "GET, ", ", GET", "GET HEAD", "GET, (X)"] {
            assert!(
                std::panic::catch_unwind(|| Methods::of(list)).is_err(),
                "{list:?}"
            );
        }
    }
}
