/** A mail from its bytes: mbox, .eml or what git format-patch writes. Its text is data and is never run. */

/** A mail, or the patch in it, that cannot be used. The line is of the file, where that can be told. */
export class MailError extends Error {
  override name = 'MailError';
  constructor(
    readonly line: number | null,
    message: string,
  ) {
    super(message);
  }
}

export interface Mail {
  /** Names in lower case; encoded words are decoded. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** Line of the file at which the body begins; null where the body was encoded. */
  readonly bodyLine: number | null;
}

/** A patch mail of a whole series is far below. */
const MOST_BYTES = 8 * 1024 * 1024;
/** git writes the name of a commit and a date that never changes; mail programs write an address and a date. */
const mboxLine = /^From (\S+) .*\b\d{4}\b/;
const headerLine = /^([A-Za-z][A-Za-z0-9-]*):[ \t]?(.*)$/;

/** @throws MailError where there is no mail */
export function readMails(bytes: Uint8Array): Mail[] {
  if (bytes.length === 0) throw new MailError(1, 'the file is empty');
  if (bytes.length > MOST_BYTES) {
    throw new MailError(null, `${Math.round(bytes.length / 1e6)} MB are no mail: at most 8 MB`);
  }
  if (bytes.includes(0)) throw new MailError(null, 'is binary, not a mail');
  const lines = Buffer.from(bytes).toString('latin1').replaceAll('\r\n', '\n').split('\n');
  const starts = lines.flatMap((line, i) => (startsMail(lines, i, line) ? [i] : []));
  if (starts.length === 0) return [mailAt(lines, headersFrom(lines), lines.length)];
  return starts.map((start, i) => mailAt(lines, start + 1, starts[i + 1] ?? lines.length));
}

const startsMail = (lines: readonly string[], at: number, line: string): boolean =>
  mboxLine.test(line) && (at === 0 || lines[at - 1] === '') && headerLine.test(lines[at + 1] ?? '');

/** Without the line of an mbox: the first block of lines that has From: and Subject:. A page of an archive has text above it. */
function headersFrom(lines: readonly string[]): number {
  for (let i = 0; i < lines.length; i++) {
    if (!headerLine.test(lines[i]!)) continue;
    let end = i;
    while (end < lines.length && /^([A-Za-z][A-Za-z0-9-]*:|[ \t]+\S)/.test(lines[end]!)) end++;
    const names = lines.slice(i, end).map((line) => headerLine.exec(line)?.[1]?.toLowerCase());
    if (names.includes('from') && names.includes('subject')) return i;
    i = end;
  }
  throw new MailError(1, 'is no mail: it has no header with From: and Subject:');
}

function mailAt(lines: readonly string[], from: number, to: number): Mail {
  const { headers, next } = parseHeaders(lines, from, to);
  if (!headers.has('from') || !headers.has('subject')) {
    throw new MailError(from + 1, 'is no mail: its header has no From: or no Subject:');
  }
  const raw = lines.slice(next, to).map((line) => line.replace(/^>(>*From )/, '$1'));
  const isEncoded = /quoted-printable|base64/i.test(headers.get('content-transfer-encoding') ?? '');
  const isMultipart = /^multipart\//i.test(headers.get('content-type') ?? '');
  return {
    headers: new Map([...headers].map(([name, value]) => [name, decodeWords(value)])),
    body: bodyOf(headers, raw.join('\n'), next + 1),
    bodyLine: isEncoded || isMultipart ? null : next + 1,
  };
}

function parseHeaders(
  lines: readonly string[],
  from: number,
  to: number,
): { headers: Map<string, string>; next: number } {
  const headers = new Map<string, string>();
  let last = '';
  let at = from;
  for (; at < to && lines[at] !== ''; at++) {
    const line = lines[at]!;
    const [, name, value] = headerLine.exec(line) ?? [];
    if (/^[ \t]/.test(line) && last) headers.set(last, `${headers.get(last)} ${line.trim()}`.trim());
    else if (name === undefined) throw new MailError(at + 1, `"${line.slice(0, 40)}" is no line of a header`);
    else if (!headers.has((last = name.toLowerCase()))) headers.set(last, value!.trim());
    else last = '';
  }
  return { headers, next: at + 1 };
}

/** The text of a body as people read it; of several parts, all that are text or patches. */
function bodyOf(headers: ReadonlyMap<string, string>, raw: string, line: number, depth = 0): string {
  const type = headers.get('content-type') ?? 'text/plain';
  const [, boundary] = /boundary="?([^";]+)"?/i.exec(type) ?? [];
  if (/^multipart\//i.test(type)) {
    if (!boundary) throw new MailError(line, 'a multipart mail without a boundary');
    if (depth > 5) throw new MailError(line, 'parts within parts within parts');
    return partsOf(raw, boundary)
      .map((part) => {
        const lines = part.split('\n');
        const inner = parseHeaders(lines, 0, lines.length);
        return bodyOf(inner.headers, lines.slice(inner.next).join('\n'), line, depth + 1);
      })
      .join('\n');
  }
  if (!/^text\/(plain|x-patch|x-diff)|^application\/(x-patch|octet-stream)/i.test(type)) return '';
  const bytes = decodeTransfer(raw, headers.get('content-transfer-encoding') ?? '');
  return decodeCharset(bytes, /charset="?([\w-]+)/i.exec(type)?.[1] ?? 'utf-8').replaceAll('\r\n', '\n');
}

function partsOf(raw: string, boundary: string): string[] {
  const parts: string[][] = [];
  for (const line of raw.split('\n')) {
    if (line.startsWith(`--${boundary}--`)) break;
    if (line.startsWith(`--${boundary}`)) parts.push([]);
    else parts.at(-1)?.push(line);
  }
  return parts.map((lines) => lines.join('\n'));
}

function decodeTransfer(text: string, encoding: string): Buffer {
  if (/base64/i.test(encoding)) return Buffer.from(text, 'base64');
  if (!/quoted-printable/i.test(encoding)) return Buffer.from(text, 'latin1');
  return quotedPrintable(text.replace(/[ \t]+$/gm, '').replace(/=\n/g, ''));
}

const quotedPrintable = (text: string): Buffer =>
  Buffer.from(
    text.replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );

function decodeCharset(bytes: Buffer, charset: string): string {
  try {
    return new TextDecoder(charset, { fatal: true }).decode(bytes);
  } catch {
    // A wrong or unknown name: most mails are UTF-8, and those that are not must not be lost.
    return bytes.toString('utf8').includes('\ufffd') ? bytes.toString('latin1') : bytes.toString('utf8');
  }
}

/** RFC 2047: `=?UTF-8?q?J=C3=A9r=C3=B4me?=`. The space between two encoded words is not part of the text. */
export function decodeWords(text: string): string {
  const joined = text.replace(/(=\?[^?\s]+\?[bq]\?[^?]*\?=)\s+(?==\?)/gi, '$1');
  const decoded = joined.replace(
    /=\?([^?\s]+)\?([bq])\?([^?]*)\?=/gi,
    (_, charset: string, way: string, word: string) => {
      const isQ = way.toLowerCase() === 'q';
      const bytes = isQ ? quotedPrintable(word.replaceAll('_', ' ')) : Buffer.from(word, 'base64');
      return decodeCharset(bytes, charset.split('*')[0]!);
    },
  );
  return decoded === text ? decodeCharset(Buffer.from(text, 'latin1'), 'utf-8') : decoded;
}
