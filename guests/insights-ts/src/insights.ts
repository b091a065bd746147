/** What the service is about: weeks of an account, and what they add up to. Values in, values out. */

import { timeOf } from "../../ts/ids.ts";
import type { Order, Post } from "./models.ts";

/** Weeks that insights cover, the present one included. */
export const WEEKS = 12;
/** Rows of one kind in a week: what comes after is not counted. */
export const MAX_ROWS = 2_000;

const TOP_TAGS = 10;
const DAY = 86_400_000;
const WEEK = 7 * DAY;
/** 1970-01-05, the first Monday of Unix time. */
const FIRST_MONDAY = 4 * DAY;

/** A post and its likes, each in its newest version. Nothing says who likes it. */
export interface PostFacts {
  /** Higher with each change of the document. */
  readonly revision: number;
  readonly postVersion: number;
  readonly likesVersion: number;
  /** Empty until the post itself has arrived. */
  readonly author: string;
  readonly isCounted: boolean;
  readonly tags: readonly string[];
  readonly likes: number;
}

export interface PostRow {
  readonly revision: number;
  readonly isCounted: boolean;
  readonly tags: readonly string[];
  readonly likes: number;
}

export interface OrderRow {
  readonly version: number;
  readonly isSale: boolean;
  readonly currency: string;
  /** In the smallest unit of the currency. */
  readonly total: number;
}

/** A number of followers: versions order them. */
export interface FollowerCount {
  readonly version: number;
  readonly total: number;
}

/** What an account did in a week that begins on a Monday (UTC). */
export interface Week {
  readonly posts: Readonly<Record<string, PostRow>>;
  readonly orders: Readonly<Record<string, OrderRow>>;
  /** The newest number of the week; `first` is the oldest one that is known. */
  readonly followers?: FollowerCount & { readonly first?: FollowerCount };
}

export interface Insights {
  readonly account: string;
  /** The Monday of the first week. */
  readonly since: string;
  readonly posts: number;
  /** Since the week of the first post. */
  readonly posts_per_week: number;
  readonly likes: number;
  /** The hour of the day (UTC) whose posts got most likes, or null without posts. */
  readonly best_hour: number | null;
  readonly top_tags: readonly { readonly name: string; readonly posts: number; readonly likes: number }[];
  readonly followers: number | null;
  readonly followers_gained: number;
  readonly sales: readonly { readonly currency: string; readonly orders: number; readonly total: number }[];
}

export const EMPTY_WEEK: Week = { posts: {}, orders: {} };
const NO_FACTS: PostFacts = {
  revision: 0, postVersion: 0, likesVersion: 0, author: "", isCounted: false, tags: [], likes: 0,
};

/** The Monday of a time, such as `2026-05-04`. */
export function weekOf(time: number): string {
  const monday = Math.floor((time - FIRST_MONDAY) / WEEK) * WEEK + FIRST_MONDAY;
  return new Date(monday).toISOString().slice(0, 10);
}

/** The weeks that insights cover at a time, oldest first. */
export const weeksUntil = (now: number): string[] =>
  Array.from({ length: WEEKS }, (_, index) => weekOf(now - (WEEKS - 1 - index) * WEEK));

/** Seconds for which insights cover a week yet; 0 for one that is too old, or has not come. */
export function secondsLeft(week: string, now: number): number {
  if (week > weekOf(now + DAY)) return 0;
  return Math.max(0, Math.floor((Date.parse(week) + WEEKS * WEEK - now) / 1_000));
}

// ── what events change: each returns what it was given if nothing changes ────────────────────

/** A version of a post. Replies, boosts and direct posts are not counted. */
export function withPost(facts: PostFacts = NO_FACTS, post: Post, version: number): PostFacts {
  if (version <= facts.postVersion) return facts;
  const isCounted =
    !post.deleted && !post.in_reply_to_id && !post.reblog_of_id && post.visibility !== "direct";
  const tags = isCounted ? [...new Set(post.tags ?? [])] : [];
  const revision = facts.revision + 1;
  return { ...facts, revision, postVersion: version, author: post.author, isCounted, tags };
}

export function withLikes(facts: PostFacts = NO_FACTS, likes: number, version: number): PostFacts {
  if (version <= facts.likesVersion) return facts;
  return { ...facts, revision: facts.revision + 1, likesVersion: version, likes };
}

