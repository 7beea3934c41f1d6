// Reads from stdin what our side made, prints as JSON what npm's jose makes of it, and what it made itself.
import { text } from 'node:stream/consumers';
import * as jose from 'jose';

const { jwks, tokens, issuer, audience } = JSON.parse(await text(process.stdin));
const keySet = jose.createLocalJWKSet(jwks);
const algorithms = ['ES256', 'RS256'];

const verified = [];
for (const token of tokens) {
  const { payload, protectedHeader } = await jose.jwtVerify(token, keySet, {
    issuer, audience, algorithms, typ: 'at+jwt', requiredClaims: ['exp', 'iat', 'sub'],
  });
  verified.push({ header: protectedHeader, claims: payload });
}

const thumbprints = [];
for (const key of jwks.keys) thumbprints.push(await jose.calculateJwkThumbprint(key));

const theirs = { keys: [], thumbprints: [], tokens: [] };
// PS256 we verify and do not sign.
for (const alg of [...algorithms, 'PS256']) {
  const { publicKey, privateKey } = await jose.generateKeyPair(alg);
  const jwk = await jose.exportJWK(publicKey);
  const kid = await jose.calculateJwkThumbprint(jwk);
  theirs.keys.push({ ...jwk, kid, alg, use: 'sig' });
  theirs.thumbprints.push(kid);
  theirs.tokens.push(
    await new jose.SignJWT({ client_id: 'shop', scope: 'data:read', name: 'Zoë 😀' })
      .setProtectedHeader({ alg, kid, typ: 'at+jwt' })
      .setIssuer(issuer).setAudience(audience).setSubject('bob').setJti('j1')
      .setIssuedAt().setExpirationTime('5m')
      .sign(privateKey),
  );
}

console.log(JSON.stringify({ verified, thumbprints, theirs }));
