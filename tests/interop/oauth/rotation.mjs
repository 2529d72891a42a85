// oidc-provider turns its keys twice while its tokens are exchanged without a pause.

import { setTimeout as pause } from 'node:timers/promises';
import { decodeProtectedHeader } from 'jose';
import * as oauth from 'oauth4webapi';
import { check, refused, same } from '../report.mjs';
import { ownToken } from '../sign-in.mjs';

const { ROTATING, PUBLIC, SECRET, ORDERS } = process.env;
const server = { issuer: `${PUBLIC}/oauth2/alpha/rotating`, token_endpoint: `${PUBLIC}/oauth2/alpha/rotating/token` };
const TYPE = 'urn:ietf:params:oauth:token-type:';

async function exchange(token) {
  const response = await oauth.genericTokenEndpointRequest(
    server, { client_id: 'web' }, oauth.ClientSecretBasic(SECRET), 'urn:ietf:params:oauth:grant-type:token-exchange',
    { subject_token: token, subject_token_type: `${TYPE}access_token`, audience: ORDERS },
    { [oauth.allowInsecureRequests]: true },
  );
  return oauth.processGenericTokenEndpointResponse(server, { client_id: 'web' }, response);
}

const fresh = () => ownToken(ROTATING, 'web-es256', 'https://gateway.example');
const turn = async (step) => same((await fetch(`${ROTATING}/keys/${step}`, { method: 'POST' })).status, 204, step);

const kids = new Set();
const failures = [];
let count = 0;
let running = true;
const first = await fresh();
async function client() {
  while (running) {
    let kid;
    try {
      const token = await fresh();
      kid = decodeProtectedHeader(token).kid;
      await exchange(token);
      kids.add(kid);
      count += 1;
    } catch (error) {
      failures.push(`${kid}: ${error.error ?? error}`);
    }
    await pause(50);
  }
}
const clients = Promise.all([client(), client(), client(), client()]);
// A key is published before it signs, and dropped when the one after the next signs. The gateway looks for an
// unknown key at most every ten seconds.
for (const _ of [1, 2]) {
  await turn('publish');
  await pause(11_000);
  await turn('sign');
  await pause(2_000);
}
running = false;
await clients;

await check(`no exchange failed while the keys turned twice (${count} exchanges)`, async () => {
  same(failures.slice(0, 3), [], `${failures.length} failures`);
  if (count < 100) throw new Error(`only ${count} exchanges`);
});
await check('tokens of three generations of keys were exchanged', async () => same(kids.size, 3, 'keys'));
await check('a token of the key that was dropped is refused', async () => {
  await refused(exchange(first), (error) => error.status === 400 && error.error === 'invalid_request');
});
await check('the newest key still serves', async () => { await exchange(await fresh()); });
