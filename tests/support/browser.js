// Headless Chromium for scripts, driven through its DevTools socket with Node's ws.
'use strict';

const { spawn } = require('child_process');
const { EventEmitter, once } = require('events');
const fs = require('fs');
const os = require('os');
const path = require('path');
const WebSocket = require('ws');

// Chromium says on its standard error where its socket is.
function socketOf(browser) {
  return new Promise((resolve) => {
    let printed = '';
    browser.stderr.on('data', (data) => {
      printed += data;
      const found = printed.match(/listening on (ws:\S+)/);
      if (found) resolve(found[1]);
    });
  });
}

// Opens the page and runs `use` with what drives it: `call` calls a DevTools method, `evaluate` evaluates an expression in
// the page, awaits it and returns its value, `events` emits DevTools events by their names, and `load` calls a method that
// loads a page and waits until it has loaded. The process ends with 0, or with 1 when something fails or takes too long.
async function withPage(url, seconds, use) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'chromium-'));
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--remote-debugging-port=0'];
  const browser = spawn('chromium', [...flags, '--user-data-dir=' + profile, 'about:blank']);
  const end = (code) => {
    browser.once('exit', () => {
      fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
      process.exit(code);
    });
    browser.kill('SIGKILL');
  };
  setTimeout(() => { console.error('it hangs'); end(1); }, seconds * 1000).unref();
  try {
    const port = new URL(await socketOf(browser)).port;
    const pages = await (await fetch(`http://127.0.0.1:${port}/json/list`)).json();
    const socket = new WebSocket(pages.find((page) => page.type === 'page').webSocketDebuggerUrl);
    await new Promise((resolve) => socket.once('open', resolve));
    const waiting = new Map();
    const events = new EventEmitter();
    socket.on('message', (data) => {
      const message = JSON.parse(data);
      if (message.method) events.emit(message.method, message.params);
      if (waiting.has(message.id)) waiting.get(message.id)(message);
    });
    let id = 0;
    const call = (method, params = {}) => new Promise((resolve) => {
      waiting.set(++id, resolve);
      socket.send(JSON.stringify({ id, method, params }));
    });
    const evaluate = async (expression) => {
      const { result } = await call('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
      if (result.exceptionDetails) throw new Error(JSON.stringify(result.exceptionDetails));
      return result.result.value;
    };
    const load = async (method, params) => {
      const loaded = once(events, 'Page.loadEventFired');
      const { error, result } = await call(method, params);
      if (error || result.errorText) throw new Error(`${method} ${JSON.stringify(params)}: ${error?.message || result.errorText}`);
      await loaded;
    };
    await call('Page.enable');
    await load('Page.navigate', { url });
    await use({ call, evaluate, events, load });
    end(0);
  } catch (error) {
    console.error(error);
    end(1);
  }
}

module.exports = { withPage };
