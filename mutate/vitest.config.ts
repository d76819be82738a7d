import { fileURLToPath } from 'node:url';
import { defineConfig, mergeConfig } from 'vitest/config';
import config from '../vitest.config.ts';

/** The product's own, with mutants that the processes which tests start have too. */
export default mergeConfig(
  config,
  defineConfig({
    root: fileURLToPath(new URL('..', import.meta.url)),
    test: { setupFiles: ['mutate/active-mutant.ts'] },
  }),
);
