// Makes the keys of clients that sign assertions: `node keys.mjs FILE`.

import { writeFileSync } from 'node:fs';
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';

const keys = [];
for (const alg of ['ES256', 'RS256']) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = await exportJWK(privateKey);
  keys.push({ ...jwk, alg, use: 'sig', kid: await calculateJwkThumbprint(jwk) });
}
writeFileSync(process.argv[2], JSON.stringify(keys));
