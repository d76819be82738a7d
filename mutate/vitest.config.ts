import { fileURLToPath } from 'node:url';
import { defineConfig, mergeConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import config from '../vitest.config.ts';

/** The first test that fails ends the run, so those that take little time go first. */
class QuickFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const msOf = (file: TestSpecification) =>
      this.ctx.cache.getTestSpecificationResult(file)?.duration ?? 0;
    return files.toSorted((a, b) => msOf(a) - msOf(b));
  }
}

/** The product's own, with mutants that the processes which tests start have too. */
export default mergeConfig(
  config,
  defineConfig({
    root: fileURLToPath(new URL('..', import.meta.url)),
    test: {
      setupFiles: ['mutate/active-mutant.ts'],
      // A mutant of what runs at the import is there only in modules that are imported again.
      isolate: true,
      sequence: { sequencer: QuickFirst },
    },
  }),
);
