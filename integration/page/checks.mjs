// What a person does with the viewer's page, in a real browser, and what he then reads there.
//
//   node checks.mjs SETTINGS CHECK...
//
// SETTINGS is JSON: {page, otlp, chromium, images, seconds}. For each check one line of JSON comes
// out: {check, error?, said}. page_test.go reads them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const [, , settingsText, ...wanted] = process.argv;
const settings = JSON.parse(settingsText);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const home = new URL(settings.page).origin;
const patience = 20_000; // of a machine that has much to do

const browser = await chromium.launch({ executablePath: settings.chromium, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });

/** A page of its own; what it asks of others, and what its policy refuses, is an error. */
async function open(path = '/', options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, timezoneId: 'Europe/Berlin', permissions: ['clipboard-read', 'clipboard-write'], ...options });
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  page.wrong = [];
  page.on('request', (r) => {
    const url = new URL(r.url());
    if (url.origin !== home && url.protocol !== 'data:') page.wrong.push(`asked ${url.origin}`);
  });
  page.on('pageerror', (e) => page.wrong.push(String(e.stack)));
  page.on('console', (m) => {
    if (m.type() === 'error' && !/status of 400/.test(m.text())) page.wrong.push(m.text());
  });
  page.on('dialog', (d) => {
    page.wrong.push(`a dialog: ${d.message()}`);
    void d.dismiss();
  });
  await page.goto(settings.page); // takes the token
  await page.goto(home + path);
  return page;
}

async function close(page) {
  const wrong = page.wrong;
  await page.context().close();
  assert.deepEqual(wrong, []);
}

let sequence = 0;

