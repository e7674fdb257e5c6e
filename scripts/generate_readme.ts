/**
 * Runs the commands that README.md quotes and puts in what they print. A quoted command stands in the first of two
 * comments, `<!-- $ faultline explain ... -->` and `<!-- end -->`; what is between them is written here.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { main } from '../src/cli/main';

const block = /<!-- \$ (.+) -->\n[\s\S]*?<!-- end -->/g;

/** Rows of the second part of the table that the README shows: one or two for each sort of trouble. */
const excerpt = [
  'base-dirty-4k',
  'fork-cow-4k',
  'hugezero-whole',
  'ksm',
  'readonly-vma-4k',
  'thp-partial',
  'zeropage-ioctl-4k',
];

/** The commands that a text quotes, each with what stands under it. */
export const quoted = (text: string): { command: string; shown: string }[] =>
  [...text.matchAll(block)].map(([all, command]) => ({
    command: command!,
    shown: /```text\n([\s\S]*?)```/.exec(all)?.[1] ?? '',
  }));

/** What the README shows of a command: its output in a pipe; of the long table the first part and an excerpt. */
export async function shownOf(command: string): Promise<string> {
  const output = await outputOf(command);
  return command === 'faultline compare' ? shortened(output) : output;
}

async function outputOf(command: string): Promise<string> {
  let stdout = '';
  let stderr = '';
  const argv = command.split(' ').slice(1);
  // Threads cost more than they save where a few fixtures run on one variant.
  if (argv[0] === 'check') argv.push('--jobs', '0');
  const code = await main(argv, {
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    env: {},
    onInterrupt: () => () => {},
  });
  if (code > 1 || stderr !== '') throw new Error(`${command} ended with ${code}: ${stderr}`);
  return stdout;
}

export function shortened(table: string): string {
  const lines = table.trimEnd().split('\n');
  const second = lines.findIndex((line) => line.startsWith('fixture '));
  const end = lines.findIndex((line, i) => i > second && line === '');
  const legend = lines.findIndex((line) => line.startsWith('  survives '));
  const rows = lines
    .slice(second + 2, end)
    .filter((line) => excerpt.some((fixture) => line.startsWith(`${fixture} `)));
  return [...lines.slice(0, second + 2), ...rows, '[...]', '', ...lines.slice(legend), ''].join('\n');
}

async function withOutputs(readme: string): Promise<string> {
  const outputs = new Map<string, string>();
  for (const { command } of quoted(readme)) outputs.set(command, await shownOf(command));
  return readme.replace(
    block,
    (_, command: string) =>
      `<!-- $ ${command} -->\n\n\`\`\`text\n${outputs.get(command)}\`\`\`\n\n<!-- end -->`,
  );
}

if (require.main === module) {
  const file = join(__dirname, '..', 'README.md');
  withOutputs(readFileSync(file, 'utf8')).then((text) => writeFileSync(file, text));
}
