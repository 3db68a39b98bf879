// Uploads blindly with Node, many at once, and prints how many read this status: with fetch, or with http.request where
// fetch refuses to send what is asked for (Expect).
//
// usage: node.js URL METHOD SIZE RATE EXPECT COUNT STATUS     RATE 0 is as fast as it goes, EXPECT - is none
'use strict';

const http = require('http');

const [url, method, size, rate, expect, count, status] = process.argv.slice(2);

function* pieces() {
  const piece = Number(rate) ? rate / 10 : 100000;
  for (let left = Number(size); left > 0; left -= piece) yield Buffer.alloc(Math.min(left, piece), 'x');
}

const pause = () => Number(rate) && new Promise((resolve) => setTimeout(resolve, 100));

async function byFetch() {
  async function* slowly() {
    for (const piece of pieces()) {
      yield piece;
      await pause();
    }
  }
  const body = Number(rate) ? slowly() : Buffer.alloc(Number(size), 'x');
  const response = await fetch(url, { method, body, duplex: 'half' });
  await response.text();
  return response.status;
}

async function byRequest() {
  return new Promise(async (resolve, reject) => {
    const request = http.request(url, { method, headers: { 'Content-Length': size, Expect: expect } });
    request.on('error', reject);
    request.on('response', (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode));
    });
    for (const piece of pieces()) {
      request.write(piece);
      await pause();
    }
    request.end();
  });
}

async function main() {
  const upload = expect === '-' ? byFetch : byRequest;
  const all = await Promise.allSettled(Array.from({ length: Number(count) }, upload));
  for (const { reason } of all) if (reason) console.error(String(reason.cause || reason));
  console.log(all.filter(({ value }) => value === Number(status)).length);
  process.exit(0);
}

main();
