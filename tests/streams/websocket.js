// Drives the example `websocket` with Node's ws.
//
// usage: websocket.js HOST:PORT
'use strict';

const assert = require('assert');
const { once } = require('events');
const WebSocket = require('ws');

const address = 'ws://' + process.argv[2];

async function connect(path) {
  const socket = new WebSocket(address + path, { perMessageDeflate: true });
  socket.inbox = [];
  socket.on('message', (data) => {
    socket.inbox.push(data.toString());
    socket.emit('heard');
  });
  await once(socket, 'open');
  return socket;
}

async function hear(socket) {
  while (socket.inbox.length === 0) await once(socket, 'heard');
  return socket.inbox.shift();
}

async function echo() {
  const socket = await connect('/echo');
  assert.equal(socket.extensions, '', 'an extension that the server does not know is declined');
  for (const text of ['', 'hello', '\u00e4\u{1f600}'.repeat(1000), 'x'.repeat(3000000)]) {
    socket.send(text);
    assert.equal(await hear(socket), text);
  }
  socket.send('in ', { fin: false });
  socket.ping('between');
  socket.send('parts', { fin: true });
  const [data] = await once(socket, 'pong');
  assert.equal(data.toString(), 'between');
  assert.equal(await hear(socket), 'in parts');
  socket.close(4001, 'done');
  const [code, reason] = await once(socket, 'close');
  assert.deepEqual([code, reason.toString()], [4001, 'done'], 'the closing handshake returns what was sent');
}

async function chat() {
  const members = await Promise.all(Array.from({ length: 20 }, () => connect('/chat')));
  members[3].send('to all');
  assert.deepEqual(new Set(await Promise.all(members.map(hear))), new Set(['to all']));
  const ends = members.map((member) => once(member, 'close'));
  members.forEach((member) => member.close());
  for (const [code] of await Promise.all(ends)) assert.equal(code, 1005);
}

async function refused() {
  const socket = new WebSocket(address + '/nowhere');
  const [error] = await once(socket, 'error');
  assert.match(error.message, /404/);
}

setTimeout(() => { throw new Error('it hangs'); }, 50000).unref();
echo().then(chat).then(refused).then(() => console.log('all passed'));
