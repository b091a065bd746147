/** Handles the events of messages: the newest of each document, poison to the dead letters. */

import { isTransient, Poison, reasonOf } from "./failures.ts";
import type { DeadLetters } from "./letters.ts";
import { log } from "./log.ts";
import { faultOf, type Schemas } from "./schema.ts";
import { traceOf, withTrace } from "./trace.ts";

const CONCURRENCY = 16;
const UNKNOWN_TOPIC = "unknown";

/** The newest state of one document, and the version of that state. */
export interface CloudEvent {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly subject: string;
  readonly time?: string;
  readonly traceparent?: string;
  readonly stream: string;
  readonly sequence: number;
  readonly entityversion: number;
  readonly data: unknown;
}

/** What src/models.ts of a guest has: the topics that it hears, and what is told there. */
export interface Contracts {
  /** The service that publishes each topic. */
  readonly producers: Readonly<Record<string, string>>;
  /** The schema of each type of event. */
  readonly events: Readonly<Record<string, { readonly schema: string }>>;
  readonly schemas: Schemas;
}

export type Handler<E extends CloudEvent = CloudEvent> = (event: E) => Promise<void>;
type Parsed = { readonly event: CloudEvent; readonly body: unknown };

/** The events in a message of the broker, unchecked. Throws Poison for anything else. */
export function eventsOf(message: unknown): unknown[] {
  const parts = message as { type?: unknown; data?: { events?: unknown } } | null | undefined;
  const found = parts?.type === "events" ? parts.data?.events : undefined;
  if (!Array.isArray(found)) throw new Poison('The message is no CloudEvent of type "events".');
  return found;
}

/** An event that the contracts allow; one of an unknown type is checked for its envelope only. */
export function parseEvent(body: unknown, contracts: Contracts): CloudEvent {
  const fault = faultOfSchema(body, "CloudEvent", contracts) || faultOfData(body as CloudEvent, contracts);
  if (fault) throw new Poison(`The event is invalid: ${fault}.`);
  return body as CloudEvent;
}

const faultOfData = (event: CloudEvent, contracts: Contracts): string =>
  Object.hasOwn(contracts.events, event.type)
    ? faultOfSchema(event, contracts.events[event.type].schema, contracts)
    : "";

const faultOfSchema = (value: unknown, name: string, { schemas }: Contracts): string =>
  faultOf(value, schemas[name], schemas, "event");

export class Inbox {
  readonly #letters: DeadLetters;
  readonly #contracts: Contracts;
  readonly #handle: Handler;
  /** Called with each event that is done with: the search for lost ones leaves it out. */
  onDone: (event: CloudEvent) => void = () => {};
  /** How many messages are being handled. */
  active = 0;

  /** The handler gets events that the contracts allow, of a type that they name. */
  constructor(letters: DeadLetters, contracts: Contracts, handle: Handler) {
    this.#letters = letters;
    this.#contracts = contracts;
    this.#handle = handle;
  }

  /** Handle events of a topic. Throws the first failure that a retry may help, after all of them. */
  async receive(topic: string, bodies: readonly unknown[]): Promise<void> {
    this.active++;
    try {
      const groups = await this.#groups(topic, bodies);
      const failures: unknown[] = [];
      const worker = async () => {
        for (let group = groups.pop(); group; group = groups.pop()) {
          await this.#receiveGroup(topic, group).catch((error) => failures.push(error));
        }
      };
      await Promise.all(Array.from({ length: CONCURRENCY }, worker));
      if (failures.length) throw failures[0];
    } finally {
      this.active--;
    }
  }

  /** Handle once more what the sidecar gave up, and keep what fails. */
  async receiveDead(message: unknown): Promise<void> {
    let bodies: unknown[];
    try {
      bodies = eventsOf(message);
    } catch (error) {
      return await this.#letters.add(UNKNOWN_TOPIC, message, reasonOf(error));
    }
    for (const body of bodies) {
      const topic = String((body as { topic?: unknown } | null)?.topic ?? UNKNOWN_TOPIC);
      await this.receiveOne(body).catch((error) => this.#letters.add(topic, body, reasonOf(error)));
    }
  }

  /** Handle one event. Throws whatever goes wrong. */
  async receiveOne(body: unknown): Promise<void> {
    const event = parseEvent(body, this.#contracts);
    await this.#handleOne(event);
    this.onDone(event);
  }

  /** Events by document, the newest first. Poison among them goes to the dead letters. */
  async #groups(topic: string, bodies: readonly unknown[]): Promise<Parsed[][]> {
    const groups = new Map<string, Parsed[]>();
    for (const body of bodies) {
      try {
        const event = parseEvent(body, this.#contracts);
        const name = `${event.type} ${event.subject}`;
        groups.set(name, [...(groups.get(name) ?? []), { event, body }]);
      } catch (error) {
        await this.#reject(topic, body, error);
      }
    }
    const newestFirst = (a: Parsed, b: Parsed) => b.event.entityversion - a.event.entityversion;
    return [...groups.values()].map((group) => group.sort(newestFirst));
  }

  async #receiveGroup(topic: string, group: readonly Parsed[]): Promise<void> {
    try {
      await this.#handleOne(group[0].event);
    } catch (error) {
      if (isTransient(error)) {
        log.warning("will retry an event", { why: reasonOf(error) });
        throw error;
      }
      await this.#reject(topic, group[0].body, error);
    }
    for (const { event } of group) this.onDone(event);
  }

  async #handleOne(event: CloudEvent): Promise<void> {
    if (!Object.hasOwn(this.#contracts.events, event.type)) return; // a newer type
    await withTrace(traceOf(event.traceparent), () => this.#handle(event));
  }

  async #reject(topic: string, body: unknown, error: unknown): Promise<void> {
    log.error("poison message", { why: reasonOf(error) });
    await this.#letters.add(topic, body, reasonOf(error));
  }
}
