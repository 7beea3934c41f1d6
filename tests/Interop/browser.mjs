// A browser without a screen: cookies, redirects, forms with their hidden fields. Stops when one leaves the server.
import assert from "node:assert/strict";

export class Browser {
  #cookies = new Map();
  constructor(issuer) {
    this.issuer = issuer;
  }

  async open(address, form) {
    let url = new URL(address, this.issuer);
    for (let hops = 0; hops < 20; hops++) {
      if (url.origin !== new URL(this.issuer).origin) return { left: url };
      const response = await fetch(url, {
        redirect: "manual",
        method: form ? "POST" : "GET",
        headers: { Accept: "text/html", Cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
        body: form && new URLSearchParams(form),
      });
      for (const cookie of response.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
        if (/max-age=0|expires=Thu, 01 Jan 1970/i.test(cookie)) this.#cookies.delete(name);
        else this.#cookies.set(name, value);
      }
      if (response.status >= 300 && response.status < 400) {
        assert.ok(!form || response.status === 303, `a post is answered by 303, not ${response.status}`);
        [url, form] = [new URL(response.headers.get("location"), url), undefined];
        continue;
      }
      return { url, status: response.status, html: await response.text() };
    }
    assert.fail("too many redirects");
  }

  // Submits the form that has an element of this id; the element itself is sent when it is a button with a name.
  submit(page, id, values = {}) {
    const form = [...page.html.matchAll(/<form[\s\S]*?<\/form>/g)].map((match) => match[0]).find((text) => text.includes(`id="${id}"`));
    assert.ok(form, `no form with #${id} at ${page.url} (${page.status}): ${page.html?.slice(0, 2000)}`);
    const read = (tag, name) => new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1].replaceAll("&quot;", '"').replaceAll("&#x27;", "'").replaceAll("&#x2B;", "+").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
    const fields = {};
    for (const [tag] of form.matchAll(/<input[^>]*>/g)) {
      const isOff = /type="(checkbox|radio)"/.test(tag) && !/\schecked/.test(tag);
      if (read(tag, "name") && !isOff) fields[read(tag, "name")] = read(tag, "value") ?? "";
    }
    for (const [tag] of form.matchAll(/<button[^>]*>/g)) {
      if (tag.includes(`id="${id}"`) && read(tag, "name")) fields[read(tag, "name")] = read(tag, "value") ?? "";
    }
    const [opening] = /<form[^>]*>/.exec(form);
    const address = new URL(read(opening, "action") || page.url, page.url);
    if (/post/i.test(read(opening, "method") ?? "")) return this.open(address, { ...fields, ...values });
    address.search = new URLSearchParams({ ...fields, ...values });
    return this.open(address);
  }

  async signIn(page, username = "alice", password = "correct horse battery staple") {
    return this.submit(page, "login-submit", { username, password });
  }

  // Goes through sign-in and consent, if asked, and returns the address that leads back to the client.
  async authorize(address) {
    let page = await this.open(address);
    if (page.html?.includes('id="login-submit"')) page = await this.signIn(page);
    if (page.html?.includes('id="consent-allow"')) page = await this.submit(page, "consent-allow");
    assert.ok(page.left, `still at ${page.url} (${page.status}): ${page.html?.slice(0, 2000)}`);
    return page.left;
  }
}
