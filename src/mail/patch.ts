/** The patch in a mail: its hunks, and the kernel functions that they change. */
import { parsePatch } from 'diff';
import { MailError } from './mail';

export interface Hunk {
  /** `@@ -36,7 +36,7 @@`, with what git wrote after it. */
  readonly header: string;
  readonly lines: readonly string[];
  /** Functions whose lines it adds or takes away. */
  readonly functions: readonly string[];
}

export interface PatchedFile {
  readonly file: string;
  readonly added: number;
  readonly removed: number;
  readonly hunks: readonly Hunk[];
}

const hunkHeader = /^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@(.*)$/;
const startsFile = (lines: readonly string[], at: number): boolean =>
  lines[at]!.startsWith('diff --git ') ||
  (/^--- \S/.test(lines[at]!) && /^\+\+\+ \S/.test(lines[at + 1] ?? ''));

/**
 * @param bodyLine line of the file at which the body begins, or null
 * @throws MailError where there is no patch, or one that was damaged on its way
 */
export function patchIn(body: string, bodyLine: number | null): PatchedFile[] {
  const lines = body.split('\n');
  const clean = cleanPatch(lines, bodyLine);
  if (clean.length === 0) throw new MailError(bodyLine, 'the mail has no patch: no "diff --git", no "@@"');
  const headers = clean.filter((line) => hunkHeader.test(line));
  try {
    let next = 0;
    return parsePatch(`${clean.join('\n')}\n`)
      .filter(({ hunks }) => hunks.length > 0)
      .map(({ oldFileName, newFileName, hunks }) => {
        const file = plainName(newFileName === '/dev/null' ? oldFileName : newFileName);
        const all = hunks.flatMap((hunk) => hunk.lines);
        return {
          file,
          added: all.filter((line) => line.startsWith('+')).length,
          removed: all.filter((line) => line.startsWith('-')).length,
          hunks: hunks.map((hunk) => hunkOf(headers[next++]!, hunk.lines)),
        };
      });
  } catch (error) {
    throw new MailError(bodyLine, `the patch cannot be read: ${(error as Error).message}`);
  }
}

const plainName = (name = ''): string => name.replace(/^[ab]\//, '').replace(/\t.*$/, '');

/** Only what belongs to the patch: the text above it, text between files and the signature below it are not. */
function cleanPatch(lines: readonly string[], bodyLine: number | null): string[] {
  const kept: string[] = [];
  let inFile = false;
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    if (startsFile(lines, at)) {
      inFile = true;
      kept.push(line);
    } else if (inFile && hunkHeader.test(line)) {
      const end = endOfHunk(lines, at, bodyLine);
      kept.push(line, ...lines.slice(at + 1, end).map((one) => (one === '' ? ' ' : one)));
      at = end - 1;
    } else if (inFile && isAboutFile(line)) kept.push(line);
    else if (line.trim() !== '' && !/^\\ /.test(line)) inFile = false;
  }
  return kept.some((line) => hunkHeader.test(line)) ? kept : [];
}

const isAboutFile = (line: string): boolean =>
  /^(index |--- \S|\+\+\+ \S|(new|deleted) file mode|old mode|new mode|similarity index|rename (from|to) )/.test(
    line,
  );

/** Stops where the hunk's own counts say. */
function endOfHunk(lines: readonly string[], at: number, bodyLine: number | null): number {
  const [, old = '1', new_ = '1'] = hunkHeader.exec(lines[at]!)!;
  let [before, after] = [Number(old), Number(new_)];
  const placeOf = (i: number): number | null => (bodyLine === null ? null : bodyLine + i);
  let i = at + 1;
  for (; before > 0 || after > 0; i++) {
    const line = lines[i];
    const isOver = line === undefined || (line === '' && i === lines.length - 1);
    const sign = isOver ? null : (line[0] ?? ' ');
    if (sign === ' ' || sign === '-') before--;
    if (sign === ' ' || sign === '+') after--;
    const fits = sign !== null && ' +-\\'.includes(sign) && before >= 0 && after >= 0;
    if (!fits) {
      const hint = sign === '>' ? 'the patch is quoted' : 'the patch was cut, or its lines were wrapped';
      throw new MailError(placeOf(i), `the hunk "${lines[at]!.slice(0, 40)}" does not add up: ${hint}`);
    }
  }
  return i;
}

function hunkOf(header: string, lines: readonly string[]): Hunk {
  let current = functionIn(hunkHeader.exec(header)?.[3] ?? '');
  const functions = new Set<string>();
  for (const line of lines) {
    const text = line.slice(1);
    // A signature is of its function before its lines are.
    if (startsFunction(text)) current = functionIn(text) ?? current;
    if (/^[+-]/.test(line) && text.trim() !== '' && current) functions.add(current);
    if (/^}/.test(text)) current = null;
  }
  return { header, lines, functions: [...functions] };
}

const startsFunction = (text: string): boolean =>
  /^[A-Za-z_][\w\s*]*\(/.test(text) &&
  !/;\s*$/.test(text) &&
  !/^(EXPORT_|MODULE_|DEFINE_|else|if)\b/.test(text);

/** `change_pte_range` of the line with which a function begins. */
function functionIn(text: string): string | null {
  const [, call] = /\bSYSCALL_DEFINE\d\((\w+)/.exec(text) ?? [];
  if (call) return call;
  if (!startsFunction(text.trim())) return null;
  return /(\w+)\s*\(/.exec(text)?.[1] ?? null;
}

/** `mm/mprotect.c:change_pte_range` with the hunks that change it, in the order of the patch. */
export function touchedFunctions(files: readonly PatchedFile[]): Map<string, Hunk[]> {
  const touched = new Map<string, Hunk[]>();
  for (const { file, hunks } of files) {
    if (!file.endsWith('.c')) continue;
    for (const hunk of hunks) {
      for (const name of hunk.functions) {
        const key = `${file}:${name}`;
        touched.set(key, [...(touched.get(key) ?? []), hunk]);
      }
    }
  }
  return touched;
}

/** As git draws it under a patch. */
export function diffstat(files: readonly PatchedFile[]): string[] {
  const width = Math.max(...files.map(({ file }) => file.length));
  const most = Math.max(...files.map(({ added, removed }) => added + removed));
  const scale = most > 40 ? 40 / most : 1;
  const sum = (of: (file: PatchedFile) => number): number => files.reduce((n, file) => n + of(file), 0);
  const bar = (n: number, sign: string): string =>
    sign.repeat(n > 0 ? Math.max(1, Math.round(n * scale)) : 0);
  const count = (n: number, one: string, more: string): string[] =>
    n === 0 ? [] : [`${n} ${n === 1 ? one : more}`];
  const sums = [
    ...count(files.length, 'file changed', 'files changed'),
    ...count(
      sum((f) => f.added),
      'insertion(+)',
      'insertions(+)',
    ),
    ...count(
      sum((f) => f.removed),
      'deletion(-)',
      'deletions(-)',
    ),
  ];
  return [
    ...files.map(
      ({ file, added, removed }) =>
        `${file.padEnd(width)} | ${String(added + removed).padStart(3)} ${bar(added, '+')}${bar(removed, '-')}`,
    ),
    sums.join(', '),
  ];
}
