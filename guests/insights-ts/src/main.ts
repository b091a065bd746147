/** The service `insights`. It keeps docs/protocol.md with what Node has, and nothing else. */

import { runService } from "../../ts/service.ts";
import * as models from "./models.ts";
import { Projector } from "./projector.ts";
import { exportsOf, routesOf } from "./routes.ts";

runService("insights", models, (sidecar) => {
  const projector = new Projector(sidecar, sidecar);
  const handle = (event: models.AnyEvent) => projector.handle(event);
  return { routes: routesOf(projector), exports: exportsOf(projector), handle };
});
