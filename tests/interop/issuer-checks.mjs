// Tokens of the foreign issuer at the gateway's token endpoint.

import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import * as oauth from 'oauth4webapi';
import { check, refused, same } from './report.mjs';
import { ownToken, signIn } from './sign-in.mjs';

const { ISSUER, PUBLIC, CLIENT, SECRET, ORDERS, IMPOSTOR } = process.env;
const [step, state] = process.argv.slice(2);
const TYPE = 'urn:ietf:params:oauth:token-type:';
const server = {
  issuer: `${PUBLIC}/oauth2/alpha/issuer`,
  token_endpoint: `${PUBLIC}/oauth2/alpha/issuer/token`,
};

async function exchange(token, kind) {
  const client = { client_id: CLIENT };
  const response = await oauth.genericTokenEndpointRequest(
    server, client, oauth.ClientSecretBasic(SECRET), 'urn:ietf:params:oauth:grant-type:token-exchange',
    { subject_token: token, subject_token_type: TYPE + kind, audience: ORDERS },
    { [oauth.allowInsecureRequests]: true },
  );
  return oauth.processGenericTokenEndpointResponse(server, client, response);
}

const notAcceptable = (error) => error instanceof oauth.ResponseBodyError
  && error.status === 400 && error.error === 'invalid_request';

async function exchanges(token, kind, subject, email) {
  const answer = await exchange(token, kind);
  const claims = decodeJwt(answer.access_token);
  same(claims.sub, `partner:${subject}`, 'sub');
  same(claims.iss, server.issuer, 'iss');
  same(claims.aud, ORDERS, 'aud');
  same(claims.email, email, 'email');
  same(answer.issued_token_type, `${TYPE}access_token`, 'issued_token_type');
}

// Another subject in what is signed, or another first byte of the signature.
function tampered(token, part) {
  const parts = token.split('.');
  const bytes = Buffer.from(parts[part], 'base64url');
  if (part === 1) {
    const claims = JSON.parse(bytes);
    claims.sub = 'somebody-else';
    parts[1] = Buffer.from(JSON.stringify(claims)).toString('base64url');
  } else {
    bytes[0] ^= 1;
    parts[part] = bytes.toString('base64url');
  }
  return parts.join('.');
}

async function first() {
  const tokens = {};
  for (const algorithm of ['RS256', 'PS256', 'ES256', 'EdDSA']) {
    const clientId = `web-${algorithm.toLowerCase()}`;
    const resource = `https://gateway.example?alg=${algorithm}`;
    await check(`the ${algorithm} ID token of a code flow is exchanged`, async () => {
      tokens[algorithm] = await signIn(ISSUER, clientId, { resource });
      same(decodeProtectedHeader(tokens[algorithm].id).alg, algorithm, 'alg');
      await exchanges(tokens[algorithm].id, 'id_token', 'pat', 'pat@partner.example');
    });
    await check(`the ${algorithm} access token of the same flow is exchanged`, async () => {
      const header = decodeProtectedHeader(tokens[algorithm].access);
      same([header.alg, header.typ], [algorithm, 'at+jwt'], 'header');
      await exchanges(tokens[algorithm].access, 'access_token', 'pat');
    });
  }
  const { id, access } = tokens.RS256;
  await check('an access token of the client credentials grant is exchanged', async () => {
    await exchanges(await ownToken(ISSUER, 'web-es256', 'https://gateway.example'), 'access_token', 'web-es256');
  });
  await check('a tampered payload is refused', () => refused(exchange(tampered(id, 1), 'id_token'), notAcceptable));
  await check('a tampered signature is refused', () => refused(exchange(tampered(access, 2), 'access_token'), notAcceptable));
  await check('an ID token for another client is refused', async () => {
    const { id: other } = await signIn(ISSUER, 'elsewhere');
    await refused(exchange(other, 'id_token'), notAcceptable);
  });
  await check('an access token for another resource is refused', async () => {
    const { access: other } = await signIn(ISSUER, 'web-rs256', { resource: 'https://other.example' });
    await refused(exchange(other, 'access_token'), notAcceptable);
  });
  await check('an ID token is no access token', () => refused(exchange(id, 'access_token'), notAcceptable));
  await check('an access token is no ID token', () => refused(exchange(access, 'id_token'), notAcceptable));
  await check('a token bound to a key is refused', async () => {
    const bound = await ownToken(ISSUER, 'web-es256', 'https://gateway.example', true);
    if (!decodeJwt(bound).cnf) throw new Error('the foreign issuer did not bind it');
    await refused(exchange(bound, 'access_token'), notAcceptable);
  });
  await check('the same token may be exchanged again', () => exchanges(id, 'id_token', 'pat', 'pat@partner.example'));
  writeFileSync(state, JSON.stringify({ id, access }));
}

async function impostor() {
  await check('a token of somebody else under the same issuer is refused', async () => {
    const { id } = await signIn(ISSUER, 'web-rs256', { address: IMPOSTOR });
    same(decodeJwt(id).iss, ISSUER, 'iss');
    await refused(exchange(id, 'id_token'), notAcceptable);
  });
}

async function replaced() {
  const old = JSON.parse(readFileSync(state));
  await check('tokens of the issuer\'s new keys are exchanged, at most 20 seconds later', async () => {
    const { id } = await signIn(ISSUER, 'web-rs256');
    for (let attempt = 0; ; attempt += 1) {
      try {
        await exchanges(id, 'id_token', 'pat', 'pat@partner.example');
        return;
      } catch (error) {
        if (attempt === 20 || !notAcceptable(error)) throw error;
      }
      await pause(1000);
    }
  });
  await check('tokens of its former keys are refused', () => refused(exchange(old.id, 'id_token'), notAcceptable));
  await check('access tokens as well', () => refused(exchange(old.access, 'access_token'), notAcceptable));
}

await { first, impostor, replaced }[step]();
