import assert from "node:assert/strict";
import { test } from "node:test";

import { Failure, Poison } from "../../ts/failures.ts";
import { idAt, MemoryStore, NOW } from "../../ts/testing.ts";
import { MAX_ROWS, weekOf } from "../src/insights.ts";
import type { AnyEvent } from "../src/models.ts";
import { Projector } from "../src/projector.ts";
import { event } from "./fakes.ts";

const AUTHOR = "115581273340018689";
const POST = idAt(NOW - 3_600_000);
const posted = (version: number, fields: object = {}) =>
  event("post.changed", POST, version, { id: POST, author: AUTHOR, created_at: "", tags: ["sea"], ...fields });
const liked = (version: number, total: number) =>
  event("favourites.counted", POST, version, { post: POST, total });
const deleted = event("account.changed", AUTHOR, 9, {
  id: AUTHOR, username: "", created_at: "", deleted: true,
});

const auth = (...ids: string[]) => ({ invoke: async () => JSON.stringify({ user_ids: ids }) });

function projectorOn(store: MemoryStore, services = auth()): Projector {
  return new Projector(store, services, () => NOW);
}

/** All orders of some values. */
function orders<T>(values: readonly T[]): T[][] {
  if (!values.length) return [[]];
  return values.flatMap((value, i) => orders(values.toSpliced(i, 1)).map((rest) => [value, ...rest]));
}

async function shown(events: readonly AnyEvent[], ...deletions: string[]) {
  const store = new MemoryStore();
  const projector = projectorOn(store, auth(...deletions));
  for (const each of events) await projector.handle(each);
  const { posts, likes, top_tags } = await projector.insights(AUTHOR);
  const tags = top_tags.map((tag) => tag.name);
  return { posts, likes, tags, kept: JSON.stringify([...store.entries].map(([key, own]) => [key, own.value])) };
}

test("events count once, in any order and any number", async () => {
  const events = [posted(1), posted(2, { tags: ["sky"] }), liked(1, 1), liked(2, 5), liked(3, 4)];
  for (const order of orders(events)) {
    const found = await shown([...order, ...order]);
    assert.deepEqual([found.posts, found.likes, found.tags], [1, 4, ["sky"]]);
  }
});

test("a deleted account leaves nothing, whatever comes after it", async () => {
  for (const order of orders([posted(1), liked(1, 3), deleted, posted(2, { deleted: true, tags: [] })])) {
    const found = await shown(order, AUTHOR);
    assert.equal(found.posts, 0);
    assert.ok(found.kept.includes(`["account:${AUTHOR}",{"isDeleted":true}]`));
    assert.ok(!found.kept.includes("sea") && !found.kept.includes(`"author":"${AUTHOR}"`), found.kept);
  }
});

test("a deletion that auth does not confirm erases nothing", async () => {
  const store = new MemoryStore();
  const projector = projectorOn(store);
  await projector.handle(posted(1));
  await assert.rejects(projector.handle(deleted), Poison);
  assert.equal((await projector.insights(AUTHOR)).posts, 1);
});

test("a deletion in the middle of a write erases what is written", async () => {
  const store = new MemoryStore();
  const projector = projectorOn(store, auth(AUTHOR));
  store.beforeSave = async (key) => {
    store.beforeSave = () => {};
    assert.equal(key, `post:${POST}`);
    await projector.handle(deleted);
  };
  await projector.handle(posted(1));
  assert.deepEqual([...store.entries.keys()], [`account:${AUTHOR}`]);
});

test("what died between the post and its week is made good by the repetition", async () => {
  const store = new MemoryStore();
  store.beforeSave = (key) => {
    if (key.startsWith("week:")) throw new Failure(504, "outcome_unknown", "dead");
  };
  await assert.rejects(projectorOn(store).handle(posted(1)));
  store.beforeSave = () => {};
  await projectorOn(store).handle(posted(1));
  assert.equal((await projectorOn(store).insights(AUTHOR)).posts, 1);
});

test("two processes that write at once lose nothing", async () => {
  const store = new MemoryStore();
  const processes = [projectorOn(store), projectorOn(store)];
  const ids = Array.from({ length: 20 }, (_, index) => idAt(NOW - index, index));
  const all = ids.map((id, index) =>
    processes[index % 2].handle(event("post.changed", id, 1, { id, author: AUTHOR, created_at: "" })),
  );
  await Promise.all(all);
  assert.equal((await processes[0].insights(AUTHOR)).posts, 20);
});

test("documents expire when insights cover them no longer", async () => {
  const store = new MemoryStore();
  await projectorOn(store).handle(posted(1));
  const ttls = [...store.entries.values()].map((entry) => entry.ttl);
  assert.ok(ttls.every((ttl) => ttl > 0 && ttl <= 12 * 7 * 86_400), String(ttls));
});

test("an old post is not kept", async () => {
  const store = new MemoryStore();
  const id = idAt(NOW - 100 * 86_400_000);
  await projectorOn(store).handle(event("post.changed", id, 1, { id, author: AUTHOR, created_at: "" }));
  assert.equal(store.entries.size, 0);
});

test("a post beyond the bound of its week is not kept, so that a deletion leaves nothing", async () => {
  const store = new MemoryStore();
  const row = { revision: 1, isCounted: true, tags: [], likes: 0 };
  const rows = Array.from({ length: MAX_ROWS }, (_, index) => [idAt(NOW, index), row]);
  const week = `week:${AUTHOR}:${weekOf(NOW)}`;
  await store.save(week, { posts: Object.fromEntries(rows), orders: {} }, "", 60);
  const projector = projectorOn(store, auth(AUTHOR));
  await projector.handle(posted(1));
  await projector.handle(posted(2));
  assert.deepEqual([...store.entries.keys()], [week]);
  await projector.handle(deleted);
  assert.deepEqual([...store.entries.keys()], [`account:${AUTHOR}`]);
});
