import { expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { FloodedApi, floods } from '../support/floods.ts';

for (const flood of floods)
  it(flood.name, async () => {
    const database = await createTestDatabase();
    using api = await FloodedApi.start(database.url);
    const before = await api.used();
    const r = await api.flood(flood, { ms: 2000 });
    const s = r.healthMs.toSorted((a, b) => a - b);
    console.log(flood.name, {
      mb: Math.round(r.used.peakMb - before.peakMb),
      begun: r.used.begun, turn: Math.round(r.used.longestTurnMs),
      ...r.sent,
      n: s.length,
      p50: s[s.length >> 1]?.toFixed(0),
      p99: s[Math.floor(s.length * 0.99)]?.toFixed(0),
      max: s.at(-1)?.toFixed(0),
    });
    expect(1).toBe(1);
  }, 120000);
