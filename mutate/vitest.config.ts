import { fileURLToPath } from 'node:url';
import { defineConfig, mergeConfig } from 'vitest/config';
import config from '../vitest.config.ts';

/** The product's own, with mutants that the processes which tests start have too. */
export default mergeConfig(
  config,
  defineConfig({
    root: fileURLToPath(new URL('..', import.meta.url)),
    // A mutant of what runs at the import is there only in modules that are imported again.
    test: { setupFiles: ['mutate/active-mutant.ts'], isolate: true },
  }),
);
