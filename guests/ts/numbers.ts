/** A set of sequence numbers: all up to `done`, and some ranges above. */

type Range = [number, number];

export interface StoredNumbers {
  readonly done: number;
  readonly above: readonly Range[];
}

export class Numbers {
  #done = 0;
  #above: Range[] = [];

  static of(stored?: StoredNumbers): Numbers {
    const numbers = new Numbers();
    if (stored) numbers.merge(stored);
    return numbers;
  }

  get stored(): StoredNumbers {
    return { done: this.#done, above: this.#above };
  }

  /** The highest number, or 0. */
  get top(): number {
    return this.#above.at(-1)?.[1] ?? this.#done;
  }

  add(low: number, high: number = low): void {
    if (high < low) return;
    this.#above.push([low, high]);
    this.#above.sort((a, b) => a[0] - b[0]);
    const joined: Range[] = [];
    for (const [first, last] of this.#above) {
      const before = joined.at(-1);
      if (first <= this.#done + 1) this.#done = Math.max(this.#done, last);
      else if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
      else joined.push([first, last]);
    }
    this.#above = joined;
  }

  merge(other: StoredNumbers): void {
    this.add(1, other.done);
    for (const [first, last] of other.above) this.add(first, last);
  }

  /** The gaps among the numbers up to `last`. */
  missing(last: number): Range[] {
    const gaps: Range[] = [];
    let expected = this.#done + 1;
    for (const [first, end] of this.#above) {
      if (first > last) break;
      gaps.push([expected, first - 1]);
      expected = end + 1;
    }
    return expected <= last ? [...gaps, [expected, last]] : gaps;
  }
}
