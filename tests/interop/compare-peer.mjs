// oidc-provider with a token exchange grant, written as its documentation says to write grants: verify the
// subject token (ES256) with jose, issue a JWT access token (ES256) through the provider's own model.

import { createServer } from 'node:http';
import { createRemoteJWKSet, exportJWK, generateKeyPair, jwtVerify } from 'jose';
import Provider, { errors } from 'oidc-provider';

const { ISSUER, CLIENT, SECRET, ORDERS } = process.env;
const GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

const { privateKey } = await generateKeyPair('ES256', { extractable: true });
const keys = [{ ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig', kid: 'peer' }];
const trusted = createRemoteJWKSet(new URL(`${ISSUER}/jwks`));

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  const target = {
    scope: 'orders:read', audience: ORDERS, accessTokenFormat: 'jwt', accessTokenTTL: 300,
    jwt: { sign: { alg: 'ES256' } },
  };
  const provider = new Provider(url, {
    jwks: { keys },
    clients: [{
      client_id: CLIENT, client_secret: SECRET, grant_types: [GRANT], redirect_uris: [], response_types: [],
    }],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    findAccount: (_, sub) => ({ accountId: sub, claims: async () => ({ sub }) }),
    cookies: { keys: ['only for the length of a test'] },
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: { enabled: true, getResourceServerInfo: () => target },
    },
  });
  const parameters = ['subject_token', 'subject_token_type', 'requested_token_type', 'audience', 'scope'];
  // With or without arguments before it, the request context comes last.
  provider.registerGrantType(GRANT, async (...given) => {
    const ctx = given.find((value) => value?.oidc);
    const { client, params } = ctx.oidc;
    if (params.subject_token_type !== ACCESS_TOKEN) throw new errors.InvalidRequest('subject_token_type');
    if (params.audience !== ORDERS) throw new errors.InvalidTarget();
    let claims;
    try {
      ({ payload: claims } = await jwtVerify(params.subject_token, trusted, {
        issuer: ISSUER, audience: 'https://gateway.example', typ: 'at+jwt', algorithms: ['ES256'],
        requiredClaims: ['exp', 'iat', 'sub'],
      }));
    } catch {
      throw new errors.InvalidRequest('the subject token is not acceptable');
    }
    const token = new provider.AccessToken({
      accountId: claims.sub, client, gty: 'token-exchange', scope: 'orders:read',
      extra: { act: { sub: client.clientId } },
    });
    token.resourceServer = new provider.ResourceServer(ORDERS, target);
    ctx.body = {
      access_token: await token.save(),
      issued_token_type: ACCESS_TOKEN,
      token_type: 'Bearer',
      expires_in: token.expiration,
      scope: token.scope,
    };
  }, parameters);
  server.on('request', provider.callback());
  console.log(`ready ${url}/token`);
});
