// oauth4webapi as a client of the gateway.

import * as oauth from 'oauth4webapi';
import { check, refused, same } from './report.mjs';

const { PUBLIC, CLIENT, SECRET, USERNAME, PASSWORD, ORDERS } = process.env;
const http = { [oauth.allowInsecureRequests]: true };
const issuer = new URL(`${PUBLIC}/oauth2/alpha/clients`);
const GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange';
const TYPE = 'urn:ietf:params:oauth:token-type:';
const subject = {
  subject_token: JSON.stringify({ username: USERNAME, password: PASSWORD }),
  subject_token_type: 'urn:cambist:token-type:username',
};
let server;

async function discover(algorithm) {
  const response = await oauth.discoveryRequest(issuer, { algorithm, ...http });
  return oauth.processDiscoveryResponse(issuer, response);
}

async function exchange(more = {}, authentication = oauth.ClientSecretBasic(SECRET), id = CLIENT, grant = GRANT) {
  const client = { client_id: id };
  const response = await oauth.genericTokenEndpointRequest(
    server, client, authentication, grant, { ...subject, audience: ORDERS, ...more }, http,
  );
  same(response.headers.get('cache-control'), 'no-store', 'Cache-Control');
  return oauth.processGenericTokenEndpointResponse(server, client, response);
}

const answers = (status, code) => (error) => error instanceof oauth.ResponseBodyError
  && error.status === status && error.error === code;

await check('oauth4webapi discovers it by RFC 8414', async () => {
  server = await discover('oauth2');
  same(server.token_endpoint, `${issuer.href}/token`, 'token_endpoint');
  same(server.jwks_uri, `${issuer.href}/jwks`, 'jwks_uri');
  same(server.grant_types_supported, [GRANT], 'grant_types_supported');
});
await check('oauth4webapi discovers it as an OpenID provider', async () => {
  same((await discover('oidc')).token_endpoint, `${issuer.href}/token`, 'token_endpoint');
});
await check('oauth4webapi exchanges with client_secret_basic', async () => {
  const answer = await exchange();
  same(answer.token_type, 'bearer', 'token_type');
  same(answer.issued_token_type, `${TYPE}access_token`, 'issued_token_type');
  same(answer.expires_in, 300, 'expires_in');
  same(answer.scope, 'orders:read', 'scope');
});
await check('oauth4webapi exchanges with client_secret_post', async () => {
  await exchange({}, oauth.ClientSecretPost(SECRET));
});
await check('oauth4webapi exchanges with an identifier and a secret that need encoding', async () => {
  const secret = `%+&= :${SECRET}`;
  await exchange({}, oauth.ClientSecretBasic(secret), 'odd:id/+ %');
  await exchange({}, oauth.ClientSecretPost(secret), 'odd:id/+ %');
});
await check('oauth4webapi gets an ID token, which is no access token', async () => {
  const client = { client_id: CLIENT };
  const response = await oauth.genericTokenEndpointRequest(
    server, client, oauth.ClientSecretBasic(SECRET), GRANT,
    { ...subject, audience: ORDERS, requested_token_type: `${TYPE}id_token` }, http,
  );
  const answer = await oauth.processGenericTokenEndpointResponse(
    server, client, response, { recognizedTokenTypes: { n_a: () => {} } },
  );
  same([answer.token_type, answer.issued_token_type], ['n_a', `${TYPE}id_token`], 'answer');
});
await check('oauth4webapi names a resource (RFC 8707)', () => exchange({ resource: 'https://api.orders.example/v1' }));
await check('oauth4webapi is told of an unknown target', () => refused(exchange({ audience: 'https://other.example' }), answers(400, 'invalid_target')));
await check('oauth4webapi is told of too wide a scope', () => refused(exchange({ scope: 'orders:write' }), answers(400, 'invalid_scope')));
await check('oauth4webapi is told of an unacceptable subject', () => refused(
  exchange({ subject_token: JSON.stringify({ username: USERNAME, password: 'wrong' }) }), answers(400, 'invalid_request'),
));
await check('oauth4webapi is told of another grant type', () => refused(
  exchange({}, oauth.ClientSecretBasic(SECRET), CLIENT, 'urn:example:grant'), answers(400, 'unsupported_grant_type'),
));
await check('oauth4webapi is challenged for a wrong secret', () => refused(
  exchange({}, oauth.ClientSecretBasic('wrong')),
  (error) => error instanceof oauth.WWWAuthenticateChallengeError && error.cause.some(({ scheme }) => scheme === 'basic'),
));
await check('oauth4webapi is told of a wrong secret in the body', () => refused(
  exchange({}, oauth.ClientSecretPost('wrong')),
  (error) => answers(401, 'invalid_client')(error) || error instanceof oauth.WWWAuthenticateChallengeError,
));
