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
    const detail = 'The request line and headers are larger than 16 KiB';
    return { kind: 'headers_too_large', detail };
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    const detail = 'The request did not arrive within 30 s';
    return { kind: 'request_timeout', detail };
  }
  return {
    kind: 'invalid_request',
    detail: 'The request is not valid HTTP/1.1',
  };
}
