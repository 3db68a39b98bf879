//! What one connection may cost: every limit is a named constant with its precedents, and settable.

/// Longest request line, CRLF included. RFC 9112 section 3 asks for at least 8,000 octets; nginx 8 KiB, Apache 8,190.
pub const REQUEST_LINE: u32 = 8 * 1024;
/// Longest field line, CRLF included. Apache 8,190, nginx 8 KiB, Node 16 KiB for the whole head.
pub const FIELD_LINE: u32 = 16 * 1024;
/// Longest head, from the method to the empty line. nginx 4 × 8 KiB, Tomcat 8 KiB, Go 1 MiB.
pub const HEAD: u32 = 32 * 1024;
/// Most field lines in a head or a trailer section. Apache 100, hyper 100. `Fields<N>` holds `N` at most.
pub const FIELDS: u16 = 100;
/// Longest request body. nginx 1 MiB.
pub const BODY: u64 = 1024 * 1024;
/// Most bytes of chunk extensions in one body. hyper 16 KiB.
pub const CHUNK_EXTENSIONS: u16 = 16 * 1024;
/// Most octets of chunk framing that the data did not earn: each chunk owes the octets of its framing and pays with
/// 16 and twice its data. Go 16 KiB by the same rule, against bodies made of one-byte chunks. It also bounds the leading
/// zeros of a chunk size.
pub const CHUNK_OVERHEAD: u16 = 16 * 1024;
/// Longest trailer section. hyper 16 KiB.
pub const TRAILERS: u16 = 16 * 1024;
/// Longest method. No registered one has more than 17 octets (RFC 9110 section 16.1); a longer one is 400, never 414.
pub const METHOD: usize = 32;

/// Most empty lines that are skipped before a request line. RFC 9112 section 2.2 asks for at least one; Node and nginx skip any
/// number, which is a way to hold a connection without a request.
pub const EMPTY_LINES: u8 = 4;

/// The limits of one [`Connection`](crate::Connection).
///
/// A message at a limit is taken, one octet past it is refused with the status of its [`Rule`](crate::Rule).
///
/// ```
/// let limits = http_core::Limits { body: 64 * 1024, ..http_core::Limits::default() };
/// assert_eq!(limits.fields, 100);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest request line, CRLF included; 414 past it.
    pub request_line: u32,
    /// Longest field line, CRLF included; 431 past it.
    pub field_line: u32,
    /// Longest head; 431 past it.
    pub head: u32,
    /// Most field lines; 431 past it. The smaller of this and the `N` of `Fields<N>` decides.
    pub fields: u16,
    /// Longest request body; 413 past it.
    pub body: u64,
    /// Most bytes of chunk extensions in one body; 400 past it.
    pub chunk_extensions: u16,
    /// Most octets of chunk framing that the data did not earn; 400 past it.
    pub chunk_overhead: u16,
    /// Longest trailer section; 431 past it.
    pub trailers: u16,
}

impl Limits {
    /// The defaults, as a constant.
    pub const DEFAULT: Self = Self {
        request_line: REQUEST_LINE,
        field_line: FIELD_LINE,
        head: HEAD,
        fields: FIELDS,
        body: BODY,
        chunk_extensions: CHUNK_EXTENSIONS,
        chunk_overhead: CHUNK_OVERHEAD,
        trailers: TRAILERS,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The limits without the body's, so that a connection can store both without padding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    pub(crate) request_line: u32,
    pub(crate) field_line: u32,
    pub(crate) head: u32,
    pub(crate) fields: u16,
    pub(crate) chunk_extensions: u16,
    pub(crate) chunk_overhead: u16,
    pub(crate) trailers: u16,
}

/// The empty line that ends a section is no field line and no trailer. A limit of 1 lets neither of those through, but its
/// CR, which may come alone; a limit of 0 would refuse that.
impl From<Limits> for Caps {
    fn from(limits: Limits) -> Self {
        Self {
            request_line: limits.request_line,
            field_line: limits.field_line.max(1),
            head: limits.head,
            fields: limits.fields,
            chunk_extensions: limits.chunk_extensions,
            chunk_overhead: limits.chunk_overhead,
            trailers: limits.trailers.max(1),
        }
    }
}
