/** `faultline new`: files to begin with. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { ownersOf } from '../compare/difference';
import { InputError, readInput, reasonOf } from '../compare/input';
import { builtInFixtures, loadVariants } from '../compare/load';
import { listWith, variantText } from '../compare/new_variant';
import { MailError, type Proposal, proposalIn } from '../mail/index';
import { variants as builtIn } from '../variants/index';
import { exit } from './failure';
import { writeOutput } from './output';
import type { Terminal } from './terminal';

export interface NewOptions {
  readonly base?: string;
  readonly mail?: string;
  readonly output?: string;
}

const top = join(__dirname, '..', '..');
const BASE = 'uffd-wp-2018';
const NAME = /^[a-z0-9][a-z0-9.-]*$/;

/** Whether somebody works in this project itself and not with an installed copy of it. */
const isInProject = (): boolean => {
  const here = resolve('');
  return (here === top || here.startsWith(`${top}/`)) && !top.includes('/node_modules/');
};

export function runNewVariant(id: string, options: NewOptions, terminal: Terminal): number {
  checkName(id, 'variant');
  if (builtIn.some(({ meta }) => meta.id === id)) {
    throw new InputError('usage', `there is a variant "${id}" already`);
  }
  const proposal = options.mail === undefined ? null : readProposal(options.mail);
  const base = loadVariants([options.base ?? BASE])[0]!;
  const isListed = options.output === undefined && isInProject();
  const file = options.output ?? (isListed ? join(top, 'src', 'variants', `${id}.ts`) : `${id}.ts`);
  const text = variantText({
    id,
    base: base.variant.meta.id,
    chain: ownersOf(base, builtIn, new Map([[base.variant.meta.id, base.argument]])),
    proposal,
    core: isListed ? '../core' : 'faultline',
  });
  create(file, text);
  if (isListed) addToList(id);
  const shown = relative('', file) || file;
  const argument = shown.startsWith('.') || shown.startsWith('/') ? shown : `./${shown}`;
  terminal.stdout.write(
    isListed
      ? `wrote ${shown} and its line in src/variants/index.ts\nnext: faultline check ${id}; npm run fix; npm run generate\n`
      : `wrote ${shown}\nnext: faultline check ${argument}\n`,
  );
  return exit.done;
}

function addToList(id: string): void {
  const list = join(top, 'src', 'variants', 'index.ts');
  writeOutput(list, listWith(readFileSync(list, 'utf8'), id));
}

/** @param file of a mail; `-` is stdin */
function readProposal(file: string): Proposal {
  const bytes = readBytes(file);
  try {
    return proposalIn(bytes);
  } catch (error) {
    if (!(error instanceof MailError)) throw error;
    const shown = file === '-' ? 'stdin' : file;
    const place = error.line === null ? shown : `${shown}:${error.line}:1`;
    throw new InputError('input', `${place}: ${error.message}`);
  }
}

function readBytes(file: string): Uint8Array {
  let bytes: Uint8Array = new Uint8Array();
  readInput(file === '-' ? 'stdin' : file, () => {
    bytes = readFileSync(file === '-' ? 0 : file);
    return '';
  });
  return bytes;
}

export function runNewFixture(name: string, options: NewOptions, terminal: Terminal): number {
  checkName(name, 'fixture');
  if (builtInFixtures().includes(name)) {
    throw new InputError('usage', `there is a fixture "${name}" already`);
  }
  const isListed = options.output === undefined && isInProject();
  const file = options.output ?? (isListed ? join(top, 'fixtures', `${name}.yaml`) : `${name}.yaml`);
  const schema = join(top, 'fixtures', 'schema.json');
  const beside = relative(resolve(file, '..'), schema);
  create(file, fixtureText(name, isListed ? './schema.json' : beside.startsWith('../..') ? schema : beside));
  const shown = relative('', file) || file;
  const argument = isListed ? basename(file, '.yaml') : shown.includes('/') ? shown : `./${shown}`;
  terminal.stdout.write(`wrote ${shown}\nnext: faultline compare --fixture ${argument}\n`);
  return exit.done;
}

const fixtureText = (name: string, schema: string): string => `# yaml-language-server: $schema=${schema}
# docs/fixtures.md has the whole grammar.
name: ${name}
# One question that a reviewer would ask.
asks: Is a protected page written only after its event was answered?
# Message id of the mail that tells of it, or another source.
source: "<message-id@example.org>"
memory:
  guest: { size: 16KiB, prot: rw }
# What happens before the race, in this order.
start:
  - vcpu: write guest
  - monitor: uffd_register guest
  - monitor: uffd_protect guest
# What runs at the same time: every order of steps is tried.
tasks:
  vcpu: ["write guest[1]"]
  monitor: [uffd_wait, "uffd_unprotect guest[1]"]
# Kernel functions that must have run, or the run shows nothing.
shows: [handle_userfault]
`;

function checkName(name: string, what: string): void {
  if (NAME.test(name)) return;
  throw new InputError(
    'usage',
    `"${name}" cannot name a ${what}: it takes small letters, digits, "." and "-", such as my-${what}`,
  );
}

/** Never over a file that is there. */
function create(file: string, text: string): void {
  if (existsSync(file)) throw new InputError('usage', `${file} exists already`);
  try {
    writeFileSync(file, text, { flag: 'wx' });
  } catch (error) {
    throw new InputError('usage', `cannot write ${file}: ${reasonOf(error)}`);
  }
}
