// Gets tokens of the foreign issuer the way its clients do. `node sign-in.mjs CLIENT [access]`
// prints an ID token, or an access token.

import * as oauth from 'oauth4webapi';

const REDIRECT = 'https://app.example/callback';
const http = { [oauth.allowInsecureRequests]: true };
const expiry = { [oauth.clockTolerance]: 5 };

// Where an issuer is, if that is not where its identifier says.
function at(address, issuer) {
  const elsewhere = (url, options) => fetch(String(url).replace(issuer, address), options);
  return { ...http, [oauth.customFetch]: elsewhere };
}

async function discover(issuer, options) {
  const response = await oauth.discoveryRequest(new URL(issuer), { algorithm: 'oidc', ...options });
  return oauth.processDiscoveryResponse(new URL(issuer), response);
}

// Follows redirects with cookies until the client's own address.
async function walk(url, address, issuer) {
  const cookies = new Map();
  for (let hops = 0; hops < 10; hops += 1) {
    const response = await fetch(String(url).replace(issuer, address), {
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
      cookies.set(name, value);
    }
    const location = response.headers.get('location');
    if (!location) throw new Error(`no redirect from ${url}: ${response.status} ${await response.text()}`);
    const next = new URL(location, url);
    if (next.href.startsWith(REDIRECT)) return next;
    url = next;
  }
  throw new Error('too many redirects');
}

// Authorization code flow with PKCE: an ID token and a JWT access token for `resource`.
export async function signIn(issuer, clientId, { resource = 'https://gateway.example', address = issuer } = {}) {
  const options = at(address, issuer);
  const server = await discover(issuer, options);
  const client = { client_id: clientId, ...expiry };
  client.id_token_signed_response_alg = { elsewhere: 'RS256', 'web-eddsa': 'EdDSA' }[clientId]
    ?? clientId.slice('web-'.length).toUpperCase();
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const nonce = oauth.generateRandomNonce();
  const url = new URL(server.authorization_endpoint);
  url.search = new URLSearchParams({
    client_id: clientId,
    redirect_uri: REDIRECT,
    response_type: 'code',
    scope: 'openid email orders:read',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    resource,
    state,
    nonce,
  });
  const parameters = oauth.validateAuthResponse(server, client, await walk(url, address, issuer), state);
  const response = await oauth.authorizationCodeGrantRequest(
    server, client, oauth.ClientSecretBasic(`secret-of-${clientId}`), parameters, REDIRECT, verifier,
    { ...options, additionalParameters: { resource } },
  );
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, {
    expectedNonce: nonce, requireIdToken: true,
  });
  return { id: tokens.id_token, access: tokens.access_token };
}

// Client credentials: a JWT access token without a person.
export async function ownToken(issuer, clientId, resource, dpop) {
  const options = at(issuer, issuer);
  const server = await discover(issuer, options);
  const client = { client_id: clientId };
  const DPoP = dpop && oauth.DPoP(client, await oauth.generateKeyPair('ES256'));
  const response = await oauth.clientCredentialsGrantRequest(
    server, client, oauth.ClientSecretBasic(`secret-of-${clientId}`),
    { resource, scope: 'orders:read' }, { ...options, ...(DPoP && { DPoP }) },
  );
  return (await oauth.processClientCredentialsResponse(server, client, response)).access_token;
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const tokens = await signIn(process.env.ISSUER, process.argv[2]);
  process.stdout.write(tokens[process.argv[3] ?? 'id']);
}
