// Text of strangers: made such that a person sees what is there.

import type { Json, LogRecord } from './api.ts';

// How ASCII names its controls.
const controls = 'NUL SOH STX ETX EOT ENQ ACK BEL BS HT LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US'.split(' ');

const names: { [code: number]: string } = {
  0x7f: 'DEL',
  0xad: 'SHY',
  0x061c: 'ALM',
  0x200b: 'ZWSP',
  0x200e: 'LRM',
  0x200f: 'RLM',
  0x2028: 'LS',
  0x2029: 'PS',
  0x202a: 'LRE',
  0x202b: 'RLE',
  0x202c: 'PDF',
  0x202d: 'LRO',
  0x202e: 'RLO',
  0x2060: 'WJ',
  0x2066: 'LRI',
  0x2067: 'RLI',
  0x2068: 'FSI',
  0x2069: 'PDI',
  0xfeff: 'BOM',
};

// Controls, what turns the direction of text, what has no width, half characters, and tags.
const odd =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\udb40[\udc00-\udc7f]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function symbol(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (character === '\n') return '\u21b5';
  if (character === '\t') return '  ';
  return `\u27e8${controls[code] ?? names[code] ?? code.toString(16).toUpperCase().padStart(2, '0')}\u27e9`;
}

/** One line in which nothing is hidden, and nothing acts. */
export function visible(text: string): string {
  return text.replace(odd, symbol);
}

/** The same, but line breaks and tabs stay what they are. */
export function visibleLines(text: string): string {
  return text.replace(/\r\n/g, '\n').replace(odd, (c) => (c === '\n' || c === '\t' ? c : symbol(c)));
}

/** A value of JSON as text: a string as it is. */
export function plain(value: Json | undefined): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

// What the columns of a row have already, or what nobody reads in a row.
const seen = /^(request[._]id|trace[._]id|span[._]id|log\.record\.uid|log\.iostream|log\.file\.|request\.id\.|fold\.|heartwood\.|code\.|span\.|dyno$|thread)/;

/** What a record says, in a line: its body, or its attributes where it has none. */
export function gist(r: LogRecord): string {
  const a = r.attributes;
  if (a['fold.id'] !== undefined || a['fold.count'] !== undefined) {
    const count = Number(a['fold.count'] ?? 0);
    const head = `${plain(a['fold.outcome']) || 'event'}, ${count} ${count === 1 ? 'part' : 'parts'}`;
    return typeof r.body === 'string' && r.body !== '' ? `${head}: ${r.body}` : [head, attributes(r)].filter(Boolean).join(': ');
  }
  const body = plain(r.body ?? '');
  return body === '' ? attributes(r) : body;
}

function attributes(r: LogRecord): string {
  const list: string[] = [];
  let size = 0;
  for (const [name, value] of Object.entries(r.attributes)) {
    if (seen.test(name) || (typeof value === 'object' && value !== null)) continue;
    const text = `${name}=${plain(value).slice(0, 200)}`;
    list.push(text);
    if ((size += text.length) > 600) break;
  }
  return list.join(' ');
}

/** A long value with its end, which tells paths and functions apart. */
export function ending(text: string, max: number): string {
  return text.length > max ? `${visible(text.slice(0, 4))}\u2026${visible(text.slice(5 - max))}` : visible(text);
}

/** The beginning of a value, visible, in one line. */
export function preview(value: Json | undefined, max: number): string {
  const text = plain(value);
  return text.length > max ? `${visible(text.slice(0, max))}\u2026` : visible(text);
}
