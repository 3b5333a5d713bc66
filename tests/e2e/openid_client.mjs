// Drives npm openid-client against the server at ISSUER with the mytoken MYTOKEN: one of the actions below, named by the
// first argument. Prints a JSON value; what it must be is decided in test_oauth_client.py.
import * as client from 'openid-client';

const { ISSUER, MYTOKEN } = process.env;
const config = await client.discovery(new URL(ISSUER), 'any-client', undefined, client.None(), { execute: [client.allowInsecureRequests] });

const actions = {
  discovery: () => config.serverMetadata(),
  refresh: () => client.refreshTokenGrant(config, MYTOKEN),
  narrow: () => client.refreshTokenGrant(config, MYTOKEN, { scope: 'compute.create', resource: 'https://compute.example.org' }),
  'three times': async () => {
    const answers = [];
    let token = MYTOKEN;
    for (let i = 0; i < 3; i++) {
      const answer = await client.refreshTokenGrant(config, token);
      token = answer.refresh_token ?? token; // what every OAuth client does
      answers.push(answer);
    }
    return answers;
  },
  refused: () => client.refreshTokenGrant(config, MYTOKEN).then(
    () => { throw new Error('the server accepted the token'); },
    (error) => ({ status: error.status ?? error.response?.status, error: error.error ?? error.cause?.[0]?.parameters?.error ?? String(error) })),
};
console.log(JSON.stringify(await actions[process.argv[2]]()));
