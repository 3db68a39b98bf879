//! A sans-IO HTTP/1.x parser and serializer.
#![no_std]
#![forbid(unsafe_code)]
