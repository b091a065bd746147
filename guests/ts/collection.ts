/** Documents of one kind in the state store, changed by compare-and-swap. */

import { Conflict } from "./failures.ts";
import type { StateStore } from "./sidecar.ts";

const ATTEMPTS = 12;
const MAX_PAUSE = 200;

export class Collection<T> {
  readonly #kind: string;
  readonly #store: StateStore;
  /** The last change of each key that this process makes at present: they do not race. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(kind: string, store: StateStore) {
    this.#kind = kind;
    this.#store = store;
  }

  async get(ids: readonly string[]): Promise<Map<string, T>> {
    const found = await this.#store.get(ids.map((id) => this.#key(id)));
    const documents = new Map<string, T>();
    for (const id of ids) {
      const entry = found.get(this.#key(id));
      if (entry) documents.set(id, entry.value as T);
    }
    return documents;
  }

  /**
   * Change a document, and return it as it is stored then.
   *
   * `decide` gets the present one and returns the next one, or the same one to change nothing. It
   * may be called several times. `ttl` is in seconds, 0 for ever.
   */
  async update(id: string, decide: (present: T | undefined) => T, ttl = 0): Promise<T> {
    const before = this.#turns.get(id) ?? Promise.resolve();
    const turn = before.then(() => this.#swap(id, decide, ttl));
    const settled = turn.catch(() => undefined);
    this.#turns.set(id, settled);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(id) === settled) this.#turns.delete(id);
    }
  }

  async delete(id: string): Promise<void> {
    await this.#store.delete(this.#key(id));
  }

  async #swap(id: string, decide: (present: T | undefined) => T, ttl: number): Promise<T> {
    const key = this.#key(id);
    for (let attempt = 1; ; attempt++) {
      const entry = (await this.#store.get([key])).get(key);
      const next = decide(entry?.value as T | undefined);
      if (entry && next === entry.value) return next;
      try {
        await this.#store.save(key, next, entry?.etag ?? "", ttl);
        return next;
      } catch (error) {
        if (!(error instanceof Conflict) || attempt === ATTEMPTS) throw error;
        await new Promise((done) => setTimeout(done, Math.random() * MAX_PAUSE));
      }
    }
  }

  #key(id: string): string {
    return `${this.#kind}:${id}`;
  }
}
