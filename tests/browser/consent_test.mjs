// The service's own consent page, with scripts switched off: a plain form (spec oidc.md §7, web.md S10).
import assert from 'node:assert/strict';
import { accessible, call, claims, picture, test, world } from './harness.mjs';

const scriptless = { javaScriptEnabled: false };

async function begin(request = {}) {
  const answer = await call('POST', '/api/v0/token/my', {
    grant_type: 'oidc_flow', oidc_flow: 'authorization_code', oidc_issuer: world.op, client_type: 'native', application_name: 'night shift', ...request,
  });
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
}

async function logInAtProvider(page, user) {
  await page.waitForURL(`${world.op}/**`);
  await page.locator('input[type=password]').fill(world.passwords[user]);
  await page.locator('input[type=text], input[type=email], input:not([type])').first().fill(user);
  await page.locator('button, input[type=submit]').first().click();
  await page.getByRole('button', { name: 'allow' }).click();
  await page.waitForURL(`${world.issuer}/native*`);
}

async function collected(start) {
  const answer = await call('POST', '/api/v0/token/my', { grant_type: 'polling_code', polling_code: start.polling_code });
  assert.equal(answer.status, 200, answer.text);
  return claims(answer.json.mytoken);
}

test('consent: edited without script, allowed, logged in: the token is as it was edited', async (page) => {
  const start = await begin({ name: 'as asked', capabilities: ['AT', 'settings'], restrictions: [{ exp: '+30d', usages_AT: 100, scope: 'openid storage.read:/ storage.modify:/' }] });
  await page.goto(start.consent_uri);
  assert.match(await page.locator('h1').innerText(), /night shift/);
  await page.getByLabel('Name of the token').fill('as the user likes it');
  await page.getByLabel('settings', { exact: false }).first().uncheck();
  await page.getByText('Change the conditions').click();
  await page.getByLabel('Until', { exact: true }).fill('+2d');
  await page.getByLabel('Only from these hosts').fill('no host at all!');
  await page.getByLabel('Access tokens at most').fill('5');
  await page.getByLabel('storage.modify:/').uncheck();
  await page.getByRole('button', { name: 'Allow and log in' }).click();

  // one field is wrong: said next to it, nothing lost, nothing allowed
  assert.equal(page.url(), start.consent_uri);
  assert.match(await page.locator('#clause\\.0\\.hosts-error').innerText(), /addresses/);
  assert.equal(await page.getByLabel('Only from these hosts').inputValue(), 'no host at all!');
  assert.equal(await page.getByLabel('Name of the token').inputValue(), 'as the user likes it');
  assert.equal(await page.getByLabel('Access tokens at most').inputValue(), '5');
  assert.ok(!await page.getByLabel('storage.modify:/').isChecked());
  await page.getByLabel('Only from these hosts').fill('this 192.0.2.0/24');
  await page.getByRole('button', { name: 'Show my changes in words' }).click();
  assert.match(await page.locator('#conditions .words').innerText(), /at most 5 times for access tokens/);
  await page.getByText('Change the rotation').click();
  await page.getByLabel('Replace it whenever it is used for something else').check();
  await page.getByRole('button', { name: 'Allow and log in' }).click();
  await logInAtProvider(page, 'alice');
  assert.match(await page.locator('main').innerText(), /night shift/);

  const token = await collected(start);
  assert.equal(token.name, 'as the user likes it');
  assert.deepEqual(token.capabilities, ['AT']);
  assert.deepEqual(token.rotation, { on_other: true });
  const { exp, ...clause } = token.restrictions[0];
  assert.deepEqual(clause, { scope: 'openid storage.read:/', hosts: ['127.0.0.1', '192.0.2.0/24'], usages_AT: 5 });
  assert.ok(Math.abs(exp - Date.now() / 1000 - 2 * 86400) < 60);
}, { ...scriptless, expected: [/400/] });

test('consent: allowed unchanged is as asked, to the letter', async (page) => {
  const restrictions = [{ exp: Math.floor(Date.now() / 1000) + 100017, scope: 'storage.read:/ openid', usages_other: 0 }, { audience: ['https://compute.example.org'] }];
  const start = await begin({ name: 'n', capabilities: ['tokeninfo', 'AT'], restrictions, rotation: { on_AT: true, lifetime: 5000 } });
  await page.goto(start.consent_uri);
  await page.getByRole('button', { name: 'Allow and log in' }).click();
  await logInAtProvider(page, 'bob');
  const token = await collected(start);
  assert.deepEqual(token.restrictions.map(({ scope, ...rest }) => rest), restrictions.map(({ scope, ...rest }) => rest));
  assert.equal(token.restrictions[0].scope, restrictions[0].scope);
  assert.deepEqual(token.capabilities, ['tokeninfo', 'AT']);
  assert.deepEqual(token.rotation, { on_AT: true, lifetime: 5000 });
}, scriptless);

