// The browser app of samples/, which uses oidc-client-ts, in headless Chromium: sign in, see claims, sign out.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:https";
import { test } from "node:test";
import puppeteer from "puppeteer-core";

const [issuer, origin, scratch, root] = [process.env.ISSUER, process.env.SPA_URL, process.env.SCRATCH, process.env.ROOT];
const chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const skip = chromium || process.env.CI === "true" ? false : "Chromium is missing (apt: chromium)";

test("oidc-client-ts in Chromium", { skip, timeout: 60_000 }, async () => {
  const app = (await readFile(`${root}/samples/browser/index.html`, "utf8")).replace("http://localhost:5000", issuer);
  const server = createServer({ cert: await readFile(`${scratch}/localhost.crt`), key: await readFile(`${scratch}/localhost.key`) }, async (request, response) => {
    const path = new URL(request.url, origin).pathname;
    const isScript = path.endsWith(".js");
    response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html; charset=utf-8");
    response.end(isScript ? await readFile(`${scratch}${path}`) : app);
  }).listen(new URL(origin).port, "localhost");
  const browser = await puppeteer.launch({ executablePath: chromium, args: ["--no-sandbox", "--ignore-certificate-errors"] });
  try {
    const page = await browser.newPage();
    const said = [];
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => said.push(String(error)));
    await page.goto(origin);
    await page.click("#sign-in");
    await page.waitForSelector("#login-submit");
    await page.type("#username", "alice");
    await page.type("#password", "correct horse battery staple");
    await Promise.all([page.waitForNavigation(), page.click("#login-submit")]);
    await page.waitForSelector("#consent-allow");
    await page.click("#consent-allow");
    await page.waitForFunction(`location.origin === ${JSON.stringify(origin)} && document.querySelector("#sign-out")`);
    // The data store is not running here; only the tokens matter.
    const user = await page.waitForFunction(`Object.values(sessionStorage).map((text) => JSON.parse(text)).find((user) => user.id_token && user)`);
    const { profile, refresh_token } = await user.jsonValue();
    assert.equal(profile.preferred_username, "alice", said.join("\n"));
    assert.ok(refresh_token);

    await page.click("#sign-out");
    await page.waitForFunction(`location.href === ${JSON.stringify(origin + "/")}`);
    await page.click("#sign-in");
    await page.waitForSelector("#login-submit", { timeout: 10_000 });
  } finally {
    await browser.close();
    server.close();
  }
});
