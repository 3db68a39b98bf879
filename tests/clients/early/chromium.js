// Uploads blindly with the fetch of headless Chromium, many at once, and prints how many read this status. Drives it
// through its DevTools socket, with Node's ws.
//
// usage: chromium.js URL METHOD SIZE RATE EXPECT COUNT STATUS     RATE 0 is as fast as it goes; a page cannot set Expect
'use strict';

const { spawn } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const WebSocket = require('ws');

const [url, method, size, rate, , count, status] = process.argv.slice(2);

const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'chromium-'));
const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--remote-debugging-port=0'];
const browser = spawn('chromium', [...flags, '--user-data-dir=' + profile, 'about:blank']);
setTimeout(() => end(1), 110000).unref();

function end(code) {
  browser.once('exit', () => {
    fs.rmSync(profile, { recursive: true, force: true });
    process.exit(code);
  });
  browser.kill('SIGKILL');
}

// Chromium says on its standard error where its socket is.
function devtools() {
  return new Promise((resolve) => {
    let printed = '';
    browser.stderr.on('data', (data) => {
      printed += data;
      const found = printed.match(/listening on (ws:\S+)/);
      if (found) resolve(found[1]);
    });
  });
}

async function main() {
  const port = new URL(await devtools()).port;
  const pages = await (await fetch(`http://127.0.0.1:${port}/json/list`)).json();
  const socket = new WebSocket(pages.find((page) => page.type === 'page').webSocketDebuggerUrl);
  await new Promise((resolve) => socket.once('open', resolve));
  const waiting = new Map();
  socket.on('message', (data) => {
    const message = JSON.parse(data);
    if (waiting.has(message.id)) waiting.get(message.id)(message);
  });
  let id = 0;
  const call = (name, params) => new Promise((resolve) => {
    waiting.set(++id, resolve);
    socket.send(JSON.stringify({ id, method: name, params }));
  });
  await call('Page.enable', {});
  await call('Network.enable', {});
  // A page of the same server, so that no other site's rules come between.
  await call('Page.navigate', { url: new URL('/plaintext', url).href });
  await new Promise((resolve) => setTimeout(resolve, 1000));
  if (Number(rate)) {
    const limits = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: Number(rate) };
    await call('Network.emulateNetworkConditions', limits);
  }
  // One blob for all: forty copies of 20 MB are more than a page may have.
  const expression = `const body = new Blob([new Uint8Array(${size})]); Promise.allSettled(Array.from({ length: ${count} }, async () => {
    const response = await fetch(${JSON.stringify(url)}, { method: '${method}', body });
    await response.text();
    return response.status;
  })).then((all) => JSON.stringify(all.map(({ value, reason }) => value || String(reason))))`;
  const { result } = await call('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
  const all = JSON.parse(result.result.value);
  for (const each of all) if (typeof each === 'string') console.error(each);
  console.log(all.filter((each) => each === Number(status)).length);
  end(0);
}

main();
