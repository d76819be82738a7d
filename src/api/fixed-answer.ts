import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context } from 'hono';
import type { ApiEnv } from './api-env.ts';
import { securityHeaders } from './security-headers.ts';

/** An answer that is always the same. */
export interface FixedAnswer {
  readonly bytes: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Answers with bytes that all answers share. A Response would copy them for each request, and a slow reader would keep its copy
 * in memory.
 */
export function answerFixed(c: Context<ApiEnv>, { bytes, headers }: FixedAnswer): Response {
  const { outgoing } = c.env;
  outgoing.writeHead(200, {
    ...securityHeaders,
    ...headers,
    'X-Request-Id': c.var.requestId,
    'Content-Length': bytes.length,
  });
  outgoing.end(bytes);
  return RESPONSE_ALREADY_SENT;
}
