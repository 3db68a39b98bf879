//! The methods that a handler serves.

use http_core::Method;

/// The methods that a target allows: what reaches the handler, what `Allow` says, and what `OPTIONS` is answered with.
///
/// `OPTIONS` itself need not be named: the driver answers it from this list, unless the list names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Methods(Allowed);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Allowed {
    Any,
    Named(&'static str),
}

/// What `OPTIONS` says of a handler that takes every method: those of RFC 9110 section 9.3 that a client may try, and
/// PATCH (RFC 5789).
const COMMON: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

impl Methods {
    /// GET and HEAD, which every server has to support (RFC 9110 section 9.1).
    pub const GET_HEAD: Self = Self::of("GET, HEAD");
    /// Every method but CONNECT and TRACE: the handler looks at the method itself.
    pub const ANY: Self = Self(Allowed::Any);

    /// The methods of a list as `Allow` writes it, for example `"GET, HEAD, PURGE"`.
    ///
    /// # Panics
    ///
    /// When an element of the list is no token (RFC 9110 section 5.6.2). In a constant that is a compile error.
    pub const fn of(list: &'static str) -> Self {
        let bytes = list.as_bytes();
        let (mut at, mut letters) = (0, 0);
        while at < bytes.len() {
            match bytes[at] {
                b',' => {
                    assert!(letters > 0, "a list of methods has no empty elements");
                    assert!(
                        at + 1 < bytes.len() && bytes[at + 1] == b' ',
                        "methods are separated by a comma and a space"
                    );
                    letters = 0;
                    at += 1;
                }
                byte => {
                    assert!(is_token(byte), "a method is a token");
                    letters += 1;
                }
            }
            at += 1;
        }
        assert!(letters > 0, "a list of methods has no empty elements");
        Self(Allowed::Named(list))
    }

    /// Whether a request with this method reaches the handler.
    #[inline]
    pub fn allows(self, method: Method<'_>) -> bool {
        match (self.0, method) {
            (Allowed::Any, method) => !matches!(method, Method::Connect | Method::Trace),
            // The list that nearly every target has.
            (Allowed::Named("GET, HEAD"), Method::Get | Method::Head) => true,
            (Allowed::Named(list), method) => names(list, method.as_str()),
        }
    }

    /// The value of `Allow`, and whether `OPTIONS` has to be added to it.
    pub(crate) fn allow(self) -> (&'static str, bool) {
        match self.0 {
            Allowed::Any => (COMMON, false),
            Allowed::Named(list) => (list, !names(list, "OPTIONS")),
        }
    }
}

fn names(list: &str, method: &str) -> bool {
    list.split(", ").any(|name| name == method)
}

/// A byte of a token (RFC 9110 section 5.6.2).
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
