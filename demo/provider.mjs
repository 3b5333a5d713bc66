// The OpenID provider of the demo and of the end-to-end tests: npm `oidc-provider` with login and consent pages of its own.
//
//   PORT=9090 [REDIRECT=http://127.0.0.1:8000/redirect,...] [ROTATE=1] [ROTATE_GRACE=0] [DELAY=0] [AT_TTL=3600] \
//     scripts/node demo/provider.mjs
//
// Prints `provider at <issuer>` when it accepts requests. Client `mytoken` / `mytoken-secret`, users below. PKCE is
// required, the callback carries `iss` (RFC 9207), and with ROTATE=1 a refresh token is good for one use: reusing an old one
// ends the whole grant, as real providers do. With ROTATE_GRACE the immediate predecessor of the newest refresh token is
// honoured for so many seconds after its use, for clients that died before they could keep the successor (Okta and Auth0
// have the same setting); a token request is answered after DELAY milliseconds. Access tokens are JWTs (RFC 9068) for the
// resource asked for (RFC 8707), or
// for `<issuer>/storage` if none was. `/demo/grants?user=` tells tests whether a user's grants are alive,
// `/demo/rotation` how many refresh tokens were rotated, honoured by grace, and found to be reused.
import { createHash, generateKeyPairSync, randomBytes, timingSafeEqual } from 'node:crypto';
import Provider from 'oidc-provider';

const port = Number(process.env.PORT ?? 9090);
const issuer = `http://127.0.0.1:${port}`;
const users = { alice: 'wonderland', bob: 'bobby-pins', carol: 'christmas' }; // name: password
const apiScopes = ['storage.read:/', 'storage.modify:/', 'compute.create'];
const oidcScopes = ['openid', 'offline_access', 'profile', 'email'];

// The library's own memory adapter forgets after 1000 entries; a demo may stay up longer.
const entries = new Map();
const delay = Number(process.env.DELAY ?? 0);
const grace = Number(process.env.ROTATE_GRACE ?? 0);
const newest = new Map(); // of each grant: how often its newest refresh token was rotated
const rotation = { rotated: 0, by_grace: 0, reused: 0 };
class Memory {
  constructor(model) { this.model = model; }
  key(id) { return `${this.model}:${id}`; }
  async upsert(id, payload) {
    entries.set(this.key(id), payload);
    if (this.model === 'RefreshToken') newest.set(payload.grantId, Math.max(payload.rotations ?? 0, newest.get(payload.grantId) ?? 0));
  }
  async find(id) {
    const entry = entries.get(this.key(id));
    if (this.model !== 'RefreshToken' || !entry?.consumed) return entry;
    const isPredecessor = (entry.rotations ?? 0) + 1 === newest.get(entry.grantId);
    if (!isPredecessor || Date.now() / 1000 >= entry.consumed + grace) {
      rotation.reused += 1;
      return entry;
    }
    rotation.by_grace += 1;
    return { ...entry, consumed: undefined };
  }
  async findByUid(uid) { return [...entries].find(([k, v]) => k.startsWith(`${this.model}:`) && v.uid === uid)?.[1]; }
  async findByUserCode() { return undefined; }
  async consume(id) { entries.get(this.key(id)).consumed ??= Math.floor(Date.now() / 1000); }
  async destroy(id) { entries.delete(this.key(id)); }
  async revokeByGrantId(grantId) { for (const [k, v] of entries) if (v.grantId === grantId) entries.delete(k); }
}

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const provider = new Provider(issuer, {
  adapter: Memory,
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'demo' }] },
  clients: [{
    client_id: 'mytoken', client_secret: 'mytoken-secret', client_name: 'mytoken', response_types: ['code'],
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: (process.env.REDIRECT ?? 'http://127.0.0.1:8000/redirect').split(','),
  }],
  scopes: [...oidcScopes, ...apiScopes],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'] },
  conformIdTokenClaims: false,
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({
    sub: id, name: id[0].toUpperCase() + id.slice(1), preferred_username: id, email: `${id}@example.org`, email_verified: true }) }),
  cookies: { keys: [randomBytes(32).toString('hex')] },
  pkce: { required: () => true },
  rotateRefreshToken: process.env.ROTATE === '1',
  issueRefreshToken: async (ctx, client, code) => code.scopes.has('offline_access'),
  ttl: { AccessToken: Number(process.env.AT_TTL ?? 3600), RefreshToken: 86400 * 30, Grant: 86400 * 30, Session: 3600, IdToken: 3600, Interaction: 600 },
  features: {
    devInteractions: { enabled: false },
    revocation: { enabled: true, allowedPolicy: () => true },
    introspection: { enabled: true, allowedPolicy: () => true },
    resourceIndicators: {
      enabled: true, defaultResource: (ctx, client, oneOf) => oneOf?.[0] ?? `${issuer}/storage`, useGrantedResource: () => true,
      getResourceServerInfo: (ctx, resource) => ({
        scope: [...oidcScopes, ...apiScopes].join(' '), audience: resource, accessTokenFormat: 'jwt',
        accessTokenTTL: Number(process.env.AT_TTL ?? 3600), jwt: { sign: { alg: 'RS256' } } }),
    },
  },
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
});