async function tagsOf(mytoken) {
  const answer = await call('POST', '/api/v0/tokeninfo', { action: 'subtokens', mytoken });
  assert.equal(answer.status, 200, answer.text);
  return (answer.json.mytokens.token.tags || []).map(({ tag, include_children }) => [tag, include_children]);
}

test('consent: tags are taken away, added and given to children without script', async (page) => {
  const start = await begin({ capabilities: ['tokeninfo'], tags: [{ tag: 'unwanted', include_children: true }, { tag: 'for <b>children' }] });
  await page.goto(start.consent_uri);
  await page.getByLabel('unwanted', { exact: true }).uncheck();
  await page.getByLabel('also for the mytokens that are made from it: for <b>children').check();
  await page.getByText('Add tags').click();
  await page.getByLabel('More tags').fill('no/slash, ci');
  await page.getByRole('button', { name: 'Allow and log in' }).click();
  assert.match(await page.locator('#more_tags-error').innerText(), /without slashes/);
  assert.ok(!await page.getByLabel('unwanted', { exact: true }).isChecked());
  assert.equal(await page.getByLabel('More tags').inputValue(), 'no/slash, ci');
  await page.getByLabel('More tags').fill('my lab, ci');
  await page.getByRole('button', { name: 'Allow and log in' }).click();
  await logInAtProvider(page, 'alice');
  const answer = await call('POST', '/api/v0/token/my', { grant_type: 'polling_code', polling_code: start.polling_code });
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(await tagsOf(answer.json.mytoken), [['ci', false], ['for <b>children', true], ['my lab', false]]);
}, { ...scriptless, expected: [/400/] });

test('consent: conditions are added and removed without script', async (page) => {
  const start = await begin({ restrictions: [{ usages_AT: 1 }, { usages_AT: 2 }] });
  await page.goto(start.consent_uri);
  await page.getByText('Change the conditions').click();
  await page.getByRole('button', { name: 'Add alternative conditions' }).click();
  await page.getByLabel('Access tokens at most').nth(2).fill('3');
  await page.getByRole('button', { name: 'Remove conditions 1' }).click();
  const words = await page.locator('#conditions .words').innerText();
  assert.ok(!words.includes('at most 1 time ') && words.includes('at most 2 times') && words.includes('at most 3 times'), words);
}, scriptless);

test('consent: deny', async (page) => {
  const start = await begin();
  await page.goto(start.consent_uri);
  await page.getByRole('button', { name: 'Deny' }).click();
  assert.match(page.url(), /\/native\/abort\?application=night%20shift$/);
  const answer = await call('POST', '/api/v0/token/my', { grant_type: 'polling_code', polling_code: start.polling_code });
  assert.equal(answer.json.error, 'access_denied');
}, scriptless);

test('consent: the page as it opens, and as it complains', async (page) => {
  const start = await begin({
    name: 'night run', capabilities: ['AT', 'tokeninfo', 'manage_mytokens:list', 'settings'],
    restrictions: [{ exp: '+7d', hosts: ['this'], scope: 'openid storage.read:/', usages_AT: 20 }, { geoip_allow: ['DE'], nbf: '+1d', exp: '+2d' }],
    rotation: { on_AT: true, auto_revoke: true, lifetime: 86400 }, tags: [{ tag: 'laptop', include_children: true }, { tag: 'a name of sixty-four characters, which is as long as one may be.' }],
  });
  await page.goto(start.consent_uri);
  await accessible(page);
  await page.emulateMedia({ colorScheme: 'dark' });
  await accessible(page);
  await picture(page, 'consent');
  for (const details of await page.locator('summary').all()) await details.click();
  await accessible(page);
  await picture(page, 'consent-open');
  await page.setViewportSize({ width: 320, height: 700 });
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320), 'nothing sticks out on a small screen');
  await page.getByLabel('Until', { exact: true }).first().fill('soon');
  await page.getByLabel('It ends this long after').fill('a while');
  await page.getByLabel('More tags').fill('a/b');
  await page.getByRole('button', { name: 'Allow and log in' }).click();
  assert.equal(await page.locator('[aria-invalid]').count(), 3);
  await accessible(page);
  await picture(page, 'consent-wrong');
}, { expected: [/400/] });

test('consent: unrestricted tokens are called that', async (page) => {
  await page.goto((await begin()).consent_uri);
  assert.match(await page.locator('#conditions').innerText(), /Without any restriction/);
  await accessible(page);
  await picture(page, 'consent-unrestricted');
});

test('consent: hostile texts stay texts', async (page) => {
  const hostile = '<img src=x onerror=alert(1)></script><script>alert(2)</script>\' & "';
  await page.goto((await begin({ application_name: hostile, name: hostile, restrictions: [{ audience: [hostile] }] })).consent_uri);
  assert.ok((await page.locator('h1').innerText()).includes(hostile));
  assert.equal(await page.getByLabel('Name of the token').inputValue(), hostile);
});
