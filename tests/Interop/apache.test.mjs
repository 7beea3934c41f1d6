// Apache's mod_auth_openidc, as Debian has it, guards a page: discovery, code with PKCE, userinfo, logout.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmod, mkdir, readdir, writeFile } from "node:fs/promises";
import { get as send } from "node:https";
import { test } from "node:test";
import { Browser } from "./browser.mjs";

const [issuer, origin, scratch] = [process.env.ISSUER, process.env.APACHE_URL, process.env.SCRATCH];
const modules = "/usr/lib/apache2/modules";
const has = await readdir(modules).then((files) => files.includes("mod_auth_openidc.so"), () => false);
const skip = has ? false : process.env.CI === "true" ? false : "Apache's mod_auth_openidc is missing (apt: apache2 libapache2-mod-auth-openidc)";

// Asks like a person's browser: fetch's Sec-Fetch-Mode says that it is a script, which the module answers with 401.
function get(url, cookies) {
  return new Promise((resolve, reject) => {
    const headers = { Accept: "text/html", Cookie: [...cookies].map((pair) => pair.join("=")).join("; ") };
    send(url, { headers }, async (response) => {
      for (const cookie of response.headers["set-cookie"] ?? []) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
        cookies.set(name, value);
      }
      resolve({ status: response.statusCode, headers: new Headers(response.headers), body: Buffer.concat(await response.toArray()).toString() });
    }).on("error", reject);
  });
}

test("mod_auth_openidc signs a user in, shows the claims, and signs out", { skip }, async () => {
  await mkdir(`${scratch}/www/protected`, { recursive: true });
  await writeFile(`${scratch}/www/protected/index.html`, "the protected page");
  await chmod(`${scratch}/localhost.key`, 0o644);
  await writeFile(`${scratch}/apache.conf`, `
ServerRoot ${scratch}
ServerName localhost
PidFile ${scratch}/apache.pid
DefaultRuntimeDir ${scratch}
Mutex file:${scratch} default
Listen 127.0.0.1:${new URL(origin).port}
${["mpm_event", "authn_core", "authz_core", "authz_user", "unixd", "ssl", "socache_shmcb", "headers", "dir", "mime", "auth_openidc"]
    .map((name) => `<IfModule !${name === "mpm_event" ? "mpm_event_module" : name + "_module"}>\nLoadModule ${name}_module ${modules}/mod_${name}.so\n</IfModule>`).join("\n")}
User www-data
Group www-data
TypesConfig /etc/mime.types
ErrorLog ${scratch}/apache-error.log
DocumentRoot ${scratch}/www
DirectoryIndex index.html
SSLEngine on
SSLCertificateFile ${scratch}/localhost.crt
SSLCertificateKeyFile ${scratch}/localhost.key
OIDCProviderMetadataURL ${issuer}/.well-known/openid-configuration
OIDCClientID apache
OIDCClientSecret apache-secret-of-the-interop-test
OIDCRedirectURI ${origin}/protected/callback
OIDCCryptoPassphrase a-passphrase-of-the-interop-test
OIDCScope "openid profile email"
OIDCPKCEMethod S256
OIDCRemoteUserClaim preferred_username
OIDCCABundlePath ${scratch}/ca.crt
<Location /protected>
  AuthType openid-connect
  Require valid-user
  Header set X-User "expr=%{REMOTE_USER}"
  Header set X-Email "expr=%{reqenv:OIDC_CLAIM_email}"
</Location>
`);
  const apache = spawn("/usr/sbin/apache2", ["-f", `${scratch}/apache.conf`, "-DFOREGROUND"], { stdio: "ignore" });
  try {
    const cookies = new Map();
    let answer;
    for (let tries = 0; tries < 100; tries++) {
      answer = await get(`${origin}/protected/`, cookies).catch(() => undefined);
      if (answer) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.equal(answer?.status, 302);
    const back = await new Browser(issuer).authorize(answer.headers.get("location"));
    answer = await get(back, cookies);
    assert.equal(answer.status, 302, answer.body);
    answer = await get(new URL(answer.headers.get("location"), origin), cookies);
    assert.equal(answer.body, "the protected page");
    assert.deepEqual([answer.headers.get("x-user"), answer.headers.get("x-email")], ["alice", "alice@example.com"]);

    answer = await get(`${origin}/protected/callback?logout=${encodeURIComponent(origin + "/")}`, cookies);
    assert.ok(answer.headers.get("location").startsWith(`${issuer}/connect/logout?`), answer.headers.get("location"));
    assert.equal((await get(`${origin}/protected/`, cookies)).status, 302);
  } finally {
    apache.kill("SIGTERM");
    await new Promise((resolve) => apache.once("exit", resolve));
  }
});
