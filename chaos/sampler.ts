import type pg from 'pg';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

/** Memory of the workers and size of the queue over time. */
export class Sampler {
  readonly #stage: Stage;
  readonly #isSoak: boolean;
  #ticks = 0;
  readonly #rss: { slot: string; pid: number; atMs: number; mb: number }[] = [];
  #queueMb = 0;

  constructor({ stage, scenario }: { stage: Stage; scenario: Scenario }) {
    this.#stage = stage;
    this.#isSoak = scenario.name === 'soak';
  }

  take(): void {
    this.#ticks += 1;
    for (const slot of this.#stage.parts.workers) {
      const mb = slot.isRunning ? slot.rssMb : undefined;
      if (mb !== undefined && !Number.isNaN(mb)) {
        this.#rss.push({ slot: slot.name, pid: slot.pid, atMs: performance.now(), mb });
      }
    }
    if (!this.#isSoak || this.#ticks % 10 !== 0) return;
    this.#stage
      .withClient(async (client) => {
        const { rows } = await client.query<{ mb: number }>(
          `select (pg_total_relation_size('posthorn.queue') / 1048576.0)::float8 as mb`,
        );
        this.#queueMb = Math.max(this.#queueMb, rows[0]?.mb ?? 0);
      })
      .catch(() => {});
  }

  async figures(client: pg.Client): Promise<Record<string, number>> {
    const { rows } = await client.query<{ mb: number }>(
      `select (pg_total_relation_size('posthorn.queue') / 1048576.0)::float8 as mb`,
    );
    return {
      'RSS of a worker, most MB': Math.round(Math.max(0, ...this.#rss.map(({ mb }) => mb))),
      ...(this.#isSoak
        ? {
            'RSS growth of the longest-lived worker, MB/h': this.#growth(),
            'queue with indexes, most MB': Math.round(this.#queueMb),
          }
        : {}),
      'queue with indexes at the end, MB': Math.round(rows[0]?.mb ?? 0),
    };
  }

  /** The slope of the second half of the life of the process that lived longest: the first half warms up. */
  #growth(): number {
    const byPid = Map.groupBy(this.#rss, ({ pid }) => pid);
    const longest = [...byPid.values()].sort((a, b) => b.length - a.length)[0] ?? [];
    const half = longest.slice(Math.floor(longest.length / 2));
    const meanMs = half.reduce((sum, { atMs }) => sum + atMs, 0) / half.length;
    const meanMb = half.reduce((sum, { mb }) => sum + mb, 0) / half.length;
    const covariance = half.reduce((sum, { atMs, mb }) => sum + (atMs - meanMs) * (mb - meanMb), 0);
    const variance = half.reduce((sum, { atMs }) => sum + (atMs - meanMs) ** 2, 0);
    return Math.round((covariance / Math.max(1, variance)) * 3_600_000 * 10) / 10;
  }
}
