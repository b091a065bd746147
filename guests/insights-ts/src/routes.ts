/** The routes of the service, and who may call each. */

import type { Exporter, Route } from "../../ts/app.ts";
import { forbidden, invalid } from "../../ts/failures.ts";
import { isId } from "../../ts/ids.ts";
import type { Projector } from "./projector.ts";

const SCOPE = "read:shop";

type Answers = Pick<Projector, "insights">;

export const routesOf = (projector: Answers): Route[] => [
  {
    name: "GET /insights/{account}",
    callers: ["gateway"],
    answer: async (asked) => {
      const user = await asked.user(SCOPE);
      const [account] = asked.path;
      if (!isId(account)) throw invalid("The account is no id.");
      if (user !== account) throw forbidden("Insights are for the account's own user.");
      return await projector.insights(account);
    },
  },
];

export const exportsOf = (projector: Answers): Record<string, Exporter> => ({
  insights: async (user) => {
    const found = await projector.insights(user);
    const isEmpty = !found.posts && !found.sales.length && found.followers === null;
    return { records: isEmpty ? [] : [found], next: "", total: isEmpty ? 0 : 1 };
  },
});
