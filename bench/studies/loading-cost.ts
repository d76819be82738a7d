import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/*
 * What a program pays for importing Posthorn: `npm run build && node bench/studies/loading-cost.ts`. Each import is done in
 * a new process, as the package makes it: by its name, from dist/.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
const names = ['posthorn/producer', 'posthorn/verify', 'posthorn/client', 'posthorn'];
const rounds = 21;

/** Prints the time on the clock, ms, the CPU time, ms, and the growth of the memory, MB. */
const measuring = (load: string) => `
  const start = performance.now(), cpu = process.cpuUsage(), { rss } = process.memoryUsage();
  ${load};
  const ms = performance.now() - start, { user, system } = process.cpuUsage(cpu);
  console.log(JSON.stringify([ms, (user + system) / 1_000, (process.memoryUsage().rss - rss) / 2 ** 20]));`;

interface Way {
  readonly type: 'module' | 'commonjs';
  readonly load: (name: string) => string;
}

const ways: readonly Way[] = [
  { type: 'module', load: (name) => `await import('${name}')` },
  { type: 'commonjs', load: (name) => `require('${name}')` },
];

console.log('                                   clock, least    clock     CPU    memory');
for (const name of names) {
  for (const { type, load } of ways) {
    const args = [`--input-type=${type}`, '--eval', measuring(load(name))];
    const results = Array.from({ length: rounds }, () => {
      const said = execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
      return JSON.parse(said) as readonly [number, number, number];
    });
    const sorted = (at: 0 | 1 | 2) => results.map((one) => one[at]).toSorted((a, b) => a - b);
    const median = (at: 0 | 1 | 2) => sorted(at)[rounds >> 1] ?? Number.NaN;
    console.log(
      load(name).padEnd(34),
      `${sorted(0)[0]?.toFixed(1)} ms`.padStart(12),
      `${median(0).toFixed(1)} ms`.padStart(10),
      `${median(1).toFixed(1)} ms`.padStart(9),
      `${median(2).toFixed(1)} MB`.padStart(9),
    );
  }
}
