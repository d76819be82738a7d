import type { Log } from '../src/log.ts';

/** A log for people at a terminal: only errors, each a sentence in a line of its own. */
export function createPlainLog(print: (line: string) => void): Log {
  return {
    debug: () => {},
    info: () => {},
    warn: () => {},
    error: (fields, message) => {
      const { error } = fields as { readonly error?: unknown };
      // The error of a library may have many lines.
      const why = typeof error === 'string' ? `: ${error.split('\n', 1)[0]}` : '';
      print(`  ! ${message}${why}`);
    },
    isLevelEnabled: () => false,
  };
}
