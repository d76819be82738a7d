import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

const everyMs = 5;

/** The longest that was seen to wait for a lock, ms: for the pruning, and for anybody else. */
export interface LockWaits {
  readonly prunerMs: number;
  readonly othersMs: number;
  /** How often it was looked. */
  readonly looks: number;
}

/** Looks 200 times a second at who waits for a lock, until it is told to end. Waits shorter than that may be missed. */
export class LockWatch {
  readonly #looking: Promise<LockWaits>;
  readonly #ending = new AbortController();

  constructor(url: string, pruner: string) {
    this.#looking = this.#look(url, pruner);
    this.#looking.catch(() => {});
  }

  async end(): Promise<LockWaits> {
    this.#ending.abort();
    return await this.#looking;
  }

  async #look(url: string, pruner: string): Promise<LockWaits> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const longest = { prunerMs: 0, othersMs: 0 };
    let looks = 0;
    try {
      for (; !this.#ending.signal.aborted; looks += 1) {
        const { rows } = await client.query<{ is_pruner: boolean; ms: number }>({
          name: 'waits',
          text: `select
                 a.application_name = $1 as is_pruner,
                 max(extract(epoch from clock_timestamp() - l.waitstart) * 1000)::float8 as ms
               from pg_locks as l
               join pg_stat_activity as a on a.pid = l.pid
               where not l.granted and l.waitstart is not null and a.datname = current_database()
               group by 1`,
          values: [pruner],
        });
        for (const { is_pruner, ms } of rows) {
          const who = is_pruner ? 'prunerMs' : 'othersMs';
          longest[who] = Math.max(longest[who], ms);
        }
        await sleep(everyMs);
      }
      return { ...longest, looks };
    } finally {
      await client.end();
    }
  }
}
