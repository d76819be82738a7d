import { configDefaults, defineConfig } from 'vitest/config';
import SkippedReporter from './test/support/skipped-reporter.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    reporters: [...configDefaults.reporters, new SkippedReporter()],
    globalSetup: ['test/support/global-setup.ts'],
    // Two cores: more files at once only make each other's timings worse.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
