import { readConfig } from '../../../src/config/config.ts';
import { createLog } from '../../../src/log.ts';
import { startPosthorn } from '../../../src/posthorn.ts';

/** A request of the dashboard and how long it took. */
export interface Asked {
  readonly name: string;
  /** Of the first one, and of those after it. */
  readonly firstMs: number;
  readonly againMs: readonly number[];
  readonly bytes: number;
  /** A view waits for it; the others are counted by a button. */
  readonly isView: boolean;
}

interface Request {
  readonly name: string;
  readonly path: string;
  /** What is posted; without it, it is a GET. */
  readonly body?: object;
}

const again = 20;

/** Serves the API on this database in this process and makes every request that a view makes, some times. */
export async function measureRequests(url: string, signal: AbortSignal): Promise<Asked[]> {
  const config = readConfig({ DATABASE_URL: url, PORT: '0' });
  const posthorn = await startPosthorn({
    config,
    log: createLog('error'),
    worker: false,
    api: true,
  });
  try {
    const ask = async ({ path, body }: Request) => {
      const startedMs = performance.now();
      const response = await fetch(`${posthorn.address}${path}`, {
        signal,
        ...(body === undefined ? {} : post(body)),
      });
      const text = await response.text();
      const ms = performance.now() - startedMs;
      if (!response.ok) throw new Error(`Cannot read ${path}: ${response.status} ${text}`);
      return { ms, text };
    };
    const read = async (path: string) => JSON.parse((await ask({ name: '', path })).text);
    const asked: Asked[] = [];
    for (const request of await requestsOf(read)) {
      const first = await ask(request);
      const againMs: number[] = [];
      for (let tries = 0; tries < again; tries += 1) againMs.push((await ask(request)).ms);
      asked.push({
        name: request.name,
        firstMs: first.ms,
        againMs,
        bytes: Buffer.byteLength(first.text),
        isView: request.body === undefined,
      });
    }
    return asked;
  } finally {
    await posthorn.stop();
  }
}

function post(body: object): RequestInit {
  const headers = { 'content-type': 'application/json' };
  return { method: 'POST', headers, body: JSON.stringify(body) };
}

/** With the ids of what is there. */
async function requestsOf(read: (path: string) => Promise<unknown>): Promise<Request[]> {
  const newest = (await read('/webhooks?limit=1')) as { webhooks: readonly { id: string }[] };
  const failed = (await read('/webhooks?status=failed&limit=1')) as typeof newest;
  const page = (await read('/endpoints?limit=50')) as { endpoints: readonly { id: string }[] };
  const ids = page.endpoints.map(({ id }) => id);
  const [endpoint = ''] = ids;
  const ofList = (name: string, query: Record<string, string>): Request => ({
    name: `webhooks: ${name}`,
    path: `/webhooks?${new URLSearchParams({ ...query, limit: '50' })}`,
  });
  const hourAgo = new Date(Date.now() - 3_600_000).toISOString();
  const monthAgo = new Date(Date.now() - 29 * 86_400_000).toISOString();
  return [
    { name: 'the page itself', path: '/' },
    { name: 'overview: how it is', path: '/stats' },
    ...['1', '6', '24', '168'].map((hours) => ({
      name: `overview: the charts of ${hours} h`,
      path: `/stats/series?hours=${hours}`,
    })),
    ofList('newest', {}),
    ...['pending', 'delivering', 'delivered', 'failed', 'cancelled'].map((status) =>
      ofList(status, { status }),
    ),
    ofList('of an endpoint', { endpoint_id: endpoint }),
    ofList('failed at an endpoint', { endpoint_id: endpoint, status: 'failed' }),
    ofList('high priority, of which there is none', { priority: 'high' }),
    ofList('text that many have', { q: 'customer' }),
    ofList('text that none has', { q: 'no-such-customer' }),
    ofList('failed, text that none has', { q: 'no-such-customer', status: 'failed' }),
    ofList('delivered, text that none has', { q: 'no-such-customer', status: 'delivered' }),
    ofList('by id', { q: newest.webhooks[0]?.id ?? '' }),
    ofList('of the last hour', { from: hourAgo }),
    ofList('of 29 days, text that none has', { from: monthAgo, q: 'no-such-customer' }),
    ...[...newest.webhooks, ...failed.webhooks].map(({ id }, index) => ({
      name: index === 0 ? 'one webhook' : 'one webhook, failed',
      path: `/webhooks/${id}`,
    })),
    { name: 'endpoints', path: '/endpoints?limit=50' },
    { name: 'endpoints: their pulse', path: `/stats/endpoints?ids=${ids.join(',')}` },
    { name: 'one endpoint', path: `/endpoints/${endpoint}` },
    { name: 'replays', path: '/replays?limit=50' },
    {
      name: 'a dry run over 29 days (a button)',
      path: '/replays',
      body: { filter: { from: monthAgo, status: 'failed' }, dry_run: true },
    },
    { name: 'settings', path: '/settings' },
  ];
}
