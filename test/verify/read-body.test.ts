import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { Readable } from 'node:stream';
import { serve } from '@hono/node-server';
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type NodeRequest,
  verifyNodeRequest,
  verifyRequest,
  WebhookVerificationError,
} from '../../src/verify/index.ts';
import { body, id, signedAsSent } from './signed.ts';

// How the raw body is read, and what is said when that cannot be done.

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

describe('a body that a parser has read before', () => {
  it('is reported by Express with the remedy', async () => {
    const app = express();
    app.use(express.json());
    app.post('/hook', async (request, response) => {
      await verifyNodeRequest(request, { secret });
      response.sendStatus(204);
    });
    const { status, text } = await postTo(app.listen(0));
    expect(status).toBe(500);
    expect(text).toContain('something has read it before');
    expect(text).toContain('verify before express.json() runs');
  });

  it('is reported by Fastify with the remedy', async () => {
    const app = Fastify();
    app.post('/hook', async (request, reply) => {
      await verifyNodeRequest(request, { secret });
      return reply.code(204).send();
    });
    await app.listen({ port: 0 });
    const { status, text } = await postTo(app.server);
    await app.close();
    expect(status).toBe(500);
    expect(text).toContain('addContentTypeParser');
  });

  it('is reported by Hono with the remedy', async () => {
    const app = new Hono();
    app.post('/hook', async (c) => {
      await c.req.json();
      await verifyRequest(c.req.raw, { secret });
      return c.body(null, 204);
    });
    const { status, text } = await postTo(serve({ fetch: app.fetch, port: 0 }) as Server);
    expect(status).toBe(500);
    expect(text).toContain('call verifyRequest() before request.json()');
  });

  it.each<[string, express.RequestHandler]>([
    ['express.raw()', express.raw({ type: () => true })],
    ['express.text()', express.text({ type: () => true })],
    [
      'express.json() that keeps the raw body',
      express.json({
        verify: (request, _response, raw) => Object.assign(request, { rawBody: raw }),
      }),
    ],
    ['express.json() for other types', express.json({ type: 'application/other' })],
  ])('is taken as it came from %s', async (_, parser) => {
    const app = express();
    app.use(parser);
    app.post('/hook', async (request, response) => {
      response.send((await verifyNodeRequest(request, { secret })).id);
    });
    expect(await postTo(app.listen(0))).toEqual({ status: 200, text: id });
  });
});