const escape = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const page = (title, body) => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(title)}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:4rem auto;padding:0 1rem}label,input{display:block;width:100%;box-sizing:border-box}
input{padding:.5rem;margin:0 0 1rem}button{padding:.5rem 1.25rem;margin-right:.5rem}.error{color:#a00000}</style></head>
<body><main><h1>${escape(title)}</h1>${body}</main></body></html>`;

const loginPage = (uid, user, failed) => page('Sign in at the demo provider', `
${failed ? '<p class="error" role="alert">User name or password is wrong.</p>' : ''}
<form method="post" action="/interaction/${escape(uid)}/login">
<label for="user">User name</label><input id="user" name="user" value="${escape(user)}" autocomplete="username" required autofocus>
<label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password" required>
<button type="submit">Sign in</button></form>
<p><small>Accounts of this demo: ${Object.entries(users).map((u) => u.map(escape).join(' / ')).join(', ')}</small></p>`);

const consentPage = (uid, details) => page('Allow access?', `
<p><strong>${escape(details.params.client_id)}</strong> asks <strong>${escape(details.session.accountId)}</strong> for:</p>
<ul>${details.params.scope.split(' ').map((s) => `<li>${escape(s)}</li>`).join('')}</ul>
<form method="post" action="/interaction/${escape(uid)}/consent">
<button type="submit" name="decision" value="allow">Allow</button>
<button type="submit" name="decision" value="deny">Deny</button></form>`);

async function formOf(req) {
  let text = '';
  for await (const chunk of req) {
    text += chunk;
    if (text.length > 10_000) throw new Error('form too large');
  }
  return new URLSearchParams(text);
}

function passwordIsRight(user, password) {
  const digest = (x) => createHash('sha256').update(x).digest();
  return Object.hasOwn(users, user) && timingSafeEqual(digest(users[user]), digest(password));
}

async function grantFor({ grantId, session, params, prompt }) {
  const grant = grantId ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  const { missingOIDCScope, missingOIDCClaims, missingResourceScopes } = prompt.details;
  if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(' '));
  if (missingOIDCClaims) grant.addOIDCClaims(missingOIDCClaims);
  for (const [resource, scopes] of Object.entries(missingResourceScopes ?? {})) grant.addResourceScope(resource, scopes.join(' '));
  return grant.save();
}

provider.use(async (ctx, next) => {
  if (delay > 0 && ctx.path === '/token') {
    await next();
    await new Promise((resolve) => setTimeout(resolve, delay)); // it has acted already, as if the way back were long
    return;
  }
  if (ctx.path === '/demo/grants') {
    const alive = [...entries].filter(([k, v]) => k.startsWith('RefreshToken:') && v.accountId === ctx.query.user && !v.consumed);
    ctx.body = { usable_refresh_tokens: alive.length };
    return;
  }
  if (ctx.path === '/demo/rotation') {
    ctx.body = rotation;
    return;
  }
  const [, uid, action] = /^\/interaction\/([\w-]+)(?:\/(login|consent))?$/.exec(ctx.path) ?? [];
  if (!uid) return next();
  const details = await provider.interactionDetails(ctx.req, ctx.res);
  ctx.set('Cache-Control', 'no-store');
  if (ctx.method === 'GET') {
    ctx.body = details.prompt.name === 'login' ? loginPage(uid, '', false) : consentPage(uid, details);
    return;
  }
  const form = await formOf(ctx.req);
  let result;
  if (action === 'login') {
    const user = form.get('user') ?? '';
    if (!passwordIsRight(user, form.get('password') ?? '')) {
      ctx.status = 401;
      ctx.body = loginPage(uid, user, true);
      return;
    }
    result = { login: { accountId: user } };
  } else if (form.get('decision') === 'allow') result = { consent: { grantId: await grantFor(details) } };
  else result = { error: 'access_denied', error_description: 'the user did not agree' };
  await provider.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission: true });
  ctx.respond = false;
});
provider.on('refresh_token.consumed', () => { rotation.rotated += 1; });
provider.on('server_error', (ctx, error) => console.error(error));

provider.listen(port, '127.0.0.1', () => console.log(`provider at ${issuer}`));
