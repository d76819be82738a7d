import type pg from 'pg';

/** What pg's connection has for COPY, and its types leave out. */
interface CopyConnection {
  query(statement: string): void;
  sendCopyFromChunk(chunk: Uint8Array): void;
  endCopyFrom(): void;
}

/** COPY … FROM STDIN of a text, for pg, whose own queries refuse to send data. */
export class CopyIn {
  readonly #statement: string;
  readonly #lines: string;
  readonly #ended = Promise.withResolvers<void>();

  private constructor({ statement, lines }: { statement: string; lines: string }) {
    this.#statement = statement;
    this.#lines = lines;
  }

  /** Resolves when all lines have been taken, and rejects with Postgres' error when one was not. */
  static run(
    client: pg.Client,
    copy: { readonly statement: string; readonly lines: string },
  ): Promise<void> {
    const copying = new CopyIn(copy);
    client.query(copying as unknown as pg.Submittable);
    return copying.#ended.promise;
  }

  // What a client calls on a query under way.
  submit(connection: CopyConnection): void {
    connection.query(this.#statement);
  }

  handleCopyInResponse(connection: CopyConnection): void {
    connection.sendCopyFromChunk(Buffer.from(this.#lines));
    connection.endCopyFrom();
  }

  handleCommandComplete(): void {}

  handleError(error: Error): void {
    this.#ended.reject(error);
  }

  handleReadyForQuery(): void {
    this.#ended.resolve();
  }
}
