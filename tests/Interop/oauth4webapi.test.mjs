// npm's oauth4webapi, which checks answers to the letter: code with PKCE, PAR, DPoP, userinfo, refresh, device, revocation.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as oauth from "oauth4webapi";
import { Browser } from "./browser.mjs";

const issuer = new URL(process.env.ISSUER);
const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer));
const client = { client_id: "web" };
const secret = oauth.ClientSecretBasic("web-secret");
const redirect = "https://web.example/callback";

// Tries once more if the server asks for its nonce in the proof.
async function proven(send, process) {
  try {
    return await process(await send());
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return process(await send());
  }
}

test("pushed request, code with PKCE, DPoP, ID token, userinfo, refresh, revocation", async () => {
  const DPoP = oauth.DPoP(client, await oauth.generateKeyPair("ES256"));
  const [verifier, state, nonce] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState(), oauth.generateRandomNonce()];
  const parameters = new URLSearchParams({
    client_id: client.client_id, response_type: "code", redirect_uri: redirect, scope: "openid email offline_access", state, nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  });
  const pushed = await proven(
    () => oauth.pushedAuthorizationRequest(server, client, secret, parameters, { DPoP }),
    (response) => oauth.processPushedAuthorizationResponse(server, client, response));
  const address = new URL(server.authorization_endpoint);
  address.search = new URLSearchParams({ client_id: client.client_id, request_uri: pushed.request_uri });

  const back = oauth.validateAuthResponse(server, client, await new Browser(issuer).authorize(address), state);
  const tokens = await proven(
    () => oauth.authorizationCodeGrantRequest(server, client, secret, back, redirect, verifier, { DPoP }),
    (response) => oauth.processAuthorizationCodeResponse(server, client, response, { expectedNonce: nonce, requireIdToken: true }));
  const { sub } = oauth.getValidatedIdTokenClaims(tokens);
  const user = await proven(
    () => oauth.userInfoRequest(server, client, tokens.access_token, { DPoP }),
    (response) => oauth.processUserInfoResponse(server, client, sub, response));
  assert.equal(user.email, "alice@example.com");
  const refreshed = await proven(
    () => oauth.refreshTokenGrantRequest(server, client, secret, tokens.refresh_token, { DPoP }),
    (response) => oauth.processRefreshTokenResponse(server, client, response));
  await oauth.processRevocationResponse(await oauth.revocationRequest(server, client, secret, refreshed.refresh_token));
});

test("the device flow says that it waits, then that it is done", async () => {
  const native = { client_id: "native" };
  const device = await oauth.processDeviceAuthorizationResponse(server, native,
    await oauth.deviceAuthorizationRequest(server, native, oauth.None(), new URLSearchParams({ scope: "openid" })));
  const poll = async () => oauth.processDeviceCodeResponse(server, native, await oauth.deviceCodeGrantRequest(server, native, oauth.None(), device.device_code));
  await assert.rejects(poll(), { error: "authorization_pending" });

  const browser = new Browser(issuer);
  let page = await browser.open(device.verification_uri);
  if (page.html?.includes('id="login-submit"')) page = await browser.signIn(page);
  page = await browser.submit(page, "user-code", { user_code: device.user_code.toLowerCase() });
  await browser.submit(page, "consent-deny");
  await new Promise((resolve) => setTimeout(resolve, (device.interval ?? 5) * 1000 + 500));
  await assert.rejects(poll(), { error: "access_denied" });
});
