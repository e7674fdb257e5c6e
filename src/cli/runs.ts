/** The runs of a comparison that the HTML review steps through, each with what its rivals do on its schedule. */
import type { Cell } from '../compare/comparison';
import { partingOf } from '../compare/divergence';
import type { LoadedFixture, LoadedVariant } from '../compare/load';
import { blaming } from '../compare/source_places';
import { buildKernel, type VariantMeta } from '../core/index';
import { type ToldStart, type Trace, tellAll, traceRun } from '../explore/index';
import { showToken } from '../explore/schedule';
import { type Notes, prepareJudged } from '../judge/index';
import type { Beside, ShownRun } from '../report/html_runs';
import { brokenOf, classes } from '../report/words';
import { compile, type Workload } from '../workload/index';
import type { Compared } from './formats';

/** One after another, because all of them together are large. */
export function* runsOf({ comparison, fixtures, variants }: Compared): Generator<ShownRun> {
  for (const fixture of fixtures) {
    const cells = comparison.cells.filter((cell) => cell.fixture === fixture.fixture.name);
    const ran = variants.filter(({ variant }) =>
      cells.some((cell) => cell.variant === variant.meta.id && 'explored' in cell.verdict),
    );
    const stage = new Stage(compile(fixture.fixture));
    for (const loaded of ran) {
      const cell = cells.find(({ variant }) => variant === loaded.variant.meta.id)!;
      const rivals = ran.filter((other) => areRivals(loaded.variant.meta, other.variant.meta));
      for (const one of schedulesOf(cell)) yield stage.run(one, fixture, loaded, rivals);
    }
  }
}

/** A reader compares a proposal with its base and with what else was proposed for that base. */
const areRivals = (a: VariantMeta, b: VariantMeta): boolean =>
  a.id !== b.id && (a.base === b.id || b.base === a.id || (a.base !== null && a.base === b.base));

interface Scheduled {
  readonly schedule: readonly number[];
  readonly token: string;
  readonly broken: readonly string[];
}

/** The run that went well first, then the gravest break; breaks that one run shows together are one. */
function schedulesOf({ verdict }: Cell): Scheduled[] {
  const found = new Map<string, { schedule: readonly number[]; token: string; broken: string[] }>();
  if (verdict.kind === 'survives') {
    const token = showToken(verdict.witness, verdict.checksum, verdict.hardware);
    found.set(token, { schedule: verdict.witness, token, broken: [] });
  }
  const inOrder = [...brokenOf(verdict)].sort((a, b) => classes.indexOf(a.class) - classes.indexOf(b.class));
  for (const { schedule, checksum, invariant, hardware } of inOrder) {
    const token = showToken(schedule, checksum, hardware);
    const one = found.get(token) ?? { schedule, token, broken: [] };
    one.broken.push(invariant);
    found.set(token, one);
  }
  return [...found.values()];
}

/** The runs of one fixture. Variants often break on the same schedule, so that a run is asked for again. */
class Stage {
  private readonly starts = new Map<LoadedVariant, ToldStart<Notes>>();
  private readonly traces = new Map<string, Trace>();

  constructor(private readonly workload: Workload) {}

  run(
    { schedule, token, broken }: Scheduled,
    fixture: LoadedFixture,
    loaded: LoadedVariant,
    rivals: readonly LoadedVariant[],
  ): ShownRun {
    const trace = this.trace(loaded, schedule, false);
    const variant = loaded.variant.meta.id;
    return {
      fixture: fixture.fixture.name,
      variant,
      broken,
      trace,
      replay: { fixture: fixture.argument, variant: loaded.argument ?? variant, token },
      beside: rivals.map((rival) => besideOf(trace, this.trace(rival, schedule, trace.isOver))),
    };
  }

  private trace(loaded: LoadedVariant, schedule: readonly number[], goesOn: boolean): Trace {
    const { meta } = loaded.variant;
    const key = `${meta.id} ${schedule.join()} ${goesOn}`;
    let trace = this.traces.get(key);
    if (!trace) {
      trace = blaming(meta.id, () => traceRun(this.start(loaded), meta.id, schedule, goesOn).trace);
      this.traces.set(key, trace);
    }
    return trace;
  }

  private start(loaded: LoadedVariant): ToldStart<Notes> {
    let start = this.starts.get(loaded);
    if (!start) {
      start = prepareJudged(this.workload, buildKernel(loaded.variant.layers, tellAll));
      this.starts.set(loaded, start);
    }
    return start;
  }
}

function besideOf(trace: Trace, other: Trace): Beside {
  const parts = partingOf(trace, other);
  if (!parts) return { variant: other.variant, lines: [], parts };
  const next = other.lines.findIndex(({ kind }, i) => i > parts.there && kind === 'step');
  const lines = other.lines.slice(0, next < 0 ? undefined : next);
  while (lines.length > parts.there + 1 && lines.at(-1)?.kind === 'call') lines.pop();
  return { variant: other.variant, lines, parts };
}
