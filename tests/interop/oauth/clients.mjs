// oauth4webapi and openid-client as clients: exchange, key-bound tokens, signed assertions, introspection, revocation.

import { readFileSync } from 'node:fs';
import * as jose from 'jose';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { check, refused, same } from '../report.mjs';

const { PUBLIC, SECRET, USERNAME, PASSWORD, ORDERS, KEYS } = process.env;
const ISSUER = new URL(`${PUBLIC}/oauth2/alpha/oauth`);
const CHALLENGING = new URL(`${PUBLIC}/oauth2/alpha/oauth-nonce`);
const GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange';
const TYPE = 'urn:ietf:params:oauth:token-type:';
const password = {
  subject_token: JSON.stringify({ username: USERNAME, password: PASSWORD }),
  subject_token_type: 'urn:cambist:token-type:username',
  audience: ORDERS,
};
const own = (token) => ({ subject_token: token, subject_token_type: `${TYPE}access_token`, audience: ORDERS });
const [es256, rs256] = await Promise.all(JSON.parse(readFileSync(KEYS)).map(async (jwk) => ({
  kid: jwk.kid, key: await jose.importJWK(jwk, jwk.alg),
})));

// How each library does the same things.
const libraries = {
  async oauth4webapi() {
    const http = { [oauth.allowInsecureRequests]: true };
    const servers = new Map();
    for (const issuer of [ISSUER, CHALLENGING]) {
      const response = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...http });
      servers.set(issuer, await oauth.processDiscoveryResponse(issuer, response));
    }
    const ask = async (issuer, [id, authentication], grant, parameters, DPoP) => {
      const server = servers.get(issuer);
      const client = { client_id: id };
      const handle = DPoP && oauth.DPoP(client, DPoP);
      const once = async () => {
        const response = await oauth.genericTokenEndpointRequest(
          server, client, authentication(oauth), grant, parameters, { ...http, DPoP: handle },
        );
        return oauth.processGenericTokenEndpointResponse(server, client, response);
      };
      try {
        return await once();
      } catch (error) {
        if (!handle || !oauth.isDPoPNonceError(error)) throw error;
        return once();
      }
    };
    return {
      endpoint: (issuer) => servers.get(issuer).token_endpoint,
      ask,
      keys: () => oauth.generateKeyPair('ES256'),
      async introspect([id, authentication], token) {
        const client = { client_id: id };
        const response = await oauth.introspectionRequest(servers.get(ISSUER), client, authentication(oauth), token, http);
        return oauth.processIntrospectionResponse(servers.get(ISSUER), client, response);
      },
      async revoke([id, authentication], token) {
        const response = await oauth.revocationRequest(
          servers.get(ISSUER), { client_id: id }, authentication(oauth), token, http,
        );
        return oauth.processRevocationResponse(response);
      },
    };
  },

  async 'openid-client'() {
    const known = new Map();
    const configured = async (issuer, [id, authentication]) => {
      const options = { algorithm: 'oauth2', execute: [openid.allowInsecureRequests] };
      return openid.discovery(issuer, id, {}, authentication(openid), options);
    };
    known.set(ISSUER, await configured(ISSUER, web));
    return {
      endpoint: (issuer) => known.get(issuer).serverMetadata().token_endpoint,
      async ask(issuer, who, grant, parameters, DPoP) {
        const configuration = await configured(issuer, who);
        const handle = DPoP && openid.getDPoPHandle(configuration, DPoP);
        return openid.genericGrantRequest(configuration, grant, parameters, handle && { DPoP: handle });
      },
      keys: () => openid.randomDPoPKeyPair('ES256'),
      introspect: async (who, token) => openid.tokenIntrospection(await configured(ISSUER, who), token),
      revoke: async (who, token) => openid.tokenRevocation(await configured(ISSUER, who), token),
    };
  },
};

const web = ['web', ({ ClientSecretBasic }) => ClientSecretBasic(SECRET)];
const posting = ['web', ({ ClientSecretPost }) => ClientSecretPost(SECRET)];
const api = ['orders-api', ({ ClientSecretBasic }) => ClientSecretBasic(SECRET)];
const signer = (key, modify, id = 'signer') => [id, ({ PrivateKeyJwt, modifyAssertion }) => (
  PrivateKeyJwt(key, modify && { [modifyAssertion]: (_, claims) => modify(claims) })
)];
const told = (status, code) => (error) => error.status === status
  && (error.error === code || (status === 401 && error.cause.some?.(({ scheme }) => scheme === 'basic')));

