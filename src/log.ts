import { pino } from 'pino';
import type { Config } from './config/config.ts';

/** What the rest of the code needs of a logger; pino's is one. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** Whether such lines come out; without it, they do. */
  isLevelEnabled?(level: 'info'): boolean;
}

/** JSON lines on stdout. Bodies, secrets and query strings are never passed to it. */
export function createLog(level: Config['logLevel']): Log {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime });
}
