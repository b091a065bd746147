import assert from "node:assert/strict";
import { test } from "node:test";

import {
  insightsOf, MAX_ROWS, secondsLeft, weekOf, weeksUntil, withFollowers, withLikes, withOrder, withPost, withPostRow,
  type Week,
} from "../src/insights.ts";
import { idAt, NOW } from "../../ts/testing.ts";
import type { Order, Post } from "../src/models.ts";

const DAY = 86_400_000;
const at = (text: string) => Date.parse(text);

function post(time: number, fields: Partial<Post> = {}): Post {
  return { id: idAt(time), author: "1", created_at: new Date(time).toISOString(), ...fields };
}

function weeksWith(rows: readonly (readonly [Post, number])[]): Map<string, Week> {
  const weeks = new Map<string, Week>();
  for (const [own, likes] of rows) {
    const monday = weekOf(Number(BigInt(own.id) >> 16n));
    const facts = withLikes(withPost(undefined, own, 1), likes, 1);
    weeks.set(monday, withPostRow(weeks.get(monday), own.id, facts));
  }
  return weeks;
}

test("a week begins on Monday at midnight UTC", () => {
  assert.equal(weekOf(at("2026-11-23T00:00:00Z")), "2026-11-23");
  assert.equal(weekOf(at("2026-11-22T23:59:59Z")), "2026-11-16");
  assert.deepEqual(weeksUntil(NOW).slice(-2), ["2026-11-16", "2026-11-23"]);
  assert.equal(weeksUntil(NOW).length, 12);
});

test("a week is kept while it is covered", () => {
  const [oldest] = weeksUntil(NOW);
  assert.ok(secondsLeft(oldest, NOW) > 0);
  assert.equal(secondsLeft(weekOf(at(oldest) - DAY), NOW), 0);
  assert.equal(secondsLeft("2036-01-07", NOW), 0, "nobody has posted in the future");
});

test("the best hour is that of the posts with most likes", () => {
  const rows = [
    [post(at("2026-11-20T07:05:00Z")), 3],
    [post(at("2026-11-21T07:10:00Z")), 1],
    [post(at("2026-11-22T18:00:00Z")), 9],
  ] as const;
  assert.equal(insightsOf("1", weeksWith(rows), NOW).best_hour, 18);
  assert.equal(insightsOf("1", weeksWith(rows.slice(0, 0)), NOW).best_hour, null);
});

test("posts a week count from the week of the first post", () => {
  const rows = [0, 1, 7].map((days) => [post(NOW - days * DAY), 0] as const);
  const found = insightsOf("1", weeksWith(rows), NOW);
  assert.equal(found.posts, 3);
  assert.equal(found.posts_per_week, 1.5);
});

test("replies, boosts, direct and deleted posts do not count", () => {
  const odd: Partial<Post>[] = [
    { in_reply_to_id: "2" }, { reblog_of_id: "2" }, { visibility: "direct" }, { deleted: true },
  ];
  for (const fields of odd) {
    const found = insightsOf("1", weeksWith([[post(NOW, { tags: ["sea"], ...fields }), 4]]), NOW);
    assert.deepEqual([found.posts, found.likes, found.top_tags], [0, 0, []], JSON.stringify(fields));
  }
});

test("an older version changes nothing", () => {
  const facts = withPost(undefined, post(NOW, { tags: ["new"] }), 2);
  assert.equal(withPost(facts, post(NOW, { tags: ["old"] }), 1), facts);
  assert.equal(withPost(facts, post(NOW, { tags: ["old"] }), 2), facts);
  const week = withPostRow(undefined, "1", facts);
  assert.equal(withPostRow(week, "1", facts), week);
});

test("only completed orders are sales, by currency", () => {
  const order = (id: string, state: Order["state"], currency: Order["currency"], total: number) =>
    ({ id, seller: "1", buyer: "2", shop: "3", lines: [], history: [], created_at: "", state, currency, total });
  let week = withOrder(undefined, order("1", "completed", "EUR", 100), 3);
  week = withOrder(week, order("1", "placed", "EUR", 100), 1);
  week = withOrder(week, order("2", "completed", "JPY", 7), 1);
  week = withOrder(week, order("3", "refunded", "EUR", 50), 4);
  const found = insightsOf("1", new Map([[weekOf(NOW), week]]), NOW);
  assert.deepEqual(found.sales, [
    { currency: "EUR", orders: 1, total: 100 },
    { currency: "JPY", orders: 1, total: 7 },
  ]);
});

test("a week has bounds", () => {
  const facts = withPost(undefined, post(NOW), 1);
  const posts = Object.fromEntries(Array.from({ length: MAX_ROWS }, (_, i) => [String(i), { ...facts }]));
  const full: Week = { posts, orders: {} };
  assert.equal(withPostRow(full, "more", facts), full);
  assert.notEqual(withPostRow(full, "7", { ...facts, revision: 2 }), full);
});

test("followers are gained since the oldest number of the first known week", () => {
  const numbers = [[2, 1], [3, 30], [4, 51]] as const;
  const mixed = [[3, 30], [4, 51], [2, 1], [3, 30]] as const;
  for (const order of [numbers, numbers.toReversed(), mixed]) {
    let week: Week | undefined;
    for (const [version, total] of order) week = withFollowers(week, total, version);
    const found = insightsOf("1", new Map([[weekOf(NOW), week!]]), NOW);
    assert.deepEqual([found.followers, found.followers_gained], [51, 50], JSON.stringify(order));
    assert.equal(withFollowers(week, 30, 3), week, "a repeated event changes nothing");
  }
});

test("followers of several weeks, the first one stored with its newest number alone", () => {
  const before: Week = { posts: {}, orders: {}, followers: { version: 5, total: 10 } };
  const now = withFollowers(withFollowers(undefined, 12, 6), 17, 7);
  const weeks = new Map([[weekOf(NOW - 7 * DAY), before], [weekOf(NOW), now]]);
  assert.equal(insightsOf("1", weeks, NOW).followers_gained, 7);
  weeks.set(weekOf(NOW - 7 * DAY), withFollowers(before, 4, 3));
  assert.equal(insightsOf("1", weeks, NOW).followers_gained, 13);
  assert.equal(insightsOf("1", new Map(), NOW).followers_gained, 0);
});
