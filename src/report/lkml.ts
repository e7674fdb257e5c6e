/** A review as a mail that can be sent as it is: a reply to the proposal, 72 columns, questions. */
import type { SoloStep, Trace } from '../explore/index';
import type { InvariantClass } from '../judge/index';
import { essence } from './essence';
import { FINISH, replayLines, START } from './explain';
import { drawLanes } from './lanes';
import { finding, type Review, type VariantReview, verdictAt, type Witness } from './review';
import { columns, indent, wrap } from './screen';
import { drawSolo } from './solo';
import { brokenOf, classes, plural } from './words';

const WIDTH = 72;
const SCREEN = { width: WIDTH, color: false };
/** With its question and replay line, a finding stays within one screen. */
const DIAGRAM = 36;
/** Findings that are drawn; the others are named. */
const DRAWN = 4;

const questions: Record<InvariantClass, string> = {
  'sigbus-loop': 'Could a thread get SIGBUS, or fault for ever, although its fault was resolved?',
  'unsafe-write': 'Could a store land where it must not?',
  'lost-event': 'Could a store to a protected page go without an event?',
  'lost-tracking': 'Could dirty or soft-dirty tracking miss a store?',
  'kernel-integrity': 'Are the counts and locks still right on this path?',
  spurious: 'Is this event, fault or mark wanted?',
};

export function renderLkml(one: VariantReview, review: Review): string {
  const parts = [
    headers(one).join('\n'),
    [`On ${one.meta.date}, ${one.meta.author} wrote:`, ...wrap(`> ${one.meta.subject}`, WIDTH)].join('\n'),
    introduction(one, review),
    ...body(one, review),
    closing(review),
  ];
  return `${parts.join('\n\n')}\n\n`;
}

/** Several mails in one text, as an mbox has them. */
export function renderMbox(review: Review): string {
  const mails = review.variants.map((one) => renderLkml(one, review));
  if (mails.length === 1) return mails[0]!;
  return mails
    .map((mail) => `From mboxrd@z Thu Jan  1 00:00:00 1970\n${mail.replace(/^(>*From )/gm, '>$1')}`)
    .join('');
}

function headers({ meta }: VariantReview): string[] {
  const subject = /^re:/i.test(meta.subject) ? meta.subject : `Re: ${meta.subject}`;
  const reply = meta.messageId ? [`In-Reply-To: ${meta.messageId}`, `References: ${meta.messageId}`] : [];
  return [
    ...(meta.replyTo ? [`To: ${mailbox(meta.replyTo)}`] : []),
    ...(meta.cc?.length ? `Cc: ${meta.cc.map(mailbox).join(',\n ')}`.split('\n') : []),
    ...headerLines(`Subject: ${subject}`),
    ...reply,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=UTF-8',
    'Content-Transfer-Encoding: 8bit',
  ];
}

/** A long header goes on in lines that begin with a space; letters beyond ASCII are encoded (RFC 2047). */
function headerLines(header: string): string[] {
  const [, name, value] = /^([^:]+): ([\s\S]*)$/.exec(header)!;
  const clean = value!.replace(/\s+/g, ' ');
  if (/^[\x20-\x7e]*$/.test(clean)) return wrap(`${name}: ${clean}`, 76, 1);
  return encodedWords(clean).map((word, i) => `${i === 0 ? `${name}:` : ''} ${word}`);
}

/** `Name <address>`, with the name encoded where it has to be. */
function mailbox(text: string): string {
  const line = text.replace(/\s+/g, ' ');
  const [, name = '', address = ''] = /^"?([^<]*?)"?\s*(<[^<>]*>)$/.exec(line) ?? [];
  return /^[\x20-\x7e]*$/.test(name) ? line : `${encodedWords(name).join(' ')} ${address}`;
}

function encodedWords(text: string): string[] {
  const words: string[] = [];
  let word = '';
  for (const char of text) {
    const encoded = /[A-Za-z0-9]/.test(char) ? char : quotedBytes(char);
    if (word.length + encoded.length > 48) {
      words.push(word);
      word = '';
    }
    word += encoded;
  }
  return [...words, word].map((part) => `=?UTF-8?Q?${part}?=`);
}

