/** What a service does that owns people's data, when somebody leaves. */

import { Poison } from "./failures.ts";
import { checkedId } from "./ids.ts";
import type { Asks } from "./tokens.ts";

/** Ask auth whether an account was deleted: a forged event erases nothing. Throws Poison if not. */
export async function confirmDeletion(services: Asks, account: string, subject: string): Promise<void> {
  const answer = JSON.parse(await services.invoke("auth", `deletions?ids=${checkedId(account)}`));
  if (subject !== account || !answer.user_ids.includes(account)) {
    throw new Poison(`${subject}: auth did not delete this user.`);
  }
}
