// jose as a relying party that verifies what the gateway issues.

import * as jose from 'jose';
import { check, refused, same } from './report.mjs';

const { PUBLIC, CLIENT, SECRET, USERNAME, PASSWORD, ORDERS, SHARED, ALGORITHMS } = process.env;
const TYPE = 'urn:ietf:params:oauth:token-type:';

async function issue(issuer, kind) {
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${CLIENT}:${SECRET}`)}` },
    body: new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: JSON.stringify({ username: USERNAME, password: PASSWORD }),
      subject_token_type: 'urn:cambist:token-type:username',
      requested_token_type: TYPE + kind,
      audience: ORDERS,
    }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(JSON.stringify(answer));
  return answer.access_token;
}

for (const algorithm of ALGORITHMS.split(' ')) {
  const issuer = `${PUBLIC}/oauth2/alpha/verifiers-${algorithm.toLowerCase()}`;
  const keys = algorithm === 'HS256'
    ? new TextEncoder().encode(SHARED)
    : jose.createRemoteJWKSet(new URL(`${issuer}/jwks`));
  const expected = { issuer, audience: ORDERS, algorithms: [algorithm], subject: USERNAME };
  for (const [kind, typ] of [['access_token', 'at+jwt'], ['id_token', 'JWT']]) {
    let token;
    await check(`jose verifies an ${algorithm} ${kind}`, async () => {
      token = await issue(issuer, kind);
      const { payload, protectedHeader } = await jose.jwtVerify(token, keys, {
        ...expected, typ, requiredClaims: ['exp', 'iat', 'jti'],
      });
      same(payload.email, 'dana@example.com', 'email');
      if (algorithm !== 'HS256' && !protectedHeader.kid) throw new Error('no kid');
      if (kind === 'access_token') same(payload.client_id, CLIENT, 'client_id');
    });
    await check(`jose refuses that ${algorithm} ${kind} for another audience`, () => refused(
      jose.jwtVerify(token, keys, { ...expected, audience: 'https://other.example' }),
      (error) => error instanceof jose.errors.JWTClaimValidationFailed && error.claim === 'aud',
    ));
    await check(`jose refuses that ${algorithm} ${kind} with a byte changed`, () => {
      const [head, , signature] = token.split('.');
      const claims = { ...jose.decodeJwt(token), email: 'eve@example.com' };
      const forged = [head, jose.base64url.encode(JSON.stringify(claims)), signature].join('.');
      return refused(jose.jwtVerify(forged, keys, expected),
        (error) => error instanceof jose.errors.JWSSignatureVerificationFailed);
    });
  }
  await check(`the ${algorithm} instance publishes ${algorithm === 'HS256' ? 'no keys' : 'public keys only'}`, async () => {
    const { keys: published } = await (await fetch(`${issuer}/jwks`)).json();
    same(published.length > 0, algorithm !== 'HS256', 'has keys');
    for (const key of published) {
      same(Object.keys(key).filter((name) => ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'].includes(name)), [], 'private members');
      same([key.use, key.alg], ['sig', algorithm], 'use and alg');
      same(await jose.calculateJwkThumbprint(key), key.kid, 'kid as RFC 7638 thumbprint');
    }
  });
}
