import assert from "node:assert/strict";
import { test } from "node:test";

import { IdGenerator, isId, normalized, timeOf, timestampOf } from "../ids.ts";

test("ids rise, and say when they were made", () => {
  const ids = new IdGenerator();
  const before = Date.now();
  const made = Array.from({ length: 1_000 }, () => ids.next());
  assert.deepEqual(made.toSorted(), made);
  assert.equal(new Set(made).size, made.length);
  assert.ok(timeOf(made[0]) >= before && timeOf(made[0]) <= Date.now());
  assert.equal(timestampOf("115581273340018689"), new Date(timeOf("115581273340018689")).toISOString());
});

test("ids are compared in one width", () => {
  assert.equal(normalized("7"), "000000000000000007");
  assert.equal(normalized("0000000000000000007"), "000000000000000007");
  for (const wrong of ["", "x", "-1", "1".repeat(19), "1".repeat(21)]) {
    assert.equal(normalized(wrong), undefined, wrong);
  }
  assert.ok(isId("1".repeat(20)) && !isId("1".repeat(21)));
});
