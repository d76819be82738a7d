import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { type CheckResult, CheckStatus } from '@stryker-mutator/api/check';
import type { Mutant, MutantResult } from '@stryker-mutator/api/core';
import { declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin';
import type { DryRunCompletedEvent } from '@stryker-mutator/api/report';
import type { Status } from '../mutant.ts';
import { chosenVariable, nameOf, type Told } from './protocol.ts';

/*
 * Stryker runs whole files. As a checker this leaves those mutants out that were not chosen; as a reporter it tells the parent of
 * each mutant as soon as it is tested, so that a run that is stopped has something to show.
 */

const statuses: Readonly<Record<MutantResult['status'], Status>> = {
  Killed: 'killed',
  Survived: 'survived',
  Timeout: 'timeout',
  NoCoverage: 'no coverage',
  CompileError: 'invalid',
  RuntimeError: 'invalid',
  Ignored: 'no coverage',
  Pending: 'no coverage',
};

let chosen: ReadonlySet<string> | undefined;

const checker = {
  async init(): Promise<void> {
    chosen = new Set(
      JSON.parse(readFileSync(process.env[chosenVariable] ?? '', 'utf8')) as string[],
    );
  },
  async check(asked: Mutant[]): Promise<Record<string, CheckResult>> {
    return Object.fromEntries(asked.map((mutant) => [mutant.id, checked(mutant)]));
  },
  /** All at once: it takes no time. */
  async group(asked: Mutant[]): Promise<string[][]> {
    return [asked.map(({ id }) => id)];
  },
};

function checked(mutant: Mutant): CheckResult {
  return chosen?.has(nameInTree(mutant)) === true
    ? { status: CheckStatus.Passed }
    : { status: CheckStatus.CompileError, reason: 'not chosen' };
}

const reporter = {
  onDryRunCompleted({ timing }: DryRunCompletedEvent): void {
    tell({ kind: 'ready', ms: timing.net + timing.overhead });
  },
  onMutantTested(result: Readonly<MutantResult>): void {
    if (result.status === 'CompileError' && result.statusReason === 'not chosen') return;
    // What runs when a module is loaded: left out, which is not to say that no test reaches it.
    if (result.status === 'Ignored') return;
    // In results lines and columns count from 1.
    const { start, end } = result.location;
    const location = { start: fromZero(start), end: fromZero(end) };
    const name = nameInTree({ ...result, location });
    const detail = result.killedBy?.join(' ') ?? result.statusReason ?? '';
    tell({ kind: 'tested', name, status: statuses[result.status], detail });
  },
};

function fromZero({ line, column }: Mutant['location']['start']): Mutant['location']['start'] {
  return { line: line - 1, column: column - 1 };
}

function nameInTree(mutant: Mutant | MutantResult): string {
  return nameOf({ ...mutant, fileName: relative(process.cwd(), mutant.fileName) } as Mutant);
}

function tell(told: Told): void {
  process.send?.(told);
}

export const strykerPlugins = [
  declareValuePlugin(PluginKind.Checker, 'chosen', checker),
  declareValuePlugin(PluginKind.Reporter, 'parent', reporter),
];
