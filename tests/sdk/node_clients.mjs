// Unmodified Node clients, one per run: `node_clients.mjs NAME`.
//
// Their key is one of Sealgate's. With TARGET, an API key goes to the explicit door: the target stands
// in a header of each request. Without it, BASE is the base-URL door and the key an access token.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { createRequire } from "node:module";

const { BASE, KEY, SECRET, TARGET, CONFIRMED, PACKAGES } = process.env;
const packages = createRequire(`${PACKAGES}/package.json`);
const to = (path) => (TARGET ? { "X-Target-URL": TARGET + path, "X-User-Secret": SECRET } : {});

async function openai() {
  const { OpenAI } = packages("openai");
  const client = new OpenAI({ baseURL: `${BASE}/v1`, apiKey: KEY, maxRetries: 0 });
  const ask = { model: "m", messages: [{ role: "user", content: "count" }] };
  const headers = to("/v1/chat/completions");
  const whole = await client.chat.completions.create(ask, { headers });
  assert.equal(whole.choices[0].message.content, "one two three");
  const words = [];
  for await (const chunk of await client.chat.completions.create({ ...ask, stream: true }, { headers })) {
    await writeFile(`${CONFIRMED}/${words.length}`, "");
    words.push(chunk.choices[0].delta.content);
  }
  assert.deepEqual(words, ["one", "two", "three"]);
}

async function stripe() {
  const loaded = packages("stripe");
  const Stripe = loaded.default ?? loaded;
  // The library takes no base URL with a path. This is its own way to choose an HTTP client.
  const toTarget = (url, init) => {
    const path = new URL(url).pathname;
    const headers = new Headers(init.headers);
    for (const [name, value] of Object.entries(to(path))) headers.set(name, value);
    return fetch(BASE + path, { ...init, headers });
  };
  const client = new Stripe(KEY, {
    httpClient: Stripe.createFetchHttpClient(toTarget),
    maxNetworkRetries: 0,
    telemetry: false,
  });
  const shown = await client.customers.retrieve("cus_1");
  assert.equal(shown.id, "cus_1");
  const made = await client.customers.create({ email: "b@example.com" });
  assert.equal(made.email, "b@example.com");
}

async function nodeFetch() {
  const headers = { Authorization: `Bearer ${KEY}`, ...to("/items") };
  const answer = await fetch(`${BASE}/items`, { method: "POST", headers, body: "body" });
  assert.equal(answer.status, 200);
  assert.equal((await answer.json()).body, "body");
}

await { openai, stripe, nodeFetch }[process.argv[2]]();
