import type { Reporter, TestModule, Vitest } from 'vitest/node';
import { skipMark } from '../../harness/can-run.ts';

/**
 * Lists the tests that were skipped, and why. With POSTHORN_TEST_COMPLETE in the environment, which .ci/run sets, the run then fails: a
 * gate that loses a tool would else lose the tests that need it, and stay green.
 *
 * A run of some tests by name (-t) skips all others on purpose.
 */
export default class SkippedReporter implements Reporter {
  readonly #reasons = new Set<string>();
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  onUserConsoleLog({ content }: { readonly content: string }): void {
    for (const line of content.split('\n')) {
      if (line.startsWith(skipMark)) this.#reasons.add(line.slice(skipMark.length));
    }
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    // Where something has failed, what comes after it is skipped, too.
    const skipped = modules.filter((module) => module.ok()).flatMap(skippedIn);
    // A test that goes on without a part of itself gives a reason, too.
    if (skipped.length + this.#reasons.size === 0) return;
    if (this.#vitest?.config.testNamePattern !== undefined) return;
    const why = [...this.#reasons].map((reason) => `  because ${reason}`);
    console.error([`${skipped.length} tests were skipped:`, ...skipped, ...why].join('\n'));
    if ((process.env['POSTHORN_TEST_COMPLETE'] ?? '') === '') return;
    console.error('The run fails because POSTHORN_TEST_COMPLETE is set: no test may be skipped.');
    process.exitCode = 1;
  }
}

function skippedIn(module: TestModule): string[] {
  return [...module.children.allTests('skipped')].map((test) => {
    const { note } = test.result() as { readonly note?: string };
    return `  ${module.relativeModuleId}: ${test.fullName}${note === undefined ? '' : ` (${note})`}`;
  });
}
