import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Problem, problemJson } from '../input/problem.ts';
import { problemKinds } from '../input/problems.ts';
import { securityHeaders } from './security-headers.ts';

/** Answers a request that Node could not even read, in the form of all other problems, and closes the connection. */
export function answerClientError(error: Error, socket: Duplex): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const problem = problemOf(Reflect.get(error, 'code'));
  const { status } = problemKinds[problem.kind];
  const body = problemJson(problem, randomUUID());
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n` +
      'Content-Type: application/problem+json\r\n' +
      Object.entries(securityHeaders)
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join('') +
      `Content-Length: ${Buffer.byteLength(body)}\r\n` +
      `Connection: close\r\n\r\n${body}`,
  );
}

function problemOf(code: unknown): Problem {
  if (code === 'HPE_HEADER_OVERFLOW') {
    const detail =
      'Cannot read the request as its line and headers must be at most 16 KiB: they are larger';
    return { kind: 'headers_too_large', detail };
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    const detail = 'Cannot read the request as it must arrive within 30 s: it did not';
    return { kind: 'request_timeout', detail };
  }
  return {
    kind: 'invalid_request',
    detail: 'Cannot read the request as it must be valid HTTP/1.1: it is not',
  };
}
