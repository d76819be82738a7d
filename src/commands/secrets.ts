import { connect } from '../db/connect.ts';
import type { KeyRing } from '../domain/key-ring.ts';
import { addSealingJob } from '../maintenance/sealing-job.ts';
import { findDatabase, requireSchema } from './database.ts';
import { print } from './terminal.ts';

interface Sealing {
  readonly key_id: string | null;
  readonly total: number;
  readonly done: number;
  readonly started_at: Date;
  readonly finished_at: Date | null;
}

/**
 * `posthorn secrets`: shows which keys seal the secrets of endpoints, the progress of sealing, and which keys may be
 * removed. Returns the exit code: 1 when a key is missing.
 */
export async function secretsCommand({
  isNow,
  isJson,
}: {
  readonly isNow: boolean;
  readonly isJson: boolean;
}): Promise<number> {
  const { databaseUrl, keyRing } = await findDatabase();
  const client = await connect(databaseUrl, { application_name: 'posthorn secrets' });
  try {
    await requireSchema(client);
    if (isNow) await addSealingJob(client);
    const { rows: used } = await client.query<{ key_id: string | null; endpoints: number }>(
      'select key_id, endpoints from posthorn.secret_keys',
    );
    const { rows: sealing } = await client.query<Sealing>('select * from posthorn.sealing');
    const keys = keysOf(keyRing, used);
    print(
      isJson
        ? { keys, sealing: sealing[0] ?? null }
        : [...table(keys), '', progress(sealing[0], { isNow, plain: plainIn(used) })].join('\n'),
    );
    return keys.some(({ state }) => state === states.missing) ? 1 : 0;
  } finally {
    await client.end().catch(() => {});
  }
}

interface KeyLine {
  readonly id: string;
  readonly endpoints: number;
  readonly state: string;
}

const states = {
  seals: 'seals',
  needed: 'needed, until its secrets are sealed with the first key',
  removable: 'may be removed once every process runs with this key ring',
  missing:
    'missing: webhooks to these endpoints are held; put it back into POSTHORN_ENCRYPTION_KEYS',
  plain: 'plain text',
} as const;

function keysOf(
  ring: KeyRing | undefined,
  used: readonly { readonly key_id: string | null; readonly endpoints: number }[],
): KeyLine[] {
  const countOf = (id: string | null) => used.find(({ key_id }) => key_id === id)?.endpoints ?? 0;
  const ofRing = [...(ring?.keys.keys() ?? [])].map((id) => ({
    id,
    endpoints: countOf(id),
    state: id === ring?.currentId ? states.seals : states[countOf(id) > 0 ? 'needed' : 'removable'],
  }));
  const others = used.flatMap(({ key_id: id, endpoints }) =>
    id === null || ring?.keys.has(id) === true ? [] : [{ id, endpoints, state: states.missing }],
  );
  const plain = countOf(null);
  return [
    ...ofRing,
    ...others,
    ...(plain > 0 || ring === undefined
      ? [{ id: '(none)', endpoints: plain, state: states.plain }]
      : []),
  ].sort((a, b) => Number(b.state === states.seals) - Number(a.state === states.seals));
}

function table(keys: readonly KeyLine[]): string[] {
  const width = Math.max(...keys.map(({ id }) => id.length), 'key'.length);
  const line = (id: string, endpoints: string, state: string) =>
    `${id.padEnd(width)}  ${endpoints.padStart(9)}  ${state}`;
  return [
    line('key', 'endpoints', ''),
    ...keys.map(({ id, endpoints, state }) => line(id, String(endpoints), state)),
  ];
}

/** The number of endpoints with plain text: they were added since, or by a process without the key. */
function plainIn(used: readonly { key_id: string | null; endpoints: number }[]): number {
  return used.find(({ key_id: key }) => key === null)?.endpoints ?? 0;
}

function progress(
  sealing: Sealing | undefined,
  { isNow, plain }: { readonly isNow: boolean; readonly plain: number },
): string {
  if (isNow) return 'A worker seals them now: run this again to see the progress.';
  if (sealing === undefined) return 'No worker has checked the secrets yet.';
  const { key_id, total, done, started_at, finished_at } = sealing;
  if (key_id === null) return 'No key: nothing is sealed. Set POSTHORN_ENCRYPTION_KEYS.';
  const end = finished_at === null ? 'under way' : `finished ${finished_at.toISOString()}`;
  const rest = plain > 0 ? ' Plain text is sealed within five minutes, or now with --now.' : '';
  return `Last sealed with "${key_id}": ${done} of ${total} endpoints since ${started_at.toISOString()}, ${end}.${rest}`;
}