/** Sends lines as an SDK would. */
async function send(lines) {
  const now = BigInt(Date.now()) * 1_000_000n;
  const logRecords = lines.map((line, i) => ({
    timeUnixNano: String(now + BigInt(i)),
    severityNumber: line.severity ?? 9,
    body: { stringValue: line.body },
    attributes: Object.entries({ sequence: String(sequence++), ...line.attributes }).map(([key, value]) => ({ key, value: { stringValue: value } })),
  }));
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'checks' } }] };
  const answer = await fetch(`${settings.otlp}/v1/logs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ scope: {}, logRecords }] }] }),
  });
  assert.equal(answer.status, 200, await answer.text());
}

async function eventually(what, f, time = patience) {
  const end = Date.now() + time;
  for (;;) {
    let last;
    try {
      last = await f();
      if (last) return last;
    } catch (e) {
      last = e;
    }
    if (Date.now() > end) assert.fail(`${what}: not after ${time / 1000} s (${last})`);
    await new Promise((r) => setTimeout(r, 100));
  }
}

const rows = (page) => page.locator('#lines .row');
const bodies = (page) => page.locator('#lines .row .body').allInnerTexts();
const ready = (page) => rows(page).first().waitFor();

/** All lines of a list that has only those in view in the page. */
async function scrollThrough(page) {
  const seen = new Set();
  const list = page.locator('#lines');
  const height = await list.evaluate((e) => e.scrollHeight);
  for (let top = 0; top <= height; top += 300) {
    await list.evaluate((e, y) => (e.scrollTop = y), top);
    await page.waitForTimeout(60);
    for (const text of await bodies(page)) seen.add(text.trim());
  }
  await list.evaluate((e) => (e.scrollTop = 0));
  return seen;
}

const median = (list) => list.slice().sort((a, b) => a - b)[Math.floor(list.length / 2)];

const checks = {
  async axis(say) {
    const page = await open('/?from=now-1m&panels=shop_http_request_duration_seconds,shop_http_requests_total');
    await ready(page);
    await page.locator('.panel').nth(2).waitFor();
    assert.deepEqual(await page.locator('.panel h2').allInnerTexts(), ['shop_http_request_duration_seconds', 'shop_http_requests_total', 'lines']);
    // All charts begin and end at one place: the axis is one.
    const boxes = await Promise.all((await page.locator('.plot .u-over').all()).map((o) => o.boundingBox()));
    assert.equal(boxes.length, 3);
    for (const box of boxes) assert.deepEqual([box.x, box.width], [boxes[0].x, boxes[0].width]);

    // A drag over each chart in turn; the others show it meanwhile.
    const times = [];
    for (const chart of [0, 1, 2, 0, 1, 2, 0, 1, 2]) {
      await page.goto(`${home}/?from=now-1m&panels=shop_http_request_duration_seconds,shop_http_requests_total`);
      await ready(page);
      await page.locator('.plot .u-over').nth(2).waitFor(); // the panels push what is below them down
      const at = await eventually('chart', async () => page.locator('.plot .u-over').nth(chart).boundingBox());
      const y = at.y + at.height / 2;
      await page.mouse.move(at.x + at.width * 0.8, y);
      await page.mouse.down();
      await page.mouse.move(at.x + at.width * 0.85, y, { steps: 3 });
      await page.mouse.move(at.x + at.width * 0.9, y, { steps: 3 });
      await eventually('the selection in every chart', async () => {
        const widths = await page.locator('.plot .u-select').evaluateAll((all) => all.map((e) => e.getBoundingClientRect().width));
        return widths.length === 3 && widths.every((w) => w > at.width * 0.08);
      });
      await page.mouse.up();
      await page.waitForURL(/from=\d+&to=\d+/);
      const url = new URL(page.url());
      const [from, to] = [Number(url.searchParams.get('from')), Number(url.searchParams.get('to'))];
      assert.ok(Math.abs(to - from - 6000) < 700, `a tenth of a minute: ${to - from}`);
      const zone = new Date(to).toLocaleString('sv', { timeZone: 'Europe/Berlin' }).slice(11);
      await eventually('lines of the window', async () => (await page.locator('#lines .row .time').first().innerText()) <= `${zone}.999`);
      times.push(Number(/(\d+) ms/.exec(await page.locator('#counts').innerText())[1]));
      // Back is the window before.
      await page.goBack();
      await page.waitForURL((u) => u.searchParams.get('from') === 'now-1m');
    }
    say(`lines of a window after ${times.join(', ')} ms`);
    assert.ok(median(times) < 1000);

    // A dot leads to the story of its request.
    const dot = page.locator('.panel').first().locator('.dot').first();
    // At once, since dots are drawn anew.
    const text = await dot.evaluate((e) => {
      e.click();
      return e.getAttribute('aria-label');
    });
    await page.waitForURL(/\/story\?(request|trace)=/);
    const of = new URL(page.url()).searchParams;
    assert.ok(text.includes(of.get('request') ?? of.get('trace')), text);
    await page.locator('.lane').first().waitFor();

    // The same, for who can't see the chart.
    await page.goBack();
    await ready(page);
    await page.locator('.panel').first().getByRole('button', { name: 'Table' }).click();
    const dialog = page.getByRole('dialog');
    assert.ok((await dialog.locator('tbody tr').count()) > 3);
    await dialog.locator('.exemplars a').first().click();
    await page.waitForURL(/\/story\?(request|trace)=/);

    // Panels are chosen, and stay.
    await page.goto(`${home}/`);
    await ready(page);
    await page.locator('.chooser select').selectOption('shop_purchasing_orders_total');
    await page.waitForURL(/panels=/);
    await page.goto(`${home}/`);
    await page.getByRole('region', { name: 'shop_purchasing_orders_total' }).waitFor();
    await close(page);
  },

  async tail(say) {
    const mark = `mark${Date.now()}`;
    const page = await open(`/?query=${mark}`);
    await page.keyboard.press('t');
    await page.getByRole('button', { name: 'Pause' }).waitFor();
    await eventually('the first line', async () => {
      await send([{ body: `${mark} before` }]);
      return (await bodies(page)).some((b) => b.includes(`${mark} before`));
    });
    await page.keyboard.press('t');
    await page.getByRole('button', { name: 'Resume' }).waitFor();
    const lines = Array.from({ length: 170 }, (_, i) => ({ body: `${mark} line ${i}.` }));
    await send(lines.slice(0, 100));
    await send(lines.slice(100));
    await eventually('lines in the store', async () => {
      const answer = await page.evaluate(async (q) => (await fetch(`/api/v1/records?limit=1000&query=${q}`)).json(), mark);
      return answer.records.length > 170;
    });
    assert.ok(!(await bodies(page)).some((b) => b.includes(' line ')), 'nothing moves in a pause');
    await page.keyboard.press('t');
    await send([{ body: `${mark} after` }]);
    const seen = await eventually('all lines of the pause', async () => {
      const all = await scrollThrough(page);
      return lines.every((l) => all.has(l.body)) && all.has(`${mark} after`) && all;
    });
    const counts = await page.locator('#counts').innerText();
    const [, came, shown] = /([\d,]+) came, ([\d,]+) shown/.exec(counts);
    assert.equal(came, shown, counts);
    assert.ok(Number(came) >= 172, counts);
    say(`${seen.size} lines, ${counts.replaceAll('\n', ' ')}`);
    await page.getByRole('button', { name: 'End the live tail' }).click();
    await page.getByRole('button', { name: 'Live', exact: true }).waitFor();
    await close(page);
  },

  async story(say) {
    const page = await open('/?query=service:ordering+level:error&from=now-1h');
    await ready(page);
    const link = page.locator('#lines .row .request a').first();
    const short = await link.innerText();
    await link.click();
    await page.waitForURL(/\/story\?request=/);
    const request = new URL(page.url()).searchParams.get('request');
    assert.ok(request.startsWith(short));
    await page.locator('.lane').first().waitFor();
    const services = await page.locator('.lane-name b').allInnerTexts();
    assert.ok(services.includes('ordering') && services.includes('inventory'), String(services));
    assert.equal(new Set(services).size, services.length, 'a lane for each service');
    assert.ok((await page.locator('.part.span').count()) > 0, 'spans are laid in');
    assert.ok((await page.locator('.part.bad').count()) > 0, 'errors are marked');
    assert.match(await page.locator('.lane .badge.error').first().innerText(), /error/);
    // The records are in order, each with its offset.
    const ids = await page.locator('.story-lines .row').evaluateAll((all) => all.map((r) => r.id));
    const story = await page.evaluate(async (id) => (await fetch(`/api/v1/story?request=${id}`)).json(), request);
    assert.deepEqual(ids.slice(0, 5), story.records.slice(0, 5).map((r) => `line-${r.id}`));
    assert.match(await page.locator('.story-lines .row .time').last().innerText(), /^\+[\d.]+ (s|ms|µs|ns|min)/);
    // A part leads to its record.
    await page.locator('.part.bad').first().click();
    await page.getByRole('complementary', { name: 'The chosen record' }).waitFor();
    assert.equal(await page.locator('.story-lines .row.chosen').count(), 1);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Copy text' }).click();
    await page.getByText('The story as text copied').waitFor();
    const text = await page.evaluate(() => navigator.clipboard.readText());
    assert.ok(text.startsWith(`request ${request}\n`), text.slice(0, 200));
    assert.ok(text.split('\n').length > 5);
    await page.getByRole('button', { name: 'Copy JSON' }).click();
    await page.getByText('The story as JSON copied').waitFor();
    assert.equal(JSON.parse(await page.evaluate(() => navigator.clipboard.readText())).request, request);
    await page.getByRole('button', { name: 'Copy link' }).click();
    await page.getByText('The link copied').waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    await page.goto(copied);
    await page.getByRole('heading', { level: 1 }).getByText(request).waitFor();
    say(`${services.join(', ')}: ${ids.length} records`);
    await close(page);
  },

  async find(say) {
    const page = await open('/?from=now-1h');
    await ready(page);
    // Completion, by keys alone.
    await page.keyboard.press('/');
    await page.keyboard.type('servi');
    await page.locator('#completions li').first().waitFor();
    await page.keyboard.press('Tab');
    await eventually('the field', async () => /^service(\.name)?:$/.test(await page.locator('#query').inputValue()));
    await page.keyboard.type('ord');
    await eventually('a value', async () => (await page.locator('#completions li').first().innerText()).includes('ordering'));
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await eventually('the value', async () => /^service(\.name)?:ordering $/.test(await page.locator('#query').inputValue()));
    await page.keyboard.press('Enter');
    await page.waitForURL(/query=service/);
    await eventually('only ordering', async () => {
      const all = await page.locator('#lines .row .service').allInnerTexts();
      return all.length > 0 && all.every((s) => s === 'ordering');
    });
    // What is wrong is marked where it is wrong.
    await page.locator('#query').fill('service:ordering (level:error');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').waitFor();
    const alert = await page.getByRole('alert').innerText();
    const place = Number(/^at (\d+):/.exec(alert)[1]);
    const before = await page.locator('.query-mirror').evaluate((m) => m.firstChild?.textContent?.length);
    assert.equal(place, before + 1);
    assert.ok(await page.locator('.query-mirror mark').innerText(), alert);
    say(alert);
    await page.locator('#query').fill('');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    await ready(page);
    // Facets: a click adds, another takes away, the minus excludes.
    const facet = page.getByRole('navigation', { name: 'Frequent values' }).getByRole('region', { name: 'level' });
    await facet.getByRole('button', { name: /^error/ }).click();
    await page.waitForURL(/query=level:error/);
    await eventually('only errors', async () => {
      const all = await page.locator('#lines .row .level').allInnerTexts();
      return all.length > 0 && all.every((s) => s === 'error');
    });
    await facet.getByRole('button', { name: /^error/ }).click();
    await page.waitForURL((u) => !u.searchParams.has('query'));
    await facet.getByRole('button', { name: 'Without level info' }).click();
    await page.waitForURL(/query=-level:info/);
    await eventually('no info', async () => {
      const all = await page.locator('#lines .row .level').allInnerTexts();
      return all.length > 0 && !all.includes('info');
    });
    // A click on a value of a record.
    await page.goto(`${home}/?from=now-1h&query=service:purchasing+kind:span`);
    await ready(page);
    await rows(page).first().click();
    await page.locator('.detail').getByRole('button', { name: 'purchasing', exact: true }).first().waitFor();
    const trace = await page.locator('.detail .field', { hasText: /^trace/ }).locator('.value').innerText();
    await page.locator('.detail .field', { hasText: /^trace/ }).locator('.value').click();
    await page.waitForURL((u) => u.searchParams.get('query') === `service:purchasing kind:span trace:${trace}`);
    // From error to error.
    await page.goto(`${home}/?from=now-1h`);
    await ready(page);
    const chosen = () => page.locator('#lines .row.chosen');
    await page.keyboard.press('n');
    await chosen().waitFor();
    const first = await chosen().getAttribute('id');
    assert.match(await chosen().getAttribute('class'), /error|fatal/);
    await page.keyboard.press('n');
    await eventually('the next error', async () => (await chosen().getAttribute('id')) !== first);
    assert.match(await chosen().getAttribute('class'), /error|fatal/);
    await page.keyboard.press('p');
    await eventually('the error before', async () => (await chosen().getAttribute('id')) === first);
    // What the link says, another sees.
    const text = await chosen().locator('.body').innerText();
    await page.keyboard.press('c');
    await page.getByText('The link copied').waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(copied, /from=\d+&to=\d+/);
    const other = await open(copied.slice(home.length));
    await other.locator('.detail').waitFor();
    await eventually('the same line', async () => (await other.locator('#lines .row.chosen').count()) === 0 || (await other.locator('#lines .row.chosen .body').innerText()) === text);
    assert.match(await other.locator('.detail header').innerText(), /error|fatal/);
    await close(other);
    await close(page);
  },

  async pipeline(say) {
    const page = await open('/');
    await page.getByRole('link', { name: 'Pipelines' }).click();
    const logs = page.getByRole('region', { name: 'Pipeline logs', exact: true });
    await logs.waitFor();
    const names = async (stage) => logs.getByRole('list', { name: stage }).locator('.node-name').allInnerTexts();
    assert.deepEqual((await names('processors')).map((n) => n.split(' ')[0].replace('!', '').trim()), ['memory_limiter', 'request_id', 'redact']);
    assert.equal((await names('receivers')).length, 3);
    assert.ok((await names('exporters')).some((n) => /forward.*connector/.test(n)), 'a connector is one');
    await eventually('rates', async () => /out\s*[\d.]+k?\/s/.test(await logs.getByRole('group', { name: 'receiver otlp' }).innerText()));
    // What fails is marked, in words as well.
    const away = logs.getByRole('group', { name: /otlp_http\/away, worth a look/ });
    await away.waitFor();
    await eventually('what failed', async () => /failed\s*[\d.]+k?\/s/.test(await away.innerText()));
    assert.match(await page.locator('.health-head').innerText(), /worth a look:.*otlp_http\/away/);
    assert.match(await page.locator('.store').innerText(), /left out by the viewer\s+\d/);
    say((await away.innerText()).replaceAll('\n', ' '));
    await close(page);
  },

  async hostile(say) {
    const mark = `hostile${Date.now()}`;
    const long = 'x'.repeat(100_000);
    await send([
      { body: `${mark} <img src=x onerror="alert(1)"><script>alert(2)</script>` },
      { body: `${mark} \u001b[31mred\u001b[0m\u0007\u009b2J`, severity: 17 },
      { body: `${mark} \u202etxt.exe\u2066 zero\u200bwidth` },
      { body: `${mark} ${long}` },
      { body: `${mark} javascript:`, attributes: { '<b>field</b>': '"><svg onload=alert(3)>', 'request.id': '"><script>alert(4)</script>\u202e' } },
    ]);
    const page = await open(`/?query=${mark}`);
    await eventually('five lines', async () => {
      if ((await rows(page).count()) === 5) return true;
      await page.reload();
      await page.waitForTimeout(300);
      return false;
    });
    const texts = await bodies(page);
    assert.ok(texts.some((t) => t.includes('<img src=x onerror="alert(1)"><script>alert(2)</script>')), 'HTML is text');
    assert.ok(texts.some((t) => t.includes('⟨ESC⟩[31mred⟨ESC⟩[0m⟨BEL⟩⟨9B⟩2J')), 'escapes are seen');
    assert.ok(texts.some((t) => t.includes('⟨RLO⟩txt.exe⟨LRI⟩ zero⟨ZWSP⟩width')), 'what turns text is seen');
    assert.ok(texts.every((t) => t.length < 1000));
    assert.equal(await page.locator('#lines img, #lines script, #lines svg').count(), 0);
    assert.doesNotMatch(await page.locator('body').innerText(), /[\u001b\u202e\u2066\u009b]/);
    // All of the long line, where someone asks for it.
    await rows(page).filter({ hasText: 'xxxxxxxx' }).click();
    await page.getByRole('button', { name: /all 100,\d+ characters/ }).click();
    assert.ok((await page.locator('.detail .whole').innerText()).includes(long));
    // Names and values in attributes, and an id that would like to be HTML.
    await rows(page).filter({ hasText: 'javascript:' }).click();
    await page.locator('.detail').getByText('<b>field</b>').first().waitFor();
    assert.equal(await page.locator('.detail svg, .detail script, .detail b b').count(), 0);
    await page.locator('.detail').getByText('"><svg onload=alert(3)>').click();
    await page.waitForURL((u) => u.searchParams.get('query').includes('"<b>field</b>":"\\"><svg onload=alert(3)>"'));
    await ready(page);
    assert.equal(await rows(page).count(), 1, 'the query that a click makes finds what was clicked');
    await rows(page).first().locator('.request a').click();
    await page.locator('.lane').first().waitFor();
    await page.getByRole('heading', { level: 1 }).getByText('<script>alert(4)</script>⟨RLO⟩').waitFor();
    assert.doesNotMatch(await page.title(), /\u202e/);
    say('five lines, as text');
    await close(page);
  },

  async access(say) {
    const asked = await open('/?query=service:ordering+level:error&from=now-1h');
    await ready(asked);
    const story = await asked.locator('#lines .row .request a').first().getAttribute('href');
    await close(asked);
    const found = [];
    for (const colorScheme of ['light', 'dark']) {
      const page = await open('/', { colorScheme });
      for (const [name, path, act] of [
        ['records', '/?from=now-5m', async () => {}],
        ['a record', '/?from=now-5m', (p) => p.keyboard.press('n')],
        ['a wrong query', '/?query=a+)', async () => {}],
        ['completions', '/?from=now-5m', async (p) => (await p.keyboard.press('/'), await p.keyboard.type('s'), p.locator('#completions li').first().waitFor())],
        ['a tail', '/', (p) => p.keyboard.press('t')],
        ['a table', '/?from=now-5m', async (p) => p.getByRole('button', { name: 'Table' }).last().click()],
        ['keys', '/', async (p) => (await p.keyboard.press('?'), p.getByRole('dialog', { name: 'Keys' }).waitFor())],
        ['story', story, async (p) => (await p.locator('.part.bad').first().click(), p.locator('.detail').waitFor())],
        ['pipeline', '/pipeline', (p) => p.locator('.node').first().waitFor()],
      ]) {
        await page.goto(home + path);
        await page.locator('main').waitFor();
        if (path.startsWith('/?from')) await ready(page);
        await act(page);
        await page.waitForTimeout(400);
        // Playwright evaluates outside of the page's policy.
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
        for (const v of violations) found.push(`${colorScheme}, ${name}: ${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.html.slice(0, 160)} ${n.any.map((a) => a.message).join('; ')}`).join(' | ')}`);
      }
      await close(page);
    }
    assert.deepEqual(found, []);
    say('18 views without a violation');
  },

  async keys(say) {
    const page = await open('/?from=now-5m');
    await ready(page);
    await page.keyboard.press('?');
    const dialog = page.getByRole('dialog', { name: 'Keys' });
    await dialog.waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    await page.keyboard.press('/');
    await eventually('the query has the focus', async () => page.evaluate(() => document.activeElement?.id === 'query'));
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    assert.notEqual(await page.evaluate(() => document.activeElement?.id), 'query');
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    assert.equal(await page.locator('#lines .row.chosen').getAttribute('aria-rowindex'), '2');
    await page.keyboard.press('k');
    assert.equal(await page.locator('#lines .row.chosen').getAttribute('aria-rowindex'), '1');
    await page.keyboard.press('Escape');
    await page.locator('.detail').waitFor({ state: 'hidden' });
    await page.keyboard.press('g');
    await page.keyboard.press('p');
    await page.waitForURL(/\/pipeline/);
    await page.keyboard.press('Escape');
    await page.waitForURL((u) => u.pathname === '/');
    // What has the focus can be seen, wherever Tab leads.
    await ready(page);
    for (let i = 0; i < 25; i++) {
      await page.keyboard.press('Tab');
      const seen = await page.evaluate(() => {
        const e = document.activeElement;
        if (!e || e === document.body) return true;
        const s = getComputedStyle(e);
        return s.outlineStyle !== 'none' || e.id === 'query';
      });
      assert.ok(seen, await page.evaluate(() => document.activeElement?.outerHTML.slice(0, 200)));
    }
    // Times in UTC, and the window by keys.
    const berlin = await page.locator('#lines .row .time').first().innerText();
    await page.evaluate(() => document.activeElement?.blur());
    await page.keyboard.press('u');
    await eventually('UTC', async () => (await page.locator('#lines .row .time').first().innerText()).slice(0, 2) !== berlin.slice(0, 2));
    await page.keyboard.press('+');
    await page.waitForURL(/from=\d+&to=\d+/);
    // Colours.
    await page.getByLabel('Colours').selectOption('dark');
    const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.getByLabel('Colours').selectOption('light');
    assert.notEqual(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), dark);
    say('keys, focus, zone, colours');
    await close(page);
  },

  async phone(say) {
    const page = await open('/?from=now-5m', { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
    await ready(page);
    const fits = async (what) => assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${what} is as wide as the phone`);
    await fits('records');
    await rows(page).first().locator('.body').click();
    await page.locator('.detail').waitFor();
    await fits('a record');
    await page.getByRole('button', { name: 'Close the record' }).click();
    await rows(page).filter({ has: page.locator('.request a') }).first().locator('.request a').click();
    await page.locator('.lane').first().waitFor();
    await fits('a story');
    await page.getByRole('link', { name: 'Pipelines' }).click();
    await page.locator('.node').first().waitFor();
    await fits('pipelines');
    say('390 pixels are enough');
    await close(page);
  },

  async paint(say) {
    const times = [];
    for (let i = 0; i < 3; i++) {
      const page = await open('/');
      times.push(await eventually('a paint', async () => page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime)));
      await close(page);
    }
    say(`first paint after ${times.map(Math.round).join(', ')} ms`);
    assert.ok(Math.min(...times) < 1000, `first paint after ${times} ms`);
  },

  async load(say) {
    const page = await open('/?from=now-1m');
    await page.evaluate(() => {
      globalThis.long = [];
      new PerformanceObserver((list) => list.getEntries().forEach((e) => globalThis.long.push(e.duration))).observe({ entryTypes: ['longtask'] });
    });
    await page.keyboard.press('t');
    await page.getByRole('button', { name: 'Pause' }).waitFor();
    const number = async (pattern) => Number(pattern.exec(await page.locator('#counts').innerText())?.[1]?.replaceAll(',', '') ?? NaN);
    await eventually('lines', async () => (await number(/([\d,]+) lines\/s/)) > 2000);
    await page.evaluate(() => (globalThis.long = []));
    const began = Date.now();
    const rates = [];
    let most = 0;
    let last = await rows(page).first().getAttribute('id');
    let moved = 0;
    let steps = 0;
    while (Date.now() - began < settings.seconds * 1000) {
      await page.waitForTimeout(500);
      rates.push(await number(/([\d,]+) lines\/s/));
      most = Math.max(most, await rows(page).count());
      const now = await rows(page).first().getAttribute('id');
      if (now !== last) moved++;
      steps++;
      last = now;
    }
    const seconds = (Date.now() - began) / 1000;
    const counts = (await page.locator('#counts').innerText()).replaceAll('\n', ' ');
    const came = await number(/([\d,]+) came/);
    const shown = await number(/came, ([\d,]+) shown/);
    const before = Date.now();
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByRole('button', { name: 'Resume' }).waitFor();
    const pause = Date.now() - before;
    const long = await page.evaluate(() => globalThis.long);
    const blocked = long.reduce((a, b) => a + b, 0);
    say(`${Math.round(seconds)} s at ${median(rates)} lines/s: ${counts}; ${long.length} long tasks, the longest ${Math.round(Math.max(0, ...long))} ms, ${Math.round(blocked / seconds)} ms in a second; pause after ${pause} ms; ${most} rows`);
    assert.ok(came > 2000 * seconds, `the true number is said: ${counts}`);
    assert.ok(shown < 60 * (seconds + 10), `people can't read more: ${counts}`);
    assert.ok(moved < steps * 0.9 && moved > 0, 'the list moves in steps');
    assert.ok(most < 120, `${most} rows in the page`);
    assert.ok(blocked < seconds * 1000 * 0.5, 'the page has time for its reader');
    await close(page);
  },

  async screenshots(say) {
    const shot = async (name, path, act, options) => {
      for (const colorScheme of ['light', 'dark']) {
        const page = await open(path, { colorScheme, viewport: { width: 1000, height: 600 }, ...options });
        await act(page);
        await page.waitForTimeout(2500);
        await page.screenshot({ path: `${settings.images}/viewer-${name}-${colorScheme}.png` });
        await close(page);
      }
    };
    await shot('records', '/?from=now-1m', async (p) => (await ready(p), p.keyboard.press('n')));
    const errors = await open('/?query=service:ordering+level:error&from=now-5m');
    await ready(errors);
    const story = await errors.locator('#lines .row .request a').first().getAttribute('href');
    await close(errors);
    await shot('story', story, (p) => p.locator('.lane').first().waitFor());
    await shot('pipelines', '/pipeline', (p) => p.locator('.node').first().waitFor());
    await shot('phone', '/?from=now-1m', (p) => ready(p), { viewport: { width: 390, height: 760 } });
    say('eight images');
  },
};

for (const name of wanted) {
  const notes = [];
  let error;
  try {
    await checks[name]((text) => notes.push(text));
  } catch (e) {
    error = String(e?.stack ?? e);
    for (const context of browser.contexts()) {
      for (const page of context.pages()) error += `\nat ${page.url()}\n${(await page.locator('body').innerText({ timeout: 5000 }).catch(() => '')).slice(0, 1500)}`;
      await context.close();
    }
  }
  console.log(JSON.stringify({ check: name, error, said: notes.join('; ') }));
}
await browser.close();
