/** Keeps the events that could not be handled. */

import { createHash } from "node:crypto";

import { Collection } from "./collection.ts";
import { reasonOf } from "./failures.ts";
import type { StateStore } from "./sidecar.ts";

const MAX_LETTERS = 1_000;

/** An event that could not be handled, as it was received. */
export interface DeadLetter {
  readonly id: string;
  readonly topic: string;
  readonly why: string;
  readonly at: string;
  readonly event: unknown;
}

export interface Replayed {
  readonly replayed: number;
  readonly failed: Readonly<Record<string, string>>;
}

interface Index {
  readonly ids: readonly string[];
}

export class DeadLetters {
  readonly #letters: Collection<DeadLetter>;
  readonly #indexes: Collection<Index>;

  constructor(store: StateStore) {
    this.#letters = new Collection("dead-letter", store);
    this.#indexes = new Collection("dead-letters", store);
  }

  /** Keep an event, a repeated one once, and drop the oldest beyond the limit. */
  async add(topic: string, event: unknown, why: string): Promise<void> {
    const id = createHash("sha256").update(`${topic} ${canonical(event)}`).digest("hex").slice(0, 16);
    const letter = { id, topic, why, at: new Date().toISOString(), event };
    await this.#letters.update(id, (kept) => kept ?? letter);
    let dropped: readonly string[] = [];
    await this.#indexes.update("all", (index) => {
      const ids = [...(index?.ids ?? []).filter((each) => each !== id), id];
      dropped = ids.slice(0, -MAX_LETTERS);
      return { ids: ids.slice(-MAX_LETTERS) };
    });
    for (const old of dropped) await this.#letters.delete(old);
  }

  /** All of them, oldest first. */
  async all(): Promise<DeadLetter[]> {
    const ids = (await this.#indexes.get(["all"])).get("all")?.ids ?? [];
    const found = await this.#letters.get(ids);
    return ids.flatMap((id) => found.get(id) ?? []);
  }

  /** Handle all of them again; those that fail are kept. */
  async replay(handle: (event: unknown) => Promise<void>): Promise<Replayed> {
    const letters = await this.all();
    const failed: Record<string, string> = {};
    for (const letter of letters) {
      try {
        await handle(letter.event);
      } catch (error) {
        failed[letter.id] = reasonOf(error);
        continue;
      }
      await this.#remove(letter.id);
    }
    return { replayed: letters.length - Object.keys(failed).length, failed };
  }

  async #remove(id: string): Promise<void> {
    await this.#indexes.update("all", (index) => ({ ids: (index?.ids ?? []).filter((each) => each !== id) }));
    await this.#letters.delete(id);
  }
}

/** A value in a form that is the same however its fields are ordered. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, each) =>
    typeof each === "object" && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}
