// Uploads blindly with the fetch of headless Chromium, many at once, and prints how many read this status.
//
// usage: chromium.js URL METHOD SIZE RATE EXPECT COUNT STATUS     RATE 0 is as fast as it goes; a page cannot set Expect
'use strict';

const { withPage } = require('../../support/browser.js');

const [url, method, size, rate, , count, status] = process.argv.slice(2);

// A page of the same server, so that no other site's rules come between.
withPage(new URL('/plaintext', url).href, 150, async ({ call, evaluate }) => {
  if (Number(rate)) {
    await call('Network.enable');
    const limits = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: Number(rate) };
    await call('Network.emulateNetworkConditions', limits);
  }
  // One blob for all: forty copies of 20 MB are more than a page may have.
  const all = await evaluate(`(async () => {
    const body = new Blob([new Uint8Array(${size})]);
    const upload = async () => {
      const response = await fetch(${JSON.stringify(url)}, { method: '${method}', body });
      await response.text();
      return response.status;
    };
    const all = await Promise.allSettled(Array.from({ length: ${count} }, upload));
    return all.map(({ value, reason }) => value || String(reason));
  })()`);
  for (const each of all) if (typeof each === 'string') console.error(each);
  console.log(all.filter((each) => each === Number(status)).length);
});
