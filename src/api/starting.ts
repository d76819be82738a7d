import { randomUUID } from 'node:crypto';
import { problemJson } from '../input/problem.ts';
import { problemKinds } from '../input/problems.ts';
import { createHealth } from './health.ts';
import { securityHeaders } from './security-headers.ts';

/** A function that answers requests. */
interface App {
  fetch(request: Request, env: object): Response | Promise<Response>;
}

/** An app that can be served before the real one is there. */
export interface StartingApp extends App {
  /** Lets another app answer from now on. */
  handOverTo(app: App): void;
}

/**
 * Creates the app that answers while Posthorn starts. /healthz says that the process lives, so that it is not killed in the middle
 * of a long migration; /readyz says that it cannot work yet; every other request is told to try again.
 */
export function createStartingApp(checks: Readonly<Record<string, string>>): StartingApp {
  const health = createHealth({ readiness: async () => ({ ready: false, checks }) });
  let current: App = {
    fetch: (request, env) =>
      /^\/(healthz|readyz)$/.test(new URL(request.url).pathname)
        ? health.fetch(request, env)
        : comeAgain(),
  };
  return {
    fetch: (request, env) => current.fetch(request, env),
    handOverTo: (app) => {
      current = app;
    },
  };
}

function comeAgain(): Response {
  const kind = 'database_unavailable';
  const detail = 'Posthorn is starting: it migrates the database, or waits until it is migrated';
  return new Response(problemJson({ kind, detail }, randomUUID()), {
    status: problemKinds[kind].status,
    headers: { ...securityHeaders, 'content-type': 'application/problem+json', 'retry-after': '5' },
  });
}
