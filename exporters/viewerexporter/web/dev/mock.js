// A small stand-in for the API, with a shop of three services, for `npm run dev` without a collector.

const services = ['gateway', 'orders', 'payments'];
const start = Date.now() - 40 * 60_000;
let seed = 7;
const random = () => ((seed = (seed * 1103515245 + 12345) & 0x7fffffff), seed / 0x7fffffff);
const hex = (n) => Array.from({ length: n }, () => Math.floor(random() * 16).toString(16)).join('');

const all = [];
let id = 1;
function request(t, slow) {
  const r = `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`;
  const trace = hex(32);
  const bad = random() < 0.06;
  const pay = (slow ? 0.9 : 0.06) + random() * 0.08;
  const add = (at, service, over) =>
    all.push({ id: String(id++), kind: 'log', time: new Date(t + at * 1000).toISOString(), level: 'info', service, body: '', request: r, trace, attributes: { 'request.id': r }, resource: { 'service.name': service, 'host.name': `host-${services.indexOf(service) + 1}` }, ...over });
  const root = hex(16);
  add(0, 'gateway', { kind: 'span', level: 'unset', body: 'POST /orders', duration: pay + 0.09, status: bad ? 'error' : 'ok', span: root, attributes: { 'http.response.status_code': bad ? 502 : 202 } });
  add(0.001, 'gateway', { body: 'request received', event: 'request_received', attributes: { 'request.id': r, 'url.path': '/orders', 'http.request.method': 'POST' } });
  add(0.02, 'orders', { kind: 'span', level: 'unset', body: 'create order', duration: pay + 0.05, status: 'ok', span: hex(16), parent: root });
  add(0.03, 'orders', { body: `order ${1000 + id} of 3 items, total 41.90`, attributes: { 'request.id': r, 'order.items': 3 } });
  add(0.035, 'orders', { level: 'debug', body: 'reserved stock' });
  add(0.05, 'payments', { kind: 'span', level: 'unset', body: 'charge card', duration: pay, status: bad ? 'error' : 'ok', span: hex(16), parent: root });
  if (slow) add(0.3, 'payments', { level: 'warn', body: 'the bank is slow: retry 1 of 3' });
  add(0.05 + pay, 'payments', bad ? { level: 'error', body: 'card refused: connection reset by the bank', attributes: { 'request.id': r, 'exception.type': 'BankError', 'exception.message': 'connection reset', 'exception.stacktrace': 'BankError: connection reset\n    at charge (bank.js:41)\n    at pay (pay.js:12)' } } : { body: 'charged 41.90 EUR' });
  add(0.09 + pay, 'gateway', { level: bad ? 'error' : 'info', body: bad ? 'POST /orders 502' : 'POST /orders 202', duration: pay + 0.09 });
}
for (let t = start; t < Date.now(); t += 900 + random() * 900) request(t, Math.floor((t - start) / 300_000) % 4 === 3);
all.push({ ...all[all.length - 1], id: String(id++), level: 'warn', body: '<script>alert(1)</script> \u001b[31mred\u001b[0m \u202egnp.exe', attributes: {} });

