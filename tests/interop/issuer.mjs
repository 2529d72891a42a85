// A foreign OpenID provider on loopback: `node issuer.mjs PORT [ISSUER]`, port 0 for any. Its keys are made
// at every start. It signs everybody in as `pat` without asking. `POST /keys/publish` puts further keys into its
// set; `POST /keys/sign` lets the newest sign and keeps those before it.

import { createServer } from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import Provider from 'oidc-provider';

const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const REDIRECT = 'https://app.example/callback';

let made = 0;

// A key of each algorithm.
async function generation() {
  made += 1;
  return Promise.all(ALGORITHMS.map(key));
}

async function key(alg) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  const kid = `${alg}-${process.pid}-${made}`;
  return { ...(await exportJWK(privateKey)), alg, use: 'sig', kid };
}

function client(id, alg) {
  return {
    client_id: id,
    client_secret: `secret-of-${id}`,
    redirect_uris: [REDIRECT],
    grant_types: ['authorization_code', 'client_credentials'],
    id_token_signed_response_alg: alg,
  };
}

function configuration(keys) {
  let provider;
  return {
    attach: (made) => { provider = made; },
    jwks: { keys },
    clients: [
      ...ALGORITHMS.map((alg) => client(`web-${alg.toLowerCase()}`, alg)),
      client('elsewhere', 'RS256'),
    ],
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    conformIdTokenClaims: false,
    cookies: { keys: ['only for the length of a test'] },
    ttl: { AccessToken: 600, ClientCredentials: 600, IdToken: 600, Grant: 600, Interaction: 600, Session: 600 },
    findAccount: (_, sub) => ({
      accountId: sub,
      claims: async () => ({ sub, email: `${sub}@partner.example`, email_verified: true }),
    }),
    interactions: { url: (_, interaction) => `/sign-in/${interaction.uid}` },
    loadExistingGrant: async (ctx) => {
      const grant = new provider.Grant({
        accountId: ctx.oidc.session.accountId, clientId: ctx.oidc.client.clientId,
      });
      grant.addOIDCScope('openid email');
      for (const resource of [ctx.oidc.params.resource].flat().filter(Boolean)) {
        grant.addResourceScope(resource, 'orders:read');
      }
      await grant.save();
      return grant;
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      dPoP: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, resource) => {
          const alg = new URL(resource).searchParams.get('alg') ?? 'ES256';
          return {
            scope: 'orders:read',
            audience: resource.split('?')[0],
            accessTokenFormat: 'jwt',
            accessTokenTTL: 600,
            jwt: { sign: { alg } },
          };
        },
      },
    },
  };
}

const [port = '0', given] = process.argv.slice(2);
const server = createServer();
server.listen(Number(port), '127.0.0.1', async () => {
  const issuer = given ?? `http://127.0.0.1:${server.address().port}`;
  // The generation that signs is the first.
  let generations = [await generation()];
  let provider;
  let answer;
  const begin = () => {
    const { attach, ...rest } = configuration(generations.flat());
    provider = new Provider(issuer, rest);
    attach(provider);
    answer = provider.callback();
  };
  begin();
  server.on('request', async (request, response) => {
    if (request.method === 'POST' && request.url.startsWith('/keys/')) {
      if (request.url === '/keys/publish') generations.push(await generation());
      else generations = [generations.at(-1), generations[0]];
      begin();
      response.writeHead(204).end();
    } else if (request.url.startsWith('/sign-in/')) {
      provider.interactionFinished(request, response, { login: { accountId: 'pat' } }).catch((error) => {
        response.writeHead(500).end(String(error));
      });
    } else {
      answer(request, response);
    }
  });
  console.log(`ready ${issuer} http://127.0.0.1:${server.address().port}`);
});
