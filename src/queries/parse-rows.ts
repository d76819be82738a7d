import { type Interceptor, type QueryResultRow, SchemaValidationError } from 'slonik';

/**
 * Checks each row against the schema of its statement; slonik leaves that to an interceptor. A row that does not fit
 * throws SchemaValidationError: the database's schema is not the one of this version.
 */
export const parseRows: Interceptor = {
  name: 'parse-rows',
  transformRow: (context, query, row) => {
    const result = context.resultParser?.['~standard'].validate(row);
    if (result === undefined) return row;
    if (result instanceof Promise) {
      throw new TypeError("A row's schema must be synchronous: this one is not");
    }
    if (result.issues !== undefined) throw new SchemaValidationError(query, row, result.issues);
    return result.value as QueryResultRow;
  },
};
