// Visits a generated site in Chromium by its links, once for each line of the standard input: the release that has to be
// there by then. The line is printed when all of the site was seen.
//
// usage: generated.js URL
'use strict';

const assert = require('assert');
const readline = require('readline');
const { withPage } = require('../support/browser.js');

const origin = process.argv[2].replace(/\/$/, '');

// Directories without a page of their own.
const LISTINGS = ['/files/', '/Größe & Maß/'];

// What an extension has to come as; the folder `files` has a file of each.
const TYPES = {
  css: 'text/css',
  csv: 'text/csv',
  gz: 'application/gzip',
  ico: 'image/vnd.microsoft.icon',
  js: 'text/javascript',
  json: 'application/json',
  mjs: 'text/javascript',
  mp4: 'video/mp4',
  pdf: 'application/pdf',
  png: 'image/png',
  svg: 'image/svg+xml',
  ttf: 'font/ttf',
  txt: 'text/plain',
  wasm: 'application/wasm',
  webmanifest: 'application/manifest+json',
  woff2: 'font/woff2',
  xml: 'text/xml',
  '': 'application/octet-stream',
};

const pathOf = (url) => decodeURIComponent(new URL(url).pathname);
const isPage = (path) => path.endsWith('/') || path.endsWith('.html');
const extensionOf = (path) => path.match(/\.([^./]*)$/)?.[1] ?? '';
const typeOf = (path) => (isPage(path) ? 'text/html' : TYPES[extensionOf(path)]);
const said = (release) => `${release}: Grüße, 日本語 💩`;

const LINKS = `[...document.querySelectorAll('a[href]')].map(({ href }) => href.replace(/[?#].*/, ''))
  .filter((href) => href.startsWith(location.origin))`;

const SHOWN = `({
  heading: document.querySelector('h1')?.innerText,
  text: document.body.innerText,
  style: getComputedStyle(document.body).getPropertyValue('--release').trim(),
  script: window.release,
  module: window.releaseOfModule,
  pictures: [...document.images].filter(({ naturalWidth }) => naturalWidth === 16).length,
})`;

// The driver of a page, which also checks what comes for it.
async function visitor({ call, evaluate, events, load }) {
  let come = [];
  events.on('Network.responseReceived', ({ response }) => come.push(response));
  events.on('Network.loadingFailed', ({ errorText, canceled }) => {
    // Leaving a page cancels what it still waits for.
    if (!canceled) come.push({ url: origin + '/', status: errorText });
  });
  await call('Network.enable');
  const check = (path, status) => {
    assert(come.length > 0, `something comes for ${path}`);
    for (const response of come.filter(({ url }) => !url.startsWith('data:'))) {
      assert(response.url.startsWith(origin + '/'), `${response.url}: nothing comes from elsewhere`);
      const own = pathOf(response.url);
      // What has not changed is not sent anew.
      const fits = own === path ? [status] : [200];
      if (fits[0] === 200) fits.push(304);
      assert(fits.includes(response.status), `${own}: ${response.status}`);
      assert.equal(response.mimeType, status === 404 && own === path ? 'text/html' : typeOf(own), own);
    }
    come = [];
  };
  const visit = async (url, status = 200) => {
    come = [];
    await load('Page.navigate', { url });
    check(pathOf(url), status);
  };
  const reload = async () => {
    come = [];
    await load('Page.reload');
    check('/', 200);
  };
  return { evaluate, visit, reload };
}

async function checkPage({ evaluate }, path, release) {
  const shown = await evaluate(SHOWN);
  const name = path.split('/').filter(Boolean).pop()?.replace(/\.html$/, '') ?? 'index';
  assert.equal(shown.heading, name);
  assert(shown.text.includes(said(release)), `${path}: ${shown.text}`);
  assert.deepEqual([shown.style, shown.script, shown.module], [release, release, release], path);
  if (name === 'index') assert.equal(shown.pictures, 1, 'the picture is seen');
}

async function checkFile({ evaluate, visit }, url, release) {
  const path = pathOf(url);
  // The policy of a listing forbids fetch.
  await visit(origin + '/');
  const [status, type, text] = await evaluate(`fetch(${JSON.stringify(url)}).then(async (response) =>
    [response.status, response.headers.get('content-type').replace(/;.*/, ''), await response.text()])`);
  assert.deepEqual([status, type], [200, typeOf(path)], path);
  assert(text.includes(release), `${path}: ${text}`);
  if (extensionOf(path) === 'txt') {
    await visit(url);
    assert((await evaluate('document.body.innerText')).includes(said(release)), path);
  }
}

// Visits all that links lead to and returns the paths of the pages.
async function crawl(visitor, release) {
  const found = new Set([origin + '/']);
  for (const url of found) {
    const path = pathOf(url);
    if (!isPage(path)) continue;
    await visitor.visit(url);
    if (!LISTINGS.includes(path)) await checkPage(visitor, path, release);
    for (const link of await visitor.evaluate(LINKS)) found.add(link);
  }
  for (const listing of LISTINGS) assert([...found].map(pathOf).includes(listing), listing);
  const files = [...found].filter((url) => !isPage(pathOf(url)));
  const types = new Set(files.map((url) => extensionOf(pathOf(url))));
  assert.deepEqual([...types].sort(), Object.keys(TYPES).sort(), 'a file of each type is linked');
  for (const file of files) await checkFile(visitor, file, release);
  return [...found].map(pathOf).filter(isPage);
}

// The paths of all pages that the generator says there are.
async function sitemap({ evaluate }) {
  const all = await evaluate(`fetch('/sitemap.xml').then((response) => response.text()).then((text) =>
    [...new DOMParser().parseFromString(text, 'text/xml').querySelectorAll('loc')].map((loc) => loc.textContent))`);
  return all.map(pathOf);
}

withPage(origin + '/', 120, async (driver) => {
  const site = await visitor(driver);
  let before = [];
  for await (const release of readline.createInterface({ input: process.stdin })) {
    // The start page of the release before is still shown.
    await site.reload();
    await checkPage(site, '/', release);
    const pages = await crawl(site, release);
    await site.visit(origin + '/');
    const promised = await sitemap(site);
    assert(promised.length > 10, 'the sitemap is read');
    for (const path of promised) assert(pages.includes(path), `${path} was visited`);
    const gone = before.filter((path) => !pages.includes(path));
    assert(gone.length > 0 || before.length === 0, 'a page is gone');
    for (const path of gone) {
      await site.visit(origin + path.split('/').map(encodeURIComponent).join('/'), 404);
      assert((await driver.evaluate('document.body.innerText')).includes('Page not found'), path);
    }
    await site.visit(origin + '/');
    before = pages;
    console.log(release);
  }
});
