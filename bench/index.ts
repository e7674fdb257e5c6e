/** `npm run bench [NAME...]`: measurements, never verdicts. A figure belongs to the machine that it was taken on. */
import { cpus } from 'node:os';
import { fixtureMemory, guestMemory, start } from './child';
import { cells, comparison } from './comparison';
import { type Measurement, showFigure } from './figure';
import { growth } from './growth';
import { protection, writeFault } from './guest';
import { againstSpin } from './spin';

const measurements: readonly Measurement[] = [
  protection,
  writeFault,
  guestMemory,
  start,
  comparison,
  cells,
  growth,
  fixtureMemory,
  againstSpin,
];

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** What is on its way, on a terminal only and overwritten by what comes next. */
function note(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K  ${text}`);
}
const clearNote = (): void => {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
};

async function measure(names: readonly string[]): Promise<number> {
  const known = measurements.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    process.stderr.write(`bench: unknown measurement "${unknown}"; allowed: ${known.join(', ')}\n`);
    return 64;
  }
  print(`node ${process.versions.node}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}`);
  for (const measurement of measurements) {
    if (names.length > 0 && !names.includes(measurement.name)) continue;
    const figures = await measurement.run(note);
    clearNote();
    print(`\n${measurement.name}: ${measurement.says}`);
    for (const figure of figures) print(showFigure(figure));
  }
  return 0;
}

measure(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
