/** The file of a variant that somebody is about to write: it compiles, and behaves as its base until it is changed. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { diffstat, type Hunk, type Proposal, touchedFunctions } from '../mail/index';
import { copyFunction, Surroundings, Uncopyable } from './function_copy';
import { fileOf, type Owner } from './function_sources';

export interface NewVariant {
  readonly id: string;
  readonly base: string;
  /** The base and what it is based on. */
  readonly chain: readonly Owner[];
  readonly proposal: Proposal | null;
  /** What the core is imported from. */
  readonly core: string;
}

const MOST_COLUMNS = 110;

export function variantText({ id, base, chain, proposal, core }: NewVariant): string {
  const cited = citations();
  const touched = [...(proposal ? touchedFunctions(proposal.files) : new Map<string, Hunk[]>())];
  const above = new Surroundings();
  const methods: string[] = [];
  const touches: string[] = [];
  const notes: string[] = [];
  const shown = new Set<Hunk>();
  for (const [key, hunks] of touched) {
    const name = key.slice(key.indexOf(':') + 1);
    const text = functionText(name, chain, above);
    if (text instanceof Uncopyable)
      notes.push(`the mail also changes ${key}(), which has to be copied by hand: ${text.message}`);
    else if (text === null)
      notes.push(`the mail also changes ${key}(), which the model does not have under this name`);
    else {
      methods.push([`    // ${key}() in the mail:`, ...comment(hunks, '    ', shown), text].join('\n'));
      touches.push(cited.get(name) ?? key);
    }
  }
  const stat = proposal ? diffstat(proposal.files).map((line) => commentLine('', line)) : [];
  const meta = metaText({ id, base, proposal, touches, notes });
  const kernel = methods.length > 0 ? `{\n${methods.join('\n\n')}\n  }` : '{}';
  return `${[
    importText(above, core),
    ...surroundingsText(above),
    ...(stat.length > 0 ? [stat.join('\n')] : []),
    [
      `/** Behaves as ${base} until its functions are changed${methods.length > 0 ? ': the hunk above each says how' : ''}. */`,
      'export default defineVariant({',
      meta,
      `  kernel: ${kernel},`,
      '});',
    ].join('\n'),
  ].join('\n\n')}\n`;
}

/** The base's own function; where it cannot be copied, a call of it, which only the oldest kernel's can be. */
function functionText(
  name: string,
  chain: readonly Owner[],
  above: Surroundings,
): string | Uncopyable | null {
  const place = fileOf(name, chain);
  if (!place) return null;
  try {
    const copy = copyFunction(place.file, name);
    if (copy) above.merge(copy.needs);
    return copy?.text ?? null;
  } catch (error) {
    if (!(error instanceof Uncopyable)) throw error;
    if (place.owner !== null) return error;
    above.imports.add('mainline');
    return `    ${name}: mainline.${name},`;
  }
}

function importText({ imports }: Surroundings, core: string): string {
  // Letter by letter, capitals first, as the project's linter sorts.
  const bare = (one: string): string =>
    one.replace(/^type /, '').replace(/[A-Za-z]/g, (c) => c.toLowerCase() + (c < 'a' ? '0' : '1'));
  const needed = [...imports].filter((one) => !one.startsWith('type ') || !imports.has(one.slice(5)));
  const names = ['defineVariant', ...needed].sort((a, b) => (bare(a) < bare(b) ? -1 : 1));
  const line = `import { ${names.join(', ')} } from '${core}';`;
  return line.length <= MOST_COLUMNS
    ? line
    : `import {\n${names.map((one) => `  ${one},\n`).join('')}} from '${core}';`;
}

function surroundingsText({ names, declarations }: Surroundings): string[] {
  const lines = [...names].flatMap(([object, taken]) => destructured(object, [...taken].sort()));
  return [...(lines.length > 0 ? [lines.join('\n')] : []), ...declarations.values()];
}

/** As many lines as it takes. */
function destructured(object: string, names: readonly string[]): string[] {
  const lines: string[][] = [[]];
  const text = (taken: readonly string[]): string => `const { ${taken.join(', ')} } = ${object};`;
  for (const name of names) {
    const last = lines.at(-1)!;
    if (last.length > 0 && text([...last, name]).length > MOST_COLUMNS) lines.push([name]);
    else last.push(name);
  }
  return lines.map(text);
}

