import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";

import { createApp, type Route } from "../app.ts";
import { Inbox } from "../inbox.ts";
import { DeadLetters } from "../letters.ts";
import { sidecarFailure } from "../sidecar.ts";
import { MemoryStore } from "../testing.ts";
import { TokenVerifier } from "../tokens.ts";

const USER = "115581273340018689";
const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const revoked: string[] = [];

function tokenOf(claims: object): string {
  const now = Date.now() / 1_000;
  const all = { iss: "microgram", iat: now, exp: now + 60, jti: "t", sub: USER, scope: "read", ...claims };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "EdDSA", kid: "k" })}.${part(all)}`;
  return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString("base64url")}`;
}

const auth = {
  invoke: async (_: string, path: string) => {
    if (path === "jwks") return JSON.stringify({ keys: [{ kid: "k", x: publicKey.export({ format: "jwk" }).x }] });
    return JSON.stringify({ revoked: path.includes("after=0") ? revoked : [], next: revoked.length });
  },
};

const routes: Route[] = [
  {
    name: "GET /tides/{id}/{part}",
    callers: ["gateway", "posts"],
    answer: async (asked) => ({
      user: await asked.user("read:shop"), path: asked.path, sort: asked.query.get("sort"),
    }),
  },
  { name: "POST /tides", callers: ["gateway"], answer: async (asked) => await asked.json() },
];

let server: Server;
before(async () => {
  const store = new MemoryStore();
  const letters = new DeadLetters(store);
  const inbox = new Inbox(letters, { producers: {}, events: {}, schemas: {} }, async () => {});
  const sidecar = { isReady: async () => false, secret: async () => "" };
  const verifier = new TokenVerifier(auth);
  const exports = { tides: async (user: string) => ({ records: [user], next: "", total: 1 }) };
  const app = createApp({
    name: "tides", token: "app", sidecar, verifier, letters, inbox, topics: ["posts"], routes, exports,
  });
  server = createServer(app);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
});
after(() => server.close());

async function ask(path: string, headers: Record<string, string> = {}, body?: string) {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
  const sent = { "dapr-api-token": "app", ...headers };
  const answer = await fetch(url, { headers: sent, method: body === undefined ? "GET" : "POST", body });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

const asUser = (claims: object = {}) => ({
  "dapr-caller-app-id": "gateway",
  authorization: `Bearer ${tokenOf(claims)}`,
});

test("a route gets its path, its query and the user of a token", async () => {
  const found = await ask("/tides/7/a%2Fb?sort=x", asUser());
  assert.deepEqual(found.body, { user: USER, path: ["7", "a/b"], sort: "x" });
  assert.equal((await ask("/tides/7/8", { ...asUser(), "dapr-caller-app-id": "posts" })).status, 200);
  assert.equal((await ask("/tides/7", asUser())).status, 404);
  assert.equal((await ask("/tides/7/8", asUser({ sub: "" }))).status, 403);
  assert.equal((await ask("/tides/7/8", asUser({ scope: "write" }))).status, 403);
  assert.equal((await ask("/tides/7/8", { "dapr-caller-app-id": "gateway" })).status, 401);
});

test("a body is a JSON object", async () => {
  assert.deepEqual((await ask("/tides", asUser(), '{"a": 1}')).body, { a: 1 });
  for (const wrong of ["", "{", "[]", "null", '"x"']) {
    assert.equal((await ask("/tides", asUser(), wrong)).status, 422, wrong);
  }
});

test("media gets what belongs to a user", async () => {
  const caller = { "dapr-caller-app-id": "media" };
  assert.deepEqual((await ask(`/belongings/${USER}/tides`, caller)).body.records, [USER]);
  assert.equal((await ask(`/belongings/${USER}/waves`, caller)).status, 404);
  assert.equal((await ask("/belongings/x/tides", caller)).status, 422);
  assert.equal((await ask(`/belongings/${USER}/tides?after=x`, caller)).status, 422);
});

test("a token that is not valid is refused", async () => {
  for (const claims of [{ iss: "x" }, { exp: 1 }, { iat: 4e9 }, { jti: "" }, { exp: undefined }]) {
    assert.equal((await ask("/tides/7/8", asUser(claims))).status, 401, JSON.stringify(claims));
  }
  const headers = { "dapr-caller-app-id": "gateway", authorization: "Bearer x.y.z" };
  assert.equal((await ask("/tides/7/8", headers)).status, 401);
});

test("a revoked token is refused, and all before a second", async () => {
  const verifier = new TokenVerifier(auth);
  revoked.push("bad", `user:${USER}:100`);
  const late = { exp: Date.now() / 1_000 + 60 };
  await assert.rejects(verifier.userOf(`Bearer ${tokenOf({ jti: "bad", ...late })}`, "read:shop"));
  await assert.rejects(verifier.userOf(`Bearer ${tokenOf({ iat: 99, ...late })}`, "read:shop"));
  assert.equal(await verifier.userOf(`Bearer ${tokenOf({ iat: 101, ...late })}`, "read:shop"), USER);
});

test("only the sidecar is let in, and to each route its caller", async () => {
  assert.equal((await ask("/dapr/subscribe", { "dapr-api-token": "wrong" })).status, 401);
  assert.equal((await ask("/dapr/subscribe", { "dapr-caller-app-id": "posts" })).status, 403);
  assert.equal((await ask(`/belongings/${USER}/tides`, { "dapr-caller-app-id": "gateway" })).status, 403);
  assert.equal((await ask("/deadletters", { "microgram-operator-token": "x" })).status, 403);
  assert.equal((await ask("/healthz", { "dapr-api-token": "" })).status, 200);
  assert.equal((await ask("/readyz", { "dapr-api-token": "" })).status, 503);
});

test("what is no message is dropped, and a large one refused", async () => {
  assert.deepEqual((await ask("/events/posts", {}, "{")).body, { status: "DROP" });
  assert.equal((await ask("/events/nothing", {}, "{}")).status, 404);
  assert.equal((await ask("/events-dead", {}, "x".repeat(5 << 20))).status, 413);
});

test("the errors of the sidecar mean what docs/dapr-notes.md says", () => {
  const error = (errorCode: string, message: string) => JSON.stringify({ errorCode, message });
  const statusOf = (text: string, path: string) => {
    const found = sidecarFailure(500, text, path);
    return "status" in found ? found.status : "conflict";
  };
  assert.equal(statusOf(error("ERR_STATE_SAVE", "possible etag mismatch. error from state store: x"), "/state"), "conflict");
  assert.equal(statusOf(error("ERR_STATE_SAVE", "no item was updated"), "/state"), "conflict");
  assert.equal(statusOf(error("ERR_STATE_SAVE", "etag: error from state store: dial tcp"), "/state"), 504);
  assert.equal(statusOf(error("ERR_DIRECT_INVOKE", "couldn't find service"), "/invoke/auth"), 503);
  assert.equal(statusOf(error("ERR_DIRECT_INVOKE", "deadline exceeded"), "/invoke/auth"), 504);
});
