import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Mutant as StrykerMutant } from '@stryker-mutator/api/core';
import { commonTokens } from '@stryker-mutator/api/plugin';
import { createInstrumenter } from '@stryker-mutator/instrumenter';
import { createInjector } from 'typed-inject';
import type { FoundMutant, Told } from './protocol.ts';

/* Finds the mutants of TypeScript files, and runs none. Asked by a message with the files. */

const nothing = () => {};
const logger = {
  isTraceEnabled: () => false,
  isDebugEnabled: () => false,
  isInfoEnabled: () => false,
  isWarnEnabled: () => false,
  isErrorEnabled: () => false,
  isFatalEnabled: () => false,
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  fatal: nothing,
};

process.once('message', ({ cwd, files }: { cwd: string; files: readonly string[] }) => {
  find(cwd, files).then(
    (mutants) => {
      const told: Told = { kind: 'found', mutants };
      process.send?.(told, () => process.disconnect());
    },
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});

async function find(cwd: string, files: readonly string[]): Promise<FoundMutant[]> {
  const texts = new Map<string, string>();
  for (const file of files) texts.set(file, await readFile(join(cwd, file), 'utf8'));
  const instrumenter = createInjector()
    .provideValue(commonTokens.logger, logger)
    .provideValue(commonTokens.getLogger, () => logger)
    .injectFunction(createInstrumenter as never) as ReturnType<typeof createInstrumenter>;
  const { mutants } = await instrumenter.instrument(
    [...texts].map(([name, content]) => ({ name, content, mutate: true })),
    { plugins: null, excludedMutations: [], ignorers: [] },
  );
  return mutants.map((mutant) => found(mutant, texts.get(mutant.fileName) ?? ''));
}

function found(mutant: StrykerMutant, text: string): FoundMutant {
  const { fileName, location, mutatorName, replacement } = mutant;
  const lengths = text.split('\n').map((line) => line.length + 1);
  const offsetOf = ({ line, column }: { line: number; column: number }) =>
    lengths.slice(0, line).reduce((sum, length) => sum + length, column);
  const [start, end] = [offsetOf(location.start), offsetOf(location.end)];
  return {
    file: fileName,
    line: location.start.line + 1,
    endLine: location.end.line + 1,
    kind: mutatorName,
    before: text.slice(start, end),
    after: replacement,
    start,
    end,
  };
}