const quotedBytes = (char: string): string =>
  [...new TextEncoder().encode(char)]
    .map((byte) => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`)
    .join('');

const paragraph = (text: string): string => wrap(text, WIDTH).join('\n');

function introduction({ meta }: VariantReview, { comparison }: Review): string {
  const assumed = (meta.notes ?? []).map((note) => `Assumed: ${note}`);
  const commits = (meta.commits ?? []).map(shortCommit);
  const merged =
    commits.length > 0 ? [['Modelled from:', ...commits.map((one) => `  ${one}`)].join('\n')] : [];
  return [
    paragraph(
      `I ran this in faultline, an executable model of the fault path, on ${plural(comparison.fixtures.length, 'workload')} ` +
        'and over the orders of their steps.',
    ),
    paragraph(finding(comparison, meta)),
    ...assumed.map(paragraph),
    ...merged,
  ].join('\n\n');
}

/** `e21d2170f366 ("subject")`; such lines are never broken. */
export const shortCommit = (commit: string): string =>
  commit.replace(/^([0-9a-f]{12})[0-9a-f]*/, '$1').replace(/\s+/g, ' ');

function body({ witnesses, meta }: VariantReview, review: Review): string[] {
  const grave = [...witnesses]
    .filter(({ broken }) => broken.class !== 'spurious')
    .sort((a, b) => classes.indexOf(a.broken.class) - classes.indexOf(b.broken.class));
  const once = grave.filter((one, i) => grave.findIndex((w) => isSame(w, one)) === i);
  const drawn = once.slice(0, DRAWN);
  const named = once
    .slice(DRAWN)
    .map(({ broken, fixture }) =>
      wrap(`  - ${broken.invariant}, in ${fixture}: ${broken.saw}`, WIDTH, 4).join('\n'),
    );
  const rest = named.length > 0 ? [['Seen as well:', ...named].join('\n')] : [];
  return [...drawn.map((one) => findingPart(one, meta.base, review)), ...rest];
}

/** One run may show several invariants broken: it is drawn once, and says all of them. */
const isSame = (a: Witness, b: Witness): boolean =>
  a.broken.invariant === b.broken.invariant || (a.fixture === b.fixture && a.replay.token === b.replay.token);

function findingPart(one: Witness, base: string | null, review: Review): string {
  const { broken, fixture } = one;
  const asks = review.comparison.fixtures.find(({ id }) => id === fixture)?.asks ?? '';
  const ofBase = base === null ? undefined : verdictAt(review.comparison, fixture, base);
  const isOld = ofBase && brokenOf(ofBase).some(({ invariant }) => invariant === broken.invariant);
  return [
    paragraph(questions[broken.class]),
    paragraph(`In ${fixture} (${asks}) this order gives: ${broken.saw}`),
    ...raceOf(one),
    ...(isOld ? [paragraph(`${base} without this change has the same.`)] : []),
    replayLines(one.replay, WIDTH).join('\n'),
  ].join('\n\n');
}

/** What came before the race, the race, and what came to light after it. */
function raceOf({ trace }: Witness): string[] {
  const { start, lines } = trace;
  const finish = trace.finish.filter(goesWrong);
  const solo = (title: string, steps: readonly SoloStep[]): string =>
    indent(drawSolo(title, steps, { ...SCREEN, width: WIDTH - 2 }), 2).join('\n');
  const names = start.map(({ actor, text }) => `${actor}: ${text}`).join('; ');
  const before = start.some(goesWrong)
    ? solo(START, start)
    : paragraph(`Before it, one step after another: ${names}.`);
  return [
    ...(start.length > 0 ? [before] : []),
    ...(lines.length > 0 ? [diagram(trace).join('\n')] : []),
    ...(finish.length > 0 ? [solo(FINISH, finish)] : []),
  ];
}

const goesWrong = ({ told }: SoloStep): boolean =>
  told.some(({ kind }) => kind === 'broken' || kind === 'bug' || kind === 'signal');

/** The middle of a long race is left out: how it begins and how it ends say what it is. */
function diagram(trace: Trace): string[] {
  const lines = indent(drawLanes(trace, essence(trace.lines), { ...SCREEN, width: WIDTH - 2 }, false), 2);
  if (lines.length <= DIAGRAM) return lines;
  const first = 22;
  const last = DIAGRAM - first - 1;
  const left = lines.length - first - last;
  return [...lines.slice(0, first), `  [ ${left} lines: see the replay below ]`, ...lines.slice(-last)];
}

function closing({ comparison, besideKernelsBriefly = '' }: Review): string {
  const cut = comparison.cells.filter(({ verdict }) => verdict.kind === 'cut-short').length;
  const bound = cut > 0 ? ` ${plural(cut, 'search')} of this comparison stopped at a bound.` : '';
  const beside = besideKernelsBriefly === '' ? '' : ` ${besideKernelsBriefly}`;
  return paragraph(
    `This is a model and not the kernel, so I may well be missing something.${beside}${bound} Is the order above possible, ` +
      'or is there something that rules it out?',
  );
}

/** Lines that are wider than a mail should be, except those that must not be broken. */
export const tooWide = (mail: string): string[] =>
  mail.split('\n').filter((line) => columns(line) > WIDTH && !/^( {2}[0-9a-f]{12} |\S+: )/.test(line));
