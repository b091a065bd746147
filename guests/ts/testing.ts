/** For tests: a state store in memory, and ids. */

import { Conflict } from "./failures.ts";
import type { Entry, StateStore } from "./sidecar.ts";

/** Keeps state as the sidecar does: every write has an ETag. */
export class MemoryStore implements StateStore {
  readonly entries = new Map<string, Entry & { readonly ttl: number }>();
  /** Called before each write: another process may write meanwhile. */
  beforeSave: (key: string) => Promise<void> | void = () => {};
  #writes = 0;

  async get(keys: readonly string[]): Promise<Map<string, Entry>> {
    const found = keys.flatMap((key) => {
      const entry = this.entries.get(key);
      return entry ? [[key, { ...entry, value: structuredClone(entry.value) }] as const] : [];
    });
    return new Map(found);
  }

  async save(key: string, value: unknown, etag: string, ttl: number): Promise<void> {
    await this.beforeSave(key);
    if ((this.entries.get(key)?.etag ?? "") !== etag) throw new Conflict(`etag of ${key}`);
    this.entries.set(key, { value: structuredClone(value), etag: String(++this.#writes), ttl });
  }

  async delete(key: string): Promise<void> {
    this.entries.delete(key);
  }
}

/** A Wednesday. */
export const NOW = Date.parse("2026-11-25T10:30:00Z");

/** An id that is made at a time. */
export const idAt = (time: number, more = 1): string => String((BigInt(time) << 16n) + BigInt(more));
