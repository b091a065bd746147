/** Asks the producers for events that the broker lost. */

import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { Collection } from "./collection.ts";
import { reasonOf } from "./failures.ts";
import type { Contracts, Inbox } from "./inbox.ts";
import { log } from "./log.ts";
import { Numbers, type StoredNumbers } from "./numbers.ts";
import type { Sidecar } from "./sidecar.ts";

const HELD = 25;
const BATCH_SIZE = 64;
/** Milliseconds between questions while events arrive, and while a producer does not hold them. */
const PAUSE = 1_500;
const IDLE_PAUSE = 2_500;

type Heads = Record<string, number>;
type Positions = Record<string, StoredNumbers>;

export class LostEvents {
  readonly #sidecar: Sidecar;
  readonly #inbox: Inbox;
  readonly #producers: Contracts["producers"];
  readonly #positions: Collection<{ readonly seen: Positions }>;
  readonly #received = new Map<string, Numbers>();
  readonly #announced = new Map<string, Heads>();
  readonly #tops = new Map<string, number>();

  constructor(sidecar: Sidecar, inbox: Inbox, producers: Contracts["producers"]) {
    this.#sidecar = sidecar;
    this.#inbox = inbox;
    this.#producers = producers;
    this.#positions = new Collection("inbox", sidecar);
    inbox.onDone = (event) => this.#numbers(event.stream).add(event.sequence);
  }

  /** Ask every producer for as long as the signal is not aborted. */
  async watch(signal: AbortSignal): Promise<void> {
    const apps = new Set(Object.values(this.#producers));
    await Promise.all([...apps].map((app) => this.#watchOne(app, signal)));
  }

  async #watchOne(app: string, signal: AbortSignal): Promise<void> {
    const topics = Object.keys(this.#producers).filter((topic) => this.#producers[topic] === app);
    let known = "";
    while (!signal.aborted) {
      const asked = Date.now();
      let pause = PAUSE;
      try {
        const answer = await this.#ask(app, topics, known);
        const wasHeld = Date.now() - asked > IDLE_PAUSE;
        if (answer.tag === known && !wasHeld) pause = IDLE_PAUSE;
        else if (answer.tag === known) pause = 0;
        known = (await this.#reconcile(app, answer.heads)) ? answer.tag : "";
      } catch (error) {
        known = "";
        log.warning("could not fetch missing events", { producer: app, why: reasonOf(error) });
      }
      await sleep(pause * (0.8 + 0.2 * Math.random()), undefined, { signal }).catch(() => {});
    }
  }

  async #ask(app: string, topics: readonly string[], known: string) {
    const held = known ? `&known=${known}&wait=${HELD}` : "";
    const path = `changes?topics=${topics.join(",")}${held}`;
    const text = await this.#sidecar.invoke(app, path, 10_000 + (known ? HELD * 1_000 : 0));
    const tag = createHash("sha256").update(text).digest("hex").slice(0, 16);
    return { heads: JSON.parse(text) as Record<string, Heads>, tag };
  }

  /** Fetch what was announced at the question before and has not arrived. */
  async #reconcile(app: string, heads: Record<string, Heads>): Promise<boolean> {
    let isComplete = true;
    for (const [topic, streams] of Object.entries(heads)) {
      const announced = this.#announced.get(topic) ?? {};
      this.#announced.set(topic, streams);
      const known = await this.#storePositions(topic, streams);
      for (const [stream, head] of Object.entries(streams)) {
        const numbers = known.get(stream) ?? new Numbers();
        const last = announced[stream] ?? 0;
        if (last !== head || numbers.missing(head).length) isComplete = false;
        for (const [low, high] of numbers.missing(this.#bound(stream, last, numbers.top))) {
          await this.#fetch(app, topic, stream, low - 1, high);
        }
      }
    }
    return isComplete;
  }

  /** While events still arrive, what lies above the highest received one is only late. */
  #bound(stream: string, last: number, top: number): number {
    const before = this.#tops.get(stream) ?? 0;
    this.#tops.set(stream, top);
    const arrives = (top > before && before > 0) || this.#inbox.active > 0;
    return arrives ? Math.min(last, top) : last;
  }

  /** Merge what was received with what is stored: a hint for the next start. */
  async #storePositions(topic: string, heads: Heads): Promise<Map<string, Numbers>> {
    let known = new Map<string, Numbers>();
    await this.#positions.update(topic, (present) => {
      known = new Map(
        Object.keys(heads).map((stream) => {
          const numbers = Numbers.of(present?.seen[stream]);
          numbers.merge(this.#numbers(stream).stored);
          return [stream, numbers];
        }),
      );
      const seen = Object.fromEntries([...known].map(([stream, numbers]) => [stream, numbers.stored]));
      return present && isSame(present.seen, seen) ? present : { seen };
    });
    return known;
  }

  async #fetch(app: string, topic: string, stream: string, after: number, upto: number): Promise<void> {
    while (after < upto) {
      const limit = Math.min(BATCH_SIZE, upto - after);
      const path = `changes/${topic}/${encodeURIComponent(stream)}?after=${after}&limit=${limit}`;
      const answer = JSON.parse(await this.#sidecar.invoke(app, path));
      await this.#inbox.receive(topic, answer.events);
      const settled = Math.min(answer.settled, upto);
      if (settled <= after) return;
      this.#numbers(stream).add(after + 1, settled);
      log.info("fetched events that were not delivered", { topic, stream, upto: settled });
      after = settled;
    }
  }

  #numbers(stream: string): Numbers {
    const known = this.#received.get(stream) ?? new Numbers();
    this.#received.set(stream, known);
    return known;
  }
}

function isSame(a: Positions, b: Positions): boolean {
  const sorted = (value: Positions) => Object.entries(value).sort(([x], [y]) => (x < y ? -1 : 1));
  return JSON.stringify(sorted(a).map(([name, each]) => [name, each.done, each.above])) ===
    JSON.stringify(sorted(b).map(([name, each]) => [name, each.done, each.above]));
}