for (const [name, start] of Object.entries(libraries)) {
  let library;
  const exchange = (who, parameters = password, keys = undefined, issuer = ISSUER) => (
    library.ask(issuer, who, GRANT, parameters, keys)
  );
  await check(`${name} discovers the instance`, async () => {
    library = await start();
    same(library.endpoint(ISSUER), `${ISSUER.href}/token`, 'token_endpoint');
  });
  for (const [method, who] of [
    ['client_secret_basic', web], ['client_secret_post', posting],
    ['private_key_jwt (ES256)', signer(es256)], ['private_key_jwt (RS256)', signer(rs256)],
  ]) {
    await check(`${name} exchanges with ${method}`, async () => {
      const answer = await exchange(who);
      same([answer.token_type, answer.issued_token_type], ['bearer', `${TYPE}access_token`], 'answer');
      same(jose.decodeJwt(answer.access_token).client_id, who[0], 'client_id');
    });
  }
  await check(`${name} asks in its own name (client_credentials) with private_key_jwt`, async () => {
    const answer = await library.ask(ISSUER, signer(es256), 'client_credentials', { scope: 'orders:read' });
    same(jose.decodeJwt(answer.access_token).sub, 'client:signer', 'sub');
  });
  const unknown = { key: (await jose.generateKeyPair('ES256')).privateKey };
  const fixed = crypto.randomUUID();
  for (const [what, who] of [
    ['signed with another key', signer(unknown)],
    ['addressed to the token endpoint', signer(es256, (claims) => { claims.aud = `${ISSUER.href}/token`; })],
    ['addressed to two', signer(es256, (claims) => { claims.aud = [ISSUER.href, 'https://other.example']; })],
    ['that has ended', signer(es256, (claims) => { claims.exp = claims.iat - 300; claims.iat -= 600; })],
    ['that lasts an hour', signer(es256, (claims) => { claims.exp = claims.iat + 3600; })],
    ['of another client', signer(es256, (claims) => { claims.iss = 'web'; claims.sub = 'web'; })],
  ]) {
    await check(`${name} is refused with an assertion ${what}`, () => refused(exchange(who), told(401, 'invalid_client')));
  }
  await check(`${name} is refused with an assertion used before`, async () => {
    const again = signer(es256, (claims) => { claims.jti = fixed; });
    await exchange(again);
    await refused(exchange(again), told(401, 'invalid_client'));
  });

  await check(`${name} gets a token bound to its key (DPoP)`, async () => {
    const keys = await library.keys();
    const answer = await exchange(web, password, keys);
    const thumbprint = await jose.calculateJwkThumbprint(await jose.exportJWK(keys.publicKey));
    same(answer.token_type, 'dpop', 'token_type');
    same(jose.decodeJwt(answer.access_token).cnf, { jkt: thumbprint }, 'cnf');
    const seen = await library.introspect(api, answer.access_token);
    same([seen.active, seen.token_type, seen.cnf], [true, 'DPoP', { jkt: thumbprint }], 'introspection');
  });
  await check(`${name} answers the demand for a nonce (DPoP)`, async () => {
    const answer = await exchange(web, password, await library.keys(), CHALLENGING);
    same(answer.token_type, 'dpop', 'token_type');
  });
  await check(`${name} exchanges a bound token with proof, and only with it`, async () => {
    const keys = await library.keys();
    const { access_token: bound } = await exchange(web, password, keys);
    const next = await exchange(web, own(bound), keys);
    same(next.token_type, 'dpop', 'token_type');
    await refused(exchange(web, own(bound)), told(400, 'invalid_request'));
    await refused(exchange(web, own(bound), await library.keys()), told(400, 'invalid_request'));
  });

  await check(`${name} introspects as the resource server`, async () => {
    const { access_token: token } = await exchange(web);
    const seen = await library.introspect(api, token);
    const { active, sub, aud, client_id: client, scope, iss } = seen;
    same([active, sub, aud, client, scope, iss], [true, USERNAME, ORDERS, 'web', 'orders:read', ISSUER.href], 'answer');
    same(await library.introspect(web, token), { active: false }, 'to somebody else');
    same(await library.introspect(api, `${token}x`), { active: false }, 'about a token that is none');
  });
  await check(`${name} revokes, and what was made from the token ends with it`, async () => {
    const { access_token: parent } = await exchange(web);
    const { access_token: child } = await exchange(web, own(parent));
    await refused(library.revoke(api, parent), told(400, 'unauthorized_client'));
    same((await library.introspect(api, child)).active, true, 'before');
    await library.revoke(web, parent);
    for (const token of [parent, child]) {
      same(await library.introspect(api, token), { active: false }, 'after');
      await refused(exchange(web, own(token)), told(400, 'invalid_request'));
    }
    await library.revoke(web, parent);
  });
  await check(`${name} is told of an unknown target, too wide a scope and an unacceptable subject`, async () => {
    await refused(exchange(web, { ...password, audience: 'https://other.example' }), told(400, 'invalid_target'));
    await refused(exchange(web, { ...password, scope: 'orders:write' }), told(400, 'invalid_scope'));
    await refused(exchange(web, own('no.such.token')), told(400, 'invalid_request'));
  });
}

await check('oauth4webapi verifies a signed introspection answer', async () => {
  const http = { [oauth.allowInsecureRequests]: true };
  const client = { client_id: 'orders-api', introspection_signed_response_alg: 'ES256' };
  const discovered = await oauth.discoveryRequest(ISSUER, { algorithm: 'oauth2', ...http });
  const server = await oauth.processDiscoveryResponse(ISSUER, discovered);
  const issued = await oauth.processGenericTokenEndpointResponse(server, { client_id: 'web' }, (
    await oauth.genericTokenEndpointRequest(server, { client_id: 'web' }, oauth.ClientSecretBasic(SECRET), GRANT, password, http)
  ));
  const response = await oauth.introspectionRequest(
    server, client, oauth.ClientSecretBasic(SECRET), issued.access_token, { ...http, requestJwtResponse: true },
  );
  same(response.headers.get('content-type'), 'application/token-introspection+jwt', 'Content-Type');
  const seen = await oauth.processIntrospectionResponse(server, client, response);
  await oauth.validateApplicationLevelSignature(server, response, http);
  same([seen.active, seen.sub], [true, USERNAME], 'answer');
});
