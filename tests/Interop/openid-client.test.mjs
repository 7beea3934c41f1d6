// npm's openid-client 6, the most used OpenID Connect client of Node.js, against the server over https.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { importJWK } from "jose";
import * as client from "openid-client";
import { Browser } from "./browser.mjs";

const issuer = process.env.ISSUER;
const discover = (id, metadata, authentication) => client.discovery(new URL(issuer), id, metadata, authentication);

async function signIn(config, redirect, scope, browser = new Browser(issuer), more = {}, options = {}) {
  const verifier = client.randomPKCECodeVerifier();
  const [state, nonce] = [client.randomState(), client.randomNonce()];
  const parameters = {
    redirect_uri: redirect, scope, state, nonce, code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256", ...more,
  };
  const address = options.pushed
    ? await client.buildAuthorizationUrlWithPAR(config, parameters, { DPoP: options.DPoP })
    : client.buildAuthorizationUrl(config, parameters);
  const back = await browser.authorize(address);
  const tokens = await client.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce }, undefined, { DPoP: options.DPoP });
  return { tokens, browser };
}

test("code with PKCE, ID token, userinfo, refresh, introspection, revocation, logout", async () => {
  const config = await discover("web", "web-secret");
  const { tokens, browser } = await signIn(config, "https://web.example/callback", "openid profile email offline_access data:read");
  const claims = tokens.claims();
  assert.equal(claims.iss, issuer);
  const user = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  assert.deepEqual([user.name, user.preferred_username, user.email], ["Alice Liddell", "alice", "alice@example.com"]);

  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
  assert.notEqual(refreshed.refresh_token, tokens.refresh_token);
  assert.equal((await client.tokenIntrospection(config, refreshed.access_token)).active, true);
  await client.tokenRevocation(config, refreshed.refresh_token);
  assert.equal((await client.tokenIntrospection(config, refreshed.access_token)).active, false);
  await assert.rejects(client.refreshTokenGrant(config, refreshed.refresh_token), { error: "invalid_grant" });

  const bye = client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: "https://web.example/bye", state: "s-1" });
  assert.equal((await browser.open(bye)).left.href, "https://web.example/bye?state=s-1");
  const again = await browser.open(client.buildAuthorizationUrl(config, {
    redirect_uri: "https://web.example/callback", scope: "openid", prompt: "none",
    code_challenge: await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier()), code_challenge_method: "S256",
  }));
  assert.equal(again.left.searchParams.get("error"), "login_required");
});

test("consent is remembered, max_age asks again, prompt=none answers at once", async () => {
  const config = await discover("web", "web-secret");
  const { browser, tokens } = await signIn(config, "https://web.example/callback", "openid profile");
  const page = await browser.open(client.buildAuthorizationUrl(config, {
    redirect_uri: "https://web.example/callback", scope: "openid profile", prompt: "none", id_token_hint: tokens.id_token,
    code_challenge: await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier()), code_challenge_method: "S256",
  }));
  assert.ok(page.left.searchParams.get("code"));
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const aged = await signIn(config, "https://web.example/callback", "openid profile", browser, { max_age: "1" });
  assert.ok(aged.tokens.claims().auth_time >= tokens.claims().auth_time + 1);
});

test("FAPI 2.0: pushed request, private_key_jwt, DPoP with server nonces, ES256 ID token", async () => {
  const key = await importJWK(JSON.parse(await readFile(`${process.env.SCRATCH}/fapi.jwk`, "utf8")), "ES256");
  const config = await discover("fapi", { id_token_signed_response_alg: "ES256" }, client.PrivateKeyJwt({ key, kid: "fapi-1" }));
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
  const { tokens } = await signIn(config, "https://bank.example/callback", "openid offline_access data:read", new Browser(issuer), {}, { pushed: true, DPoP });
  assert.equal(tokens.token_type, "dpop");
  const user = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub, { DPoP });
  assert.equal(user.sub, tokens.claims().sub);
  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
  assert.equal(refreshed.token_type, "dpop");
});

test("a public native client binds its refresh token by DPoP, at any loopback port", async () => {
  const config = await discover("native", undefined, client.None());
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
  const { tokens } = await signIn(config, "http://127.0.0.1:51234/callback", "openid offline_access", new Browser(issuer), {}, { DPoP });
  assert.equal((await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP })).token_type, "dpop");
  const other = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
  const third = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
  await assert.rejects(client.refreshTokenGrant(config, third.refresh_token, undefined, { DPoP: other }));
});

test("device authorization", async () => {
  const config = await discover("native", undefined, client.None());
  const device = await client.initiateDeviceAuthorization(config, { scope: "openid profile offline_access" });
  const browser = new Browser(issuer);
  let page = await browser.open(device.verification_uri_complete);
  if (page.html?.includes('id="login-submit"')) page = await browser.signIn(page);
  if (page.html?.includes('id="user-code"') && !page.html.includes('id="consent-allow"')) page = await browser.submit(page, "user-code", {});
  page = await browser.submit(page, "consent-allow");
  assert.equal(page.status, 200);
  const tokens = await client.pollDeviceAuthorizationGrant(config, { ...device, interval: 1 });
  assert.ok(tokens.refresh_token && tokens.claims().sub);
});

test("dynamic registration, then sign-in with what was registered", async () => {
  const config = await client.dynamicClientRegistration(new URL(issuer), {
    redirect_uris: ["https://dynamic.example/callback"], client_name: "Dynamic", token_endpoint_auth_method: "client_secret_post", scope: "openid profile",
  }, undefined, { initialAccessToken: "interop-initial-token" });
  const { tokens } = await signIn(config, "https://dynamic.example/callback", "openid profile");
  assert.equal(tokens.claims().aud, config.clientMetadata().client_id);
});
