/** `faultline merge`: what was made in parts with --shard, as one: comparisons, or campaigns of the fuzzer. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { merge, type SavedPart } from '../compare/merge';
import { figuresBriefly, figuresHere } from '../conform/figures';
import { fuzzFormat, type SavedFuzz } from '../fuzz/saved';
import { comparisonFormat, renderJson } from '../report/json';
import { renderTable } from '../report/table';
import type { CommonOptions } from './arguments';
import { exit } from './failure';
import { saveOption } from './fuzz_command';
import { checkSavable, exitCode, jsonOf, saveFinding, wholeText } from './fuzz_result';
import { examples, printing, type Run } from './options';
import { checkOutput, writeOutput } from './output';
import { comparisonIn, type Document, readDocument } from './saved';
import { screenOf, type Terminal } from './terminal';

interface MergeOptions extends CommonOptions {
  readonly format: 'table' | 'json';
  readonly save: string;
}

export function addMerge(program: Command, terminal: Terminal, run: Run): void {
  const command = program
    .command('merge')
    .description('What compare or fuzz made in parts with --shard, as if one run had made it.')
    .argument('<file...>', 'saved with --format json, all by the same command')
    .addOption(new Option('--format <format>', 'how to print').choices(['table', 'json']).default('table'))
    .addOption(saveOption());
  printing(command)
    .addHelpText(
      'after',
      examples(
        'faultline compare --shard 1/2 --format json --output 1.json',
        'faultline compare --shard 2/2 --format json --output 2.json',
        'faultline merge 1.json 2.json',
      ),
    )
    .action((files: string[], options: MergeOptions) => run(() => runMerge(files, options, terminal)));
}

function runMerge(files: readonly string[], options: MergeOptions, terminal: Terminal): number {
  if (options.output !== undefined) checkOutput(options.output);
  const documents = files.map(readDocument);
  const isFuzz = documents[0]?.value?.format === fuzzFormat.format;
  refuseMixed(documents);
  const { text, code } = isFuzz ? mergedFuzz(documents, options) : mergedCells(documents, options, terminal);
  if (options.output === undefined) terminal.stdout.write(text);
  else writeOutput(options.output, text);
  return code;
}

function refuseMixed([first, ...others]: readonly Document[]): void {
  const whats: Readonly<Record<string, string>> = {
    [comparisonFormat.format]: 'a comparison',
    [fuzzFormat.format]: 'a result of faultline fuzz',
  };
  const whatOf = ({ value }: Document): string | undefined => whats[String(value?.format)];
  const what = whatOf(first!);
  if (what === undefined) {
    const made = 'faultline compare or faultline fuzz with --format json';
    throw first!.refuse(`nothing that can be merged; make it with ${made}`);
  }
  const other = others.find((one) => whatOf(one) !== what);
  if (other) throw other.refuse(`${whatOf(other) ?? 'something else'}, while ${first!.file} is ${what}`);
}

interface Merged {
  readonly text: string;
  readonly code: number;
}

function mergedCells(documents: readonly Document[], options: MergeOptions, terminal: Terminal): Merged {
  const { variants } = require('../variants/index') as typeof import('../variants/index');
  const known = new Map(variants.map(({ meta }) => [meta.id, meta]));
  const parts = documents.map((document): SavedPart => {
    const value = checked(document, comparisonIn(document), 'comparison');
    return { ...(value as unknown as SavedPart), file: document.file };
  });
  const comparison = merge(parts, (id) => known.get(id));
  const text =
    options.format === 'json'
      ? renderJson(comparison, figuresHere())
      : renderTable(comparison, screenOf(terminal, options), figuresBriefly());
  return { text, code: exit.done };
}

/** The fixtures are saved as well, and the exit code is that of one campaign. */
function mergedFuzz(documents: readonly Document[], { save, format }: MergeOptions): Merged {
  const { mergeFuzz, foundOf } = require('../fuzz/index') as typeof import('../fuzz/index');
  const parts = documents.map((document) => {
    const { value, refuse, file } = document;
    const { version } = value ?? {};
    if (version !== fuzzFormat.version) {
      const read = `this faultline reads version ${fuzzFormat.version}`;
      throw refuse(`a result of version ${JSON.stringify(version)}; ${read}`);
    }
    return { file, saved: checked(document, value!, 'fuzz') as unknown as SavedFuzz };
  });
  checkSavable(save);
  const saved = mergeFuzz(parts);
  for (const one of saved.findings) if (one.repeats === null) saveFinding(foundOf(one), save);
  const text = format === 'json' ? jsonOf(saved) : wholeText(saved, save);
  return { text, code: exitCode(saved.findings) };
}

/** As the schema says. */
function checked<T extends object>({ refuse }: Document, value: T, schema: 'comparison' | 'fuzz'): T {
  const { default: Ajv } = require('ajv') as typeof import('ajv');
  const file = join(__dirname, '..', '..', 'schemas', `${schema}.schema.json`);
  const validate = new Ajv({ strict: false }).compile(JSON.parse(readFileSync(file, 'utf8')));
  if (validate(value)) return value;
  const { instancePath = '', message = 'is wrong' } = validate.errors?.[0] ?? {};
  throw refuse(`${instancePath.slice(1) || 'the file'} ${message}`);
}