const resolve = (text, otherwise) => {
  if (!text) return otherwise;
  const m = /^now(?:-(\d+)([smh]))?$/.exec(text);
  if (m) return Date.now() - (m[1] ? Number(m[1]) * { s: 1e3, m: 6e4, h: 36e5 }[m[2]] : 0);
  return /^[\d.]+$/.test(text) ? Number(text) : Date.parse(text);
};
const at = (r) => Date.parse(r.time);
const rank = ['unset', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'];

function matcher(query) {
  if (/[()]$/.test(query) && !query.startsWith('(')) throw { title: 'query can\u2019t be read', status: 400, detail: 'a closing parenthesis without one that opens', at: query.length - 1 };
  const terms = query.replace(/[()]/g, ' ').split(/\s+/).filter(Boolean).map((t) => {
    const not = t.startsWith('-');
    const m = /^-?"?([^:>"]+)"?(:|>=)"?([^"]*)"?$/.exec(t);
    const test = !m
      ? (r) => JSON.stringify([r.body, r.attributes]).toLowerCase().includes(t.replace(/^-|"/g, '').toLowerCase())
      : m[2] === '>='
        ? (r) => rank.indexOf(r.level) >= rank.indexOf(m[3])
        : (r) => String({ service: r.service, level: r.level, request: r.request, trace: r.trace }[m[1]] ?? r.attributes[m[1]] ?? r.resource[m[1]]) === m[3];
    return (r) => test(r) !== not;
  });
  return (r) => terms.every((t) => t(r));
}

function select(p) {
  const ok = matcher(p.get('query') ?? '');
  const from = resolve(p.get('from'), Date.now() - 36e5);
  const to = resolve(p.get('to'), Date.now());
  return all.filter((r) => at(r) >= from && at(r) < to && ok(r)).sort((a, b) => at(b) - at(a));
}

const calls = {
  status: () => ({ version: 'mock', now: new Date().toISOString(), store: { records: all.length, spans: 0, series: 4, bytes: 3e6, max_bytes: 5e8, oldest: new Date(start).toISOString(), newest: new Date().toISOString() }, received: all.length, left_out: 0 }),
  records(p) {
    const list = p.get('order') === 'oldest' ? select(p).reverse() : select(p);
    const skip = Number(p.get('cursor') ?? 0);
    const limit = Number(p.get('limit') ?? 100);
    return { records: list.slice(skip, skip + limit), ...(list.length > skip + limit ? { next: String(skip + limit) } : {}), complete: true };
  },
  volume(p) {
    const from = resolve(p.get('from'), 0);
    const to = resolve(p.get('to'), 0);
    const step = Math.max(10, Math.ceil((to - from) / 120 / 1000) * 1000);
    const first = Math.floor(from / step) * step;
    const n = Math.ceil((to - first) / step);
    const list = select(p);
    const of = {};
    for (const r of list) ((of[r.level] ??= new Array(n).fill(0))[Math.floor((at(r) - first) / step)]++);
    return { from: first, step, levels: Object.entries(of).map(([level, counts]) => ({ level, counts })), total: list.length, complete: true };
  },
  facets(p) {
    const list = select(p);
    const count = (field, f) => {
      const n = {};
      list.forEach((r) => f(r) !== undefined && (n[f(r)] = (n[f(r)] ?? 0) + 1));
      return { field, values: Object.entries(n).map(([value, c]) => ({ value, count: c })).sort((a, b) => b.count - a.count).slice(0, 8), others: 0 };
    };
    return { facets: [count('service', (r) => r.service), count('level', (r) => r.level), count('http.request.method', (r) => r.attributes['http.request.method']), count('host.name', (r) => r.resource['host.name'])], counted: list.length, complete: true };
  },
  completions(p) {
    const text = p.get('query').slice(0, Number(p.get('at') ?? 1e9));
    const word = /[^\s()]*$/.exec(text)[0];
    const fields = ['service', 'level', 'request', 'duration', 'host.name'].filter((f) => f.startsWith(word)).map((t) => ({ text: t, kind: 'field' }));
    const value = /^service:(.*)$/.exec(word);
    if (value) return { from: text.length - value[1].length, to: text.length, completions: services.filter((s) => s.startsWith(value[1])).map((s) => ({ text: s, kind: 'value', count: 100 })) };
    return { from: text.length - word.length, to: text.length, completions: fields };
  },
  story(p) {
    const list = all.filter((r) => (p.get('request') ? r.request === p.get('request') : r.trace === p.get('trace'))).sort((a, b) => at(a) - at(b));
    if (list.length === 0) throw { title: 'there is no such request', status: 404, detail: 'it is not there, or no longer' };
    const from = at(list[0]);
    const lanes = [];
    for (const r of list) {
      let lane = lanes.find((l) => l.service === r.service);
      if (!lane) lanes.push((lane = { service: r.service, errors: 0, parts: [] }));
      const bad = r.level === 'error' || r.status === 'error';
      lane.errors += bad ? 1 : 0;
      lane.parts.push({ record: r.id, kind: r.kind, offset: (at(r) - from) / 1000, ...(r.kind === 'span' ? { duration: r.duration, depth: 0 } : {}), text: String(r.body), level: bad ? 'error' : r.level });
    }
    return { request: list[0].request, traces: [list[0].trace], from: list[0].time, to: new Date(Math.max(...list.map((r) => at(r) + (r.kind === 'span' ? r.duration : 0) * 1000))).toISOString(), lanes, records: list, complete: true };
  },
  metrics: () => ({
    metrics: [
      { name: 'http_server_request_duration_seconds', type: 'histogram', unit: 's', help: 'How long requests take', labels: ['service_name'], series: 3, exemplars: true, expression: 'duration' },
      { name: 'http_server_requests_total', type: 'counter', labels: ['service_name'], series: 3, expression: 'requests' },
      { name: 'process_memory_bytes', type: 'gauge', unit: 'By', series: 3, expression: 'memory' },
    ],
  }),
  series(p) {
    const from = resolve(p.get('from'), 0);
    const to = resolve(p.get('to'), 0);
    const step = Math.max(1000, (to - from) / 200);
    const kind = p.get('expression');
    const slow = (t) => Math.floor((t - start) / 300_000) % 4 === 3;
    const line = (labels, f) => {
      const points = [];
      for (let t = Math.max(from, start); t < Math.min(to, Date.now()); t += step) points.push([t, f(t)]);
      return { labels, points };
    };
    const wave = (t, k) => 1 + 0.2 * Math.sin(t / 47_000 + k) + 0.1 * Math.sin(t / 13_000 + 2 * k);
    const series =
      kind === 'duration'
        ? ['0.5', '0.9', '0.99'].map((quantile, k) => line({ quantile }, (t) => [0.11, 0.16, 0.2][k] * wave(t, k) + (slow(t) ? 0.8 : 0)))
        : services.map((service_name, k) => line({ service_name }, (t) => (kind === 'memory' ? 5e7 * (k + 1) : 1.2 - k * 0.2) * wave(t, k)));
    const exemplars = kind === 'duration' ? all.filter((r) => r.body === 'POST /orders' && at(r) >= from && at(r) < to && random() < 0.03).map((r) => ({ time: at(r), value: r.duration, labels: {}, request: r.request, trace: r.trace })) : [];
    return { series, exemplars, more: 0 };
  },
  pipeline: () => ({
    at: new Date().toISOString(),
    pipelines: [
      { id: 'logs', receivers: ['otlp', 'logfmt', 'stdout_tail'], processors: ['memory_limiter', 'request_id', 'redact'], exporters: ['viewer', 'forward', 'worm_s3'] },
      { id: 'logs/stories', receivers: ['forward'], processors: ['event_fold'], exporters: ['viewer'] },
    ],
    components: [
      { id: 'otlp', kind: 'receiver', out: 812, failed: 0, values: [] },
      { id: 'logfmt', kind: 'receiver', out: 140, values: [] },
      { id: 'stdout_tail', kind: 'receiver', out: 90, values: [{ name: 'checkpoint\u2019s age', value: 0.4, unit: 's' }] },
      { id: 'redact', kind: 'processor', in: 1042, out: 1042, values: [{ name: 'secrets', value: 12, labels: { detector: 'EMAIL' } }] },
      { id: 'event_fold', kind: 'processor', in: 1042, out: 88, values: [{ name: 'folds open', value: 31 }] },
      { id: 'forward', kind: 'connector', in: 1042, out: 1042, values: [] },
      { id: 'viewer', kind: 'exporter', in: 1042, out: 1042, failed: 0, values: [] },
      { id: 'worm_s3', kind: 'exporter', in: 1042, out: 900, failed: 3.2, values: [{ name: 'spool\u2019s fill', value: 0.87, unit: '1', bad: true }] },
    ],
  }),
};

function tail(request, response, p) {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  let cursor = Number(request.headers['last-event-id'] ?? p.get('cursor') ?? 0) || all.length;
  const timer = setInterval(() => {
    if (random() < 0.3) request_(Date.now());
    const ok = matcher(p.get('query') ?? '');
    const fresh = all.slice(cursor).filter(ok);
    cursor = all.length;
    if (fresh.length > 0) response.write(`event: records\nid: ${cursor}\ndata: ${JSON.stringify({ records: fresh.slice(0, 50), matched: fresh.length, shown: Math.min(50, fresh.length), left_out: 0, cursor: String(cursor) })}\n\n`);
  }, 100);
  request.on('close', () => clearInterval(timer));
}
const request_ = request;

export const mock = () => ({
  name: 'mock',
  configureServer(server) {
    server.middlewares.use((request, response, next) => {
      const url = new URL(request.url, 'http://x');
      const found = /^\/api\/v1\/([a-z]+)(?:\/(.+))?$/.exec(url.pathname);
      if (!found) return next();
      try {
        if (found[1] === 'tail') return tail(request, response, url.searchParams);
        const body = found[2] ? all.find((r) => r.id === found[2]) : calls[found[1]](url.searchParams);
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify(body));
      } catch (wrong) {
        response.statusCode = wrong.status ?? 500;
        response.end(JSON.stringify(wrong.status ? wrong : { title: String(wrong), status: 500 }));
      }
    });
  },
});
