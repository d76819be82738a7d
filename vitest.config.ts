import { configDefaults, defineConfig } from 'vitest/config';
import SkippedReporter from './test/support/skipped-reporter.ts';
import { SlowFirst } from './test/support/slow-first.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    reporters: [...configDefaults.reporters, new SkippedReporter()],
    globalSetup: ['test/support/global-setup.ts'],
    // With two cores, because a third of the time two files wait for timers, disks and processes. POSTHORN_TEST_WORKERS=2 leaves a
    // busy machine more air.
    maxWorkers: Number(process.env['POSTHORN_TEST_WORKERS'] || 3),
    sequence: { sequencer: SlowFirst },
    // A worker keeps the product's modules for its next file: to start a process and to import them takes half a second. So a
    // file leaves behind no listener, timer or setting of the process.
    isolate: false,
    // Generous, so that a busy machine fails no test. A test that hangs costs this once.
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
