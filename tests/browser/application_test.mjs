// The consent page that POST /c gives to applications, shown as oidc-agent 5 shows it (spec cli.md §3.1, clients.md §3.3): as text in
// a page without origin, with a bar put in front of the footer and functions approve() and cancel() defined behind the end.
import assert from 'node:assert/strict';
import { accessible, call, claims, picture, test, world } from './harness.mjs';

const hour = 3600;

async function asked(request = {}) {
  const answer = await call('POST', '/c', {
    oidc_issuer: world.op, grant_type: 'mytoken', mytoken: world.mytoken, application_name: 'agent',
    capabilities: ['AT', 'tokeninfo:introspect'], name: 'mytoken requested by agent', ...request,
  }, { Accept: 'application/json' });
  assert.equal(answer.status, 200, answer.text);
  return answer;
}

// Shows the page; resolves to the list of what approve() and cancel() were called with.
async function show(page, request) {
  const answer = await asked(request);
  const calls = [];
  await page.exposeFunction('tell', (name, value) => { calls.push({ name, value }); });
  assert.ok(answer.text.includes('<div class="footer"'));
  const html = answer.text.replace('<div class="footer"', '<div id="timeout"></div><div class="footer"')
    + '<script>function approve(data) { tell("approve", typeof data === "object" ? data : "not an object"); }</script>'
    + '<script>function cancel() { tell("cancel"); }</script>';
  await page.goto('about:blank');
  await page.setContent(html);
  assert.equal(await page.evaluate(() => window.origin), 'null');
  return calls;
}

async function decided(page, calls) {
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.waitForFunction(() => true);
  for (let i = 0; i < 100 && !calls.length; i += 1) await page.evaluate(() => null);
  return calls;
}

async function makeToken(decision) {
  const answer = await call('POST', '/api/v0/token/my', { ...decision, grant_type: 'mytoken', oidc_issuer: world.op, mytoken: world.mytoken });
  assert.equal(answer.status, 200, answer.text);
  return claims(answer.json.mytoken);
}

// Every text in a value.
function texts(value) {
  if (typeof value === 'string') return [value];
  return value && typeof value === 'object' ? Object.values(value).flatMap(texts) : [];
}

test('application: what is approved unchanged is what was asked, to the letter', async (page, requests) => {
  const exp = Math.floor(Date.now() / 1000) + 30 * hour + 17;
  const restrictions = [{ exp, scope: 'storage.read:/ openid', hosts: ['192.0.2.0/24', 'host.example.org'], usages_AT: 3 }, { audience: ['https://a.example'] }];
  const tags = [{ tag: 'laptop', include_children: true }];
  const calls = await show(page, { restrictions, rotation: { on_AT: true, lifetime: 7200 }, tags });
  await accessible(page);
  assert.deepEqual(await decided(page, calls), [{
    name: 'approve',
    value: {
      oidc_issuer: world.op, restrictions, capabilities: ['AT', 'tokeninfo:introspect'], name: 'mytoken requested by agent',
      rotation: { on_AT: true, lifetime: 7200 }, tags,
    },
  }]);
  assert.deepEqual(requests.filter((url) => /^https?:/.test(url)), [], 'the page is complete in itself');
  const made = await makeToken(calls[0].value);
  assert.deepEqual(made.restrictions, restrictions);
});

