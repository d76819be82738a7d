// Pure: no I/O, no clock, no randomness.

/** A file that `posthorn init` writes. */
export interface PlannedFile {
  /** From the folder of the application, with slashes. */
  readonly path: string;
  /** What it is, in a few words. */
  readonly what: string;
  /** It holds {@link mark}, so that it is known again. */
  readonly text: string;
  /** Only its owner may read it, and nothing overwrites it. */
  readonly isPrivate?: boolean;
}

/** What stands in every file, in a comment. */
export const mark = 'Made by "posthorn init".';

/** Knows what files are made of: when, by which version, and what is there. */
export interface Moment {
  /** YYYYMMDDHHMMSS, as most migration tools number their files. */
  readonly stamp: string;
  readonly unixMs: number;
  readonly version: string;
}
