import { fileURLToPath } from 'node:url';
import { Stryker } from '@stryker-mutator/core';
import type { Order } from './protocol.ts';

/* Runs Stryker in the copy of the tree that is the working directory. Asked by a message; answers with one for each mutant. */

process.once('message', (order: Order) => {
  run(order).then(
    () => process.disconnect(),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit());

async function run({ files, tests, isPure }: Order): Promise<void> {
  const stryker = new Stryker({
    configFile: undefined,
    testRunner: 'vitest',
    plugins: [
      fileURLToPath(import.meta.resolve('@stryker-mutator/vitest-runner')),
      fileURLToPath(new URL('plugins.ts', import.meta.url)),
    ],
    checkers: ['chosen'],
    reporters: ['parent'],
    mutate: [...files],
    testFiles: [...tests],
    coverageAnalysis: 'perTest',
    // What a module does when it is loaded is run by every test: cheap only where no test needs a database.
    ignoreStatic: !isPure,
    // The tree is a copy already. Stryker would also rewrite tsconfig.json, with a TypeScript whose API is no longer there.
    inPlace: true,
    disableTypeChecks: false,
    concurrency: 1,
    timeoutMS: isPure ? 10_000 : 60_000,
    timeoutFactor: 3,
    dryRunTimeoutMinutes: 60,
    allowEmpty: true,
    cleanTempDir: 'always',
    tempDirName: '.stryker',
    logLevel: 'error',
    vitest: { configFile: 'mutate/vitest.config.ts', related: true },
  } as ConstructorParameters<typeof Stryker>[0]);
  await stryker.runMutationTest();
}
