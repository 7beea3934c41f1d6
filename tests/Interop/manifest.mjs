// Writes the manifest of the test and the private keys of its clients: node manifest.mjs FOLDER
import { exportJWK, generateKeyPair } from "jose";
import { writeFile } from "node:fs/promises";

const folder = process.argv[2];
const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
const jwk = { ...(await exportJWK(publicKey)), kid: "fapi-1", alg: "ES256", use: "sig" };
await writeFile(`${folder}/fapi.jwk`, JSON.stringify({ ...(await exportJWK(privateKey)), kid: "fapi-1", alg: "ES256" }), { mode: 0o600 });

const everything = "openid profile email address phone roles offline_access data:read data:write";
const code = ["authorization_code", "refresh_token"];
await writeFile(`${folder}/manifest.json`, JSON.stringify({
  clients: [
    {
      client_id: "web", client_secret: "web-secret", client_name: "Web application", grant_types: code, scope: everything,
      redirect_uris: ["https://web.example/callback"], post_logout_redirect_uris: ["https://web.example/bye"],
    },
    {
      client_id: "fapi", client_name: "Bank", token_endpoint_auth_method: "private_key_jwt", jwks: { keys: [jwk] }, grant_types: code, scope: everything,
      redirect_uris: ["https://bank.example/callback"], require_pushed_authorization_requests: true, dpop_bound_access_tokens: true,
      id_token_signed_response_alg: "ES256", require_consent: false,
    },
    {
      client_id: "native", client_name: "Native application", token_endpoint_auth_method: "none", application_type: "native", scope: everything,
      grant_types: [...code, "urn:ietf:params:oauth:grant-type:device_code"], redirect_uris: ["http://127.0.0.1/callback"],
    },
    {
      client_id: "spa", client_name: "Browser app", token_endpoint_auth_method: "none", grant_types: code, scope: everything,
      redirect_uris: [`${process.env.SPA_URL}/callback`], post_logout_redirect_uris: [`${process.env.SPA_URL}/`],
    },
    {
      client_id: "apache", client_secret: "apache-secret-of-the-interop-test", client_name: "Apache", grant_types: code, scope: everything,
      redirect_uris: [`${process.env.APACHE_URL}/protected/callback`], post_logout_redirect_uris: [`${process.env.APACHE_URL}/`], require_consent: false,
    },
    { client_id: "resource-api", client_secret: "resource-api-secret", grant_types: ["client_credentials"] },
  ],
  resources: [{ identifier: "https://api.example", name: "Data store", scopes: ["data:read", "data:write"], client_id: "resource-api" }],
  users: [{ username: "alice", email: "alice@example.com", password: "correct horse battery staple", full_name: "Alice Liddell" }],
}, null, 2), { mode: 0o600 });