export function withPostRow(week: Week = EMPTY_WEEK, id: string, facts: PostFacts): Week {
  if (facts.revision <= (week.posts[id]?.revision ?? 0) || isFull(week.posts, id)) return week;
  const { revision, isCounted, tags, likes } = facts;
  return { ...week, posts: { ...week.posts, [id]: { revision, isCounted, tags, likes } } };
}

/** An order counts as a sale while it is completed: not before, and not after a refund. */
export function withOrder(week: Week = EMPTY_WEEK, order: Order, version: number): Week {
  if (version <= (week.orders[order.id]?.version ?? 0) || isFull(week.orders, order.id)) return week;
  const { currency, total } = order;
  const row = { version, isSale: order.state === "completed", currency, total };
  return { ...week, orders: { ...week.orders, [order.id]: row } };
}

export function withFollowers(week: Week = EMPTY_WEEK, total: number, version: number): Week {
  const count = { version, total };
  const known = week.followers;
  if (!known) return { ...week, followers: { ...count, first: count } };
  const first = firstOf(known);
  if (version > known.version) return { ...week, followers: { ...count, first } };
  return version < first.version ? { ...week, followers: { ...known, first: count } } : week;
}

/** Weeks that were stored before have only their newest number. */
const firstOf = ({ version, total, first }: NonNullable<Week["followers"]>): FollowerCount =>
  first ?? { version, total };

const isFull = (rows: Readonly<Record<string, unknown>>, id: string): boolean =>
  !Object.hasOwn(rows, id) && Object.keys(rows).length >= MAX_ROWS;

// ── what weeks add up to ────────────────────────────────────────────────────────────────────

/** The insights of an account from its weeks, which are given by their Mondays. */
export function insightsOf(account: string, weeks: ReadonlyMap<string, Week>, now: number): Insights {
  const covered = weeksUntil(now);
  const known = covered.flatMap((monday) => weeks.get(monday) ?? []);
  const posts = known.flatMap((week) => Object.entries(week.posts)).filter(([, row]) => row.isCounted);
  const first = covered.findIndex((monday) => hasPosts(weeks.get(monday)));
  const counts = known.flatMap((week) => week.followers ?? []);
  return {
    account,
    since: covered[0],
    posts: posts.length,
    posts_per_week: first < 0 ? 0 : Math.round((10 * posts.length) / (WEEKS - first)) / 10,
    likes: sum(posts.map(([, row]) => row.likes)),
    best_hour: bestHour(posts),
    top_tags: topTags(posts.map(([, row]) => row)),
    followers: counts.at(-1)?.total ?? null,
    followers_gained: counts.length ? counts[counts.length - 1].total - firstOf(counts[0]).total : 0,
    sales: salesOf(known.flatMap((week) => Object.values(week.orders))),
  };
}

const hasPosts = (week?: Week): boolean =>
  Object.values(week?.posts ?? {}).some((row) => row.isCounted);

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

/** By likes, then by posts; the earliest of several. */
function bestHour(posts: readonly (readonly [string, PostRow])[]): number | null {
  const hours = Array.from({ length: 24 }, (_, hour) => ({ hour, likes: 0, posts: 0 }));
  for (const [id, row] of posts) {
    const own = hours[new Date(timeOf(id)).getUTCHours()];
    own.likes += row.likes;
    own.posts += 1;
  }
  const [best] = hours.sort((a, b) => b.likes - a.likes || b.posts - a.posts || a.hour - b.hour);
  return best.posts ? best.hour : null;
}

function topTags(rows: readonly PostRow[]): Insights["top_tags"] {
  const tags = new Map<string, { name: string; posts: number; likes: number }>();
  for (const row of rows) {
    for (const name of row.tags) {
      const own = tags.get(name) ?? { name, posts: 0, likes: 0 };
      tags.set(name, { name, posts: own.posts + 1, likes: own.likes + row.likes });
    }
  }
  const byUse = [...tags.values()].sort(
    (a, b) => b.posts - a.posts || b.likes - a.likes || (a.name < b.name ? -1 : 1),
  );
  return byUse.slice(0, TOP_TAGS);
}

function salesOf(rows: readonly OrderRow[]): Insights["sales"] {
  const sales = rows.filter((row) => row.isSale);
  const currencies = [...new Set(sales.map((row) => row.currency))].sort();
  return currencies.map((currency) => {
    const own = sales.filter((row) => row.currency === currency);
    return { currency, orders: own.length, total: sum(own.map((row) => row.total)) };
  });
}
