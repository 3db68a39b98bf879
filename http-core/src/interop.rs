//! Conversions to and from the types of the `http` crate (feature `http`).
//!
//! `http` takes every head that this crate has parsed, with these exceptions, which are errors: a target or a field that is
//! longer than `http` allows (64 KiB), more fields than its map holds (32,768), and a percent-encoded byte in the authority
//! of a target.

use crate::misuse::Misuse;
use crate::request::parts::{Method, Version};
use crate::request::view::{FieldLines, Head, Trailers};
use crate::response::fields::{FieldBlock, FieldName, sealed::Sealed};
use crate::response::head::ResponseHead;
use http::header::{HeaderMap, HeaderName, HeaderValue};

impl From<Version> for http::Version {
    fn from(version: Version) -> Self {
        match version {
            Version::Http10 => Self::HTTP_10,
            Version::Http11 => Self::HTTP_11,
        }
    }
}

/// Anything but HTTP/1.0 and HTTP/1.1 comes back as the error.
impl TryFrom<http::Version> for Version {
    type Error = http::Version;

    fn try_from(version: http::Version) -> Result<Self, http::Version> {
        match version {
            http::Version::HTTP_10 => Ok(Self::Http10),
            http::Version::HTTP_11 => Ok(Self::Http11),
            other => Err(other),
        }
    }
}

impl TryFrom<Method<'_>> for http::Method {
    type Error = http::Error;

    fn try_from(method: Method<'_>) -> Result<Self, http::Error> {
        Ok(Self::from_bytes(method.as_str().as_bytes())?)
    }
}

impl<'a> From<&'a http::Method> for Method<'a> {
    fn from(method: &'a http::Method) -> Self {
        match method.as_str() {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "DELETE" => Self::Delete,
            "CONNECT" => Self::Connect,
            "OPTIONS" => Self::Options,
            "TRACE" => Self::Trace,
            "PATCH" => Self::Patch,
            token => Self::Extension(token),
        }
    }
}

fn header_map(lines: FieldLines<'_>) -> Result<HeaderMap, http::Error> {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes())?;
        map.try_append(name, HeaderValue::from_bytes(value)?)?;
    }
    Ok(map)
}

impl TryFrom<FieldLines<'_>> for HeaderMap {
    type Error = http::Error;

    fn try_from(lines: FieldLines<'_>) -> Result<Self, http::Error> {
        header_map(lines)
    }
}

impl TryFrom<Trailers<'_>> for HeaderMap {
    type Error = http::Error;

    fn try_from(trailers: Trailers<'_>) -> Result<Self, http::Error> {
        header_map(trailers.fields())
    }
}

/// The head as a request whose body is still to come.
impl TryFrom<Head<'_>> for http::Request<()> {
    type Error = http::Error;

    fn try_from(head: Head<'_>) -> Result<Self, http::Error> {
        let mut request = Self::new(());
        *request.method_mut() = head.method().try_into()?;
        *request.uri_mut() = head.target_str().parse::<http::Uri>()?;
        *request.version_mut() = head.version().into();
        *request.headers_mut() = header_map(head.fields())?;
        Ok(request)
    }
}

impl Sealed for HeaderName {}

impl FieldName for HeaderName {
    fn checked(&self) -> Result<&[u8], Misuse> {
        self.as_str().checked()
    }
}

/// Fails with [`Misuse::FramingField`] on Connection, Keep-Alive, Proxy-Connection, Content-Length and
/// Transfer-Encoding, which the connection writes itself: remove them first. Fails with [`Misuse::BadFieldValue`] on
/// white space around a value.
impl TryFrom<&HeaderMap> for FieldBlock {
    type Error = Misuse;

    fn try_from(map: &HeaderMap) -> Result<Self, Misuse> {
        let mut block = Self::new();
        for (name, value) in map {
            block.push(name, value)?;
        }
        Ok(block)
    }
}

