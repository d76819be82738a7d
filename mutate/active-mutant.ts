import { inject } from 'vitest';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The id of the mutant that Stryker runs now. */
    activeMutant: string | undefined;
  }
}

// Mutated code reads this where Stryker has not set its global: in `posthorn start` as the tests of crashes run it, and while modules
// are loaded. Stryker sets its global before they are only if it is given no list of test files.
const id = inject('activeMutant');
if (id === undefined) delete process.env['__STRYKER_ACTIVE_MUTANT__'];
else process.env['__STRYKER_ACTIVE_MUTANT__'] = id;
