/** `faultline merge`: comparisons that were made in parts with --shard, as one. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { InputError } from '../compare/input';
import { merge, type SavedPart } from '../compare/merge';
import { renderJson } from '../report/json';
import { renderTable } from '../report/table';
import type { CommonOptions } from './arguments';
import { exit } from './failure';
import { examples, printing, type Run } from './options';
import { checkOutput, writeOutput } from './output';
import { readSavedWhole } from './saved';
import { screenOf, type Terminal } from './terminal';

interface MergeOptions extends CommonOptions {
  readonly format: 'table' | 'json';
}

export function addMerge(program: Command, terminal: Terminal, run: Run): void {
  const command = program
    .command('merge')
    .description('Comparisons that were made in parts with --shard, as if one run had made them.')
    .argument('<file...>', 'saved with --format json')
    .addOption(new Option('--format <format>', 'how to print').choices(['table', 'json']).default('table'));
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
  const { variants } = require('../variants/index') as typeof import('../variants/index');
  const known = new Map(variants.map(({ meta }) => [meta.id, meta]));
  const comparison = merge(files.map(readPart), (id) => known.get(id));
  const text =
    options.format === 'json' ? renderJson(comparison) : renderTable(comparison, screenOf(terminal, options));
  if (options.output === undefined) terminal.stdout.write(text);
  else writeOutput(options.output, text);
  return exit.done;
}

const schemaFile = join(__dirname, '..', '..', 'schemas', 'comparison.schema.json');

function readPart(file: string): SavedPart {
  const value = readSavedWhole(file);
  const { default: Ajv } = require('ajv') as typeof import('ajv');
  const validate = new Ajv({ strict: false }).compile(JSON.parse(readFileSync(schemaFile, 'utf8')));
  if (!validate(value)) {
    const { instancePath = '', message = 'is wrong' } = validate.errors?.[0] ?? {};
    throw new InputError('input', `${file}:1:1: ${instancePath.slice(1) || 'the file'} ${message}`);
  }
  return { ...(value as unknown as SavedPart), file };
}
