// WebSocket and server-sent events through the gateway, by clients that are not ours.

import { EventSource } from 'eventsource';
import WebSocket from 'ws';

import { check, same } from './report.mjs';

const gateway = process.env.PUBLIC;
const credential = `Basic ${Buffer.from(`${process.env.USERNAME}:${process.env.PASSWORD}`).toString('base64')}`;

function open(path, headers) {
  const socket = new WebSocket(gateway.replace('http', 'ws') + path, ['echo.v1'], { headers });
  const messages = [];
  const waiting = [];
  socket.on('message', (data, isBinary) => {
    const message = isBinary ? data : data.toString();
    const next = waiting.shift();
    if (next) next(message);
    else messages.push(message);
  });
  const next = () =>
    messages.length > 0 ? Promise.resolve(messages.shift()) : new Promise((resolve) => waiting.push(resolve));
  return { socket, next };
}

const opened = (socket) =>
  new Promise((resolve, reject) => {
    socket.on('open', resolve);
    socket.on('error', reject);
    socket.on('unexpected-response', (_, response) => reject(new Error(`status ${response.statusCode}`)));
  });

const soon = (promise) =>
  Promise.race([promise, new Promise((_, reject) => setTimeout(() => reject(new Error('nothing came')), 15_000).unref())]);

await check('WebSocket: text, binary, ping and close go both ways', async () => {
  const { socket, next } = open('/ws/chat?room=1', { authorization: credential });
  await soon(opened(socket));
  same(socket.protocol, 'echo.v1', 'the subprotocol');
  const [path, scheme, token] = (await soon(next())).split(' ');
  same([path, scheme, token.split('.').length], ['/ws/chat?room=1', 'Bearer', 3], 'what the server saw');
  for (let index = 0; index < 200; index += 1) {
    socket.send(`message ${index}`);
    same(await soon(next()), `message ${index}`, 'an answer');
  }
  const big = Buffer.alloc(2 * 1024 * 1024, 7);
  socket.send(big);
  same((await soon(next())).equals(big), true, 'two megabytes');
  const pong = new Promise((resolve) => socket.on('pong', (data) => resolve(data.toString())));
  socket.ping('are you there');
  same(await soon(pong), 'are you there', 'the pong');
  const closed = new Promise((resolve) => socket.on('close', (code, reason) => resolve([code, reason.toString()])));
  socket.send('close');
  same(await soon(closed), [4001, 'as asked'], 'the close');
});

await check('WebSocket: without a credential it is 401', async () => {
  const { socket } = open('/ws/chat', {});
  const error = await soon(opened(socket).then(() => null, (error) => error));
  same(error?.message, 'status 401', 'the answer');
});

await check('WebSocket: fifty at once', async () => {
  const all = Array.from({ length: 50 }, async (_, index) => {
    const { socket, next } = open('/ws/many', { authorization: credential });
    await soon(opened(socket));
    await soon(next());
    socket.send(`${index}`);
    same(await soon(next()), `${index}`, 'an answer');
    socket.close();
  });
  await Promise.all(all);
});

await check('events come one by one, and the client comes back where it was', async () => {
  const source = new EventSource(`${gateway}/events/orders`, {
    fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, authorization: credential } }),
  });
  const seen = [];
  const done = new Promise((resolve, reject) => {
    source.addEventListener('error', (error) => error.code && reject(new Error(`status ${error.code}`)));
    source.addEventListener('message', (event) => {
      const { id, sent } = JSON.parse(event.data);
      seen.push({ id, late: Date.now() - sent });
      if (seen.length === 6) resolve();
    });
  });
  await soon(done);
  source.close();
  same(seen.map(({ id }) => id), [1, 2, 3, 4, 5, 6], 'the events');
  const worst = Math.max(...seen.map(({ late }) => late));
  if (worst > 250) throw new Error(`an event came ${worst} ms after it was sent`);
});
