/** Ids: numbers of 64 bits as text, which sort by the time when they were made. */

import { randomInt } from "node:crypto";

import { Poison } from "./failures.ts";

/** Of all ids from 2018 to 2453, which therefore sort as texts. */
const DIGITS = 18;
const NODE_BITS = 10n;
const SEQUENCE_BITS = 6n;
const SHIFT = NODE_BITS + SEQUENCE_BITS;
const ID = /^[0-9]{1,20}$/;

export const isId = (text: string): boolean => ID.test(text);

/** An id in the width in which ids sort as texts; nothing for a text that no id can be. */
export function normalized(text: string): string | undefined {
  const digits = text.replace(/^0+/, "");
  return isId(text) && digits.length <= DIGITS ? digits.padStart(DIGITS, "0") : undefined;
}

/** An id that an event names. Throws Poison for anything else. */
export function checkedId(id: string): string {
  if (!isId(id)) throw new Poison(`"${id.slice(0, 40)}" is no id.`);
  return id;
}

/** The time at which an id was made, in milliseconds of Unix time. */
export const timeOf = (id: string): number => Number(BigInt(id) >> SHIFT);

/** The time at which an id was made, as events have it: RFC 3339 in UTC with milliseconds. */
export const timestampOf = (id: string): string => new Date(timeOf(id)).toISOString();

/**
 * Makes ids of 48 bits of milliseconds, 10 of a random node and 6 of a sequence, as
 * services/chassis/ids.py does. Two processes may make the same id, if rarely: so a document is
 * created only where there is none.
 */
export class IdGenerator {
  readonly #node = BigInt(randomInt(1 << Number(NODE_BITS)));
  #last = 0n;
  #sequence = 0n;

  /** An id that is greater than all before it. */
  next(): string {
    const now = BigInt(Date.now());
    if (now > this.#last) [this.#last, this.#sequence] = [now, 0n];
    else this.#sequence++;
    if (this.#sequence >> SEQUENCE_BITS) [this.#last, this.#sequence] = [this.#last + 1n, 0n];
    return String((this.#last << SHIFT) | (this.#node << SEQUENCE_BITS) | this.#sequence);
  }
}
