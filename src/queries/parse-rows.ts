import { type Interceptor, type QueryResultRow, SchemaValidationError } from 'slonik';

/**
 * Holds each row to the schema of its statement; slonik leaves that to an interceptor.
 *
 * A row that does not fit throws SchemaValidationError: the schema of the database is not the one of this version.
 */
export const parseRows: Interceptor = {
  name: 'parse-rows',
  transformRow: (context, query, row) => {
    const result = context.resultParser?.['~standard'].validate(row);
    if (result === undefined) return row;
    if (result instanceof Promise) {
      throw new TypeError('Cannot parse a row as its schema must be synchronous: it is not');
    }
    if (result.issues !== undefined) throw new SchemaValidationError(query, row, result.issues);
    return result.value as QueryResultRow;
  },
};
