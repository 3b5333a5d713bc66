// What the browser tests share: one Chromium, the running service, a fresh browser context for every test, and the rules that hold
// for every page: no request leaves the machine, nothing is reported on the console, axe finds nothing serious.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

export const world = JSON.parse(readFileSync(0, 'utf8'));
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const tests = [];

// `expected`: messages of the browser (a page with status 400 is one) that are no fault; the rest of `options` is Playwright's.
export function test(name, run, { expected = [], ...options } = {}) { tests.push({ name, run, expected, options }); }

// A request to the service; the answer with its text and, if it is JSON, its value.
export async function call(method, path, body, headers = {}) {
  const answer = await fetch(new URL(path, world.issuer), {
    method, redirect: 'manual', headers: { ...(body ? { 'Content-Type': 'application/json' } : {}), ...headers },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text, json: answer.headers.get('content-type') === 'application/json' ? JSON.parse(text) : null };
}

export function claims(jwt) { return JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url').toString()); }

// Violations of the rules of WCAG that axe can see and calls serious or critical. The page must be allowed to run scripts.
export async function accessible(page) {
  const violations = await page.evaluate(`${axe}; axe.run(document, { resultTypes: ['violations'] })`).then((r) => r.violations);
  const serious = violations.filter((v) => ['serious', 'critical'].includes(v.impact))
    .map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html).join(' ')}`);
  assert.deepEqual(serious, []);
}

export async function picture(page, name) {
  const folder = process.env.MYTOKEN_SCREENSHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [1280, 390]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      await page.screenshot({ path: join(folder, `${name}-${colorScheme}-${width}.png`), fullPage: true });
    }
  }
  await page.emulateMedia({ colorScheme: null });
}

export async function runAll() {
  const chosen = tests.filter((t) => !world.words.length || world.words.some((w) => t.name.includes(w)));
  let passed = 0;
  let failed = 0;
  for (const { name, run, expected, options } of chosen) {
    const said = [];
    let context;
    try {
      context = await chromium.launchPersistentContext(join(world.profile, String(passed + failed)), {
        executablePath: '/usr/bin/chromium', headless: true, viewport: { width: 1280, height: 900 }, ...options,
        args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
          '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'],
      });
      context.setDefaultTimeout(10000);
      const page = context.pages()[0] ?? await context.newPage();
      const requests = [];
      page.on('console', (message) => {
        const isFault = ['error', 'warning'].includes(message.type()) && !message.location().url.endsWith('/favicon.ico');
        if (isFault) said.push(message.text());
      });
      page.on('pageerror', (error) => said.push(String(error)));
      page.on('dialog', (dialog) => { said.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
      page.on('request', (request) => requests.push(request.url()));
      await run(page, requests, said);
      const elsewhere = requests.filter((url) => /^https?:/.test(url) && !url.startsWith(world.issuer) && !url.startsWith(world.op));
      assert.deepEqual(elsewhere, [], 'requests to others');
      assert.deepEqual(said.filter((text) => !expected.some((pattern) => pattern.test(text))), [], 'messages of the browser');
      passed += 1;
      console.log(`${name} ... ok`);
    } catch (error) {
      failed += 1;
      console.log(`${name} ... FAIL\n${error.stack ?? error}\n${said.join('\n')}`);
    } finally {
      await context?.close();
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed || !passed ? 1 : 0;
}
