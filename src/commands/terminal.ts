/** The terminal that a command prints to. */
export interface Terminal {
  readonly isTerminal: boolean;
  readonly hasColours: boolean;
  readonly columns: number;
}

/** Uses colours only on a terminal, and if the user has not turned them off (https://no-color.org). */
export function terminalOf(stream: NodeJS.WriteStream): Terminal {
  const isTerminal = stream.isTTY === true;
  return {
    isTerminal,
    hasColours: isTerminal && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb',
    columns: isTerminal ? stream.columns : Number.POSITIVE_INFINITY,
  };
}

/** Prints a text, or a value as JSON in one line. */
export function print(value: string | object): void {
  process.stdout.write(`${typeof value === 'string' ? value : JSON.stringify(value)}\n`);
}

/** Exits quietly on EPIPE: the reader (such as `head`) closed the pipe. */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
}

const barWidth = 24;

/** A line that is redrawn in place; it is shown only on a terminal. */
export class ProgressBar {
  readonly #stream = process.stderr;
  readonly #isShown = terminalOf(process.stderr).isTerminal;

  draw({ done, total, text }: { done: number; total: number; text: string }): void {
    if (!this.#isShown) return;
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const filled = Math.round(share * barWidth);
    const bar = '█'.repeat(filled) + '░'.repeat(barWidth - filled);
    const line = `${bar} ${String(Math.floor(share * 100)).padStart(3)} %  ${text}`;
    this.#stream.write(`\r\u001B[2K${line.slice(0, (this.#stream.columns ?? 80) - 1)}`);
  }

  clear(): void {
    if (this.#isShown) this.#stream.write('\r\u001B[2K');
  }
}
