import { z } from 'zod';

/** A time as the query pool returns it: RFC 3339 in UTC. */
export const time = z.string().meta({ format: 'date-time' });

/** A UUID in lower case with dashes, made or checked by Postgres. */
export const uuid = z.string().meta({ format: 'uuid' });

/** A 64-bit integer as text, because JSON readers parse numbers as doubles. */
export const bigintText = z.string().meta({ pattern: '^-?[0-9]+$' });
