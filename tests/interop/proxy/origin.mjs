// An origin of node: writes down every request with its headers, and sends events below /events.

import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [port, log] = process.argv.slice(2);

createServer((request, response) => {
  appendFileSync(log, `${JSON.stringify([request.method, request.url, request.rawHeaders])}\n`);
  if (request.url.startsWith('/events')) {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    // Three events, then the end: a client comes back and says where it was.
    let id = Number(request.headers['last-event-id'] ?? 0);
    let left = 3;
    const timer = setInterval(() => {
      id += 1;
      left -= 1;
      response.write(`id: ${id}\ndata: ${JSON.stringify({ id, sent: Date.now() })}\n\n`);
      if (left === 0) {
        clearInterval(timer);
        response.end();
      }
    }, 300);
    response.write('retry: 100\n\n');
    request.on('close', () => {});
    response.on('close', () => clearInterval(timer));
    return;
  }
  request.on('data', () => {});
  request.on('end', () => response.end('node'));
}).listen(Number(port), '127.0.0.1');
