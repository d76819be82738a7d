import { FloodedApi, floods } from '../../../harness/floods.ts';
import { openServer } from '../../../harness/postgres.ts';

const floodMs = 10_000;

/** What clients that flood the API cost the process that serves it, each in a process of its own. */
export async function measureClients(): Promise<void> {
  await using server = await openServer(process.env['DATABASE_URL']);
  console.log(
    '\n| the clients | requests sent | begun | memory | longest turn | `/healthz`, p99 |\n|---|---|---|---|---|---|',
  );
  for (const flood of floods) {
    await using database = await server.createDatabase();
    using api = await FloodedApi.start(database.url);
    const before = await api.used();
    const { sent, used, healthMs } = await api.flood(flood, { ms: floodMs });
    const p99 = healthMs.toSorted((one, other) => one - other)[Math.floor(healthMs.length * 0.99)];
    console.log(
      `| ${flood.name} | ${sent.requests} | ${used.begun} | ${(used.peakMb - before.peakMb).toFixed(0)} MB | ${used.longestTurnMs.toFixed(0)} ms | ${p99?.toFixed(0)} ms |`,
    );
  }
}
