import assert from "node:assert/strict";
import { test } from "node:test";

import type { Asked } from "../../ts/app.ts";
import { Failure } from "../../ts/failures.ts";
import { MemoryStore } from "../../ts/testing.ts";
import { Projector } from "../src/projector.ts";
import { exportsOf, routesOf } from "../src/routes.ts";

const USER = "115581273340018689";
const auth = { invoke: async () => "{}" };
const projector = new Projector(new MemoryStore(), auth);
const [insights] = routesOf(projector);

const ask = (account: string, user: string) =>
  insights.answer({ path: [account], user: async () => user } as unknown as Asked);

test("an account's own user gets its insights, and nobody else", async () => {
  const found = (await ask(USER, USER)) as { account: string; posts: number };
  assert.deepEqual([found.account, found.posts], [USER, 0]);
  const refused = (status: number) => (error: unknown) =>
    error instanceof Failure && error.status === status;
  await assert.rejects(ask(USER, "1"), refused(403));
  await assert.rejects(ask("x", "x"), refused(422));
});

test("who has no insights has nothing in an archive", async () => {
  assert.deepEqual(await exportsOf(projector).insights(USER, ""), { records: [], next: "", total: 0 });
});
