import type { DatabasePool } from 'slonik';
import { createApi } from '../../src/api/app.ts';
import type { Readiness } from '../../src/api/health.ts';
import { type ServedApi, serveApi } from '../../src/api/server.ts';
import type { CheckMode } from '../../src/domain/check-mode.ts';
import type { ProblemPart } from '../../src/input/problem.ts';
import type { Log } from '../../src/log.ts';
import { createQueryPool } from '../../src/queries/pool.ts';
import { type Documented, documentOf } from './documented.ts';

/** What the tests look for in answers; an answer has some of it. */
interface AnswerJson {
  readonly id: string;
  readonly status: string | number;
  readonly attempts: readonly object[];
  readonly created_at: string;
  readonly webhooks: readonly { readonly id: string; readonly status: string }[];
  readonly events: readonly { readonly id: string }[];
  readonly ids: readonly string[];
  readonly recipients: readonly { readonly endpoint_id: string; readonly why: string }[];
  readonly subscriptions: readonly { readonly id: string }[];
  readonly tenants: readonly { readonly id: string }[];
  readonly next_after: string | null;
  readonly missed: number;
  readonly next_cursor: string | null;
  readonly type: string;
  readonly title: string;
  readonly detail: string;
  readonly code: string;
  readonly instance: string;
  readonly errors: readonly ProblemPart[];
}

/** An answer, read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: AnswerJson;
}

/** The API on a port of its own, with what it logged. */
export interface TestApi extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly pool: DatabasePool;
  readonly served: ServedApi;
  readonly logged: { level: string; fields: object; message: string }[];
  ask(path: string, init?: RequestInit): Promise<Answer>;
  /** POST /webhooks/send; a text as it is, anything else as JSON. */
  send(body: unknown, headers?: Record<string, string>): Promise<Answer>;
  close(): Promise<void>;
}

/** Serves the API over a database. */
export async function serveTestApi(
  databaseUrl: string,
  options: {
    readonly bodyLimitBytes?: number;
    readonly maximumPoolSize?: number;
    /** Shared by some; otherwise it has one of its own. */
    readonly pool?: DatabasePool;
    readonly arrival?: Parameters<typeof serveApi>[0]['arrival'];
    readonly authentication?: Parameters<typeof createApi>[0]['authentication'];
    readonly checkEvents?: CheckMode;
  } = {},
): Promise<TestApi> {
  const { maximumPoolSize = 10, pool: shared, arrival, ...apiOptions } = options;
  const pool = shared ?? (await createQueryPool({ databaseUrl, maximumPoolSize }));
  const logged: TestApi['logged'] = [];
  const served = await serveApi({
    app: createApi({
      pool,
      log: recorder(logged),
      readiness: async (): Promise<Readiness> => ({ ready: true, checks: { database: 'ok' } }),
      cursorKey: Buffer.from('a key'),
      settings: [{ name: 'HOST', value: '127.0.0.1' }],
      authentication: { auth: 'keys', environmentKey: undefined, rateLimitPerS: undefined },
      ...apiOptions,
    }),
    host: '127.0.0.1',
    port: 0,
    ...(arrival === undefined ? {} : { arrival }),
  });
  const url = `http://127.0.0.1:${served.port}`;
  // Whatever a test asks for, the answer must be as it is documented.
  const ask = async (path: string, init: RequestInit = {}) => {
    const answer = await answerOf(await fetch(url + path, init));
    documentation ??= documentAt(`${url}/openapi.json`);
    (await documentation).check({ method: init.method ?? 'GET', path, answer });
    return answer;
  };
  const close = async () => {
    await served.close(1_000);
    if (shared === undefined) await pool.end();
  };
  return {
    url,
    port: served.port,
    pool,
    served,
    logged,
    ask,
    send: (body, headers = {}) =>
      ask('/webhooks/send', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The same for all that is served here. To make and compile it takes longer than to serve it. */
let documentation: Promise<Documented> | undefined;

async function documentAt(url: string): Promise<Documented> {
  return documentOf(await (await fetch(url)).json());
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true && text !== '';
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: JSON.parse(isJson ? text : '{}'),
  };
}

function recorder(logged: TestApi['logged']): Log {
  const at = (level: string) => (fields: object, message: string) => {
    logged.push({ level, fields, message });
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
