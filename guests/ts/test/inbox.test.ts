import assert from "node:assert/strict";
import { test } from "node:test";

import { Failure, Poison } from "../failures.ts";
import { eventsOf, Inbox, parseEvent, type Contracts, type Handler } from "../inbox.ts";
import { DeadLetters } from "../letters.ts";
import { Numbers } from "../numbers.ts";
import { idAt, MemoryStore, NOW } from "../testing.ts";

const POST = idAt(NOW);
const SUBJECT = { type: "string" };
const ENVELOPE = {
  id: SUBJECT, type: SUBJECT, source: SUBJECT, subject: SUBJECT, stream: SUBJECT,
  sequence: { type: "integer", minimum: 1 }, entityversion: { type: "integer", minimum: 1 },
};
const required = [...Object.keys(ENVELOPE), "data"];
const contracts: Contracts = {
  producers: { posts: "posts" },
  events: { "post.changed": { schema: "PostChangedEvent" } },
  schemas: {
    CloudEvent: { type: "object", required, properties: { ...ENVELOPE, data: { type: "object" } } },
    PostChangedEvent: {
      type: "object",
      required,
      properties: { ...ENVELOPE, source: { const: "posts" }, data: { $ref: "Post" } },
    },
    Post: {
      type: "object",
      required: ["id"],
      properties: {
        visibility: { type: "string", enum: ["public", "private"] },
        tags: { type: "array", items: SUBJECT },
      },
    },
  },
};

const good = (version = 1) => ({
  id: `post.changed:${POST}@${version}`, type: "post.changed", source: "posts", subject: POST,
  stream: "s", sequence: version, entityversion: version, data: { id: POST },
});

function inboxWith(handle: Handler) {
  const letters = new DeadLetters(new MemoryStore());
  return { letters, inbox: new Inbox(letters, contracts, handle) };
}

test("only a message with events is one", () => {
  for (const wrong of [undefined, null, [], "x", { type: "events" }, { type: "x", data: { events: [] } }]) {
    assert.throws(() => eventsOf(wrong), Poison, JSON.stringify(wrong));
  }
  assert.deepEqual(eventsOf({ type: "events", data: { events: [1] } }), [1]);
});

test("an event is checked against its schema", () => {
  const wrong = [
    null, {}, { ...good(), source: "somebody" }, { ...good(), entityversion: 0 },
    { ...good(), sequence: "1" }, { ...good(), data: { nothing: "of this" } },
    { ...good(), data: { ...good().data, visibility: "secret" } },
    { ...good(), data: { ...good().data, tags: [1] } },
  ];
  for (const each of wrong) assert.throws(() => parseEvent(each, contracts), Poison, JSON.stringify(each));
});

test("what is newer than the service is let through", () => {
  parseEvent({ ...good(), more: 1, data: { ...good().data, a_new_field: {} } }, contracts);
  parseEvent({ ...good(), type: "something.new", source: "anybody", data: {} }, contracts);
});

test("poison is kept and stops nothing", async () => {
  const handled: number[] = [];
  const { letters, inbox } = inboxWith(async (each) => void handled.push(each.entityversion));
  await inbox.receive("posts", [{ not: "an event" }, good(3)]);
  assert.deepEqual(handled, [3]);
  assert.deepEqual((await letters.all()).map((letter) => letter.topic), ["posts"]);
});

test("of one document the newest version is handled", async () => {
  const handled: number[] = [];
  const { inbox } = inboxWith(async (each) => void handled.push(each.entityversion));
  await inbox.receive("posts", [good(1), good(3), good(2)]);
  assert.deepEqual(handled, [3]);
});

test("a failure that a retry may help is told to the broker, and is no dead letter", async () => {
  const { letters, inbox } = inboxWith(async () => {
    throw new Failure(503, "unavailable", "not now");
  });
  await assert.rejects(inbox.receive("posts", [good()]), Failure);
  assert.deepEqual(await letters.all(), []);
});

test("a repeated dead letter is kept once, and a replay removes what works", async () => {
  let works = false;
  const { letters, inbox } = inboxWith(async () => {
    if (!works) throw new Poison("broken");
  });
  await inbox.receive("posts", [good()]);
  await inbox.receive("posts", [good()]);
  assert.equal((await letters.all()).length, 1);
  assert.equal(Object.keys((await letters.replay((each) => inbox.receiveOne(each))).failed).length, 1);
  works = true;
  assert.equal((await letters.replay((each) => inbox.receiveOne(each))).replayed, 1);
  assert.deepEqual(await letters.all(), []);
});

test("numbers know their gaps", () => {
  const numbers = new Numbers();
  for (const number of [1, 2, 5, 6, 9]) numbers.add(number);
  assert.deepEqual(numbers.missing(10), [[3, 4], [7, 8], [10, 10]]);
  assert.deepEqual(numbers.missing(6), [[3, 4]]);
  numbers.add(3, 8);
  assert.deepEqual(numbers.stored, { done: 9, above: [] });
  assert.equal(Numbers.of(numbers.stored).top, 9);
});
