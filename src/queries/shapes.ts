import { z } from 'zod';

/** RFC 3339 in UTC, as Postgres' times come from the query pool. */
export const time = z.string().meta({ format: 'date-time' });

/** A UUID in lower case with dashes, which Postgres has made or checked. */
export const uuid = z.string().meta({ format: 'uuid' });

/** A 64-bit integer as text: JSON readers take numbers for doubles. */
export const bigintText = z.string().meta({ pattern: '^-?[0-9]+$' });
