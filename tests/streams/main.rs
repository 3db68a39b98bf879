//! Streams that wait for news, and connections that leave HTTP: server-sent events and WebSocket, by the examples
//! `events` and `websocket`.

mod events;
mod websocket;