describe('a request of fetch', () => {
  const signed = signedAsSent({ secrets: [secret] });
  const request = (init: RequestInit) =>
    new Request('http://receiver.example/', {
      method: 'POST',
      headers: signed.headers,
      duplex: 'half',
      ...init,
    } as RequestInit);
  const pieces = (
    parts: readonly Uint8Array[],
    end: (to: ReadableStreamDefaultController) => void,
  ) =>
    new ReadableStream({
      start(controller) {
        for (const part of parts) controller.enqueue(part);
        end(controller);
      },
    });

  it('is read in pieces', async () => {
    const bytes = new TextEncoder().encode(body);
    const stream = pieces([bytes.subarray(0, 7), bytes.subarray(7)], (to) => to.close());
    expect((await verifyRequest(request({ body: stream }), { secret })).id).toBe(id);
  });

  it('is not read beyond the limit', async () => {
    let read = 0;
    const endless = new ReadableStream({
      pull(controller) {
        read += 1;
        controller.enqueue(new Uint8Array(1_000));
      },
    });
    const options = { secret, maxBytes: 10_000 };
    expect(await reasonOf(verifyRequest(request({ body: endless }), options))).toBe(
      'body_too_large',
    );
    expect(read).toBeLessThan(20);
    const announced = { headers: new Headers({ 'content-length': '10001' }) };
    const unread = { ...announced, bodyUsed: false, body: null, arrayBuffer: never };
    expect(await reasonOf(verifyRequest(unread, options))).toBe('body_too_large');
  });

  it('that is too large is refused, also if its source does not let itself be ended', async () => {
    const stubborn = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(1_000)),
      cancel: () => new Promise(() => {}),
    });
    const refused = verifyRequest(request({ body: stubborn }), { secret, maxBytes: 10 });
    expect(await reasonOf(refused)).toBe('body_too_large');
  });

  it('may have as many bytes as the limit says', async () => {
    const maxBytes = Buffer.byteLength(body);
    const exact = { secret, maxBytes };
    const less = { secret, maxBytes: maxBytes - 1 };
    const whole = () => ({
      headers: new Headers(signed.headers),
      bodyUsed: false,
      arrayBuffer: async () => new Uint8Array(Buffer.from(body)).buffer,
    });
    const inNode = () => ({ headers: signed.headers, body: Buffer.from(body) });
    for (const ask of [
      (options: typeof exact) => verifyRequest(request({ body }), options),
      (options: typeof exact) => verifyRequest(whole(), options),
      (options: typeof exact) => verifyNodeRequest(inNode(), options),
    ]) {
      expect((await ask(exact)).id).toBe(id);
      expect(await reasonOf(ask(less))).toBe('body_too_large');
    }
    const announced = { headers: { 'content-length': String(maxBytes) } };
    expect(await reasonOf(verifyNodeRequest(announced, less))).toBe('body_too_large');
  });

  it('that somebody reads already is reported', async () => {
    const being = request({ body });
    being.body?.getReader();
    expect(being.bodyUsed).toBe(false);
    expect(await reasonOf(verifyRequest(being, { secret }))).toBe('body_already_read');
  });

  it('that breaks off is not taken for a whole one', async () => {
    const stream = pieces([new Uint8Array(3)], (to) => to.error(new Error('reset')));
    expect(await reasonOf(verifyRequest(request({ body: stream }), { secret }))).toBe(
      'incomplete_body',
    );
  });

  it('has no body, or no streams', async () => {
    const empty = signedAsSent({ secrets: [secret], text: '' });
    const none = { headers: new Headers(empty.headers), bodyUsed: false, arrayBuffer: never };
    const options = { secret, json: false };
    expect((await verifyRequest({ ...none, body: null }, options)).payload).toBe('');
    const whole = { headers: new Headers(signed.headers), bodyUsed: false };
    const arrayBuffer = async () => new Uint8Array(Buffer.from(body)).buffer;
    expect((await verifyRequest({ ...whole, arrayBuffer }, { secret })).id).toBe(id);
    const small = { secret, maxBytes: 3 };
    expect(await reasonOf(verifyRequest({ ...whole, arrayBuffer }, small))).toBe('body_too_large');
  });
});

describe('a request of Node', () => {
  it('that breaks off is not taken for a whole one', async () => {
    const reason = Promise.withResolvers<string>();
    const server = createServer((request) => {
      reason.resolve(reasonOf(verifyNodeRequest(request, { secret })));
    }).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"or', () =>
      socket.destroy(),
    );
    expect(await reason.promise).toBe('incomplete_body');
  });

  it('that was paused is read', async () => {
    const signed = signedAsSent({ secrets: [secret] });
    const request = Object.assign(Readable.from([Buffer.from(body)]), { headers: signed.headers });
    request.pause();
    expect((await verifyNodeRequest(request, { secret })).id).toBe(id);
  });

  it('that is no request is a TypeError', async () => {
    const nothing = { headers: signedAsSent({ secrets: [secret] }).headers } as NodeRequest;
    await expect(verifyNodeRequest(nothing, { secret })).rejects.toThrow(/this is no stream/);
  });

  it('needs a limit that is a number', async () => {
    const request = { ...signedAsSent({ secrets: [secret] }), raw: undefined };
    const options = { secret, maxBytes: Number.NaN };
    await expect(verifyNodeRequest(request, options)).rejects.toThrow(/maxBytes must be a number/);
    expect((await verifyNodeRequest(request, { secret })).id).toBe(id);
  });
});

async function postTo(server: Server): Promise<{ status: number; text: string }> {
  servers.push(server);
  if (!server.listening) await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const signed = signedAsSent({ secrets: [secret] });
  const answer = await fetch(`http://127.0.0.1:${port}/hook`, { method: 'POST', ...signed });
  return { status: answer.status, text: await answer.text() };
}

async function reasonOf(verifying: Promise<unknown>): Promise<string> {
  try {
    await verifying;
    return 'accepted';
  } catch (error) {
    if (error instanceof WebhookVerificationError) return error.reason;
    throw error;
  }
}

function never(): never {
  throw new Error('It must not be read');
}
