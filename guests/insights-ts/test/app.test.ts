import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";

import { createApp } from "../src/app.ts";
import { Inbox } from "../src/inbox.ts";
import { DeadLetters } from "../src/letters.ts";
import { Projector } from "../src/projector.ts";
import { sidecarFailure } from "../src/sidecar.ts";
import { TokenVerifier } from "../src/tokens.ts";
import { MemoryStore } from "./fakes.ts";

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

let server: Server;
before(async () => {
  const store = new MemoryStore();
  const projector = new Projector(store, auth);
  const letters = new DeadLetters(store);
  const inbox = new Inbox(letters, (event) => projector.handle(event));
  const sidecar = { isReady: async () => false, secret: async () => "" };
  const verifier = new TokenVerifier(auth);
  server = createServer(createApp({ token: "app", sidecar, verifier, projector, letters, inbox }));
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

test("an account's own user gets its insights, and nobody else", async () => {
  assert.equal((await ask(`/insights/${USER}`, asUser())).body.posts, 0);
  assert.equal((await ask(`/insights/${USER}`, asUser({ sub: "1" }))).status, 403);
  assert.equal((await ask(`/insights/${USER}`, asUser({ sub: "" }))).status, 403);
  assert.equal((await ask(`/insights/${USER}`, asUser({ scope: "write" }))).status, 403);
  assert.equal((await ask(`/insights/${USER}`, { "dapr-caller-app-id": "gateway" })).status, 401);
});

test("a token that is not valid is refused", async () => {
  for (const claims of [{ iss: "x" }, { exp: 1 }, { iat: 4e9 }, { jti: "" }, { exp: undefined }]) {
    assert.equal((await ask(`/insights/${USER}`, asUser(claims))).status, 401, JSON.stringify(claims));
  }
  const headers = { "dapr-caller-app-id": "gateway", authorization: "Bearer x.y.z" };
  assert.equal((await ask(`/insights/${USER}`, headers)).status, 401);
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
  assert.equal((await ask(`/belongings/${USER}/insights`, { "dapr-caller-app-id": "gateway" })).status, 403);
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
