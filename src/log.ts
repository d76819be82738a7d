import { pino } from 'pino';
import type { Config } from './config/config.ts';

/** The interface of a logger that the code needs; pino's fits. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** Whether such lines are written; if it is missing, they are. */
  isLevelEnabled?(level: 'info'): boolean;
}

/** Makes a logger that writes JSON lines to stdout. Bodies, secrets and query strings are never passed to it. */
export function createLog(level: Config['logLevel']): Log {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime });
}