test('application: an edited request is accepted by the server as it was edited', async (page) => {
  const calls = await show(page, { restrictions: [{ exp: '+7d', usages_AT: 20 }] });
  await page.getByLabel('Name of the token').fill('my "night" job \\ 1');
  await page.getByText('Change the conditions').click();
  await page.getByLabel('Access tokens at most').fill('2');
  await page.getByLabel('Until', { exact: true }).fill('+2d');
  await page.getByLabel('Only from these hosts').fill('192.0.2.7, 2001:db8::/32');
  await page.getByLabel('storage.read:/').check();
  await page.getByLabel('tokeninfo:introspect').uncheck();
  await page.getByText('Allow more').click();
  await page.getByLabel('tokeninfo:history').check();
  await page.getByText('Change the rotation').click();
  await page.getByLabel('Replace it whenever it gets an access token').check();
  await page.getByLabel('It ends this long after').fill('1d');
  await accessible(page);
  await picture(page, 'application-edited');
  await decided(page, calls);
  assert.equal(calls.length, 1);
  assert.equal(calls[0].name, 'approve');
  assert.deepEqual(texts(calls[0].value).filter((text) => /["\\\n]/.test(text)), []);
  const made = await makeToken(calls[0].value);
  assert.equal(made.name, "my 'night' job / 1");
  assert.deepEqual(made.capabilities, ['AT', 'tokeninfo:history']);
  assert.deepEqual(made.rotation, { on_AT: true, lifetime: 86400 });
  const { exp, ...clause } = made.restrictions[0];
  assert.deepEqual(clause, { scope: 'storage.read:/', hosts: ['192.0.2.7', '2001:db8::/32'], usages_AT: 2 });
  assert.ok(Math.abs(exp - Date.now() / 1000 - 48 * hour) < 60);
});

test('application: tags are taken away, added and given to children', async (page) => {
  const calls = await show(page, { tags: [{ tag: 'laptop', include_children: true }, { tag: 'night <b>', include_children: false }] });
  await page.getByLabel('laptop', { exact: true }).uncheck();
  await page.getByLabel('also for the mytokens that are made from it: night <b>').check();
  await page.getByText('Add tags').click();
  await page.getByLabel('More tags').fill('no/slash');
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('alert').waitFor();
  assert.deepEqual(calls, []);
  await accessible(page);
  await page.getByLabel('More tags').fill('my lab, ci');
  await decided(page, calls);
  assert.deepEqual(calls[0].value.tags, [
    { tag: 'night <b>', include_children: true }, { tag: 'my lab', include_children: false }, { tag: 'ci', include_children: false },
  ]);
  await makeToken(calls[0].value);
});

test('application: conditions are added and removed', async (page) => {
  const calls = await show(page, { restrictions: [{ usages_AT: 1 }, { usages_AT: 2 }] });
  await page.getByText('Change the conditions').click();
  await page.getByRole('button', { name: 'Add alternative conditions' }).click();
  await page.getByLabel('Access tokens at most').nth(2).fill('3');
  await page.getByRole('button', { name: 'Remove conditions 1' }).click();
  await decided(page, calls);
  assert.deepEqual(calls[0].value.restrictions, [{ usages_AT: 2 }, { usages_AT: 3 }]);
});

test('application: what is wrong is said next to the field and not approved', async (page) => {
  const calls = await show(page, {});
  await page.getByText('Change the conditions').click();
  const hosts = page.getByLabel('Only from these hosts');
  await hosts.fill('somewhere else!');
  await page.getByLabel('Until', { exact: true }).fill('tomorrow');
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('alert').waitFor();
  assert.equal(await page.locator('[aria-invalid]').count(), 2);
  assert.match(await page.locator('#clause\\.0\\.hosts-error').innerText(), /addresses/);
  await accessible(page);
  await picture(page, 'application-wrong');
  assert.deepEqual(calls, []);
  await hosts.fill('this');
  await page.getByLabel('Until', { exact: true }).fill('+1h');
  await decided(page, calls);
  assert.deepEqual(calls[0].value.restrictions, [{ exp: '+1h', hosts: ['this'] }]);
  assert.deepEqual((await makeToken(calls[0].value)).restrictions[0].hosts, ['127.0.0.1']);
});

test('application: a mark that the program cannot take is refused, and nothing approved', async (page) => {
  const calls = await show(page, {});
  await page.getByText('Change the conditions').click();
  await page.getByLabel('Only for these services').fill('https://a.example/"x"');
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('alert').waitFor();
  assert.deepEqual(calls, []);
});

test('application: cancel', async (page) => {
  const calls = await show(page, {});
  await page.getByRole('button', { name: 'Cancel' }).click();
  for (let i = 0; i < 100 && !calls.length; i += 1) await page.evaluate(() => null);
  assert.equal(calls[0].name, 'cancel');
});

test('application: only what the parent can grant is offered', async (page) => {
  const parent = await call('POST', '/api/v0/token/my', { grant_type: 'mytoken', mytoken: world.mytoken, capabilities: ['AT', 'create_mytoken'] });
  await show(page, { mytoken: parent.json.mytoken });
  const offered = await page.locator('input[name=capability]').evaluateAll((boxes) => boxes.map((box) => box.value));
  assert.deepEqual(offered, ['AT', 'create_mytoken']);
});

test('application: hostile texts stay texts', async (page) => {
  const hostile = '<img src=x onerror=alert(1)>{{x}}{{#a}}</script><script>alert(2)</script>\' & "';
  const answer = await asked({ application_name: hostile, name: hostile, restrictions: [{ audience: [hostile], scope: '{{{ }}}' }] });
  assert.ok(!answer.text.includes('{{') && !answer.text.includes('}}') && !answer.text.includes('\0'));
  assert.ok(answer.text.length < 64 * 1024, `the page has ${answer.text.length} bytes`);
  const calls = await show(page, { application_name: hostile, name: hostile, restrictions: [{ usages_AT: 1 }] });
  assert.ok((await page.locator('h1').innerText()).includes(hostile));
  await decided(page, calls);
  assert.equal(calls[0].value.name, hostile.replaceAll('"', "'"));
});

test('application: the page as it opens', async (page) => {
  await show(page, { restrictions: [{ exp: '+7d', scope: 'openid storage.read:/', hosts: ['this'], usages_AT: 20 }], capabilities: ['AT', 'tokeninfo', 'manage_mytokens:revoke'] });
  await accessible(page);
  await page.emulateMedia({ colorScheme: 'dark' });
  await accessible(page);
  await picture(page, 'application');
  await page.setViewportSize({ width: 320, height: 700 });
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320), 'nothing sticks out on a small screen');
});