interface Meta {
  readonly id: string;
  readonly base: string;
  readonly proposal: Proposal | null;
  readonly touches: readonly string[];
  readonly notes: readonly string[];
}

function metaText({ id, base, proposal, touches, notes }: Meta): string {
  const subject = proposal?.subject ?? '';
  const title = subject.replace(/^(\s*\[[^\]]*\])+\s*/, '').replace(/^(re|fwd?): */i, '') || id;
  const fields: (readonly [string, string])[] = [
    ['id', quote(id)],
    ['title', quote(title)],
    ['author', quote(proposal?.author ?? '')],
    ['subject', quote(subject)],
    ['messageId', quote(proposal?.messageId ?? '')],
    ...(proposal?.replyTo ? [['replyTo', quote(proposal.replyTo)] as const] : []),
    ...(proposal?.cc.length ? [['cc', listText(proposal.cc)] as const] : []),
    ['date', quote(proposal?.date ?? '')],
    ['base', quote(base)],
    ['supersedes', '[]'],
    ['touches', listText(touches)],
    ['reported', '[]'],
    ['builds', 'true'],
    ...(notes.length > 0 ? [['notes', listText(notes)] as const] : []),
  ];
  return `  meta: {\n${fields.map(([name, value]) => `    ${name}: ${value},\n`).join('')}  },`;
}

function listText(items: readonly string[]): string {
  const line = `[${items.map(quote).join(', ')}]`;
  return line.length < 90 ? line : `[\n${items.map((one) => `      ${quote(one)},\n`).join('')}    ]`;
}

/** What comes from a mail is text, whatever it is made of. */
const quote = (text: string): string =>
  text.includes("'") && !text.includes('"')
    ? JSON.stringify(text)
    : `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;

/** These end a line in JavaScript, and so would end a comment. */
const lineEnds = /[\r\u2028\u2029]/g;
const commentLine = (indentation: string, line: string): string =>
  `${indentation}// ${line.replace(lineEnds, ' ')}`.trimEnd();

/** A hunk that changes several functions stands in full above the first of them. */
const comment = (hunks: readonly Hunk[], indentation: string, shown: Set<Hunk>): string[] =>
  hunks.flatMap((hunk) => {
    const isNew = !shown.has(hunk);
    shown.add(hunk);
    const lines = isNew ? [hunk.header, ...hunk.lines] : [`${hunk.header} (above)`];
    return lines.map((line) => commentLine(indentation, line));
  });

/** `file:function` as the comment of each kernel function cites it, by the name that it has with us. */
function citations(): Map<string, string> {
  const folder = join(__dirname, '..', '..', 'src', 'core', 'kernel');
  const pattern =
    /\/\*\*\n \* ([\w./-]+\.[chS]:\w+)\(\)(?:(?!\*\/)[\s\S])*\*\/\nexport (?:function\*?|const) (\w+)/g;
  const found = new Map<string, string>();
  for (const file of readdirSync(folder)) {
    for (const [, cited, name] of readFileSync(join(folder, file), 'utf8').matchAll(pattern)) {
      found.set(name!, cited!);
    }
  }
  return found;
}

/** The list of variants with one more, at its end. */
export function listWith(list: string, id: string): string {
  const name = identifier(id);
  const imports = [...list.matchAll(/^import (\w+) from '\.\/(.*)';$/gm)];
  const before = imports.find(([, , file]) => file! > id) ?? null;
  const line = `import ${name} from './${id}';\n`;
  const last = imports.at(-1)!;
  const at = before ? before.index : last.index + last[0].length + 1;
  const listed = list.slice(0, at) + line + list.slice(at);
  return listed.replace(/\n\];\n$/, `\n  ${name},\n];\n`);
}

/** `myFix2` of `my-fix-2`. */
const identifier = (id: string): string => {
  const camel = id.replace(/[^A-Za-z0-9]+(.?)/g, (_, next: string) => next.toUpperCase());
  return /^[A-Za-z]/.test(camel) ? camel : `variant${camel}`;
};
