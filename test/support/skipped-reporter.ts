import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node';
import { skipMark } from '../../harness/can-run.ts';

/**
 * Lists the tests that were skipped, and why. With POSTHORN_TEST_COMPLETE in the environment, which .ci/run sets, the run then fails: a
 * gate that loses a tool would else lose the tests that need it, and stay green. POSTHORN_TEST_WITHOUT names Debian packages (and
 * helm, which is not in Debian), separated by blanks, that this machine cannot have: tests that are skipped for want of them do not
 * fail the run.
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
    const without = (process.env['POSTHORN_TEST_WITHOUT'] ?? '').split(' ');
    const isExcused = (reason: string) =>
      without.includes(
        /(?:Debian has it in|See CONTRIBUTING\.md for) (\S+)\.$/.exec(reason)?.[1] ?? '-',
      );
    const isNoted = modules.some((module) => notesIn(module).length > 0);
    if (this.#reasons.size > 0 && [...this.#reasons].every(isExcused) && !isNoted) return;
    console.error('The run fails because POSTHORN_TEST_COMPLETE is set: no test may be skipped.');
    process.exitCode = 1;
  }
}

function skippedIn(module: TestModule): string[] {
  return [...module.children.allTests('skipped')].map((test) => {
    const note = noteOf(test);
    return `  ${module.relativeModuleId}: ${test.fullName}${note === undefined ? '' : ` (${note})`}`;
  });
}

/** What tests said that skipped themselves. */
function notesIn(module: TestModule): string[] {
  return [...module.children.allTests('skipped')].flatMap((test) => noteOf(test) ?? []);
}

function noteOf(test: TestCase): string | undefined {
  const { note } = test.result() as { readonly note?: string };
  return note;
}
