import { parseArgs } from 'node:util';
import { wholeNumberIfGiven } from '../harness/options.ts';

export interface MutateOptions {
  /** Beginnings of paths; all when there are none. */
  readonly paths: readonly string[];
  readonly language: 'sql' | 'ts' | undefined;
  /** Only lines that differ from this commit. */
  readonly diff: string | undefined;
  readonly sample: number | undefined;
  readonly seed: number;
  readonly minutes: number | undefined;
  readonly isNear: boolean;
  readonly isList: boolean;
  readonly isHelp: boolean;
}

export const usage = `Usage: npm run mutate -- [paths...] [options]

  src/domain sql/record.sql   what to mutate; without paths all that mutate/grounds.ts lists: many hours
  --sql, --ts                 only SQL, only TypeScript
  --diff main                 only lines that differ from where this branch left that commit
  --sample 50 --seed 1        so many, spread evenly over all; the seed shifts the choice
  --minutes 4                 stops then, takes no more than it expects to finish, and implies --near
  --near                      only the tests that import the mutated file or name the statement, where there are some
  --list                      prints the mutants and runs none

Nothing in the working tree is changed: mutants live in a copy of it. The report is in mutate/results/.
Exit code 1 with --diff when a mutant survives that mutate/judged.json does not accept. Otherwise 0 when the run came to its end.`;

/** @throws TypeError when the arguments make no sense. */
export function readOptions(args: readonly string[]): MutateOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      sql: { type: 'boolean', default: false },
      ts: { type: 'boolean', default: false },
      diff: { type: 'string' },
      sample: { type: 'string' },
      seed: { type: 'string' },
      minutes: { type: 'string' },
      near: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const minutes = wholeNumberIfGiven(values.minutes, { option: 'minutes' });
  return {
    paths: positionals.map((path) => path.replace(/^\.\//, '')),
    language: values.sql === values.ts ? undefined : values.sql ? 'sql' : 'ts',
    diff: values.diff,
    sample: wholeNumberIfGiven(values.sample, { option: 'sample' }),
    seed: wholeNumberIfGiven(values.seed, { option: 'seed' }) ?? 1,
    minutes,
    isNear: values.near || minutes !== undefined,
    isList: values.list,
    isHelp: values.help,
  };
}