/// Status and field lines; the version is the connection's affair and the body its caller's. Fails as
/// [`FieldBlock`] does.
impl<T> TryFrom<&http::Response<T>> for ResponseHead {
    type Error = Misuse;

    fn try_from(response: &http::Response<T>) -> Result<Self, Misuse> {
        let mut head = Self::new(response.status().as_u16());
        for (name, value) in response.headers() {
            head.push(name, value)?;
        }
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::{Connection, Event, Fields, Limits};
    use std::string::ToString;
    use std::vec::Vec;

    #[track_caller]
    fn request(wire: &[u8]) -> http::Request<()> {
        let mut fields = Fields::<8>::new();
        let received = Connection::server(Limits::default())
            .receive(wire, &mut fields)
            .unwrap();
        let Event::Request(head) = received.event else {
            panic!("{received:?}")
        };
        head.try_into().unwrap()
    }

    #[test]
    fn a_head_becomes_a_request_with_all_its_fields() {
        let request = request(b"PURGE /a?b=%20 HTTP/1.0\r\nHost: h:80\r\nX: 1\r\nx: \xfc\r\n\r\n");
        assert_eq!(request.method().as_str(), "PURGE");
        assert_eq!(
            (request.uri().path(), request.uri().query()),
            ("/a", Some("b=%20"))
        );
        assert_eq!(request.version(), http::Version::HTTP_10);
        let values: Vec<&[u8]> = request
            .headers()
            .get_all("x")
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        assert_eq!(values, [&b"1"[..], b"\xfc"]);
    }

    #[test]
    fn each_form_of_a_target_becomes_a_uri() {
        for (line, uri) in [
            ("GET http://u:80/p?q HTTP/1.1", "http://u:80/p?q"),
            ("OPTIONS * HTTP/1.1", "*"),
            ("CONNECT h:443 HTTP/1.1", "h:443"),
        ] {
            let request = request(std::format!("{line}\r\nHost: h\r\n\r\n").as_bytes());
            assert_eq!(request.uri().to_string(), uri);
        }
    }

    #[test]
    fn a_percent_encoded_authority_is_an_error_and_no_other_request() {
        let mut fields = Fields::<8>::new();
        let received = Connection::server(Limits::default())
            .receive(b"GET http://a%20b/ HTTP/1.1\r\nHost: h\r\n\r\n", &mut fields)
            .unwrap();
        let Event::Request(head) = received.event else {
            panic!("{received:?}")
        };
        assert!(http::Request::try_from(head).is_err());
    }

    #[test]
    fn methods_and_versions_go_there_and_back() {
        for name in [
            "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "M-SEARCH",
        ] {
            let theirs = http::Method::from_bytes(name.as_bytes()).unwrap();
            let ours = Method::from(&theirs);
            assert_eq!(ours.as_str(), name);
            assert_eq!(http::Method::try_from(ours).unwrap(), theirs);
        }
        for version in [Version::Http10, Version::Http11] {
            assert_eq!(Version::try_from(http::Version::from(version)), Ok(version));
        }
        assert_eq!(
            Version::try_from(http::Version::HTTP_2),
            Err(http::Version::HTTP_2)
        );
    }

    #[test]
    fn a_response_becomes_a_head_unless_it_frames_itself() {
        let mut response = http::Response::builder()
            .status(404)
            .header("x-a", "1")
            .body(())
            .unwrap();
        let head = ResponseHead::try_from(&response).unwrap();
        assert_eq!(
            (head.status(), head.fields().as_bytes()),
            (404, &b"x-a: 1\r\n"[..])
        );
        response
            .headers_mut()
            .insert("content-length", HeaderValue::from_static("3"));
        assert_eq!(ResponseHead::try_from(&response), Err(Misuse::FramingField));
        assert_eq!(
            FieldBlock::try_from(response.headers()),
            Err(Misuse::FramingField)
        );
    }
}
