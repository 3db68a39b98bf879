// What only a browser shows: the example `websocket` from a page, and the demonstration's page, whose plots move.
//
// usage: chromium.js websocket|page HOST:PORT
'use strict';

const assert = require('assert');
const { withPage } = require('../support/browser.js');

const [what, address] = process.argv.slice(2);

const echo = `new Promise((resolve, reject) => {
  const socket = new WebSocket('ws://${address}/echo');
  const said = ['', 'hello', '\\u00e4\\u{1f600}'.repeat(5000), 'x'.repeat(2000000)];
  const heard = [];
  socket.onopen = () => said.forEach((text) => socket.send(text));
  socket.onerror = () => reject(new Error('an error'));
  socket.onmessage = ({ data }) => {
    heard.push(data);
    if (heard.length === said.length) socket.close(4002, 'enough');
  };
  socket.onclose = ({ code, reason, wasClean }) =>
    resolve([code, reason, wasClean, said.every((text, place) => text === heard[place])]);
})`;

const chat = `Promise.all(Array.from({ length: 10 }, (_, number) => new Promise((resolve, reject) => {
  const socket = new WebSocket('ws://${address}/chat');
  socket.onerror = () => reject(new Error('an error'));
  // The last one speaks when it has come, and says so again until everybody has heard it.
  if (number === 9) socket.onopen = () => setInterval(() => socket.send('to all'), 100);
  socket.onmessage = ({ data }) => resolve(data);
})))`;

const plots = `[...document.querySelectorAll('figure')].map((figure) => figure.querySelector('svg').innerHTML)`;

async function websocket({ evaluate }) {
  assert.deepEqual(await evaluate(echo), [4002, 'enough', true, true]);
  assert.deepEqual(new Set(await evaluate(chat)), new Set(['to all']));
}

async function page({ evaluate }) {
  const pause = (ms) => evaluate(`new Promise((resolve) => setTimeout(resolve, ${ms}))`);
  await pause(2000);
  const before = await evaluate(plots);
  assert.equal(before.length, 5);
  await evaluate(`Promise.all(Array.from({ length: 50 }, () => fetch('/plaintext').then((answer) => answer.text())))`);
  await pause(2000);
  const after = await evaluate(plots);
  // Requests, latency, phases and workers; there are too few connections to tell what one costs.
  for (const place of [0, 1, 2, 3]) assert.notEqual(after[place], before[place], 'plot ' + place + ' moves');
  const outside = await evaluate(`performance.getEntriesByType('resource').map(({ name }) => name)
    .filter((name) => !name.startsWith(location.origin))`);
  assert.deepEqual(outside, [], 'nothing comes from elsewhere');
  assert(await evaluate(`document.documentElement.scrollWidth <= innerWidth`), 'it fits');
}

const checks = { websocket, page };
// A page of the same server, even one that is not there: others may not speak with this machine.
withPage(`http://${address}/`, 60, async (driver) => {
  await checks[what](driver);
  console.log('all passed');
});
