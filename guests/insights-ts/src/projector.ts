/**
 * Derives documents from events, and answers from them.
 *
 * `post:ID` has a post with its likes, `week:ACCOUNT:MONDAY` what an account did in a week, and
 * `account:ID` that it was deleted. All but the last expire when insights no longer cover them.
 */

import { confirmDeletion } from "../../ts/accounts.ts";
import { Collection } from "../../ts/collection.ts";
import { checkedId as checked, timeOf } from "../../ts/ids.ts";
import type { StateStore } from "../../ts/sidecar.ts";
import type { Asks } from "../../ts/tokens.ts";
import {
  insightsOf, secondsLeft, weekOf, weeksUntil, withFollowers, withLikes, withOrder, withPost,
  withPostRow, type Insights, type PostFacts, type Week,
} from "./insights.ts";
import type { AnyEvent, Order } from "./models.ts";

interface Account {
  readonly isDeleted: boolean;
}

export class Projector {
  readonly #services: Asks;
  readonly #posts: Collection<PostFacts>;
  readonly #weeks: Collection<Week>;
  readonly #accounts: Collection<Account>;
  readonly #now: () => number;

  constructor(store: StateStore, services: Asks, now: () => number = Date.now) {
    this.#services = services;
    this.#posts = new Collection("post", store);
    this.#weeks = new Collection("week", store);
    this.#accounts = new Collection("account", store);
    this.#now = now;
  }

  /** Apply an event. It may come twice, late or out of order. */
  async handle(event: AnyEvent): Promise<void> {
    const version = event.entityversion;
    switch (event.type) {
      case "post.changed":
        return await this.#changePost(event.data.id, (facts) => withPost(facts, event.data, version));
      case "favourites.counted":
        return await this.#changePost(event.data.post, (facts) =>
          withLikes(facts, event.data.total, version),
        );
      case "followers.counted": {
        const week = weekOf(Date.parse(event.time ?? "") || this.#now());
        const { account, total } = event.data;
        await this.#changeWeek(account, week, (present) => withFollowers(present, total, version));
        return;
      }
      case "order.changed":
        return await this.#changeOrder(event.data, version);
      case "account.changed":
        if (event.data.deleted) await this.#erase(event.data.id, event.subject);
    }
  }

  /** The insights of an account: one state call. */
  async insights(account: string): Promise<Insights> {
    const now = this.#now();
    const weeks = weeksUntil(now);
    const found = await this.#weeks.get(weeks.map((week) => `${account}:${week}`));
    return insightsOf(account, new Map([...found].map(([id, week]) => [id.split(":")[1], week])), now);
  }

  /**
   * The post first, then its row in the week of its author. The row is written again when an event
   * is repeated: the process may have died between the two. A post without a row goes: nothing else
   * would find it when its author is deleted.
   */
  async #changePost(id: string, change: (facts?: PostFacts) => PostFacts): Promise<void> {
    const week = weekOf(timeOf(checked(id)));
    const left = secondsLeft(week, this.#now());
    if (left <= 0) return;
    const facts = await this.#posts.update(id, change, left);
    if (!facts.author) return;
    const kept = await this.#changeWeek(facts.author, week, (present) => withPostRow(present, id, facts));
    if (!kept || !Object.hasOwn(kept.posts, id)) await this.#posts.delete(id);
  }

  async #changeOrder(order: Order, version: number): Promise<void> {
    const week = weekOf(timeOf(checked(order.id)));
    await this.#changeWeek(order.seller, week, (present) => withOrder(present, order, version));
  }

  /**
   * Change a week, and return it as it is stored then; nothing for a deleted account, or a week that
   * is not covered. The deletion may come meanwhile: it is looked for before the write, and after it.
   */
  async #changeWeek(
    account: string, week: string, change: (week?: Week) => Week,
  ): Promise<Week | undefined> {
    const left = secondsLeft(week, this.#now());
    if (left <= 0) return undefined;
    if (!(await this.#isDeleted(checked(account)))) {
      const changed = await this.#weeks.update(`${account}:${week}`, change, left);
      if (!(await this.#isDeleted(account))) return changed;
    }
    await this.#deleteWeeks(account);
    return undefined;
  }

  async #isDeleted(account: string): Promise<boolean> {
    return (await this.#accounts.get([account])).get(account)?.isDeleted ?? false;
  }

  /** Erase what is known of an account, once auth confirms that it was deleted. */
  async #erase(account: string, subject: string): Promise<void> {
    await confirmDeletion(this.#services, account, subject);
    await this.#accounts.update(account, (known) => (known?.isDeleted ? known : { isDeleted: true }));
    await this.#deleteWeeks(account);
  }

  async #deleteWeeks(account: string): Promise<void> {
    const ids = weeksUntil(this.#now()).map((week) => `${account}:${week}`);
    for (const [id, week] of await this.#weeks.get(ids)) {
      for (const post of Object.keys(week.posts)) await this.#posts.delete(post);
      await this.#weeks.delete(id);
    }
  }
}
