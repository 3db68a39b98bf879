//! Streams that wait for news, and connections that leave HTTP: server-sent events and WebSocket, by the examples
//! `events` and `websocket`; and the demonstration's page, which shows the server live.

mod events;
mod page;
mod websocket;
