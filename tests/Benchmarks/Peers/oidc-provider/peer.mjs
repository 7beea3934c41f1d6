// npm's oidc-provider with everything in memory, for the same jobs as our server: JWT access tokens signed with ES256,
// refresh tokens that rotate. GET /benchmark/refresh-tokens prepares fresh refresh tokens.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const { ASPNETCORE_URLS, PEER_CHAINS, PEER_CLIENT, PEER_SECRET, PEER_RESOURCE } = process.env;
const address = new URL(ASPNETCORE_URLS);
const userScopes = 'offline_access data:read data:write';

// Its own store keeps only a thousand entries; this one keeps everything that a run makes.
const stored = new Map();
class Memory {
  constructor(model) { this.model = model; }
  key(id) { return `${this.model}:${id}`; }
  async upsert(id, payload) { stored.set(this.key(id), payload); }
  async find(id) { return stored.get(this.key(id)); }
  async consume(id) { stored.get(this.key(id)).consumed = Math.floor(Date.now() / 1000); }
  async destroy(id) { stored.delete(this.key(id)); }
  async revokeByGrantId() {}
}

const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
const resourceServer = { scope: 'data:read data:write', audience: PEER_RESOURCE, accessTokenTTL: 3600, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } };
const provider = new Provider(address.origin, {
  adapter: Memory,
  jwks: { keys: [{ ...key, use: 'sig', alg: 'ES256', kid: 'benchmark' }] },
  clients: [{
    client_id: PEER_CLIENT, client_secret: PEER_SECRET, grant_types: ['client_credentials', 'refresh_token', 'authorization_code'],
    redirect_uris: ['https://client.example/callback'], response_types: ['code'], scope: userScopes,
    // Never used: no ID token is asked for.
    id_token_signed_response_alg: 'ES256',
  }],
  scopes: ['offline_access', 'data:read', 'data:write'],
  rotateRefreshToken: true,
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: { enabled: true, defaultResource: () => PEER_RESOURCE, useGrantedResource: () => true, getResourceServerInfo: () => resourceServer },
  },
});

async function refreshToken() {
  const client = await provider.Client.find(PEER_CLIENT);
  const grant = new provider.Grant({ accountId: 'alice', clientId: PEER_CLIENT });
  grant.addOIDCScope('offline_access');
  grant.addResourceScope(PEER_RESOURCE, 'data:read data:write');
  const token = new provider.RefreshToken({
    accountId: 'alice', client, grantId: await grant.save(), gty: 'authorization_code', scope: userScopes, resource: PEER_RESOURCE,
  });
  return token.save();
}

const answer = provider.callback();
createServer(async (request, response) => {
  if (request.url !== '/benchmark/refresh-tokens') return answer(request, response);
  // Each run starts with an empty store.
  stored.clear();
  for (let i = 0; i < Number(PEER_CHAINS); i++) response.write(`${await refreshToken()}\n`);
  response.end();
}).listen(Number(address.port), address.hostname, () => console.log('listening'));
